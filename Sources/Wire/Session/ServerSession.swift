/// The server's end of one connection, separate from all I/O: what the peer may send and when, credit, and deadlines.
///
/// `handshake`: only HELLO is allowed, in a small frame. `authorizing`: HELLO is being decided elsewhere, now or later;
/// bytes that arrive meanwhile are held, up to a limit. One deadline covers both. `open`: everything else is allowed
/// (`Open`). `closed` is terminal: nothing is read or written after it.
///
/// There are three kinds of invalid input. Ours (answering an id that is not open) is ignored, since the peer may have
/// closed in between. The peer's, about one request (a bad name): ERROR on its id, and the connection goes on. The
/// peer's, about the protocol (a busy id, credit overdrawn, damage): ERROR with id 0, and the connection ends.
package struct ServerSession: ~Copyable {
  /// What the shell does, in order.
  package enum Action: Sendable {
    case send(OutgoingFrame)
    /// Whether this client is welcome has to be decided (`decide`). Nothing follows in the same list.
    case authorize(client: String, token: String)
    case append(id: UInt32, Append)
    case complete(id: UInt32, Complete)
    case follow(id: UInt32, Follow)
    /// The subscription has credit again after having had none.
    case resume(id: UInt32)
    case cancel(id: UInt32)
    case list(id: UInt32, ListRequest)
    case stat(id: UInt32)
    case query(id: UInt32, Query)
    case cancelQuery(id: UInt32)
    case delete(id: UInt32, DeleteRequest)
    /// Whether another token counts has to be decided: `answer` with AUTHORIZED, or `refuse`.
    case renew(id: UInt32, token: String)
    /// Flush, then close without cutting off sent bytes. `code` is what the client received; nil if it ended the
    /// connection itself.
    case close(reason: String, code: RefusalCode?)
  }

  /// The decision about a client that has sent HELLO.
  package enum Decision: Sendable {
    case accepted
    case refused(Refusal)
  }

  /// The limits that a connection is given and held to.
  package struct Configuration: Sendable {
    package var welcome: Welcome
    package var handshakeMillisecondsMax: UInt64

    package init(welcome: Welcome, handshakeMillisecondsMax: UInt64) {
      self.welcome = welcome
      self.handshakeMillisecondsMax = handshakeMillisecondsMax
    }
  }

  private enum State: ~Copyable {
    case handshake(Handshake)
    case authorizing(Authorizing)
    case open(Open)
    case closed
  }

  private struct Handshake: ~Copyable {
    let deadline: MonotonicTime
    var decoder = FrameDecoder(bodyByteCountMax: Limits.handshakeByteCountMax)
  }

  private struct Authorizing: ~Copyable {
    let deadline: MonotonicTime
    let features: Hello.Features
    /// The bytes that came after HELLO.
    private(set) var held = ByteWriter(capacity: 0)

    init(deadline: MonotonicTime, features: Hello.Features) {
      self.deadline = deadline
      self.features = features
    }

    mutating func hold(_ input: RawSpan) throws(Refusal) {
      guard held.count + input.byteCount <= Limits.heldByteCountMax else {
        throw Refusal(
          .protocolViolation, "more than \(Limits.heldByteCountMax) bytes came before WELCOME",
          limit: .init("bytes-before-welcome", UInt64(Limits.heldByteCountMax)))
      }
      held.append(input)
    }
  }

  private let configuration: Configuration
  private var state: State

  package init(configuration: Configuration, now: MonotonicTime) {
    self.configuration = configuration
    state = .handshake(Handshake(deadline: now.advanced(byMilliseconds: configuration.handshakeMillisecondsMax)))
  }

  package var isClosed: Bool {
    switch state {
    case .handshake: false
    case .authorizing: false
    case .open: false
    case .closed: true
    }
  }

  /// Appends that have no answer yet.
  package var appendCount: Int { open?.appendCount ?? 0 }
  package var subscriptionCount: Int { open?.subscriptionCount ?? 0 }

  /// Whether all requests that have come are answered: HELLO, appends, LIST, STAT, AUTH and DELETE. Subscriptions and
  /// queries do not count.
  package var isAllAnswered: Bool {
    switch state {
    case .handshake: true
    case .authorizing: false
    case .open(let open): open.isAllAnswered
    case .closed: true
    }
  }

  private var open: Open? {
    switch state {
    case .handshake: nil
    case .authorizing: nil
    case .open(let open): open
    case .closed: nil
    }
  }

  /// Takes the state out and leaves `closed` until another is set.
  private mutating func takeState() -> State {
    var taken = State.closed
    swap(&taken, &state)
    return taken
  }
}

// MARK: - Inputs

extension ServerSession {
  /// Takes bytes from the peer.
  package mutating func receive(_ input: RawSpan, now: MonotonicTime) -> [Action] {
    if let open { return received(open.receive(input, now: now)) }
    do throws(Refusal) {
      switch takeState() {
      case .handshake(var handshake):
        var offset = 0
        guard let frame = try handshake.decoder.next(from: input, at: &offset) else {
          state = .handshake(handshake)
          return []
        }
        let hello = try checked(frame)
        var authorizing = Authorizing(deadline: handshake.deadline, features: hello.features)
        try authorizing.hold(input.extracting(offset...))
        state = .authorizing(authorizing)
        return [.authorize(client: hello.client, token: hello.token)]
      case .authorizing(var authorizing):
        try authorizing.hold(input)
        state = .authorizing(authorizing)
        return []
      case .open: preconditionFailure("an open session has taken its input")
      case .closed: return []
      }
    } catch { return Self.end(error) }
  }

  private mutating func received(_ result: (actions: [Action], isOver: Bool)) -> [Action] {
    if result.isOver { state = .closed }
    return result.actions
  }

  /// Takes the decision about the client that sent HELLO, which may be gone by now.
  package mutating func decide(_ decision: Decision, now: MonotonicTime) -> [Action] {
    let authorizing: Authorizing
    switch takeState() {
    case .authorizing(let taken): authorizing = taken
    case .handshake(let handshake):
      state = .handshake(handshake)
      return []
    case .open(let open):
      state = .open(open)
      return []
    case .closed: return []
    }
    switch decision {
    case .accepted:
      let open = Open(welcome: configuration.welcome, features: authorizing.features, now: now)
      state = .open(open)
      return [open.sendWelcome()] + received(open.receive(authorizing.held.span, now: now))
    case .refused(let refusal): return Self.end(refusal)
    }
  }

  /// Checks the deadlines; call it a few times in each heartbeat.
  package mutating func tick(now: MonotonicTime) -> [Action] {
    if let open { return received(open.tick(now: now)) }
    let late: String
    switch state {
    case .handshake(let handshake):
      if now < handshake.deadline { return [] }
      late = "no HELLO"
    case .authorizing(let authorizing):
      if now < authorizing.deadline { return [] }
      late = "no decision about HELLO"
    case .open: return []
    case .closed: return []
    }
    state = .closed
    let milliseconds = configuration.handshakeMillisecondsMax
    return Self.end(
      Refusal(
        .timedOut, "\(late) within \(milliseconds) ms", isRetryable: true, limit: .init("handshake", milliseconds)))
  }

  /// Tells the client that the server is about to stop: requests that it has begun are finished, new ones are not
  /// accepted.
  package mutating func drain(_ goAway: GoAway) -> [Action] {
    if isClosed { return [] }
    if let open { return [open.drain(goAway)] }
    state = .closed
    return Self.end(Self.goingAway(goAway.retryAfterMilliseconds))
  }

  /// Ends the connection for a reason that is not the client's traffic.
  package mutating func end(because refusal: Refusal) -> [Action] {
    if isClosed { return [] }
    state = .closed
    return Self.end(refusal)
  }

  /// The connection is lost.
  package mutating func close() { state = .closed }

  private func checked(_ frame: Frame) throws(Refusal) -> Hello {
    guard frame.type == .hello else {
      throw Refusal(.protocolViolation, "the first frame must be HELLO, not \(frame.type)")
    }
    guard case .hello(let hello) = try Message(decoding: frame) else { preconditionFailure("a HELLO decodes as one") }
    let version = configuration.welcome.version
    guard hello.versions.contains(version) else {
      throw Refusal(
        .unsupportedVersion,
        "the client speaks versions \(hello.versions.lowerBound) to \(hello.versions.upperBound), "
          + "this server version \(version); use a client that speaks it"
      )
    }
    return hello
  }

  static func goingAway(_ retryAfterMilliseconds: UInt32) -> Refusal {
    Refusal(
      .goingAway, "the server is stopping; connect again and send it again", isRetryable: true,
      retryAfterMilliseconds: retryAfterMilliseconds)
  }

  /// Ends a connection because of what its client did, or did not do.
  static func end(_ refusal: Refusal) -> [Action] {
    [.send(Message.error(refusal).frame(id: 0)), .close(reason: refusal.description, code: refusal.code)]
  }
}

// MARK: - Answers

extension ServerSession {
  /// The answer to an append that is stored, or to a run of them with ids `id`, `id + 1`, ...; nil when nobody is
  /// waiting any more.
  package mutating func acknowledge(_ id: UInt32, _ ack: Ack) -> OutgoingFrame? { open?.acknowledge(id, ack) }

  /// The final answer to a request or subscription that cannot be carried out.
  package mutating func refuse(_ id: UInt32, _ refusal: Refusal) -> OutgoingFrame? { open?.refuse(id, refusal) }

  /// The answer to LIST, STAT, QUERY, AUTH or DELETE.
  package mutating func answer(_ id: UInt32, _ message: Message) -> OutgoingFrame? { open?.answer(id, message) }

  /// Asks for another token; nil if the client does not answer that, or could not any more.
  package mutating func challenge(_ challenge: Challenge) -> OutgoingFrame? { open?.challenge(challenge) }

  /// A frame about an open subscription: STREAM, RESOLVED, SKIP or LIVE.
  package mutating func tell(_ id: UInt32, _ message: Message) -> OutgoingFrame? { open?.tell(id, message) }

  /// Stored bytes that may still be sent on a subscription. While any are left a batch may be sent, even if it exceeds
  /// them; all batches of a frame except the last must fit.
  package func creditLeft(_ id: UInt32) -> Int { open?.creditLeft(id) ?? 0 }

  /// Whether the client reads batches with dictionaries.
  package var takesDictionaries: Bool { open?.takesDictionaries ?? false }

  /// Whether the client has a dictionary.
  package func has(_ dictionary: BatchDictionary) -> Bool { open?.has(dictionary) ?? false }

  /// A dictionary that the next delivery needs; nil if the client has it.
  package mutating func introduce(_ dictionary: BatchDictionary) -> OutgoingFrame? { open?.introduce(dictionary) }

  /// A delivery; its stored bytes are taken from the credit.
  package mutating func deliver(_ id: UInt32, _ range: BatchRange, batches: ByteString) -> OutgoingFrame? {
    open?.deliver(id, range, batches: batches)
  }

  /// The end of a subscription.
  package mutating func end(_ id: UInt32, _ reason: EndReason) -> OutgoingFrame? { open?.end(id, reason) }
}
