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
    let isFirst = isReported.withLock { isReported in
      defer { isReported = true }
      return !isReported
    }
    guard isFirst else { return }
    queue.abandon(Refusal(.storageFailed, "the server's store has stopped: \(error.message)", isRetryable: true))
    sink.failed(error)
  }
}
