internal import LogsWire

/// Searches by time on the reader threads: each in turns, between which others get the thread.
struct Searches: Sendable {
  let reader: Reader
  let threads: ReaderThreads
  /// Cancelled when the store closes: a search may take long.
  let all = CancellationToken()

  /// Does a turn of a search and, if it is not over, puts it behind all that waits.
  ///
  /// - Parameters:
  ///   - cancellation: when it is cancelled, or the store closes, the search ends and `then` is told `closed`.
  ///   - then: called on a reader's thread, or at once when those have ended; with nil when there is no such entry.
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
