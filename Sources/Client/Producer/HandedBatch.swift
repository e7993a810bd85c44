internal import LogsWire
internal import Synchronization

/// A batch of a producer that the client has been given to send: tells those who wait for its entries, then the
/// producer.
final class HandedBatch: AppendAnswer {
  let id: Int64
  let key: AppendQueue.Key
  let entryCount: Int
  /// What it takes in memory, about.
  let byteCount: Int
  private let answers: AnswerBox
  /// Who waits, until they have been told.
  private let shares: Mutex<[Share]>

  var stream: StreamName { key.stream }

  /// What a batch takes beside its bytes, here and in the client.
  private static let overheadByteCount = 1 << 10

  init(_ batch: BacklogBatch, shares: [Share], answers: AnswerBox) {
    id = batch.id
    key = batch.key
    entryCount = batch.entryCount
    byteCount = batch.content.byteCount + Self.overheadByteCount
    self.shares = Mutex(shares)
    self.answers = answers
  }

  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {
    for share in takeShares() { share.acknowledged(incarnation, range, isDuplicate: isDuplicate) }
    answers.put(BatchAnswer(batch: self, outcome: .acknowledged))
  }

  func refused(_ error: LogError) {
    failWaiters(error)
    answers.put(BatchAnswer(batch: self, outcome: .refused(error)))
  }

  func failed(_ error: LogError) {
    // It stays in the backlog and goes out again when that can succeed.
    failWaiters(error.afterSending(true))
    answers.put(BatchAnswer(batch: self, outcome: .failed(error)))
  }

  /// Nobody waits any more, whatever becomes of it.
  func failWaiters(_ error: LogError) { for share in takeShares() { share.pending.failed(error) } }

  private func takeShares() -> [Share] {
    shares.withLock { shares in
      defer { shares = [] }
      return shares
    }
  }
}

/// What became of a batch.
struct BatchAnswer: Sendable {
  enum Outcome: Sendable {
    case acknowledged
    /// The server will not have it.
    case refused(LogError)
    /// The client has given it up; what became of it may be unknown.
    case failed(LogError)
  }

  let batch: HandedBatch
  let outcome: Outcome
}

/// Answers on their way from the client's thread to the producer's.
final class AnswerBox: Sendable {
  private struct State {
    var answers: [BatchAnswer] = []
    var isClosed = false
  }

  private let wake: ProducerWake
  private let state = Mutex(State())

  /// - Parameter wake: asks for `take`, once until the next one.
  init(wake: ProducerWake) { self.wake = wake }

  func put(_ answer: BatchAnswer) {
    let isFirst = state.withLock { state in
      guard !state.isClosed else { return false }
      state.answers.append(answer)
      return state.answers.count == 1
    }
    if isFirst { wake() }
  }

  func take() -> [BatchAnswer] {
    state.withLock { state in
      defer { state.answers = [] }
      return state.answers
    }
  }

  /// Nobody will take what comes from now on.
  func close() { state.withLock { $0.isClosed = true } }
}
