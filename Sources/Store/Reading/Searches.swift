internal import LogsSystem
internal import LogsWire

/// Runs searches by time on the reader threads, each in turns, so that others get a thread in between.
struct Searches: Sendable {
  let reader: Reader
  let threads: ReaderThreads
  /// Cancelled when the store closes: a search may take long.
  let all = CancellationToken()

  /// Runs a turn of a search and, if it is not finished, queues the next one behind everything that waits.
  ///
  /// - Parameters:
  ///   - cancellation: when it is cancelled, or the store closes, the search ends and `then` gets `closed`.
  ///   - then: called on a reader thread, or at once if they have ended; with nil if there is no such entry.
  func run(
    _ search: TimeSearch, cancellation: CancellationToken,
    then: @escaping @Sendable (Result<UInt64?, StoreError>) -> Void
  ) {
    let isTaken = threads.add {
      guard !cancellation.isCancelled, !all.isCancelled else { return then(.failure(.unwanted)) }
      var search = search
      do throws(StoreError) {
        switch try turn(&search, cancellation) {
        case .found(let number): then(.success(number))
        case .nothing: then(.success(nil))
        case .unfinished: run(search, cancellation: cancellation, then: then)
        }
      } catch {
        then(.failure(error))
      }
    }
    if !isTaken { then(.failure(.isClosed)) }
  }

  private func turn(_ search: inout TimeSearch, _ cancellation: CancellationToken) throws(StoreError)
    -> TimeSearch.Progress
  {
    let deadline = SystemClock.monotonic() &+ reader.readTimeMax.nanoseconds
    return try reader.advance(&search) {
      SystemClock.monotonic() < deadline && !threads.isUrgentWaiting && !cancellation.isCancelled && !all.isCancelled
    }
  }
}
