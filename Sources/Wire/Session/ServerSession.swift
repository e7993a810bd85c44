/// The server's end of one connection, apart from all I/O: what the peer may say when, credit, and deadlines.
///
/// Two axes. The greeting: before HELLO only HELLO is allowed, within a deadline and in a small frame; after it everything
/// else is. The end: `closed` is terminal, nothing is read or written after it. Draining is no state of its own: requests
/// that would begin something are refused, everything else goes on.
///
/// Three kinds of invalid input. Ours (answering an id that is not open): ignored, since the peer may have closed in
/// between. The peer's, about one request (a bad name): ERROR on its id, and the connection goes on. The peer's, about the
/// protocol (a busy id, credit overdrawn, damage): ERROR with id 0, and the connection ends.
package struct ServerSession: ~Copyable {
  /// What the shell does, in order.
  package enum Action: Sendable {
    case send(OutgoingFrame)
    /// The greeting is over. Requests that came in the same bytes follow in the same list: a shell that ends the session here,
    /// because the token is wrong, carries out nothing behind it but what `end` answered.
    case opened(client: String, token: String)
    case append(id: UInt32, Append)
    case complete(id: UInt32, Complete)
    case follow(id: UInt32, Follow)
    /// The subscription was given credit after having had none.
    case resume(id: UInt32)
    case cancel(id: UInt32)
    case list(id: UInt32, ListRequest)
    case stat(id: UInt32)
    /// Flush, then close without cutting off what was sent.
    /// `code` is what the client was told; nil when it ended the connection itself.
    case close(reason: String, code: RefusalCode?)
  }

  /// What a connection is told and held to.
  package struct Settings: Sendable {
    package var welcome: Welcome
    package var handshakeMillisecondsMax: UInt64

    package init(welcome: Welcome, handshakeMillisecondsMax: UInt64) {
      self.welcome = welcome
      self.handshakeMillisecondsMax = handshakeMillisecondsMax
    }
  }

  private enum State {
    case greeting(deadline: MonotonicTime)
    case open
    case closed
  }

  /// Batches of one producer on one stream, which have a limit of their own.
  private struct Lane: Hashable {
    let producer: ProducerID
    let stream: StreamName
  }

  /// The batches of a lane that have no answer yet.
  ///
  /// Invariant behind `@unchecked Sendable`: only the session that made it has it.
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

  private let settings: Settings
  private var state: State
  private var decoder = FrameDecoder(bodyByteCountMax: Limits.greetingByteCountMax)
  private var liveness: Liveness
  private var isDraining = false
  /// The last PING of the bytes at hand; a peer that sends many is answered once.
  private var pongDue: UInt64?
  private var appends: [UInt32: (lane: LaneCount, byteCount: Int)] = [:]
  /// Those with batches, and the last.
  private var lanes: [Lane: LaneCount] = [:]
  /// The lane of the last append, to which most go that follow: it need not be looked up.
  private var lastLane: LaneCount?
  private var appendByteCount = 0
  private var subscriptions: [UInt32: Subscription] = [:]
  /// LIST and STAT that are not answered yet.
  private var questions: Set<UInt32> = []

  package init(settings: Settings, now: MonotonicTime) {
    self.settings = settings
    state = .greeting(deadline: now.advanced(byMilliseconds: settings.handshakeMillisecondsMax))
    liveness = Liveness(heartbeatMilliseconds: UInt64(settings.welcome.heartbeatMilliseconds), now: now)
  }

  package var isClosed: Bool { if case .closed = state { true } else { false } }
  package var isGreeted: Bool { if case .open = state { true } else { false } }
  /// Appends that have no answer yet.
  package var appendCount: Int { appends.count }
  package var subscriptionCount: Int { subscriptions.count }
}

// MARK: - Inputs

extension ServerSession {
  /// Takes bytes from the peer.
  package mutating func receive(_ input: RawSpan, now: MonotonicTime) -> [Action] {
    guard !isClosed else { return [] }
    liveness.bytesReceived(now: now)
    var actions: [Action] = []
    var offset = 0
    do throws(Refusal) {
      while !isClosed, let frame = try decoder.next(from: input, at: &offset) { try take(frame, &actions) }
      if let token = pongDue, !isClosed { actions.append(.send(self.frame(.pong(token)))) }
    } catch { fail(error, &actions) }
    pongDue = nil
    return actions
  }

  /// Looks at the deadlines; call it a few times a heartbeat.
  package mutating func tick(now: MonotonicTime) -> [Action] {
    var actions: [Action] = []
    switch state {
    case .closed: break
    case .greeting(let deadline):
      if now >= deadline {
        let milliseconds = settings.handshakeMillisecondsMax
        fail(
          Refusal(
            .timedOut, "no HELLO within \(milliseconds) ms", isRetryable: true,
            limit: .init("handshake", milliseconds)), &actions)
      }
    case .open:
      if liveness.isPeerGone(now: now) {
        fail(Refusal(.timedOut, "nothing was heard from the client for three heartbeats", isRetryable: true), &actions)
      } else if liveness.isPingDue(now: now) {
        actions.append(.send(frame(.ping(0))))
      }
    }
    return actions
  }

  /// Tells the client that the server is about to stop; what it has begun is finished, nothing new is taken.
  package mutating func drain(_ goAway: GoAway) -> [Action] {
    switch state {
    case .closed: return []
    case .greeting:
      var actions: [Action] = []
      fail(Self.goingAway(goAway.retryAfterMilliseconds), &actions)
      return actions
    case .open:
      isDraining = true
      return [.send(frame(.goAway(goAway)))]
    }
  }

  /// The connection is gone.
  package mutating func close() { state = .closed }
}

// MARK: - Frames

extension ServerSession {
  private mutating func take(_ frame: Frame, _ actions: inout [Action]) throws(Refusal) {
    switch state {
    case .closed: return
    case .greeting:
      guard frame.type == .hello else {
        throw Refusal(.protocolViolation, "the first frame must be HELLO, not \(frame.type)")
      }
    case .open: break
    }
    let message: Message
    do { message = try Message(decoding: frame) } catch {
      // The frame was whole, so it is one request that is bad. The greeting let no request come here.
      guard frame.type.isRequest else { throw error }
      try checkNew(frame.id)
      actions.append(.send(self.frame(.error(error), id: frame.id)))
      return
    }
    switch message {
    case .hello(let hello): try greet(hello, &actions)
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
      // An id that is not open is no fault: CREDIT may have crossed END.
      guard var subscription = subscriptions[frame.id] else { return }
      guard total >= subscription.creditTotal else {
        throw Refusal(.protocolViolation, "credit falls from \(subscription.creditTotal) to \(total)")
      }
      let hadCredit = subscription.hasCredit
      subscription.creditTotal = total
      subscriptions[frame.id] = subscription
      if !hadCredit, subscription.hasCredit { actions.append(.resume(id: frame.id)) }
    case .cancel: if subscriptions[frame.id] != nil { actions.append(.cancel(id: frame.id)) }
    case .list(let request): try ask(.list(id: frame.id, request), id: frame.id, &actions)
    case .stat: try ask(.stat(id: frame.id), id: frame.id, &actions)
    case .error(let refusal):
      guard frame.id == 0 else {
        throw Refusal(.protocolViolation, "a client's ERROR ends the connection; its id is 0, not \(frame.id)")
      }
      state = .closed
      actions.append(.close(reason: "the client ended the connection: \(refusal)", code: nil))
    case .welcome, .goAway, .ack, .stream, .resolved, .batch, .skip, .live, .end, .listing, .status:
      throw Refusal(.protocolViolation, "a client does not send \(frame.type)")
    }
  }

  private mutating func greet(_ hello: Hello, _ actions: inout [Action]) throws(Refusal) {
    guard case .greeting = state else { throw Refusal(.protocolViolation, "HELLO comes once") }
    guard hello.versions.contains(settings.welcome.version) else {
      throw Refusal(
        .unsupportedVersion,
        "the client speaks versions \(hello.versions.lowerBound) to \(hello.versions.upperBound), this server version \(settings.welcome.version); use a client that speaks it"
      )
    }
    decoder.bodyByteCountMax = Int(settings.welcome.frameByteCountMax)
    state = .open
    actions.append(.send(frame(.welcome(settings.welcome))))
    actions.append(.opened(client: hello.client, token: hello.token))
  }

  private mutating func begin(
    id: UInt32, _ lane: Lane, _ byteCount: Int, _ actions: inout [Action], _ action: () -> Action
  ) throws(Refusal) {
    try checkNew(id)
    if isDraining {
      actions.append(.send(frame(.error(Self.goingAway(0)), id: id)))
      return
    }
    let welcome = settings.welcome
    guard appends.count < Int(welcome.appendBatchCountMax) else {
      throw Self.overdrawn("append-batches", UInt64(welcome.appendBatchCountMax))
    }
    // A single batch may be as large as a batch can be, whatever the credit.
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

  private mutating func count(of lane: Lane) -> LaneCount {
    if let lastLane {
      if lastLane.lane == lane { return lastLane }
      if lastLane.count == 0 { lanes[lastLane.lane] = nil }
    }
    let count = lanes[lane] ?? LaneCount(lane)
    lanes[lane] = count
    lastLane = count
    return count
  }

  private mutating func begin(id: UInt32, _ follow: Follow, _ actions: inout [Action]) throws(Refusal) {
    try checkNew(id)
    if isDraining {
      actions.append(.send(frame(.error(Self.goingAway(0)), id: id)))
      return
    }
    let limit = Int(settings.welcome.subscriptionCountMax)
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

  private mutating func ask(_ action: Action, id: UInt32, _ actions: inout [Action]) throws(Refusal) {
    try checkNew(id)
    if isDraining {
      actions.append(.send(frame(.error(Self.goingAway(0)), id: id)))
      return
    }
    guard questions.count < Limits.questionCountMax else {
      let refusal = Refusal(
        .overloaded, "\(Limits.questionCountMax) LIST and STAT have no answer yet", isRetryable: true,
        retryAfterMilliseconds: 100, limit: .init("queries", UInt64(Limits.questionCountMax)))
      actions.append(.send(frame(.error(refusal), id: id)))
      return
    }
    questions.insert(id)
    actions.append(action)
  }

  private func checkNew(_ id: UInt32) throws(Refusal) {
    if id == 0 { throw Refusal(.protocolViolation, "a request needs an id other than 0") }
    if appends[id] != nil || subscriptions[id] != nil || questions.contains(id) {
      throw Refusal(.protocolViolation, "id \(id) is busy until its final answer")
    }
  }

  private static func overdrawn(_ limit: String, _ value: UInt64) -> Refusal {
    Refusal(.protocolViolation, "the append credit that WELCOME gave is overdrawn", limit: .init(limit, value))
  }

  private static func goingAway(_ retryAfterMilliseconds: UInt32) -> Refusal {
    Refusal(
      .goingAway, "the server is stopping; connect again and send it again", isRetryable: true,
      retryAfterMilliseconds: retryAfterMilliseconds)
  }

  private mutating func fail(_ refusal: Refusal, _ actions: inout [Action]) {
    actions.append(.send(frame(.error(refusal))))
    actions.append(.close(reason: refusal.description, code: refusal.code))
    state = .closed
  }

  private mutating func frame(_ message: Message, id: UInt32 = 0) -> OutgoingFrame {
    liveness.frameSent()
    return message.frame(id: id)
  }
}

// MARK: - Answers

extension ServerSession {
  /// The answer to an append that is stored, or to a run of them with ids `id`, `id + 1`, ...; nil when nobody waits any more.
  package mutating func acknowledge(_ id: UInt32, _ ack: Ack) -> OutgoingFrame? {
    var isAwaited = true
    for offset in 0..<ack.appendCount where !settle(id &+ offset) { isAwaited = false }
    return isAwaited ? frame(.ack(ack), id: id) : nil
  }

  /// The final answer to a request or subscription that cannot be carried out.
  package mutating func refuse(_ id: UInt32, _ refusal: Refusal) -> OutgoingFrame? {
    let wasSubscription = subscriptions.removeValue(forKey: id) != nil
    let wasQuestion = questions.remove(id) != nil
    let wasAppend = settle(id)
    guard wasAppend || wasSubscription || wasQuestion, !isClosed else { return nil }
    return frame(.error(refusal), id: id)
  }

  /// The answer to LIST or STAT.
  package mutating func answer(_ id: UInt32, _ message: Message) -> OutgoingFrame? {
    guard questions.remove(id) != nil, !isClosed else { return nil }
    return frame(message, id: id)
  }

  /// A frame about an open subscription: STREAM, RESOLVED, SKIP or LIVE.
  package mutating func tell(_ id: UInt32, _ message: Message) -> OutgoingFrame? {
    guard subscriptions[id] != nil, !isClosed else { return nil }
    return frame(message, id: id)
  }

  /// Stored bytes that may still be sent on a subscription. While any are left a batch may be sent, which may overdraw them;
  /// all batches of a frame but the last must fit in them.
  package func creditLeft(_ id: UInt32) -> Int {
    guard let subscription = subscriptions[id], subscription.hasCredit else { return 0 }
    return Int(clamping: subscription.creditTotal - subscription.sent)
  }

  /// A delivery, its stored bytes taken from the credit.
  package mutating func deliver(_ id: UInt32, _ range: BatchRange, batches: ByteString) -> OutgoingFrame? {
    guard var subscription = subscriptions[id], !isClosed else { return nil }
    subscription.sent += UInt64(batches.count)
    subscriptions[id] = subscription
    return frame(.batch(range, batches: batches), id: id)
  }

  /// The end of a subscription.
  package mutating func end(_ id: UInt32, _ reason: EndReason) -> OutgoingFrame? {
    guard subscriptions.removeValue(forKey: id) != nil, !isClosed else { return nil }
    return frame(.end(reason), id: id)
  }

  /// - Returns: whether the append was in flight and the connection still takes its answer.
  private mutating func settle(_ id: UInt32) -> Bool {
    guard let append = appends.removeValue(forKey: id) else { return false }
    appendByteCount -= append.byteCount
    append.lane.count -= 1
    if append.lane.count == 0, append.lane !== lastLane { lanes[append.lane.lane] = nil }
    return !isClosed
  }
}
