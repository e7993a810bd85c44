internal import LogsSystem
internal import LogsWire

/// The batches of one producer and stream that have no answer yet, in the order of their numbers.
///
/// Two states. Sending: batches go out in order, up to a limit at once. Recovering, after a refusal that a retry can
/// mend: nothing goes out until every batch in flight has come back, as they will, out of order; then, when the wait is
/// over, sending begins again at the first one.
struct AppendLane {
  enum Content: Sendable {
    case batch(ByteString, entryCount: Int)
    case completion(text: String)

    /// What it takes of the connection's credit.
    var byteCount: Int {
      switch self {
      case .batch(let bytes, _): bytes.count
      case .completion: 0
      }
    }
  }

  struct Item: Sendable {
    let number: UInt64
    let content: Content
    let answer: any AppendAnswer
    /// What it took from the budget.
    let cost: Int
    /// Whether the server may have stored it.
    fileprivate(set) var mayHaveTakenEffect = false
    /// The same before it was sent last: some connection was lost with the answer.
    fileprivate var mayHaveTakenEffectBefore = false
    /// Whether it is not sent again, since nobody hears its answer.
    fileprivate var isWithdrawn = false

    init(number: UInt64, content: Content, answer: any AppendAnswer, cost: Int) {
      self.number = number
      self.content = content
      self.answer = answer
      self.cost = cost
    }

    /// The server has refused it.
    ///
    /// Most answers tell of the last sending alone: `overloaded` and `going_away` among others say nothing of what
    /// becomes of it on a connection that was lost.
    fileprivate mutating func refused(_ refusal: Refusal) {
      mayHaveTakenEffect = refusal.mayHaveTakenEffect || (mayHaveTakenEffectBefore && !refusal.excludesDuplicate)
    }
  }

  private struct Recovery {
    /// No sending before this moment.
    var readyAt: MonotonicTime
  }

  private(set) var items = Deque<Item>()
  private(set) var inFlightCount = 0
  /// The first batch that has not been sent on this connection.
  private var nextOffset = 0
  private var recovery: Recovery?
  /// Refusals since the last acknowledgement.
  private(set) var attempt = 0

  var isEmpty: Bool { items.isEmpty }
  var isRecovering: Bool { recovery != nil }

  mutating func append(_ item: Item) { items.append(item) }

  /// The next batch to go out, if one may.
  func next(inFlightCountMax: Int) -> Item? {
    guard recovery == nil, nextOffset < items.count, inFlightCount < inFlightCountMax else { return nil }
    let item = items[nextOffset]
    // Behind a number that was given up, a batch can be stored only once it is the first: then the floor is its own
    // number.
    if nextOffset > 0, items[nextOffset - 1].number + 1 != item.number { return nil }
    return item
  }

  /// The next batch goes out.
  ///
  /// - Returns: its floor: no lower number will be sent again.
  mutating func send() -> UInt64 {
    items[nextOffset].mayHaveTakenEffectBefore = items[nextOffset].mayHaveTakenEffect
    items[nextOffset].mayHaveTakenEffect = true
    nextOffset += 1
    inFlightCount += 1
    return items[0].number
  }

  /// A batch is durable.
  mutating func acknowledge(_ number: UInt64) -> Item? {
    attempt = 0
    return settle(number)
  }

  /// A batch was refused for good. Those behind it that are in flight come back out of order.
  mutating func giveUp(_ number: UInt64, _ refusal: Refusal, now: MonotonicTime) -> Item? {
    var item = settle(number)
    item?.refused(refusal)
    if inFlightCount > 0, recovery == nil { recovery = Recovery(readyAt: now) }
    return item
  }

  private mutating func settle(_ number: UInt64) -> Item? {
    inFlightCount -= 1
    guard let offset = offset(of: number) else { return nil }
    if offset < nextOffset { nextOffset -= 1 }
    return items.remove(at: offset)
  }

  /// A batch was refused for now.
  ///
  /// - Parameter delay: asked for the wait when this refusal is the first of its kind; given how many came before it.
  /// - Returns: whether the lane stops sending by it; it had stopped before otherwise.
  mutating func postpone(
    _ number: UInt64, _ refusal: Refusal, now: MonotonicTime, delay: (Int) -> Duration
  ) -> Bool {
    inFlightCount -= 1
    if let offset = offset(of: number) { items[offset].refused(refusal) }
    // What was in flight behind a refused batch comes back as out of order; that is no news.
    if recovery != nil, refusal.code == .outOfOrder { return false }
    let readyAt = now + delay(attempt)
    if let recovery {
      self.recovery = Recovery(readyAt: max(recovery.readyAt, readyAt))
      return false
    }
    attempt += 1
    recovery = Recovery(readyAt: readyAt)
    return true
  }

  /// Sends again what is not settled, if the time has come.
  ///
  /// - Returns: when to ask again; nil when it need not be asked: sending goes on, or an answer will come first.
  mutating func resume(now: MonotonicTime) -> MonotonicTime? {
    guard let recovery, inFlightCount == 0 else { return nil }
    guard now >= recovery.readyAt else { return recovery.readyAt }
    self.recovery = nil
    nextOffset = 0
    dropWithdrawn()
    return nil
  }

  /// The connection is gone, and every answer with it.
  mutating func disconnect() {
    inFlightCount = 0
    nextOffset = 0
    dropWithdrawn()
  }

  /// Nobody hears the answers of these batches any more: what is in flight stays until it is answered or the connection
  /// is lost, the others go.
  mutating func withdraw() {
    if inFlightCount == 0 { nextOffset = 0 }
    while items.count > nextOffset { items.removeLast() }
    for offset in 0..<items.count { items[offset].isWithdrawn = true }
  }

  private mutating func dropWithdrawn() { while items.first?.isWithdrawn == true { _ = items.popFirst() } }

  private func offset(of number: UInt64) -> Int? {
    for offset in 0..<items.count {
      if items[offset].number == number { return offset }
      if items[offset].number > number { return nil }
    }
    return nil
  }
}

extension Refusal {
  /// Whether the server says with it that the batch is not stored and never will be as it is (`spec/session.md`,
  /// section 4.1).
  ///
  /// An out_of_order or too_many_streams says so of this moment alone: the same batch may be on its way on a connection
  /// that was lost here and not there yet, and arrive when its turn has come. A producer_conflict is none: it may be
  /// the batch itself, so long ago that the mark has forgotten it.
  fileprivate var excludesDuplicate: Bool { code == .streamSealed || (code == .badBatch && !isRetryable) }
}
