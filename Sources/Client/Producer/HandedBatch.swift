internal import LogsWire
internal import Synchronization

/// A batch of a producer that was handed to the client. Its outcome goes to those who wait for its entries, then to the
/// producer.
final class HandedBatch: AppendAnswer {
  let id: Int64
  let key: AppendQueue.Key
  let entryCount: Int
  /// About how much memory it takes.
  let byteCount: Int
  let waitsForPermission: Bool
  private let answers: AnswerBox
  /// The waiters, until they have their answer.
  private let shares: Mutex<[Share]>

  var stream: StreamName { key.stream }

  /// What a batch takes besides its bytes, here and in the client.
  private static let overheadByteCount = 1 << 10

  init(_ batch: BacklogBatch, shares: [Share], answers: AnswerBox, waitsForPermission: Bool) {
    id = batch.id
    key = batch.key
    entryCount = batch.entryCount
    byteCount = batch.content.byteCount + Self.overheadByteCount
    self.shares = Mutex(shares)
    self.answers = answers
    self.waitsForPermission = waitsForPermission
  }

  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {
    for share in takeShares() { share.acknowledged(incarnation, range, isDuplicate: isDuplicate) }
    answers.put(BatchAnswer(batch: self, outcome: .acknowledged))
  }

  func refused(_ error: LogError) {
    failWaiters(error)
    answers.put(BatchAnswer(batch: self, outcome: .refused(error)))
  }

  func heldBack(_ error: LogError) { answers.put(BatchAnswer(batch: self, outcome: .heldBack(error))) }

  func failed(_ error: LogError) {
    // It stays in the backlog and is sent again when that may succeed.
    failWaiters(error.afterSending(true))
    answers.put(BatchAnswer(batch: self, outcome: .failed(error)))
  }

  /// Fails its waiters, whatever happens to it.
  func failWaiters(_ error: LogError) { for share in takeShares() { share.pending.failed(error) } }

  private func takeShares() -> [Share] {
    shares.withLock { shares in
      defer { shares = [] }
      return shares
    }
  }
}

/// The outcome of a batch.
struct BatchAnswer: Sendable {
  enum Outcome: Sendable {
    case acknowledged
    /// The server has refused it for good.
    case refused(LogError)
    /// The server refuses it until somebody mends the reason; an outcome follows.
    case heldBack(LogError)
    /// The client has given it up; it may be unknown whether it was stored.
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

  /// - Parameter wake: requests a `take`; called once until the next one.
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

  /// From now on nobody takes answers.
  func close() { state.withLock { $0.isClosed = true } }
}
