internal import LogsClient
internal import Synchronization

/// What a producer tells while a command waits for it: notes on stderr, and that nothing can be sent.
final class ProducerWatch: Sendable {
  private let failures = Mutex<AsyncStream<LogError>.Continuation?>(nil)

  func note(_ event: ProducerEvent) {
    switch event {
    case .failed(let error): failures.withLock { $0 }?.yield(error)
    case .spoolFailed(let error): Terminal.note("\(error); trying again")
    case .spoolDamaged(let text): Terminal.note(text)
    case .refused(let stream, let count, let error):
      Terminal.note("\(count) entries of \(stream) are refused: \(error)")
    case .dropped(let stream, let count, let reason):
      Terminal.note("\(count) entries of \(stream) are dropped: \(reason.rawValue)")
    }
  }

  /// Waits until all that the producer has is answered.
  ///
  /// - Throws: `LogError` when nothing can be sent from now on: the server was not reached in time, or does not let us in.
  func drain(_ producer: LogProducer) async throws {
    let (stream, continuation) = AsyncStream.makeStream(of: LogError.self, bufferingPolicy: .bufferingOldest(1))
    failures.withLock { $0 = continuation }
    defer { continuation.finish() }
    try await withThrowingTaskGroup { group in
      group.addTask { while await !producer.flush(timeout: .seconds(3600)) { try Task.checkCancellation() } }
      group.addTask { for await error in stream { throw error } }
      defer { group.cancelAll() }
      try await group.next()
    }
    // The one that was cancelled may have been the first to end.
    try Task.checkCancellation()
  }
}
