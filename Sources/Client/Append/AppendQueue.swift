internal import LogsSystem
internal import LogsWire

/// All batches that have no answer yet: which may be sent next, and which must be sent again (P4).
///
/// Without I/O or clock. A copy would share the lanes, which are objects. Lanes take turns. A batch is numbered by the
/// caller or here. Numbers given here rise within a lane, and a new lane begins above every number that was used by
/// lanes that are forgotten; its floor makes that valid. So of lanes that have nothing to send only one is kept.
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
    let lane: AppendLane
    let number: UInt64
  }

  private var lanes: [Key: AppendLane] = [:]
  /// The lane that was emptied last. It is kept, since the next batch is mostly for it.
  private var spare: AppendLane?
  /// Lanes that may have something to send, in the order of their turns, each once.
  private var turns = Deque<AppendLane>()
  private var recovering = Deque<AppendLane>()
  private var postponedCount = 0
  private var inFlight: [UInt32: Flight] = [:]
  private var numberLast: UInt64 = 0

  var isEmpty: Bool { lanes.count == (spare == nil ? 0 : 1) }
  var inFlightCount: Int { inFlight.count }
  /// Whether there may be something to send now, and whether there may be after a wait.
  var work: (hasTurns: Bool, hasRecovering: Bool) { (!turns.isEmpty, !recovering.isEmpty) }
  /// Whether something was refused for now and is not accepted yet.
  var hasPostponed: Bool { postponedCount > 0 }

  // MARK: The application

  /// Queues a batch under the lane's next number.
  mutating func append(_ content: AppendLane.Content, to key: Key, answer: any AppendAnswer, cost: Int) {
    let lane = lane(key)
    let number = (lane.numberLast ?? numberLast) + 1
    lane.numberLast = number
    append(NumberedBatch(key: key, number: number, content: content, answer: answer, cost: cost), to: lane)
  }

  /// Queues a batch that has a number, which is above the others of the lane.
  mutating func append(_ batch: NumberedBatch) { append(batch, to: lane(batch.key)) }

  private mutating func append(_ batch: NumberedBatch, to lane: AppendLane) {
    lane.append(batch)
    takesTurns(lane)
  }

  private mutating func lane(_ key: Key) -> AppendLane {
    if let lane = spare, lane.key == key {
      spare = nil
      return lane
    }
    if let lane = lanes[key] { return lane }
    let lane = AppendLane(key)
    lanes[key] = lane
    return lane
  }

  private mutating func takesTurns(_ lane: AppendLane) {
    guard !lane.isInTurns else { return }
    lane.isInTurns = true
    turns.append(lane)
  }

  // MARK: The connection

  /// How many batches of one lane may be in flight to a server with this WELCOME.
  static func inFlightCountMax(_ welcome: Welcome) -> Int {
    min(Int(welcome.producerBatchCountMax), Limits.producerBatchCountMax)
  }

  /// Sends batches, lane by lane, until there are no more or one has to wait for credit.
  ///
  /// - Parameters:
  ///   - inFlightCountMax: for one stream.
  ///   - send: sends one and returns the id of the request; nil if the connection has no credit for it now.
  mutating func send(inFlightCountMax: Int, _ send: (NumberedBatch) -> UInt32?) {
    while let lane = turns.first {
      guard let batch = lane.next(inFlightCountMax: inFlightCountMax) else {
        _ = turns.removeFirst()
        lane.isInTurns = false
        continue
      }
      guard let id = send(batch) else { return }
      lane.sent(batch)
      inFlight[id] = Flight(lane: lane, number: batch.number)
      // The others first.
      if turns.count > 1 { turns.append(turns.removeFirst()) }
    }
  }

  /// Whether `id` is an append in flight.
  func isInFlight(_ id: UInt32) -> Bool { inFlight[id] != nil }

  /// - Returns: what is durable.
  mutating func acknowledge(_ id: UInt32) -> NumberedBatch? {
    guard let flight = inFlight.removeValue(forKey: id) else { return nil }
    let batch = flight.lane.acknowledge(flight.number)
    setPostponed(flight.lane, false)
    settled(flight.lane)
    return batch
  }

  private mutating func setPostponed(_ lane: AppendLane, _ isPostponed: Bool) {
    guard lane.isPostponed != isPostponed else { return }
    lane.isPostponed = isPostponed
    postponedCount += isPostponed ? 1 : -1
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
    if refusal.isMendable, let flight = inFlight[id], let batch = flight.lane.batch(flight.number),
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
    flight.lane.holdBack(flight.number, refusal, now: now) { heldCount in
      delay(heldCount, min(Self.heldDelayFirst * (1 << min(heldCount, 10)), Self.heldDelayMax))
    }
    setPostponed(flight.lane, false)
    settled(flight.lane)
  }

  /// How long what is held back waits at least before it is sent again: twice as long each time.
  static let heldDelayFirst = Duration.seconds(1)
  static let heldDelayMax = Duration.seconds(60)

  /// - Returns: what will not be sent again.
  mutating func giveUp(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime) -> NumberedBatch? {
    guard let flight = inFlight.removeValue(forKey: id) else { return nil }
    let batch = flight.lane.giveUp(flight.number, refusal, now: now)
    settled(flight.lane)
    return batch
  }

  /// A refusal after which the batch is sent again.
  ///
  /// - Returns: whether it is new: its lane was not waiting to send again.
  @discardableResult
  mutating func postpone(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime, delay: (Int) -> Duration) -> Bool {
    guard let flight = inFlight.removeValue(forKey: id) else { return false }
    let isNew = flight.lane.postpone(flight.number, refusal, now: now, delay: delay)
    if isNew { setPostponed(flight.lane, true) }
    settled(flight.lane)
    return isNew
  }

  /// Continues lanes whose wait is over.
  ///
  /// - Returns: when to call this again.
  mutating func resume(now: MonotonicTime) -> MonotonicTime? {
    var soonest: MonotonicTime?
    for _ in 0..<recovering.count {
      guard let lane = recovering.popFirst() else { break }
      lane.isInRecovering = false
      if let time = lane.resume(now: now) { soonest = min(soonest ?? time, time) }
      settled(lane)
    }
    return soonest
  }

  /// The connection is lost: everything without an answer is sent again, in order.
  mutating func disconnect() {
    inFlight = [:]
    clearTurns()
    // Sorted, so that the same run gives the same trace.
    for key in lanes.keys.sorted() {
      guard let lane = lanes[key] else { continue }
      lane.disconnect()
      setPostponed(lane, false)
      takesTurns(lane)
      forgetIfEmpty(lane)
    }
  }

  /// Gives up the batches of a lane without answering them. Later ones may be queued.
  mutating func withdraw(_ key: Key) {
    guard let lane = lanes[key] else { return }
    lane.withdraw()
    forgetIfEmpty(lane)
  }

  /// Gives up everything.
  mutating func removeAll() -> [NumberedBatch] {
    var batches: [NumberedBatch] = []
    for key in lanes.keys.sorted() {
      guard let lane = lanes[key] else { continue }
      for offset in 0..<lane.batches.count { batches.append(lane.batches[offset]) }
      forget(lane)
    }
    inFlight = [:]
    clearTurns()
    recovering.removeAll()
    return batches
  }

  private mutating func clearTurns() {
    for index in 0..<turns.count { turns[index].isInTurns = false }
    turns.removeAll()
  }

  private mutating func settled(_ lane: AppendLane) {
    if lane.isEmpty { return lane.isAsNew && !lane.isForgotten ? spare(lane) : forget(lane) }
    if !lane.isRecovering { return takesTurns(lane) }
    guard !lane.isInRecovering else { return }
    lane.isInRecovering = true
    recovering.append(lane)
  }

  /// Keeps a lane that has nothing, in place of the one that is kept.
  private mutating func spare(_ lane: AppendLane) {
    guard spare !== lane else { return }
    if let spare { forget(spare) }
    spare = lane
  }

  private mutating func forgetIfEmpty(_ lane: AppendLane) { if lane.isEmpty { forget(lane) } }

  /// Nothing of it is in flight. Should it still have a turn, that has nothing to send.
  private mutating func forget(_ lane: AppendLane) {
    guard !lane.isForgotten else { return }
    lane.isForgotten = true
    lanes[lane.key] = nil
    if spare === lane { spare = nil }
    setPostponed(lane, false)
    numberLast = max(numberLast, lane.numberLast ?? 0)
  }
}

extension Refusal {
  /// Whether the same append is accepted once an operator has granted a right or raised a limit.
  fileprivate var isMendable: Bool { !isRetryable && (code == .forbidden || code == .tooManyStreams) }
}
