internal import LogsClient
internal import LogsText
internal import LogsWire
internal import Synchronization

/// Reports the events of a producer on stderr, and ends the wait for it when nothing can be sent.
final class ProducerWatch: Sendable {
  private let failures = Mutex<AsyncStream<LogError>.Continuation?>(nil)
  private let told = Mutex<(text: String, time: ContinuousClock.Instant)?>(nil)
  private let spoolFailure = Mutex<ContinuousClock.Instant?>(nil)
  private let sendingFailure = Mutex<LogError?>(nil)
  private let heldStreams = Mutex<[StreamName: LogError]>([:])
  private let hasSpool: Bool
  private let stream: StreamName?
  /// Of streams, with what has not been reported yet.
  private let refusals = Mutex<[StreamName: Refusals]>([:])

  private struct Refusals {
    var error: LogError
    var untoldCount: UInt64 = 0
    var isTold = false
  }

  /// How often it is looked whether what waits for a right is gone.
  private static let heldInterval = Duration.milliseconds(200)
  /// How often the same problem is reported.
  private static let interval = Duration.seconds(10)

  /// - Parameters:
  ///   - hasSpool: whether the command continues when nothing can be sent; if not, it ends with the error.
  ///   - stream: the stream that is pushed to: what is refused of it ends the command, so it is reported only then.
  init(hasSpool: Bool, stream: StreamName?) {
    self.hasSpool = hasSpool
    self.stream = stream
  }

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
    case .heldBack(let stream, let error):
      heldStreams.withLock { $0[stream] = error }
      Terminal.note("\(stream) waits: \(error); it is tried again, others go on")
    case .released(let stream):
      heldStreams.withLock { $0[stream] = nil }
      Terminal.note("\(stream) is accepted again")
    case .refused(let stream, let count, let error):
      heldStreams.withLock { $0[stream] = nil }
      noteRefusal(stream, count, error)
    case .dropped(let stream, let count, let reason):
      Terminal.note(Self.text(stream, count, "dropped: \(reason.rawValue)"))
    }
  }

  /// The first of a stream is reported at once, the others as a count.
  private func noteRefusal(_ stream: StreamName, _ count: UInt64, _ error: LogError) {
    let isDue = refusals.withLock { refusals in
      var found = refusals[stream] ?? Refusals(error: error)
      defer { refusals[stream] = found }
      let isDue = stream != self.stream && !found.isTold
      if isDue { found.isTold = true } else { found.untoldCount += count }
      return isDue
    }
    if isDue { Terminal.note(Self.text(stream, count, "refused: \(error)")) }
  }

  /// Reports what was refused and not reported yet.
  ///
  /// - Parameter cause: the error that ends the command. If it is a refusal, it says why the stream's were refused.
  func noteRefusals(but cause: (any Error)? = nil) {
    let left = refusals.withLock { refusals in
      defer { refusals = [:] }
      return refusals.filter { $0.value.untoldCount > 0 }.sorted { $0.key < $1.key }
    }
    for (stream, found) in left {
      if stream == self.stream, let cause = cause as? LogError, cause.refusal != nil { continue }
      Terminal.note(
        Self.text(stream, found.untoldCount, found.isTold ? "refused for that reason, too" : "refused: \(found.error)"))
    }
  }

  private static func text(_ stream: StreamName, _ count: UInt64, _ what: String) -> String {
    "\(Figures.count(count, "entry of \(stream) is", "entries of \(stream) are")) \(what)"
  }

  /// Whether the spool has failed within the last seconds: the producer retries it every second.
  var isSpoolFailing: Bool { spoolFailure.withLock { $0 }.map { .now - $0 < Self.spoolRecovery } ?? false }

  /// Why a stream is held back, if one is.
  var held: LogError? { heldStreams.withLock { $0.values.first } }

  /// Why there is no progress, if nothing can be sent and the spool takes nothing.
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

  /// Waits until everything in the producer is answered.
  ///
  /// - Throws: `LogError` if nothing can be sent from now on: the server was not reached in time, or it refuses the
  ///   client.
  func drain(_ producer: LogProducer) async throws {
    let (stream, continuation) = AsyncStream.makeStream(of: LogError.self, bufferingPolicy: .bufferingOldest(1))
    failures.withLock { $0 = continuation }
    defer { continuation.finish() }
    try await withThrowingTaskGroup { group in
      group.addTask {
        // A flush ends at once when all that is left waits for a right.
        while await !producer.flush(timeout: .seconds(3600)) { try await Task.sleep(for: Self.heldInterval) }
      }
      group.addTask { for await error in stream { throw error } }
      defer { group.cancelAll() }
      try await group.next()
    }
    // It may have ended because of the cancellation.
    try Task.checkCancellation()
  }
}
