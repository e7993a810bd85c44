internal import LogsWire

/// A batch that has its number, from the moment the client gets it until it is answered, and what is known of its
/// sendings.
struct NumberedBatch: Sendable {
  /// What stays the same, in one piece: it is copied several times on its way.
  private final class Body: Sendable {
    let key: AppendQueue.Key
    let content: AppendLane.Content
    let byteCount: Int
    let answer: any AppendAnswer
    let cost: Int

    init(key: AppendQueue.Key, content: AppendLane.Content, answer: any AppendAnswer, cost: Int) {
      self.key = key
      self.content = content
      byteCount = content.byteCount
      self.answer = answer
      self.cost = cost
    }
  }

  private let body: Body
  var number: UInt64
  /// No lower number will be sent again, as of its last sending.
  var floor: UInt64 = 0
  /// Whether the server may have stored it.
  private(set) var mayHaveTakenEffect = false
  /// The same before it was sent last: some connection was lost with the answer.
  private var mayHaveTakenEffectBefore = false
  /// Whether it is not sent again, since nobody hears its answer.
  private(set) var isWithdrawn = false

  init(key: AppendQueue.Key, number: UInt64, content: AppendLane.Content, answer: any AppendAnswer, cost: Int) {
    body = Body(key: key, content: content, answer: answer, cost: cost)
    self.number = number
  }

  var key: AppendQueue.Key { body.key }
  var content: AppendLane.Content { body.content }
  /// Its cost in credit of the connection.
  var byteCount: Int { body.byteCount }
  var answer: any AppendAnswer { body.answer }
  /// What it took from the budget.
  var cost: Int { body.cost }

  /// It goes out.
  mutating func send(floor: UInt64) {
    self.floor = floor
    mayHaveTakenEffectBefore = mayHaveTakenEffect
    mayHaveTakenEffect = true
  }

  /// The server has refused it.
  ///
  /// Most answers tell of the last sending alone: `overloaded` and `going_away` among others say nothing of what
  /// becomes of it on a connection that was lost.
  mutating func refused(_ refusal: Refusal) {
    mayHaveTakenEffect = refusal.mayHaveTakenEffect || (mayHaveTakenEffectBefore && !refusal.excludesDuplicate)
  }

  mutating func withdraw() { isWithdrawn = true }

  /// Tells who waits that it will not be sent again.
  func fail(_ error: LogError, _ budget: SendBudget) {
    budget.release(cost)
    answer.failed(error.afterSending(mayHaveTakenEffect))
  }
}

extension Refusal {
  /// Whether the server says with it that the batch is not stored and never will be as it is (`spec/session.md`,
  /// section 4.1).
  ///
  /// An out_of_order or too_many_streams says so of this moment alone: the same batch may be on its way on a connection
  /// that was lost here and not there yet, and arrive when its turn has come. So does a stream_sealed, since the stream
  /// may be deleted by then. A producer_conflict is none: it may be the batch itself, so long ago that the mark has
  /// forgotten it.
  fileprivate var excludesDuplicate: Bool { code == .badBatch && !isRetryable }
}
