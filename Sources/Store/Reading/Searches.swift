internal import LogsWire

/// Searches by time on the reader threads: each in turns, between which others get the thread.
struct Searches: Sendable {
  let reader: Reader
  let threads: ReaderThreads
  /// Ends with the store: a search may take long.
  let all = Interest()

  /// Does a turn of a search and, if it is not over, puts it behind all that waits.
  ///
  /// - Parameters:
  ///   - interest: when it ends, or the store closes, the search ends too and `then` is told `closed`.
  ///   - then: called on a reader's thread, or at once when those have ended; with nil when there is no such entry.
  func run(
    _ search: TimeSearch, interest: Interest, then: @escaping @Sendable (Result<UInt64?, StoreError>) -> Void
  ) {
    let isTaken = threads.add {
      guard !interest.hasEnded, !all.hasEnded else { return then(.failure(.unwanted)) }
      var search = search
      do throws(StoreError) {
        switch try turn(&search, interest) {
        case .found(let number): then(.success(number))
        case .nothing: then(.success(nil))
        case .unfinished: run(search, interest: interest, then: then)
        }
      } catch {
        then(.failure(error))
      }
    }
    if !isTaken { then(.failure(.isClosed)) }
  }

  private func turn(_ search: inout TimeSearch, _ interest: Interest) throws(StoreError) -> TimeSearch.Progress {
    let deadline = SystemClock.monotonic() &+ reader.readTimeMax.nanoseconds
    return try reader.advance(&search) {
      SystemClock.monotonic() < deadline && !threads.isUrgentWaiting && !interest.hasEnded && !all.hasEnded
    }
  }
}
