internal import LogsClient
internal import Synchronization

/// What a producer tells while a command waits for it: notes on stderr, and that nothing can be sent.
final class ProducerWatch: Sendable {
  private let failures = Mutex<AsyncStream<LogError>.Continuation?>(nil)
  private let told = Mutex<(text: String, time: ContinuousClock.Instant)?>(nil)
  private let spoolFailure = Mutex<ContinuousClock.Instant?>(nil)
  private let sendingFailure = Mutex<LogError?>(nil)
  private let hasSpool: Bool
  /// While something stands in the way, how often that is reported.
  private static let interval = Duration.seconds(10)

  /// - Parameter hasSpool: whether the command goes on when nothing can be sent; else it ends with the error.
  init(hasSpool: Bool) { self.hasSpool = hasSpool }

  func note(_ event: ProducerEvent) {
    switch event {
    case .failed(let error):
      sendingFailure.withLock { $0 = error }
      if let failures = failures.withLock({ $0 }) {
        failures.yield(error)
      } else if hasSpool {
        noteNowAndThen("\(error); what is read is kept in the spool, and sending is tried again")
      }
    case .spoolFailed(let error):
      spoolFailure.withLock { $0 = .now }
      noteNowAndThen("\(error); trying again")
    case .spoolDamaged(let text): Terminal.note(text)
    case .refused(let stream, let count, let error):
      Terminal.note("\(count) entries of \(stream) are refused: \(error)")
    case .dropped(let stream, let count, let reason):
      Terminal.note("\(count) entries of \(stream) are dropped: \(reason.rawValue)")
    }
  }

  /// Whether the spool takes nothing now: it tries every second.
  var isSpoolFailing: Bool { spoolFailure.withLock { $0 }.map { .now - $0 < Self.spoolRecovery } ?? false }

  /// Why the producer gets no further, when nothing is sent and the spool has no room for what is read.
  var standstill: LogError? { isSpoolFailing ? sendingFailure.withLock { $0 } : nil }

  private static let spoolRecovery = Duration.seconds(3)

  private func noteNowAndThen(_ text: String) {
    let now = ContinuousClock.now
    let isDue = told.withLock { told in
      if let told, told.text == text, now - told.time < Self.interval { return false }
      told = (text, now)
      return true
    }
    if isDue { Terminal.note(text) }
  }

  /// Waits until all that the producer has is answered.
  ///
  /// - Throws: `LogError` when nothing can be sent from now on: the server was not reached in time, or does not let us
  ///   in.
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
