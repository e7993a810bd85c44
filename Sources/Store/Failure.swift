internal import LogsWire
internal import Synchronization

/// The end of a store that cannot go on: told once, from whichever thread finds out first.
final class Failure: Sendable {
  private let sink: any StoreSink
  private let queue: WriterQueue
  private let isReported = Mutex(false)

  init(_ sink: any StoreSink, _ queue: WriterQueue) {
    self.sink = sink
    self.queue = queue
  }

  var hasFailed: Bool { isReported.withLock { $0 } }

  func report(_ error: StoreError) {
    // First of all, and by everybody who reports: who comes back from here may give the writer to the next.
    queue.abandon(Refusal(.storageFailed, "the server's store has stopped: \(error.message)", isRetryable: true))
    let isFirst = isReported.withLock { isReported in
      defer { isReported = true }
      return !isReported
    }
    if isFirst { sink.failed(error) }
  }
}
