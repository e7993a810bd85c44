internal import LogsSystem
internal import LogsWire

/// All batches that have no answer yet: which may go out next, and which must go out again (P4).
///
/// A value without I/O or clock. Lanes take turns. The caller numbers a batch, or has it numbered here: then numbers
/// rise per lane, and a lane's first number is above all that lanes before it have used and have been forgotten with,
/// which its floor makes good, so that nothing is kept for a lane that has nothing to send.
struct AppendQueue {
  /// What batches are numbered for.
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
  /// Lanes that the server has refused a batch of for now, on this connection, and acknowledged none since.
  private var postponed: Set<Key> = []
  private var inFlight: [UInt32: Flight] = [:]
  private var numberLast: UInt64 = 0
  private var laneNumbers: [Key: UInt64] = [:]

  var isEmpty: Bool { lanes.isEmpty }
  var inFlightCount: Int { inFlight.count }
  /// Whether something that was refused for now has not been taken yet.
  var hasPostponed: Bool { !postponed.isEmpty }

  // MARK: The application

  /// Queues a batch under the lane's next number.
  mutating func append(_ content: AppendLane.Content, to key: Key, answer: any AppendAnswer, cost: Int) {
    let number = (laneNumbers[key] ?? numberLast) + 1
    laneNumbers[key] = number
    append(NumberedBatch(key: key, number: number, content: content, answer: answer, cost: cost))
  }

  /// Queues a batch that has a number, above those of the lane's others.
  mutating func append(_ batch: NumberedBatch) {
    lanes[batch.key, default: AppendLane()].append(batch)
    turns.append(batch.key)
  }

  // MARK: The connection

  /// How many batches of one lane a server with this WELCOME takes at once.
  static func inFlightCountMax(_ welcome: Welcome) -> Int {
    min(Int(welcome.producerBatchCountMax), Limits.producerBatchCountMax)
  }

  /// The next batch that goes out; the caller must send it and then call `sent`.
  ///
  /// - Parameters:
  ///   - inFlightCountMax: for one stream.
  ///   - fits: whether the connection has credit for so many bytes.
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

  /// The batch went out as the request `id`.
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

  /// What a refusal comes to.
  enum Outcome {
    /// The batch is not sent again; its answer.
    case givenUp(NumberedBatch, LogError)
    /// It is sent again, and so are those behind it; the application may want to know why.
    case refusing(LogError)
    /// It is sent again, and there is nothing to tell.
    case noted
  }

  /// - Parameter delay: the wait after so many refusals, at least what the server asked for.
  mutating func refused(
    _ id: UInt32, _ refusal: Refusal, now: MonotonicTime, delay: (Int, Duration?) -> Duration
  ) -> Outcome {
    let error = LogError(refusal)
    // Out of order says that batches before this one are missing: they are sent first, then this one again.
    guard refusal.isRetryable || refusal.code == .outOfOrder else {
      guard let batch = giveUp(id, refusal, now: now) else { return .noted }
      return .givenUp(batch, error.afterSending(batch.mayHaveTakenEffect))
    }
    let isNew = postpone(id, refusal, now: now) { attempt in delay(attempt, error.retryAfter) }
    // What is out of order follows from a refusal before, and a server that is going away has told so.
    return isNew && refusal.code != .outOfOrder && refusal.code != .goingAway ? .refusing(error) : .noted
  }

  /// - Returns: what will not be sent again.
  mutating func giveUp(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime) -> NumberedBatch? {
    guard let flight = inFlight.removeValue(forKey: id) else { return nil }
    let batch = lanes[flight.key]?.giveUp(flight.number, refusal, now: now)
    settled(flight.key)
    return batch
  }

  /// A refusal that a retry can mend.
  ///
  /// - Returns: whether it is news: its lane was not waiting for another try.
  @discardableResult
  mutating func postpone(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime, delay: (Int) -> Duration) -> Bool {
    guard let flight = inFlight.removeValue(forKey: id) else { return false }
    let isNew = lanes[flight.key]?.postpone(flight.number, refusal, now: now, delay: delay) ?? false
    if isNew { postponed.insert(flight.key) }
    settled(flight.key)
    return isNew
  }

  /// Lets streams go on whose wait is over.
  ///
  /// - Returns: when to ask again.
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

  /// The connection is gone: everything without an answer goes out again, in order.
  mutating func disconnect() {
    inFlight = [:]
    postponed = []
    turns.removeAll()
    // In one order, so that the same run gives the same trace.
    for key in lanes.keys.sorted() {
      lanes[key]?.disconnect()
      turns.append(key)
      forgetIfEmpty(key)
    }
  }

  /// Gives up a lane's batches without an answer. Others may come for it.
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
