import Testing

@testable import LogsSimulation
@testable import LogsWire

/// Frames with two faults: the one that comes first in `spec/session.md`, section 3, is answered.
@Suite struct `The order of faults` {
  private enum Situation {
    case handshake
    case open
    /// Ids 1, 2 and 11 to 14 are busy, and there is room for no further append, subscription or query.
    case full
    case draining
  }

  private static func session(_ situation: Situation) -> ServerSession {
    let welcome = Sample.welcome(appendBatches: 1, subscriptions: 1)
    var session = ServerSession(configuration: .init(welcome: welcome, handshakeMillisecondsMax: 500), now: .zero)
    if case .handshake = situation { return session }
    session.receive([ClientSession.hello(client: "c", token: "")])
    session.receive(.append(Sample.append()), id: 1)
    session.receive(.follow(Sample.follow()), id: 2)
    for id in 11...14 as ClosedRange<UInt32> { session.receive(.query(Sample.query()), id: id) }
    switch situation {
    case .handshake, .full: break
    case .open:
      _ = session.refuse(1, Refusal(.badBatch, ""))
      _ = session.end(2, .until)
      for id in 11...14 as ClosedRange<UInt32> { _ = session.end(id, .cancelled) }
    case .draining: _ = session.drain(GoAway(retryAfterMilliseconds: 0, text: ""))
    }
    return session
  }

  /// A frame with the given header fields, and a check that matches or does not.
  private static func frame(
    type: UInt8 = 4, flags: UInt8 = 0, id: UInt32 = 0, control: [UInt8] = [UInt8](repeating: 0, count: 8),
    bodyLength: Int? = nil, controlLength: Int? = nil, isHeaderSound: Bool = true, isSound: Bool = true
  ) -> [UInt8] {
    var bytes = Frames.frame(type: type, flags: flags, id: id, control: control)
    if let bodyLength { Frames.store(UInt32(bodyLength), &bytes, 0) }
    if let controlLength { Frames.store(UInt32(controlLength), &bytes, 12) }
    Frames.sign(&bytes)
    if !isSound { bytes[16] ^= 1 }
    if !isHeaderSound { bytes[6] ^= 1 }
    return bytes
  }

  private static func control(_ message: Message) -> [UInt8] {
    Array(message.frame(id: 1).head.array.dropFirst(20))
  }

  private static let append = control(.append(Sample.append(number: 2)))
  private static let malformed = Array(append.dropLast())
  private static let critical = append + [0xff, 0xff, 0, 0]
  private static let follow = control(.follow(Sample.follow()))
  private static let query = control(.query(Sample.query()))
  private static let tooLong = Limits.frameByteCountMax + 1

  private static let violation = ["send error protocol_violation", "close"]
  private static let damaged = ["send error protocol_violation, retryable", "close"]
  private static let tooLarge = ["send error frame_too_large", "close"]
  private static let unsupported = ["send error unsupported", "close"]

  private static let rows: [(String, Situation, [UInt8], [String])] = [
    ("header check, limit", .open, frame(bodyLength: tooLong, isHeaderSound: false), damaged),
    ("header check, flags", .open, frame(flags: 1, isHeaderSound: false), damaged),
    ("limit, flags", .open, frame(flags: 1, bodyLength: tooLong), tooLarge),
    ("limit, control length", .open, frame(bodyLength: tooLong, controlLength: tooLong + 1), tooLarge),
    ("limit, type", .open, frame(type: 127, bodyLength: tooLong), tooLarge),
    ("flags, type", .open, frame(type: 127, flags: 8), violation),
    ("control length, type", .open, frame(type: 127, controlLength: 9), violation),
    ("type, check", .open, frame(type: 127, isSound: false), unsupported),
    ("check, not HELLO", .handshake, frame(isSound: false), damaged),
    ("check, busy id", .full, frame(type: 10, id: 1, control: append, isSound: false), damaged),
    ("check, control part", .open, frame(type: 10, id: 5, control: malformed, isSound: false), damaged),
    ("not HELLO, critical extension", .handshake, frame(type: 10, id: 5, control: critical), violation),
    ("not HELLO, unknown type", .handshake, frame(type: 127, id: 5), unsupported),
    ("unknown type that is ignored, before HELLO", .handshake, frame(type: 200, id: 5), []),
    (
      "id of a PING, critical extension", .open, frame(id: 5, control: [0, 0, 0, 0, 0, 0, 0, 0] + [0xff, 0xff, 0, 0]),
      violation
    ),
    ("id 0, control part", .open, frame(type: 10, id: 0, control: malformed), violation),
    ("id 0, critical extension", .open, frame(type: 10, id: 0, control: critical), violation),
    ("busy id, control part", .full, frame(type: 10, id: 1, control: malformed), violation),
    ("busy id of another kind, control part", .full, frame(type: 10, id: 2, control: malformed), violation),
    ("busy id, critical extension", .full, frame(type: 10, id: 1, control: critical), violation),
    ("busy id, draining", .draining, frame(type: 10, id: 1, control: append), violation),
    ("control part alone", .open, frame(type: 10, id: 5, control: malformed), ["send error 5 bad_request"]),
    ("critical extension alone", .open, frame(type: 10, id: 5, control: critical), ["send error 5 unsupported"]),
    ("control part, draining", .draining, frame(type: 10, id: 5, control: malformed), ["send error 5 bad_request"]),
    ("control part, credit", .full, frame(type: 10, id: 5, control: malformed), ["send error 5 bad_request"]),
    (
      "control part, subscriptions", .full, frame(type: 20, id: 5, control: follow.dropLast()),
      ["send error 5 bad_request"]
    ),
    (
      "critical extension, a server's message", .open, frame(type: 25, id: 5, control: [0xff, 0xff, 0, 0]), unsupported
    ),
    (
      "critical extension, falling credit", .full,
      frame(type: 27, id: 2, control: [UInt8](repeating: 0, count: 8) + [0xff, 0xff, 0, 0]), unsupported
    ),
    ("control part, no such subscription", .open, frame(type: 27, id: 5, control: []), violation),
    ("credit for id 0", .open, frame(type: 27, id: 0), []),
    ("cancel of id 0", .open, frame(type: 28, id: 0, control: []), []),
    ("draining, credit", .draining, frame(type: 10, id: 5, control: append), ["send error 5 going_away, retryable"]),
    (
      "draining, subscriptions", .draining, frame(type: 20, id: 5, control: follow),
      ["send error 5 going_away, retryable"]
    ),
    ("draining, queries", .draining, frame(type: 34, id: 5, control: query), ["send error 5 going_away, retryable"]),
    ("busy id of a query, control part", .full, frame(type: 34, id: 11, control: query.dropLast()), violation),
    ("control part, queries", .full, frame(type: 34, id: 5, control: query.dropLast()), ["send error 5 bad_request"]),
    ("queries alone", .full, frame(type: 34, id: 5, control: query), ["send error 5 overloaded, retryable"]),
    ("credit alone", .full, frame(type: 10, id: 5, control: append), violation),
    ("subscriptions alone", .full, frame(type: 20, id: 5, control: follow), ["send error 5 too_many_subscriptions"]),
  ]

  @Test(arguments: rows.indices) func `the first fault is answered`(_ index: Int) {
    let (name, situation, bytes, expected) = Self.rows[index]
    var session = Self.session(situation)
    #expect(session.receive(bytes).map(Self.shown) == expected, "\(name)")
    let isClosed = session.isClosed
    #expect(isClosed == (expected.last == "close"), "\(name)")
  }

  @Test func `the id of a request that was refused for its control part is free again`() {
    var session = Self.session(.open)
    #expect(
      session.receive(Self.frame(type: 10, id: 5, control: Self.malformed)).map(Self.shown)
        == ["send error 5 bad_request"])
    #expect(session.receive(.append(Sample.append()), id: 5).map(Self.shown) == ["append 5 web #1"])
  }

  private static func shown(_ action: ServerSession.Action) -> String {
    guard case .send(let frame) = action, let message = try? Frames.messages(Frames.bytes(frame)).first,
      case .error(let refusal) = message, refusal.isRetryable
    else { return action.shown }
    return "\(action.shown), retryable"
  }
}
