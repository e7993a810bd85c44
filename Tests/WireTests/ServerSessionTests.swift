import Testing

@testable import LogsSimulation
@testable import LogsWire

@Suite struct `Server session` {
  /// A session at time 0, on request with the handshake done.
  private func session(_ welcome: Welcome = Sample.welcome(), isOpen: Bool = true) -> ServerSession {
    var session = ServerSession(configuration: .init(welcome: welcome, handshakeMillisecondsMax: 500), now: .zero)
    if isOpen { session.receive([ClientSession.hello(client: "c", token: "t")]) }
    return session
  }

  private static func hello(
    _ versions: ClosedRange<UInt8> = 1...1, limit: Int = Limits.frameByteCountMax, token: String = "t"
  ) -> Message {
    .hello(Hello(versions: versions, frameByteCountMax: UInt32(limit), client: "c", token: token))
  }

  private static func complete(_ number: UInt64 = 1) -> Message {
    .complete(Complete(producer: Sample.producer, number: number, floor: 1, stream: Sample.web, text: ""))
  }

  private static let end = ["send error protocol_violation", "close"]
  private static let ack = Ack(isDuplicate: false, incarnation: Sample.incarnation, firstSequence: 1, count: 1)

  // MARK: - Tables of state x input

  /// Every message that a peer may send to a server, and the session's reaction as a first frame and after the
  /// handshake.
  static let table: [(message: Message, id: UInt32, open: [String])] = [
    (hello(), 0, end), (.welcome(Sample.welcome()), 0, end), (.error(Refusal(.internalError, "x")), 0, ["close"]),
    (.ping(7), 0, ["send pong 7"]), (.pong(7), 0, []), (.error(Refusal(.internalError, "x")), 1, end),
    (.ping(7), 1, end),
    (.pong(7), 1, end), (hello(), 1, end),
    (.goAway(GoAway(retryAfterMilliseconds: 0, text: "")), 0, end),
    (.append(Sample.append()), 1, ["append 1 web #1"]), (.append(Sample.append()), 0, end), (.ack(ack), 1, end),
    (complete(), 1, ["complete 1 web #1"]), (complete(), 0, end), (.follow(Sample.follow()), 1, ["follow 1"]),
    (.follow(Sample.follow()), 0, end), (.stream(Sample.announcement()), 1, end), (.resolved(streamCount: 0), 1, end),
    (.batch(BatchRange(handle: 1, from: 1, to: 1), batches: ByteString()), 1, end),
    (.skip(Skip(handle: 1, reason: .filtered, from: 1, to: 1)), 1, end), (.live, 1, end), (.end(.complete), 1, end),
    (.credit(total: 1), 1, []), (.cancel, 1, []), (.list(ListRequest()), 1, ["list 1"]), (.list(ListRequest()), 0, end),
    (.listing(Listing(streams: [], hasMore: false)), 1, end), (.stat, 1, ["stat 1"]), (.stat, 0, end),
    (.status([]), 1, end), (.auth(token: "t"), 1, ["renew 1 t"]), (.auth(token: "t"), 0, end), (.authorized, 1, end),
    (.challenge(Challenge(graceMilliseconds: 1, text: "")), 0, end),
  ]

  @Test(arguments: table.indices) func `each message has its answer after the handshake`(_ index: Int) {
    let (message, id, expected) = Self.table[index]
    var session = session()
    let actions = session.receive(message, id: id).map(\.shown)
    #expect(actions == expected, "\(message.type)")
    let isClosed = session.isClosed
    #expect(isClosed == (expected.last == "close"))
  }

  @Test(arguments: table.indices) func `nothing but HELLO is accepted before the handshake`(_ index: Int) {
    let (message, id, _) = Self.table[index]
    guard message.type != .hello else { return }
    var session = session(isOpen: false)
    #expect(session.receive(message, id: id).map(\.shown) == Self.end)
  }

  @Test(arguments: table.indices) func `nothing is accepted or answered after the end`(_ index: Int) {
    let (message, id, _) = Self.table[index]
    var session = session()
    session.receive([
      Message.append(Sample.append()).frame(id: 2), Message.follow(Sample.follow()).frame(id: 3),
      Message.stat.frame(id: 4),
    ])
    session.close()
    #expect(session.receive(message, id: id).isEmpty)
    #expect(session.tick(now: .milliseconds(1_000_000)).isEmpty)
    let answers = [
      session.tell(3, .live), session.deliver(3, BatchRange(handle: 1, from: 1, to: 1), batches: ByteString()),
      session.answer(4, .status([])), session.acknowledge(2, Self.ack), session.refuse(3, Refusal(.goingAway, "")),
      session.refuse(4, Refusal(.goingAway, "")), session.end(3, .complete),
    ]
    #expect(answers.allSatisfy { $0 == nil })
    #expect(session.drain(GoAway(retryAfterMilliseconds: 0, text: "")).isEmpty)
  }

  // MARK: - Authorizing

  /// A session that has HELLO and awaits the decision about it.
  private func undecided(_ more: [OutgoingFrame] = [], at milliseconds: UInt64 = 0) -> ServerSession {
    var session = session(isOpen: false)
    let frames = [ClientSession.hello(client: "c", token: "t")] + more
    #expect(hear(&session, frames, at: milliseconds) == ["authorize c t"])
    return session
  }

  private func hear(_ session: inout ServerSession, _ frames: [OutgoingFrame], at milliseconds: UInt64 = 0) -> [String]
  {
    session.receive(ByteString(frames.flatMap(Frames.bytes)).span, now: .milliseconds(milliseconds)).map(\.shown)
  }

  @Test(arguments: table.indices) func `requests before the decision are answered after it`(_ index: Int) {
    let (message, id, expected) = Self.table[index]
    for isTogether in [true, false] {
      let frame = message.frame(id: id)
      var session = undecided(isTogether ? [frame] : [])
      if !isTogether { #expect(hear(&session, [frame], at: 10) == []) }
      #expect(session.decide(.accepted, now: .milliseconds(20)).map(\.shown) == ["send welcome"] + expected)
      let isClosed = session.isClosed
      #expect(isClosed == (expected.last == "close"))
    }
  }

  @Test(arguments: table.indices) func `requests of a rejected client are not looked at`(_ index: Int) {
    let (message, id, _) = Self.table[index]
    var session = undecided([message.frame(id: id)])
    let refusal = Refusal(.unauthorized, "no")
    #expect(session.decide(.refused(refusal), now: .zero).map(\.shown) == ["send error unauthorized", "close"])
    #expect(hear(&session, [message.frame(id: id)]) == [])
    #expect(session.decide(.accepted, now: .zero).isEmpty)
  }

  @Test func `frames that come in pieces before the decision are put together`() {
    var session = undecided()
    let bytes = Frames.bytes(Message.stat.frame(id: 1))
    for byte in bytes.dropLast() { #expect(session.receive(ByteString([byte]).span, now: .zero).isEmpty) }
    #expect(session.decide(.accepted, now: .zero).map(\.shown) == ["send welcome"])
    #expect(session.receive([bytes[bytes.count - 1]]).map(\.shown) == ["stat 1"])
  }

  @Test func `everything is answered when HELLO, appends and requests are, whatever is followed or searched`() {
    var session = session(isOpen: false)
    func check(_ expected: Bool, line: UInt = #line) {
      let isAllAnswered = session.isAllAnswered
      #expect(isAllAnswered == expected, "line \(line)")
    }
    check(true)
    session = undecided([Message.append(Sample.append()).frame(id: 1), Message.stat.frame(id: 2)])
    check(false)
    _ = session.decide(.accepted, now: .zero)
    session.receive(.follow(Sample.follow()), id: 3)
    check(false)
    _ = session.acknowledge(1, Self.ack)
    check(false)
    _ = session.answer(2, .status([]))
    check(true)
    session.receive(.query(Query(.count, [.stream(Sample.web)])), id: 4)
    check(true)
    session = undecided()
    _ = session.decide(.refused(Refusal(.unauthorized, "no")), now: .zero)
    check(true)
  }

  @Test func `the bytes held until the decision have a limit`() {
    let byteCountMax = Limits.heldByteCountMax
    for pieces in [[byteCountMax], [1, byteCountMax - 1]] {
      var session = undecided()
      for count in pieces {
        #expect(session.receive(ByteString([UInt8](repeating: 0, count: count)).span, now: .zero).isEmpty)
      }
      #expect(session.receive(ByteString([0]).span, now: .zero).map(\.shown) == Self.end)
      #expect(session.decide(.accepted, now: .zero).isEmpty)
    }
  }

  @Test func `the decision has the same deadline as HELLO`() {
    var session = undecided(at: 400)
    #expect(session.tick(now: .milliseconds(499)).isEmpty)
    #expect(session.tick(now: .milliseconds(500)).map(\.shown) == ["send error timed_out", "close"])
    #expect(session.decide(.accepted, now: .milliseconds(501)).isEmpty)
  }

  @Test func `silence counts from the decision on`() {
    var session = undecided()
    _ = session.decide(.accepted, now: .milliseconds(400))
    #expect(session.tick(now: .milliseconds(1399)).isEmpty)
    #expect(session.tick(now: .milliseconds(2399)).map(\.shown) == ["send ping 0"])
  }

  @Test func `a decision counts once, and only after HELLO`() {
    var session = session(isOpen: false)
    #expect(session.decide(.refused(Refusal(.unauthorized, "no")), now: .zero).isEmpty)
    #expect(session.receive(Self.hello()).map(\.shown) == ["authorize c t", "send welcome"])
    for decision in [ServerSession.Decision.accepted, .refused(Refusal(.unauthorized, "no"))] {
      #expect(session.decide(decision, now: .zero).isEmpty)
    }
    #expect(session.receive(.stat, id: 1).map(\.shown) == ["stat 1"])
  }

  @Test func `before the decision nothing is answered, except that a stopping server says so`() {
    var session = undecided([Message.stat.frame(id: 1)])
    #expect(session.answer(1, .status([])) == nil)
    #expect(
      session.drain(GoAway(retryAfterMilliseconds: 5, text: "")).map(\.shown) == ["send error going_away", "close"])
    session = undecided()
    session.close()
    #expect(session.decide(.accepted, now: .zero).isEmpty)
  }

  // MARK: - Handshake

  static let hellos: [(Message, [String])] = [
    (hello(1...1), ["authorize c t", "send welcome"]), (hello(1...255), ["authorize c t", "send welcome"]),
    (hello(2...3), ["send error unsupported_version", "close"]),
    (hello(255...255), ["send error unsupported_version", "close"]),
    (hello(limit: Limits.frameByteCountMin), ["authorize c t", "send welcome"]),
    (hello(limit: Limits.frameByteCountMin - 1), end), (hello(limit: 0), end),
    (hello(token: ""), ["authorize c ", "send welcome"]),
  ]

  @Test(arguments: hellos.indices) func `HELLO gets its answer`(_ index: Int) {
    var session = session(isOpen: false)
    #expect(session.receive(Self.hellos[index].0).map(\.shown) == Self.hellos[index].1)
  }

  @Test func `HELLO is answered in whatever pieces it arrives`() {
    var session = session(isOpen: false)
    let bytes = Frames.bytes(ClientSession.hello(client: "c", token: "t"))
    for byte in bytes.dropLast() { #expect(session.receive([byte]).isEmpty) }
    #expect(session.receive([bytes[bytes.count - 1]]).map(\.shown) == ["authorize c t", "send welcome"])
  }

  @Test func `a frame before the handshake must be small`() {
    var session = session(isOpen: false)
    let frame = Frames.frame(type: 1, id: 0, control: [UInt8](repeating: 0, count: Limits.handshakeByteCountMax + 1))
    #expect(session.receive(Array(frame.prefix(20))).map(\.shown) == ["send error frame_too_large", "close"])
  }

  @Test func `a frame after the handshake must keep to the limit in WELCOME`() {
    var session = session()
    let header = { (length: Int) in
      var bytes = [UInt8](repeating: 0, count: 20)
      bytes[4] = 10
      Frames.store(UInt32(length), &bytes, 0)
      Frames.sign(&bytes)
      return bytes
    }
    #expect(session.receive(header(Limits.frameByteCountMax)).isEmpty)
    session = self.session()
    #expect(
      session.receive(header(Limits.frameByteCountMax + 1)).map(\.shown) == ["send error frame_too_large", "close"])
  }

  @Test func `HELLO has a deadline that bytes alone do not extend`() {
    var session = session(isOpen: false)
    let hello = Frames.bytes(ClientSession.hello(client: "c", token: "t"))
    for millisecond in 0..<25 { session.receive([hello[millisecond]], at: UInt64(millisecond) * 19) }
    #expect(session.tick(now: .milliseconds(499)).isEmpty)
    #expect(session.tick(now: .milliseconds(500)).map(\.shown) == ["send error timed_out", "close"])
    #expect(session.tick(now: .milliseconds(501)).isEmpty)
  }

  @Test func `requests may come in the same bytes as HELLO`() {
    var session = session(isOpen: false)
    let frames = [
      ClientSession.hello(client: "c", token: "t"), Message.stat.frame(id: 1), Message.ping(1).frame(id: 0),
    ]
    #expect(session.receive(frames).map(\.shown) == ["authorize c t", "send welcome", "stat 1", "send pong 1"])
  }

  @Test func `HELLO belongs to the connection`() {
    var session = session(isOpen: false)
    #expect(session.receive(Self.hello(), id: 1).map(\.shown) == Self.end)
  }

  @Test func `of many PINGs that come together only the last is answered`() {
    var session = session()
    let pings = (0..<1000).map { Message.ping($0).frame(id: 0) }
    #expect(session.receive(pings).map(\.shown) == ["send pong 999"])
    #expect(session.receive([pings[0], Message.live.frame(id: 1)]).map(\.shown) == Self.end)
  }

  // MARK: - Ids

  @Test func `a busy id cannot be used again, a free one can`() {
    let requests: [Message] = [
      .append(Sample.append()), Self.complete(), .follow(Sample.follow()), .list(ListRequest()), .stat,
      .auth(token: "t"),
    ]
    for first in requests {
      for second in requests {
        var session = session()
        session.receive(first, id: 9)
        #expect(session.receive(second, id: 9).map(\.shown) == Self.end, "\(first.type) \(second.type)")
        session = self.session()
        session.receive(first, id: 9)
        #expect(session.refuse(9, Refusal(.overloaded, "")) != nil)
        #expect(session.refuse(9, Refusal(.overloaded, "")) == nil)
        #expect(session.receive(second, id: 9).count == 1)
        let isClosed = session.isClosed
        #expect(!isClosed)
      }
    }
  }

  @Test func `a bad request costs only the request`() {
    let bad: [(UInt8, [UInt8])] = [
      (10, []), (12, [1]), (20, [UInt8](repeating: 0, count: 48)), (30, [0, 0, 0, 0, 0, 0]), (32, [1]), (40, [1]),
    ]
    for (type, control) in bad {
      var session = session()
      #expect(
        session.receive(Frames.frame(type: type, id: 5, control: control)).map(\.shown) == ["send error 5 bad_request"])
      #expect(session.receive(.stat, id: 5).map(\.shown) == ["stat 5"])
      // On a busy id, or on id 0, there is no request to answer.
      #expect(session.receive(Frames.frame(type: type, id: 5, control: control)).map(\.shown) == Self.end)
      session = self.session()
      #expect(session.receive(Frames.frame(type: type, id: 0, control: control)).map(\.shown) == Self.end)
    }
  }

  @Test func `an unknown critical extension costs the request, or the connection`() {
    let critical: [UInt8] = [9, 0x80, 0, 0]
    var session = session()
    #expect(
      session.receive(Frames.frame(type: 32, id: 5, control: critical)).map(\.shown) == ["send error 5 unsupported"])
    #expect(
      session.receive(Frames.frame(type: 28, id: 5, control: critical)).map(\.shown) == [
        "send error unsupported", "close",
      ])
  }

  @Test func `unknown types are refused below 128 and ignored above`() {
    for type: UInt8 in [0, 7, 42, 127] {
      var session = session()
      // The header is enough.
      let header = Array(Frames.frame(type: type, id: 1, control: [1, 2, 3]).prefix(20))
      #expect(session.receive(header).map(\.shown) == ["send error unsupported", "close"])
    }
    var session = session()
    for type: UInt8 in [128, 200, 255] {
      #expect(session.receive(Frames.frame(type: type, id: 1, control: [1], batches: [2, 3])).isEmpty)
    }
    #expect(session.receive(.ping(1)).map(\.shown) == ["send pong 1"])
  }

  // MARK: - Append credit

  @Test func `append credit in batches is enforced`() {
    var session = session(Sample.welcome(appendBatches: 3))
    for id: UInt32 in 1...3 { #expect(session.receive(.append(Sample.append(number: UInt64(id))), id: id).count == 1) }
    #expect(session.receive(Self.complete(4), id: 4).map(\.shown) == Self.end)
  }

  @Test func `append credit in bytes is enforced, except for a single batch`() {
    let large = ByteString([UInt8](repeating: 0, count: 900))
    var session = session(Sample.welcome(appendBytes: 1000))
    #expect(session.receive(.append(Sample.append(batch: large)), id: 1).count == 1)
    #expect(session.acknowledge(1, Self.ack) != nil)
    let huge = ByteString([UInt8](repeating: 0, count: 5000))
    #expect(session.receive(.append(Sample.append(batch: huge)), id: 2).count == 1)
    #expect(session.receive(.append(Sample.append()), id: 3).map(\.shown) == Self.end)
  }

  @Test func `batches of one producer and stream have their own limit`() {
    var session = session(Sample.welcome(producerBatches: 2))
    let other = ProducerID(high: 9, low: 9)
    #expect(session.receive(.append(Sample.append(number: 1)), id: 1).count == 1)
    #expect(session.receive(.append(Sample.append(number: 2)), id: 2).count == 1)
    #expect(session.receive(.append(Sample.append(number: 1, producer: other)), id: 3).count == 1)
    #expect(session.acknowledge(1, Self.ack) != nil)
    #expect(session.receive(.append(Sample.append(number: 3)), id: 4).count == 1)
    #expect(session.receive(.append(Sample.append(number: 4)), id: 5).map(\.shown) == Self.end)
  }

  @Test func `an ACK of a run returns the credit for all of it`() {
    var session = session(Sample.welcome(appendBatches: 3))
    for id: UInt32 in 1...3 { session.receive(.append(Sample.append(number: UInt64(id))), id: id) }
    var ack = Self.ack
    ack.appendCount = 3
    ack.count = 3
    #expect(session.acknowledge(1, ack).map(Shown.frame) == "ack 1 and 2 more 1+3")
    let count = session.appendCount
    #expect(count == 0)
    for id: UInt32 in 1...3 {
      #expect(session.receive(.append(Sample.append(number: UInt64(id) + 3)), id: id).count == 1)
    }
    #expect(session.acknowledge(7, Self.ack) == nil)
  }

  // MARK: - Subscriptions

  @Test func `subscriptions have a limit that costs only the request`() {
    var session = session(Sample.welcome(subscriptions: 2))
    session.receive([Message.follow(Sample.follow()).frame(id: 1), Message.follow(Sample.follow()).frame(id: 2)])
    #expect(session.receive(.follow(Sample.follow()), id: 3).map(\.shown) == ["send error 3 too_many_subscriptions"])
    #expect(session.end(1, .complete).map(Shown.frame) == "end 1")
    #expect(session.receive(.follow(Sample.follow()), id: 3).map(\.shown) == ["follow 3"])
  }

  @Test func `credit is overdrawn by at most one frame and resumes once`() {
    var session = session()
    session.receive(.follow(Sample.follow(credit: 100)), id: 1)
    let range = BatchRange(handle: 1, from: 1, to: 1)
    #expect(session.creditLeft(1) > 0)
    #expect(session.deliver(1, range, batches: ByteString([UInt8](repeating: 0, count: 99))) != nil)
    #expect(session.creditLeft(1) > 0)
    #expect(session.creditLeft(1) == 1)
    #expect(session.deliver(1, range, batches: ByteString([UInt8](repeating: 0, count: 500))) != nil)
    #expect(session.creditLeft(1) == 0)
    #expect(session.receive(.credit(total: 599), id: 1).isEmpty)
    #expect(session.creditLeft(1) == 0)
    #expect(session.receive(.credit(total: 600), id: 1).map(\.shown) == ["resume 1"])
    #expect(session.receive(.credit(total: .max), id: 1).isEmpty)
    #expect(session.creditLeft(1) > 0)
    #expect(session.receive(.credit(total: 600), id: 1).map(\.shown) == Self.end)
  }

  @Test func `without credit nothing may be delivered at first`() {
    var session = session()
    session.receive(.follow(Sample.follow(credit: 0)), id: 1)
    #expect(session.creditLeft(1) == 0)
    #expect(session.creditLeft(2) == 0)
    #expect(session.receive(.credit(total: 1), id: 1).map(\.shown) == ["resume 1"])
  }

  @Test func `CREDIT and CANCEL that crossed an END are ignored`() {
    var session = session()
    session.receive(.follow(Sample.follow()), id: 1)
    #expect(session.receive(.cancel, id: 1).map(\.shown) == ["cancel 1"])
    #expect(session.end(1, .cancelled).map(Shown.frame) == "end 1")
    #expect(session.end(1, .cancelled) == nil)
    #expect(session.receive(.credit(total: 5), id: 1).isEmpty)
    #expect(session.receive(.cancel, id: 1).isEmpty)
    #expect(session.tell(1, .live) == nil)
  }

  @Test func `requests in flight have a limit`() {
    var session = session()
    for id: UInt32 in 1...64 { #expect(session.receive(id % 2 == 0 ? .stat : .list(ListRequest()), id: id).count == 1) }
    #expect(session.answer(1, .listing(Listing(streams: [], hasMore: false))) != nil)
    #expect(session.answer(1, .status([])) == nil)
    #expect(session.receive(.stat, id: 65).map(\.shown) == ["stat 65"])
    #expect(session.receive(.stat, id: 66).map(\.shown) == ["send error 66 overloaded"])
  }

  // MARK: - Drain

  @Test func `a draining server finishes what it began and accepts nothing new`() {
    let goAway = GoAway(retryAfterMilliseconds: 5, text: "restarting")
    var session = session()
    session.receive([Message.append(Sample.append()).frame(id: 1), Message.follow(Sample.follow()).frame(id: 2)])
    #expect(session.drain(goAway).map(\.shown) == ["send goAway"])
    let requests: [Message] = [
      .append(Sample.append(number: 2)), Self.complete(2), .follow(Sample.follow()), .list(ListRequest()), .stat,
    ]
    for message in requests {
      #expect(session.receive(message, id: 3).map(\.shown) == ["send error 3 going_away"])
    }
    #expect(session.receive(.ping(1)).map(\.shown) == ["send pong 1"])
    #expect(session.acknowledge(1, Self.ack).map(Shown.frame) == "ack 1 1+1")
    #expect(session.tell(2, .live) != nil)
    var young = self.session(isOpen: false)
    #expect(young.drain(goAway).map(\.shown) == ["send error going_away", "close"])
  }

  // MARK: - Liveness

  @Test func `a quiet server pings and a busy one does not`() {
    var session = session()
    #expect(session.tick(now: .milliseconds(100)).isEmpty)
    #expect(session.tick(now: .milliseconds(900)).isEmpty)
    #expect(session.tick(now: .milliseconds(1100)).map(\.shown) == ["send ping 0"])
    session.receive(.ping(3), at: 1500)
    #expect(session.tick(now: .milliseconds(1600)).isEmpty)
    #expect(session.tick(now: .milliseconds(2500)).isEmpty)
    #expect(session.tick(now: .milliseconds(2600)).map(\.shown) == ["send ping 0"])
  }

  @Test func `a client is gone after three heartbeats without a byte`() {
    var session = session()
    // Any byte proves life, not only a whole frame.
    session.receive([1], at: 1000)
    for time in stride(from: 1250, through: 3750, by: 250) as StrideThrough<UInt64> {
      #expect(session.tick(now: .milliseconds(time)).allSatisfy { $0.shown == "send ping 0" })
    }
    #expect(session.tick(now: .milliseconds(3999)).isEmpty)
    #expect(session.tick(now: .milliseconds(4000)).map(\.shown) == ["send error timed_out", "close"])
  }

  @Test func `the client's silence does not count while this side stands still`() {
    var session = session()
    session.receive([1], at: 1000)
    // A pause of a minute counts as one heartbeat; bytes that the client sent meanwhile are read after it.
    for time in [61_000, 121_000] as [UInt64] {
      #expect(session.tick(now: .milliseconds(time)).allSatisfy { $0.shown == "send ping 0" })
    }
    session.receive([0], at: 121_000)
    for time in [181_000, 241_000] as [UInt64] {
      #expect(session.tick(now: .milliseconds(time)).allSatisfy { $0.shown == "send ping 0" })
    }
    #expect(session.tick(now: .milliseconds(301_000)).map(\.shown) == ["send error timed_out", "close"])
  }

  @Test func `a clock that stands or steps back does no harm`() {
    var session = session()
    session.receive(.ping(1), at: 5000)
    #expect(session.tick(now: .zero).isEmpty)
    for _ in 1...3 { #expect(session.tick(now: .zero).isEmpty) }
    #expect(session.tick(now: MonotonicTime(nanoseconds: .max)).map(\.shown) == ["send ping 0"])
    #expect(session.tick(now: MonotonicTime(nanoseconds: .max)).isEmpty)
  }
}
