@testable import LogsWire

extension FuzzTarget {
  /// A server's session and what a client may send: it stays within its limits, and the same comes of the same bytes in
  /// other pieces.
  static let serverSession = FuzzTarget(
    name: "server-session", byteCountMax: 2048,
    seeds: {
      try SeedVectors.sessions().map { session in
        var seed: [UInt8] = [0, 9]
        for line in session.lines where line.side == .client {
          seed += SessionStep.input(SessionStep.frameMark, line.bytes)
          if line.bytes[4] == FrameType.hello.rawValue { seed += [SessionStep.callMark, 0, 0] }
        }
        return seed
      }
    },
    run: { input in
      var peer = ServerPeer(input.byte(), pieces: input.byte())
      while !input.isAtEnd, !peer.isClosed {
        guard let step = SessionStep(&input, seed: nil) else { continue }
        try peer.take(step)
      }
    })
}

/// Two sessions of the same client, whose bytes come whole for one and in pieces for the other.
private struct ServerPeer: ~Copyable {
  private static let welcome = Welcome(
    frameByteCountMax: UInt32(Limits.frameByteCountMax), server: InstanceID(high: 1, low: 1),
    store: InstanceID(high: 2, low: 2), heartbeatMilliseconds: 1000, appendByteCountMax: 2000, appendBatchCountMax: 4,
    producerBatchCountMax: 3, subscriptionCountMax: 3, name: "logsd")

  private var whole: ServerSession
  private var cut: ServerSession
  private let choice: UInt8
  private var now = MonotonicTime(nanoseconds: 0)
  /// Requests that wait for an answer, and subscriptions.
  private var open: [UInt32: FrameType] = [:]

  init(_ options: UInt8, pieces: UInt8) {
    let configuration = ServerSession.Configuration(
      welcome: Self.welcome, handshakeMillisecondsMax: options & 1 == 0 ? 10_000 : 0)
    whole = ServerSession(configuration: configuration, now: now)
    cut = ServerSession(configuration: configuration, now: now)
    choice = pieces
  }

  var isClosed: Bool { whole.isClosed }

  mutating func take(_ step: SessionStep) throws {
    switch step {
    case .frame(let bytes), .bytes(let bytes):
      guard !bytes.isEmpty else { return }
      let actions = whole.receive(ByteString(bytes).span, now: now)
      var others: [ServerSession.Action] = []
      for piece in Pieces(bytes, choice) { others += cut.receive(ByteString(piece).span, now: now) }
      try compare(actions, others)
    case .request: break
    case .call(let kind, let argument): try call(kind, argument)
    }
    try BrokenRule.check(whole.isClosed == cut.isClosed, "only one is closed")
    try BrokenRule.check(
      whole.appendCount <= 4 && whole.subscriptionCount <= 3
        && open.count <= 7 + Limits.requestCountMax
          + Limits.queryCountMax,
      "more is open than is allowed")
  }

  private mutating func call(_ kind: UInt8, _ argument: UInt8) throws {
    let id = UInt32(argument)
    switch kind % 8 {
    case 0, 1:
      let decision =
        argument < 250 ? ServerSession.Decision.accepted : .refused(Refusal(.protocolViolation, "not welcome"))
      try compare(whole.decide(decision, now: now), cut.decide(decision, now: now))
    case 2:
      now = now.advanced(byMilliseconds: UInt64(argument) * 20)
      try compare(whole.tick(now: now), cut.tick(now: now))
    case 3:
      let goAway = GoAway(retryAfterMilliseconds: 5, text: "stopping")
      try compare(whole.drain(goAway), cut.drain(goAway))
    case 4:
      let refusal = Refusal(.badRequest, "no")
      try compare(whole.refuse(id, refusal), cut.refuse(id, refusal))
      open[id] = nil
    case 5:
      let range = BatchRange(handle: 1, from: 1, to: 2)
      let batches = ByteString([UInt8](repeating: 0, count: Int(argument)))
      try BrokenRule.check(whole.creditLeft(id) == cut.creditLeft(id), "other credit")
      try compare(whole.deliver(id, range, batches: batches), cut.deliver(id, range, batches: batches))
    case 6:
      try compare(whole.end(id, .limit), cut.end(id, .limit))
      if open[id] == .follow || open[id] == .query { open[id] = nil }
    default: try answer(id)
    }
  }

  private mutating func answer(_ id: UInt32) throws {
    guard let type = open.removeValue(forKey: id) else {
      return try compare(whole.answer(id, .status([])), cut.answer(id, .status([])))
    }
    if type == .append || type == .complete {
      let ack = Ack(isDuplicate: false, incarnation: SampleEntries.incarnation, firstSequence: 1, count: 1)
      return try compare(whole.acknowledge(id, ack), cut.acknowledge(id, ack))
    }
    if type == .follow {
      open[id] = type
      return try compare(whole.tell(id, .live), cut.tell(id, .live))
    }
    let answer = whole.answer(id, .status([]))
    try BrokenRule.check(answer != nil, "a request that is open is not answered")
    try compare(answer, cut.answer(id, .status([])))
  }

  private mutating func compare(_ actions: [ServerSession.Action], _ others: [ServerSession.Action]) throws {
    let texts = (Self.texts(actions), Self.texts(others))
    try BrokenRule.check(texts.0 == texts.1, "pieces make a difference: \(texts.0) and \(texts.1)")
    for action in actions {
      switch action {
      case .append(let id, _): try begin(id, .append)
      case .complete(let id, _): try begin(id, .complete)
      case .follow(let id, _): try begin(id, .follow)
      case .list(let id, _): try begin(id, .list)
      case .stat(let id): try begin(id, .stat)
      case .query(let id, _): try begin(id, .query)
      case .delete(let id, _): try begin(id, .delete)
      case .renew(let id, _): try begin(id, .auth)
      case .cancel(let id): try BrokenRule.check(open[id] == .follow, "what is cancelled is not open")
      case .resume(let id): try BrokenRule.check(open[id] == .follow, "what has credit is not open")
      case .cancelQuery(let id): try BrokenRule.check(open[id] == .query, "what is cancelled is not open")
      case .close: try BrokenRule.check(whole.isClosed, "it is not closed")
      case .send, .authorize: break
      }
    }
  }

  private func compare(_ frame: OutgoingFrame?, _ other: OutgoingFrame?) throws {
    try BrokenRule.check(frame?.head == other?.head && frame?.batches == other?.batches, "another answer")
  }

  private mutating func begin(_ id: UInt32, _ type: FrameType) throws {
    try BrokenRule.check(id != 0 && open.updateValue(type, forKey: id) == nil, "id \(id) is 0 or busy")
  }

  /// Without PING and PONG: several at once get one answer.
  private static func texts(_ actions: [ServerSession.Action]) -> [String] {
    actions.compactMap { action in
      guard case .send(let frame) = action else { return "\(action)" }
      if frame.head[4] == FrameType.ping.rawValue || frame.head[4] == FrameType.pong.rawValue { return nil }
      return "\(frame.head.array) \(frame.batches.array)"
    }
  }
}
