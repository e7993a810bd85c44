internal import LogsSystem
internal import LogsWire

/// All batches that have no answer yet: which may be sent next, and which must be sent again (P4).
///
/// A value without I/O or clock. Lanes take turns. A batch is numbered by the caller or here. Numbers given here rise
/// within a lane, and a new lane begins above every number that was used by lanes that are forgotten; its floor makes
/// that valid. So nothing is kept for a lane that has nothing to send.
struct AppendQueue {
  /// What a batch number belongs to.
  struct Key: Hashable, Comparable {
    let producer: ProducerID
    let stream: StreamName

    static func < (left: Key, right: Key) -> Bool {
      left.stream == right.stream ? left.producer < right.producer : left.stream < right.stream
    }
  }

  private struct Flight {
    let key: Key
    let number: UInt64
  }

  private var lanes: [Key: AppendLane] = [:]
  /// Lanes that may have something to send, in the order of their turns.
  private var turns = UniqueQueue<Key>()
  private var recovering = UniqueQueue<Key>()
  /// Lanes with a batch that was refused for now on this connection, and none acknowledged since.
  private var postponed: Set<Key> = []
  private var inFlight: [UInt32: Flight] = [:]
  private var numberLast: UInt64 = 0
  private var laneNumbers: [Key: UInt64] = [:]

  var isEmpty: Bool { lanes.isEmpty }
  var inFlightCount: Int { inFlight.count }
  /// Whether something was refused for now and is not accepted yet.
  var hasPostponed: Bool { !postponed.isEmpty }

  // MARK: The application

  /// Queues a batch under the lane's next number.
  mutating func append(_ content: AppendLane.Content, to key: Key, answer: any AppendAnswer, cost: Int) {
    let number = (laneNumbers[key] ?? numberLast) + 1
    laneNumbers[key] = number
    append(NumberedBatch(key: key, number: number, content: content, answer: answer, cost: cost))
  }

  /// Queues a batch that has a number, which is above the others of the lane.
  mutating func append(_ batch: NumberedBatch) {
    lanes[batch.key, default: AppendLane()].append(batch)
    turns.append(batch.key)
  }

  // MARK: The connection

  /// How many batches of one lane may be in flight to a server with this WELCOME.
  static func inFlightCountMax(_ welcome: Welcome) -> Int {
    min(Int(welcome.producerBatchCountMax), Limits.producerBatchCountMax)
  }

  /// The next batch to send; the caller must send it and then call `sent`.
  ///
  /// - Parameters:
  ///   - inFlightCountMax: for one stream.
  ///   - fits: whether the connection has credit for that many bytes.
  mutating func next(inFlightCountMax: Int, fits: (Int) -> Bool) -> NumberedBatch? {
    while let key = turns.first {
      guard let next = lanes[key]?.next(inFlightCountMax: inFlightCountMax) else {
        _ = turns.popFirst()
        continue
      }
      guard fits(next.content.byteCount), let batch = lanes[key]?.send() else { return nil }
      _ = turns.popFirst()
      turns.append(key)
      return batch
    }
    return nil
  }

  /// The batch was sent as the request `id`.
  mutating func sent(_ batch: NumberedBatch, id: UInt32) {
    inFlight[id] = Flight(key: batch.key, number: batch.number)
  }

  /// Whether `id` is an append in flight.
  func isInFlight(_ id: UInt32) -> Bool { inFlight[id] != nil }

  /// - Returns: what is durable.
  mutating func acknowledge(_ id: UInt32) -> NumberedBatch? {
    guard let flight = inFlight.removeValue(forKey: id) else { return nil }
    let batch = lanes[flight.key]?.acknowledge(flight.number)
    if !postponed.isEmpty { postponed.remove(flight.key) }
    settled(flight.key)
    return batch
  }

  /// What follows from a refusal.
  enum Outcome {
    /// The batch is not sent again; its answer.
    case givenUp(NumberedBatch, LogError)
    /// It is sent again, and so are those after it; the application may want to know why.
    case refusing(LogError)
    /// It is sent again now and then, until somebody mends the reason; the batches after it wait.
    case heldBack(NumberedBatch, LogError)
    /// It is sent again, and there is nothing to report.
    case noted
  }

  /// - Parameter delay: the wait, from the number of refusals and the least that the server asked for.
  mutating func refused(
    _ id: UInt32, _ refusal: Refusal, now: MonotonicTime, delay: (Int, Duration?) -> Duration
  ) -> Outcome {
    let error = LogError(refusal)
    // Its answer came to an earlier process, which then went past it.
    if refusal.code == .outOfOrder, let expected = refusal.expected, let number = inFlight[id]?.number,
      number < expected
    {
      return giveUp(id, refusal, now: now).map { .givenUp($0, error) } ?? .noted
    }
    if refusal.isMendable, let flight = inFlight[id], let batch = lanes[flight.key]?.batch(flight.number),
      batch.answer.waitsForPermission
    {
      holdBack(id, refusal, now: now, delay: delay)
      return .heldBack(batch, error)
    }
    // Otherwise out_of_order means that earlier batches are missing: they are sent first, then this one again.
    guard refusal.isRetryable || refusal.code == .outOfOrder else {
      guard let batch = giveUp(id, refusal, now: now) else { return .noted }
      return .givenUp(batch, error.afterSending(batch.mayHaveTakenEffect))
    }
    let isNew = postpone(id, refusal, now: now) { attempt in delay(attempt, error.retryAfter) }
    // out_of_order follows from an earlier refusal, and a server that goes away has said so already.
    return isNew && refusal.code != .outOfOrder && refusal.code != .goingAway ? .refusing(error) : .noted
  }

  /// The other lanes go on, and nothing says that the server refuses them, too.
  private mutating func holdBack(
    _ id: UInt32, _ refusal: Refusal, now: MonotonicTime, delay: (Int, Duration?) -> Duration
  ) {
    guard let flight = inFlight.removeValue(forKey: id) else { return }
    lanes[flight.key]?.holdBack(flight.number, refusal, now: now) { heldCount in
      delay(heldCount, min(Self.heldDelayFirst * (1 << min(heldCount, 10)), Self.heldDelayMax))
    }
    postponed.remove(flight.key)
    settled(flight.key)
  }

  /// How long what is held back waits at least before it is sent again: twice as long each time.
  static let heldDelayFirst = Duration.seconds(1)
  static let heldDelayMax = Duration.seconds(60)

  /// - Returns: what will not be sent again.
  mutating func giveUp(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime) -> NumberedBatch? {
    guard let flight = inFlight.removeValue(forKey: id) else { return nil }
    let batch = lanes[flight.key]?.giveUp(flight.number, refusal, now: now)
    settled(flight.key)
    return batch
  }

  /// A refusal after which the batch is sent again.
  ///
  /// - Returns: whether it is new: its lane was not waiting to send again.
  @discardableResult
  mutating func postpone(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime, delay: (Int) -> Duration) -> Bool {
    guard let flight = inFlight.removeValue(forKey: id) else { return false }
    let isNew = lanes[flight.key]?.postpone(flight.number, refusal, now: now, delay: delay) ?? false
    if isNew { postponed.insert(flight.key) }
    settled(flight.key)
    return isNew
  }

  /// Continues lanes whose wait is over.
  ///
  /// - Returns: when to call this again.
  mutating func resume(now: MonotonicTime) -> MonotonicTime? {
    var soonest: MonotonicTime?
    for _ in 0..<recovering.count {
      guard let key = recovering.popFirst() else { break }
      if let time = lanes[key]?.resume(now: now) { soonest = min(soonest ?? time, time) }
      forgetIfEmpty(key)
      switch lanes[key]?.isRecovering {
      case true: recovering.append(key)
      case false: turns.append(key)
      case nil: break
      }
    }
    return soonest
  }

  /// The connection is lost: everything without an answer is sent again, in order.
  mutating func disconnect() {
    inFlight = [:]
    postponed = []
    turns.removeAll()
    // Sorted, so that the same run gives the same trace.
    for key in lanes.keys.sorted() {
      lanes[key]?.disconnect()
      turns.append(key)
      forgetIfEmpty(key)
    }
  }

  /// Gives up the batches of a lane without answering them. Later ones may be queued.
  mutating func withdraw(_ key: Key) {
    lanes[key]?.withdraw()
    forgetIfEmpty(key)
  }

  /// Gives up everything.
  mutating func removeAll() -> [NumberedBatch] {
    var batches: [NumberedBatch] = []
    for key in lanes.keys.sorted() {
      guard let lane = lanes[key] else { continue }
      for offset in 0..<lane.batches.count { batches.append(lane.batches[offset]) }
      forget(key)
    }
    inFlight = [:]
    turns.removeAll()
    recovering.removeAll()
    return batches
  }

  private mutating func settled(_ key: Key) {
    guard let lane = lanes[key] else { return }
    if lane.isEmpty { return forget(key) }
    if lane.isRecovering { recovering.append(key) } else { turns.append(key) }
  }

  private mutating func forgetIfEmpty(_ key: Key) { if lanes[key]?.isEmpty == true { forget(key) } }

  private mutating func forget(_ key: Key) {
    lanes[key] = nil
    postponed.remove(key)
    numberLast = max(numberLast, laneNumbers.removeValue(forKey: key) ?? 0)
  }
}

extension Refusal {
  /// Whether the same append is accepted once an operator has granted a right or raised a limit.
  fileprivate var isMendable: Bool { !isRetryable && (code == .forbidden || code == .tooManyStreams) }
}
