internal import LogsClient
internal import Synchronization

/// What a producer tells while a command waits for it: notes on stderr, and the first failure to send.
final class ProducerWatch: Sendable {
  private let failures = AsyncStream.makeStream(of: LogError.self, bufferingPolicy: .bufferingOldest(1))

  func note(_ event: ProducerEvent) {
    switch event {
    case .failed(let error): failures.continuation.yield(error)
    case .spoolFailed(let error): Terminal.note("\(error); trying again")
    case .spoolDamaged(let text): Terminal.note(text)
    case .refused(let stream, let count, let error): Terminal.note("\(count) entries of \(stream) are refused: \(error)")
    case .dropped(let stream, let count, let reason):
      Terminal.note("\(count) entries of \(stream) are dropped: \(reason.rawValue)")
    }
  }

  /// Waits until all that the producer has is answered.
  ///
  /// - Throws: `LogError` when nothing can be sent: the server was not reached in time, or does not let us in.
  func drain(_ producer: LogProducer) async throws {
    try await withThrowingTaskGroup { group in
      group.addTask { while await !producer.flush(timeout: .seconds(3600)) { try Task.checkCancellation() } }
      group.addTask { [stream = failures.stream] in for await error in stream { throw error } }
      defer { group.cancelAll() }
      try await group.next()
    }
    // The one that was cancelled may have been the first to end.
    try Task.checkCancellation()
  }
}
