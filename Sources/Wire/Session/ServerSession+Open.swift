extension ServerSession {
  /// A session between WELCOME and its end: unanswered requests, credit and liveness.
  ///
  /// Draining is not a separate state: requests that would begin something are refused, everything else goes on.
  ///
  /// A class, so that a delivery changes it in place.
  final class Open {
    /// Batches of one producer on one stream, which have their own limit.
    private struct Lane: Hashable {
      let producer: ProducerID
      let stream: StreamName
    }

    /// The unanswered batches of a lane.
    ///
    /// Invariant behind `@unchecked Sendable`: only the session that made it refers to it.
    private final class LaneCount: @unchecked Sendable {
      let lane: Lane
      var count = 0
      init(_ lane: Lane) { self.lane = lane }
    }

    private struct Subscription {
      var creditTotal: UInt64
      var sent: UInt64 = 0
      var hasCredit: Bool { sent < creditTotal }
    }

    private let welcome: Welcome
    private let features: Hello.Features
    /// Those that the client keeps: the last ones sent.
    private var dictionaries: [UInt64] = []
    private var decoder: FrameDecoder
    private var liveness: Liveness
    private var isDraining = false
    private var appends: [UInt32: (lane: LaneCount, byteCount: Int)] = [:]
    /// The lanes with batches, and the last one used.
    private var lanes: [Lane: LaneCount] = [:]
    /// The lane of the last append. Most appends that follow belong to it, and need no lookup.
    private var lastLane: LaneCount?
    private var appendByteCount = 0
    private var subscriptions: [UInt32: Subscription] = [:]
    /// LIST, STAT and DELETE that are not answered yet.
    private var requests: Set<UInt32> = []
    /// The AUTH that is not answered yet.
    private var renewal: UInt32?
    private var queries: Set<UInt32> = []
    /// Of the requests so far.
    private var highestID: UInt32 = 0

    init(welcome: Welcome, features: Hello.Features, now: MonotonicTime) {
      self.welcome = welcome
      self.features = features
      decoder = FrameDecoder(bodyByteCountMax: Int(welcome.frameByteCountMax))
      liveness = Liveness(heartbeatMilliseconds: UInt64(welcome.heartbeatMilliseconds), now: now)
    }

    var appendCount: Int { appends.count }
    var isAllAnswered: Bool { appends.isEmpty && requests.isEmpty && renewal == nil }
    var subscriptionCount: Int { subscriptions.count }
  }
}

// MARK: - Inputs

extension ServerSession.Open {
  func sendWelcome() -> ServerSession.Action { .send(frame(.welcome(welcome))) }

  func drain(_ goAway: GoAway) -> ServerSession.Action {
    isDraining = true
    return .send(frame(.goAway(goAway)))
  }

  /// - Returns: whether this ends the session.
  func receive(_ input: RawSpan, now: MonotonicTime) -> (actions: [ServerSession.Action], isOver: Bool) {
    var actions: [ServerSession.Action] = []
    liveness.bytesReceived(now: now)
    var offset = 0
    // A peer that sends many PINGs at once gets one answer.
    var pongDue: UInt64?
    do throws(Refusal) {
      while let frame = try decoder.next(from: input, at: &offset) {
        if let refusal = try take(frame, &pongDue, &actions) {
          actions.append(.close(reason: "the client ended the connection: \(refusal)", code: nil))
          return (actions, true)
        }
      }
      if let pongDue { actions.append(.send(frame(.pong(pongDue)))) }
      return (actions, false)
    } catch { return (actions + ServerSession.end(error), true) }
  }

  /// - Returns: whether this ends the session.
  func tick(now: MonotonicTime) -> (actions: [ServerSession.Action], isOver: Bool) {
    if liveness.isPeerGone(now: now) {
      let refusal = Refusal(.timedOut, "nothing was heard from the client for three heartbeats", isRetryable: true)
      return (ServerSession.end(refusal), true)
    }
    return (liveness.isPingDue(now: now) ? [.send(frame(.ping(0)))] : [], false)
  }
}

// MARK: - Frames

extension ServerSession.Open {
  /// - Returns: the ERROR with which the client ends the connection.
  private func take(
    _ frame: Frame, _ pongDue: inout UInt64?, _ actions: inout [ServerSession.Action]
  ) throws(Refusal) -> Refusal? {
    let message: Message
    do { message = try Message(decoding: frame) } catch {
      // The frame was whole, so only this request is bad.
      guard frame.type.isRequest else { throw error }
      try checkNew(frame.id)
      actions.append(.send(self.frame(.error(error), id: frame.id)))
      return nil
    }
    switch message {
    case .hello: throw Refusal(.protocolViolation, "HELLO comes once")
    case .ping(let token): pongDue = token
    case .pong: break
    case .append(let append):
      try begin(id: frame.id, Lane(producer: append.producer, stream: append.stream), append.batch.count, &actions) {
        .append(id: frame.id, append)
      }
    case .complete(let complete):
      try begin(id: frame.id, Lane(producer: complete.producer, stream: complete.stream), 0, &actions) {
        .complete(id: frame.id, complete)
      }
    case .follow(let follow): try begin(id: frame.id, follow, &actions)
    case .credit(let total):
      // An id that is not open is not a fault: CREDIT may have crossed END.
      guard var subscription = subscriptions[frame.id] else { return nil }
      guard total >= subscription.creditTotal else {
        throw Refusal(.protocolViolation, "credit falls from \(subscription.creditTotal) to \(total)")
      }
      let hadCredit = subscription.hasCredit
      subscription.creditTotal = total
      subscriptions[frame.id] = subscription
      if !hadCredit, subscription.hasCredit { actions.append(.resume(id: frame.id)) }
    case .cancel:
      if subscriptions[frame.id] != nil {
        actions.append(.cancel(id: frame.id))
      } else if queries.contains(frame.id) {
        actions.append(.cancelQuery(id: frame.id))
      }
    case .query(let query): try begin(id: frame.id, query, &actions)
    case .list(let request): try accept(.list(id: frame.id, request), id: frame.id, &actions)
    case .stat: try accept(.stat(id: frame.id), id: frame.id, &actions)
    case .delete(let request): try accept(.delete(id: frame.id, request), id: frame.id, &actions)
    case .auth(let token): try renew(id: frame.id, token, &actions)
    case .error(let refusal):
      guard frame.id == 0 else {
        throw Refusal(.protocolViolation, "a client's ERROR ends the connection; its id is 0, not \(frame.id)")
      }
      return refusal
    case .welcome, .goAway, .ack, .stream, .resolved, .batch, .skip, .live, .end, .listing, .status,
      .result, .progress, .heads, .authorized, .challenge, .deleted, .dictionary:
      throw Refusal(.protocolViolation, "a client does not send \(frame.type)")
    }
    return nil
  }

  private func begin(
    id: UInt32, _ lane: Lane, _ byteCount: Int, _ actions: inout [ServerSession.Action],
    _ action: () -> ServerSession.Action
  ) throws(Refusal) {
    try checkNew(id)
    if isDraining {
      actions.append(.send(frame(.error(ServerSession.goingAway(0)), id: id)))
      return
    }
    guard appends.count < Int(welcome.appendBatchCountMax) else {
      throw Self.overdrawn("append-batches", UInt64(welcome.appendBatchCountMax))
    }
    // A single batch may have any allowed size, whatever the credit.
    guard appends.isEmpty || appendByteCount + byteCount <= Int(welcome.appendByteCountMax) else {
      throw Self.overdrawn("append-bytes", UInt64(welcome.appendByteCountMax))
    }
    let laneCount = count(of: lane)
    guard laneCount.count < Int(welcome.producerBatchCountMax) else {
      throw Self.overdrawn("producer-batches", UInt64(welcome.producerBatchCountMax))
    }
    laneCount.count += 1
    appends[id] = (laneCount, byteCount)
    appendByteCount += byteCount
    actions.append(action())
  }

  private func count(of lane: Lane) -> LaneCount {
    if let lastLane {
      if lastLane.lane == lane { return lastLane }
      if lastLane.count == 0 { lanes[lastLane.lane] = nil }
    }
    let count = lanes[lane] ?? LaneCount(lane)
    lanes[lane] = count
    lastLane = count
    return count
  }

  private func begin(id: UInt32, _ follow: Follow, _ actions: inout [ServerSession.Action]) throws(Refusal) {
    try checkNew(id)
    if isDraining {
      actions.append(.send(frame(.error(ServerSession.goingAway(0)), id: id)))
      return
    }
    let limit = Int(welcome.subscriptionCountMax)
    guard subscriptions.count < limit else {
      let refusal = Refusal(
        .tooManySubscriptions,
        "the connection has \(limit) subscriptions, which is the limit; end one, or follow several streams with one",
        limit: .init("subscriptions", UInt64(limit)))
      actions.append(.send(frame(.error(refusal), id: id)))
      return
    }
    subscriptions[id] = Subscription(creditTotal: follow.credit)
    actions.append(.follow(id: id, follow))
  }

  private func accept(_ action: ServerSession.Action, id: UInt32, _ actions: inout [ServerSession.Action])
    throws(Refusal)
  {
    try checkNew(id)
    if isDraining {
      actions.append(.send(frame(.error(ServerSession.goingAway(0)), id: id)))
      return
    }
    guard requests.count < Limits.requestCountMax else {
      let refusal = Refusal(
        .overloaded, "\(Limits.requestCountMax) LIST, STAT and DELETE have no answer yet", isRetryable: true,
        retryAfterMilliseconds: 100, limit: .init("requests", UInt64(Limits.requestCountMax)))
      actions.append(.send(frame(.error(refusal), id: id)))
      return
    }
    requests.insert(id)
    actions.append(action)
  }

  private func begin(id: UInt32, _ query: Query, _ actions: inout [ServerSession.Action]) throws(Refusal) {
    try checkNew(id)
    if isDraining {
      actions.append(.send(frame(.error(ServerSession.goingAway(0)), id: id)))
      return
    }
    guard queries.count < Limits.queryCountMax else {
      let refusal = Refusal(
        .overloaded, "\(Limits.queryCountMax) queries of the connection have no answer yet", isRetryable: true,
        retryAfterMilliseconds: 100, limit: .init("queries", UInt64(Limits.queryCountMax)))
      actions.append(.send(frame(.error(refusal), id: id)))
      return
    }
    queries.insert(id)
    actions.append(.query(id: id, query))
  }

  private func renew(id: UInt32, _ token: String, _ actions: inout [ServerSession.Action]) throws(Refusal) {
    try checkNew(id)
    guard renewal == nil else {
      throw Refusal(.protocolViolation, "AUTH comes again only after the answer to the one before")
    }
    if isDraining {
      actions.append(.send(frame(.error(ServerSession.goingAway(0)), id: id)))
      return
    }
    renewal = id
    actions.append(.renew(id: id, token: token))
  }

  private func checkNew(_ id: UInt32) throws(Refusal) {
    // Most clients count up: no other request has had this id.
    if id > highestID {
      highestID = id
      return
    }
    if id == 0 { throw Refusal(.protocolViolation, "a request needs an id other than 0") }
    if appends[id] != nil || subscriptions[id] != nil || requests.contains(id) || queries.contains(id) || renewal == id
    {
      throw Refusal(.protocolViolation, "id \(id) is busy until its final answer")
    }
  }

  private static func overdrawn(_ limit: String, _ value: UInt64) -> Refusal {
    Refusal(.protocolViolation, "the append credit that WELCOME gave is overdrawn", limit: .init(limit, value))
  }

  private func frame(_ message: Message, id: UInt32 = 0) -> OutgoingFrame {
    liveness.frameSent()
    return message.frame(id: id)
  }
}

// MARK: - Answers

extension ServerSession.Open {
  func acknowledge(_ id: UInt32, _ ack: Ack) -> OutgoingFrame? {
    var isAwaited = true
    for offset in 0..<ack.appendCount where !settle(id &+ offset) { isAwaited = false }
    return isAwaited ? frame(.ack(ack), id: id) : nil
  }

  func refuse(_ id: UInt32, _ refusal: Refusal) -> OutgoingFrame? {
    let wasSubscription = subscriptions.removeValue(forKey: id) != nil
    let wasRequest = settleRequest(id)
    let wasAppend = settle(id)
    return wasAppend || wasSubscription || wasRequest ? frame(.error(refusal), id: id) : nil
  }

  func answer(_ id: UInt32, _ message: Message) -> OutgoingFrame? {
    settleRequest(id) ? frame(message, id: id) : nil
  }

  /// A server that stops takes no AUTH.
  func challenge(_ challenge: Challenge) -> OutgoingFrame? {
    features.contains(.challenges) && !isDraining ? frame(.challenge(challenge)) : nil
  }

  /// - Returns: whether the request was in flight.
  private func settleRequest(_ id: UInt32) -> Bool {
    if renewal == id {
      renewal = nil
      return true
    }
    return requests.remove(id) != nil || queries.remove(id) != nil
  }

  func tell(_ id: UInt32, _ message: Message) -> OutgoingFrame? {
    subscriptions[id] != nil || queries.contains(id) ? frame(message, id: id) : nil
  }

  func creditLeft(_ id: UInt32) -> Int {
    guard let subscription = subscriptions[id], subscription.hasCredit else { return 0 }
    return Int(clamping: subscription.creditTotal - subscription.sent)
  }

  var takesDictionaries: Bool { features.contains(.dictionaries) }

  /// Whether the client has it.
  func has(_ dictionary: BatchDictionary) -> Bool { dictionaries.contains(dictionary.id) }

  /// - Returns: nil if the client has it.
  func introduce(_ dictionary: BatchDictionary) -> OutgoingFrame? {
    guard !has(dictionary) else { return nil }
    if dictionaries.count == Limits.dictionaryCountMax { dictionaries.removeFirst() }
    dictionaries.append(dictionary.id)
    return frame(.dictionary(dictionary))
  }

  func deliver(_ id: UInt32, _ range: BatchRange, batches: ByteString) -> OutgoingFrame? {
    guard var subscription = subscriptions[id] else { return nil }
    subscription.sent += UInt64(batches.count)
    subscriptions[id] = subscription
    return frame(.batch(range, batches: batches), id: id)
  }

  func end(_ id: UInt32, _ reason: EndReason) -> OutgoingFrame? {
    subscriptions.removeValue(forKey: id) != nil || queries.remove(id) != nil ? frame(.end(reason), id: id) : nil
  }

  /// - Returns: whether the append was in flight.
  private func settle(_ id: UInt32) -> Bool {
    guard let append = appends.removeValue(forKey: id) else { return false }
    appendByteCount -= append.byteCount
    append.lane.count -= 1
    if append.lane.count == 0, append.lane !== lastLane { lanes[append.lane.lane] = nil }
    return true
  }
}
