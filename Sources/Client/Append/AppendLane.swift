internal import LogsSystem
internal import LogsWire

/// The batches of one producer and stream that have no answer yet, in the order of their numbers.
///
/// Two states. Sending: batches are sent in order, up to a limit at once. Recovering, after a retryable refusal:
/// nothing is sent until all batches in flight have been answered, with out_of_order; after a wait, sending begins
/// again with the first batch.
///
/// An object, which the queue finds once for each batch: as a value in the queue's table it would be looked up, by the
/// name of its stream, at each of the ten steps of an append.
final class AppendLane {
  enum Content: Sendable {
    case batch(ByteString, entryCount: Int)
    case completion(text: String)

    init(_ batch: Batch) { self = .batch(batch.bytes, entryCount: Int(batch.header.count)) }

    /// Its cost in credit of the connection.
    var byteCount: Int {
      switch self {
      case .batch(let bytes, _): bytes.count
      case .completion: 0
      }
    }
  }

  private struct Recovery {
    /// Nothing is sent before this moment.
    let readyAt: MonotonicTime
    /// Whether a batch was held back.
    var isHeld = false
  }

  let key: AppendQueue.Key
  private(set) var batches = Deque<NumberedBatch>()
  private(set) var inFlightCount = 0
  /// The first batch that has not been sent on this connection.
  private var nextOffset = 0
  private var recovery: Recovery?
  /// Refusals since the last acknowledgement.
  private(set) var attempt = 0
  /// How often its batches were held back since the last answer of another kind. Until then its first batch goes alone:
  /// what would be refused with it is not sent each time.
  private var heldCount = 0

  // For the queue.
  /// The last number that was given here; nil if its batches come with theirs.
  var numberLast: UInt64?
  /// Whether the queue has it no longer; it may still have a turn, or wait.
  var isForgotten = false
  var isInTurns = false
  var isInRecovering = false
  /// Whether a batch was refused for now on this connection, and none has been acknowledged since.
  var isPostponed = false

  init(_ key: AppendQueue.Key) { self.key = key }

  var isEmpty: Bool { batches.isEmpty }
  /// Whether it sends what comes as a new one would, once it is empty.
  var isAsNew: Bool { inFlightCount == 0 && recovery == nil && attempt == 0 && heldCount == 0 }
  var isRecovering: Bool { recovery != nil }

  func append(_ batch: NumberedBatch) { batches.append(batch) }

  /// The next batch as it is sent, with its floor, if one may be sent.
  func next(inFlightCountMax: Int) -> NumberedBatch? {
    // Each access to what an object stores is checked at run time.
    let batches = batches
    guard recovery == nil, nextOffset < batches.count, inFlightCount < (heldCount > 0 ? 1 : inFlightCountMax)
    else { return nil }
    var batch = batches[nextOffset]
    if nextOffset > 0 {
      // After a number that was given up, a batch can be stored only once it is the first: then its floor is its own
      // number.
      if batches[nextOffset - 1].number + 1 != batch.number { return nil }
      batch.send(floor: batches[0].number)
    } else {
      batch.send(floor: batch.number)
    }
    return batch
  }

  /// The batch that `next` returned is sent.
  func sent(_ batch: NumberedBatch) {
    batches[nextOffset] = batch
    nextOffset += 1
    inFlightCount += 1
  }

  /// A batch is durable.
  func acknowledge(_ number: UInt64) -> NumberedBatch? {
    attempt = 0
    return settle(number)
  }

  /// A batch was refused for good. Later ones in flight will be answered with out_of_order.
  func giveUp(_ number: UInt64, _ refusal: Refusal, now: MonotonicTime) -> NumberedBatch? {
    var batch = settle(number)
    batch?.refused(refusal)
    if inFlightCount > 0, recovery == nil { recovery = Recovery(readyAt: now) }
    return batch
  }

  private func settle(_ number: UInt64) -> NumberedBatch? {
    heldCount = 0
    inFlightCount -= 1
    guard let (offset, batch) = batches.remove(number) else { return nil }
    if offset < nextOffset { nextOffset -= 1 }
    return batch
  }

  /// A batch was refused for now.
  ///
  /// - Parameter delay: the wait, from the number of earlier refusals.
  /// - Returns: whether this made the lane stop sending; otherwise it had stopped before.
  func postpone(
    _ number: UInt64, _ refusal: Refusal, now: MonotonicTime, delay: (Int) -> Duration
  ) -> Bool {
    inFlightCount -= 1
    if let offset = offset(of: number) { batches[offset].refused(refusal) }
    // Batches in flight after a refused one are answered with out_of_order, which adds nothing.
    if recovery != nil, refusal.code == .outOfOrder { return false }
    let readyAt = now + delay(attempt)
    if let recovery {
      self.recovery = Recovery(readyAt: max(recovery.readyAt, readyAt), isHeld: recovery.isHeld)
      return false
    }
    attempt += 1
    recovery = Recovery(readyAt: readyAt)
    return true
  }

  /// A batch was refused until somebody mends the reason.
  ///
  /// - Parameter delay: the wait, from the number of earlier tries that were held back.
  func holdBack(_ number: UInt64, _ refusal: Refusal, now: MonotonicTime, delay: (Int) -> Duration) {
    inFlightCount -= 1
    if let offset = offset(of: number) { batches[offset].refused(refusal) }
    // All that was in flight at once is one try.
    if recovery?.isHeld != true || heldCount == 0 { heldCount += 1 }
    let readyAt = now + delay(heldCount - 1)
    recovery = Recovery(readyAt: max(recovery?.readyAt ?? readyAt, readyAt), isHeld: true)
  }

  /// Begins to send again if the wait is over.
  ///
  /// - Returns: when to call this again; nil if that is not needed: it is sending, or an answer has to come first.
  func resume(now: MonotonicTime) -> MonotonicTime? {
    guard let recovery, inFlightCount == 0 else { return nil }
    guard now >= recovery.readyAt else { return recovery.readyAt }
    self.recovery = nil
    nextOffset = 0
    dropWithdrawn()
    return nil
  }

  /// The connection is lost, and all answers with it.
  func disconnect() {
    inFlightCount = 0
    nextOffset = 0
    dropWithdrawn()
  }

  /// Nobody waits for these batches any more. Those in flight stay until they are answered or the connection is lost,
  /// the others are removed.
  func withdraw() {
    if inFlightCount == 0 { nextOffset = 0 }
    while batches.count > nextOffset { batches.removeLast() }
    for offset in 0..<batches.count { batches[offset].withdraw() }
  }

  private func dropWithdrawn() { while batches.first?.isWithdrawn == true { _ = batches.popFirst() } }

  /// The batch of that number, if it has no answer yet.
  func batch(_ number: UInt64) -> NumberedBatch? { offset(of: number).map { batches[$0] } }

  private func offset(of number: UInt64) -> Int? { batches.offset(of: number) }
}

extension Deque<NumberedBatch> {
  fileprivate func offset(of number: UInt64) -> Int? {
    for offset in 0..<count {
      if self[offset].number == number { return offset }
      if self[offset].number > number { return nil }
    }
    return nil
  }

  fileprivate mutating func remove(_ number: UInt64) -> (offset: Int, batch: NumberedBatch)? {
    guard let offset = offset(of: number) else { return nil }
    return (offset, remove(at: offset))
  }
}
