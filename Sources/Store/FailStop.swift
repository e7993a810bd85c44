internal import LogsWire
internal import Synchronization

/// Stops a store that cannot continue, and reports why, once, from whichever thread finds out first.
final class FailStop: Sendable {
  private let sink: any StoreSink
  private let queue: WriterQueue
  private let isReported = Mutex(false)

  init(_ sink: any StoreSink, _ queue: WriterQueue) {
    self.sink = sink
    self.queue = queue
  }

  var hasFailed: Bool { isReported.withLock { $0 } }

  /// Answers everything that waits, and reports the error to the sink. A group that was being committed has been
  /// answered by its committer.
  func report(_ error: StoreError) {
    // First, and by every caller: one that returns from here may hand the writer to the next.
    let replies = queue.abandon(Refusal(error, mayHaveTakenEffect: false))
    if !replies.isEmpty { sink.committed(Commit(replies: replies, runs: [])) }
    let refusal = Refusal(error, mayHaveTakenEffect: false)
    for queued in queue.takeDeletions() { queued.then(.failure(refusal)) }
    for entries in queue.takeOwnEntries() { entries.then(false) }
    let isFirst = isReported.withLock { isReported in
      defer { isReported = true }
      return !isReported
    }
    if isFirst { sink.failed(error) }
  }
}

extension Refusal {
  /// The answer to an append when the store has stopped.
  ///
  /// - Parameter mayHaveTakenEffect: whether the batch was being committed. Only sending it again can then tell whether
  ///   it is stored.
  init(_ error: StoreError, mayHaveTakenEffect: Bool) {
    self.init(
      .storageFailed, "the server's store has stopped: \(error.message)", isRetryable: true,
      mayHaveTakenEffect: mayHaveTakenEffect)
  }
}
