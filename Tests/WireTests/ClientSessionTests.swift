import Testing

@testable import LogsSimulation
@testable import LogsWire

@Suite struct `Client session` {
  private func session(_ welcome: Welcome = Sample.welcome(), isOpen: Bool = true) -> ClientSession {
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    if isOpen { session.receive(welcome) }
    return session
  }

  /// A session with subscription 1, whose stream `web` has handle 1 and starts after `position`.
  private func follower(position: UInt64 = 0, head: UInt64 = 100, isReverse: Bool = false) -> ClientSession {
    var session = session()
    let end = FollowEnd(sequence: isReverse && position <= head ? position - 1 : nil)
    _ = session.follow(
      Sample.follow(start: isReverse ? .first : .from(position + 1), end: end, isReverse: isReverse))
    session.receive([
      Message.stream(Sample.announcement(position: position, head: head)).frame(id: 1),
      Message.resolved(streamCount: 1).frame(id: 1),
    ])
    return session
  }

  private static func failed(_ code: RefusalCode = .protocolViolation) -> [String] {
    ["send error \(code)", "failed \(code)"]
  }

  private static func ack(_ first: UInt64, _ count: UInt64, of appends: UInt32 = 1) -> Message {
    var ack = Ack(isDuplicate: false, incarnation: Sample.incarnation, firstSequence: first, count: count)
    ack.appendCount = appends
    return .ack(ack)
  }

  private static func skip(_ from: UInt64, _ to: UInt64, handle: UInt32 = 1) -> OutgoingFrame {
    Message.skip(Skip(handle: handle, reason: .filtered, from: from, to: to)).frame(id: 1)
  }

  private static func batch(_ from: UInt64, _ to: UInt64, handle: UInt32 = 1, _ run: ByteString? = nil) throws
    -> OutgoingFrame
  {
    Message.batch(BatchRange(handle: handle, from: from, to: to), batches: try run ?? Sample.run(from, to)).frame(id: 1)
  }

  @Test func `a heartbeat that is too short or too long counts as the nearest allowed one`() {
    let counted: [UInt32: UInt64] = [0: 100, 1: 100, 100: 100, 2500: 2500, 3_600_000: 3_600_000, .max: 3_600_000]
    for (named, counted) in counted {
      #expect(session(Sample.welcome(heartbeat: named)).heartbeatMilliseconds == counted)
    }
  }

  // MARK: - Tables of state x input

  /// Every message that a server may send while the client has nothing in flight: as a first frame and after the
  /// handshake.
  static let table: [(message: Message, id: UInt32, first: [String], open: [String])] = [
    (.hello(Hello(frameByteCountMax: UInt32(Limits.frameByteCountMax), client: "")), 0, failed(), failed()),
    (.welcome(Sample.welcome()), 0, ["welcomed"], failed()),
    (.error(Refusal(.tooManyConnections, "")), 0, ["failed too_many_connections"], ["failed too_many_connections"]),
    (.error(Refusal(.badBatch, "")), 1, failed(), failed()), (.ping(7), 0, failed(), ["send pong 7"]),
    (.pong(7), 0, failed(), []), (.goAway(GoAway(retryAfterMilliseconds: 0, text: "")), 0, failed(), ["goingAway"]),
    (.ping(7), 1, failed(), failed()), (.pong(7), 1, failed(), failed()),
    (.goAway(GoAway(retryAfterMilliseconds: 0, text: "")), 1, failed(), failed()),
    (.welcome(Sample.welcome()), 1, failed(), failed()),
    (.append(Sample.append()), 1, failed(), failed()), (ack(1, 1), 1, failed(), failed()),
    (.follow(Sample.follow()), 1, failed(), failed()), (.stream(Sample.announcement()), 1, failed(), failed()),
    (.resolved(streamCount: 0), 1, failed(), failed()),
    (.batch(BatchRange(handle: 1, from: 1, to: 1), batches: ByteString()), 1, failed(), failed()),
    (.skip(Skip(handle: 1, reason: .lost, from: 1, to: 1)), 1, failed(), failed()), (.live, 1, failed(), failed()),
    (.end(.complete), 1, failed(), failed()), (.credit(total: 1), 1, failed(), failed()),
    (.cancel, 1, failed(), failed()),
    (.list(ListRequest()), 1, failed(), failed()),
    (.listing(Listing(streams: [], hasMore: false)), 1, failed(), failed()),
    (.stat, 1, failed(), failed()), (.status([]), 1, failed(), failed()),
    (.auth(token: ""), 1, failed(), failed()), (.authorized, 1, failed(), failed()),
    (.challenge(Challenge(graceMilliseconds: 5, text: "")), 0, failed(), ["challenged 5"]),
    (.challenge(Challenge(graceMilliseconds: 5, text: "")), 1, failed(), failed()),
  ]

  @Test(arguments: table.indices) func `each message is accepted only in its place`(_ index: Int) {
    let (message, id, first, open) = Self.table[index]
    var young = session(isOpen: false)
    #expect(young.receive([message.frame(id: id)]).map(\.shown) == first, "\(message.type) first")
    var session = session()
    #expect(session.receive([message.frame(id: id)]).map(\.shown) == open, "\(message.type) after WELCOME")
    var closed = self.session()
    closed.receive([Message.error(Refusal(.goingAway, "")).frame(id: 0)])
    #expect(closed.receive([message.frame(id: id)]).isEmpty)
    #expect(closed.tick(now: .milliseconds(1_000_000)).isEmpty)
  }

  // MARK: - Handshake

  @Test func `a version that was not offered is refused`() {
    var welcome = Sample.welcome()
    welcome.version = 2
    var session = session(isOpen: false)
    #expect(session.receive([Message.welcome(welcome).frame(id: 0)]).map(\.shown) == Self.failed())
  }

  @Test func `a server that cannot accept every batch is refused`() {
    var welcome = Sample.welcome()
    welcome.frameByteCountMax = UInt32(Limits.frameByteCountMin) - 1
    var session = session(isOpen: false)
    #expect(session.receive([Message.welcome(welcome).frame(id: 0)]).map(\.shown) == Self.failed())
  }

  @Test func `a frame before WELCOME must be small`() {
    var session = session(isOpen: false)
    let frame = Frames.frame(type: 2, id: 0, control: [UInt8](repeating: 0, count: Limits.handshakeByteCountMax + 1))
    #expect(session.receive(Array(frame.prefix(20))).map(\.shown) == Self.failed(.frameTooLarge))
  }

  @Test func `WELCOME has a deadline`() {
    var session = session(isOpen: false)
    #expect(session.tick(now: .milliseconds(499)).isEmpty)
    #expect(session.tick(now: .milliseconds(500)).map(\.shown) == Self.failed(.timedOut))
  }

  @Test func `damage on a link may be retried`() {
    var session = session()
    guard case .failed(let refusal)? = session.receive([UInt8](repeating: 7, count: 20)).last else {
      Issue.record("not failed")
      return
    }
    #expect(refusal.isRetryable)
  }

  @Test func `what the server finds too large was damaged on the link`() {
    var session = session()
    guard
      case .failed(let refusal)? = session.receive([Message.error(Refusal(.frameTooLarge, "too much")).frame(id: 0)])
        .last
    else {
      Issue.record("not failed")
      return
    }
    #expect(refusal.code == .frameTooLarge && refusal.isRetryable)
  }

  // MARK: - Appends

  @Test func `append credit can be asked for before it is used`() {
    var session = session(Sample.welcome(appendBytes: 100, appendBatches: 2))
    let batch = ByteString([UInt8](repeating: 0, count: 80))
    #expect(session.canAppend(byteCount: 5000) == true)
    _ = session.append(Sample.append(batch: batch), entryCount: 1)
    #expect(session.canAppend(byteCount: 21) == false)
    #expect(session.canAppend(byteCount: 20) == true)
    _ = session.append(Sample.append(number: 2), entryCount: 1)
    #expect(session.canAppend(byteCount: 0) == false)
    session.receive([Self.ack(1, 1).frame(id: 1)])
    #expect(session.canAppend(byteCount: 100) == true)
    #expect(self.session(isOpen: false).canAppend(byteCount: 0) == false)
  }

  @Test func `an ACK of a run answers each append`() {
    var session = session()
    for count in 1...3 { _ = session.append(Sample.append(number: UInt64(count)), entryCount: count) }
    _ = session.complete(
      Complete(producer: Sample.producer, number: 4, floor: 1, stream: Sample.web, text: ""))
    #expect(
      session.receive([Self.ack(10, 7, of: 4).frame(id: 1)]).map(\.shown)
        == ["acknowledged 1 10+1", "acknowledged 2 11+2", "acknowledged 3 13+3", "acknowledged 4 16+1"])
    #expect(session.receive([Self.ack(10, 1).frame(id: 1)]).map(\.shown) == Self.failed())
  }

  static let lies: [(String, Message, UInt32)] = [
    ("fewer entries", ack(1, 2, of: 2), 1), ("more entries", ack(1, 4, of: 2), 1),
    ("too long a run", ack(1, 6, of: 3), 1),
    ("a run from elsewhere", ack(1, 3, of: 2), 2), ("an id that is no append", ack(1, 1), 3),
    ("four billion appends", ack(1, 1 << 40, of: .max), 1),
  ]

  @Test(arguments: lies.indices) func `an inconsistent ACK is refused as a whole`(_ index: Int) {
    var session = session()
    _ = session.append(Sample.append(number: 1), entryCount: 1)
    _ = session.append(Sample.append(number: 2), entryCount: 2)
    let (what, message, id) = Self.lies[index]
    #expect(session.receive([message.frame(id: id)]).map(\.shown) == Self.failed(), "\(what)")
  }

  @Test func `a refusal is the final answer to each kind of request`() {
    var session = session()
    _ = session.append(Sample.append(), entryCount: 1)
    _ = session.follow(Sample.follow())
    _ = (session.list(ListRequest()), session.stat())
    for id: UInt32 in 1...4 {
      let error = Message.error(Refusal(.forbidden, "")).frame(id: id)
      #expect(session.receive([error]).map(\.shown) == ["refused \(id) forbidden"])
    }
    #expect(session.receive([Message.error(Refusal(.forbidden, "")).frame(id: 2)]).map(\.shown) == Self.failed())
  }

  @Test func `requests are answered in any order, and limited`() {
    var session = session()
    for _ in 1...63 { _ = session.list(ListRequest()) }
    #expect(session.canRequest == true)
    _ = session.stat()
    #expect(session.canRequest == false)
    #expect(session.receive([Message.status([]).frame(id: 64)]).map(\.shown) == ["answered 64 0"])
    #expect(
      session.receive([Message.listing(Listing(streams: [], hasMore: false)).frame(id: 9)]).map(\.shown) == [
        "listed 9 0"
      ])
    #expect(session.canRequest == true)
  }

  // MARK: - The cover (P5)

  @Test func `a cover without a hole is delivered`() throws {
    var session = follower(head: 10)
    let frames = [
      try Self.batch(1, 3), Self.skip(4, 9), try Self.batch(10, 10), Message.live.frame(id: 1), try Self.batch(11, 12),
      Message.end(.complete).frame(id: 1),
    ]
    #expect(
      session.receive(frames).map(\.shown) == [
        "delivered 1 1-3", "skipped 1 4-9 filtered", "delivered 1 10-10", "live 1", "delivered 1 11-12",
        "ended 1 complete",
      ])
  }

  private static func heads(_ head: UInt64, handle: UInt32 = 1) -> OutgoingFrame {
    Message.heads([StreamHead(handle: handle, head: head)]).frame(id: 1)
  }

  @Test func `heads rise, and stay above what was delivered`() throws {
    var session = follower(head: 10)
    #expect(session.receive([Self.heads(10), Self.heads(25)]).map(\.shown) == ["heads 1 1:10", "heads 1 1:25"])
    session.receive([try Self.batch(1, 30)])
    #expect(session.receive([Self.heads(30)]).map(\.shown) == ["heads 1 1:30"])
    #expect(session.receive([Self.heads(29)]).map(\.shown) == Self.failed())
    var other = follower(head: 10)
    #expect(other.receive([Self.heads(9)]).map(\.shown) == Self.failed())
    other = follower(head: 10)
    #expect(other.receive([Self.heads(10, handle: 2)]).map(\.shown) == Self.failed())
    other = follower(position: 11, head: 10, isReverse: true)
    #expect(other.receive([Self.heads(10)]).map(\.shown) == Self.failed())
  }

  @Test func `a cover in reverse goes down to 1`() throws {
    var session = follower(position: 11, head: 10, isReverse: true)
    #expect(
      session.receive([try Self.batch(8, 10), Self.skip(2, 7), try Self.batch(1, 1)]).map(\.shown)
        == ["delivered 1 8-10", "skipped 1 2-7 filtered", "delivered 1 1-1"])
    #expect(session.receive([Self.skip(1, 1)]).map(\.shown) == Self.failed())
  }

  @Test(arguments: [(2, 3), (1, 1), (5, 5), (4, 4)] as [(UInt64, UInt64)])
  func `a gap or an overlap is never delivered`(
    _ range: (UInt64, UInt64)
  ) throws {
    // 1 to 3 are there; 4 is next only for the last one.
    for frame in [Self.skip(range.0, range.1), try Self.batch(range.0, range.1)] {
      var session = follower()
      session.receive([try Self.batch(1, 3)])
      let events = session.receive([frame]).map(\.shown)
      if range.0 == 4 { #expect(events.count == 1) } else { #expect(events == Self.failed()) }
    }
  }

  @Test func `a reverse subscription that starts below everything accepts no ranges`() throws {
    for frame in [Self.skip(1, 1), try Self.batch(1, 1)] {
      var session = follower(position: 1, isReverse: true)
      #expect(session.receive([frame]).map(\.shown) == Self.failed())
    }
  }

  @Test func `numbers near the largest do no harm`() throws {
    let top = Limits.numberMax
    var session = follower(position: top - 1, head: top)
    #expect(session.receive([Self.skip(top, top)]).map(\.shown) == ["skipped 1 \(top)-\(top) filtered"])
    #expect(session.receive([Self.skip(top, top)]).map(\.shown) == Self.failed())
    session = follower(position: top + 1, head: top, isReverse: true)
    #expect(session.receive([Self.skip(1, top)]).map(\.shown) == ["skipped 1 1-\(top) filtered"])
    session = self.session()
    _ = session.follow(Sample.follow())
    let beyond = Frames.frame(
      type: 21, id: 1,
      control: [1, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 8) + [UInt8](repeating: 255, count: 16) + [
        1, 97,
      ])
    #expect(session.receive(beyond).map(\.shown) == Self.failed())
  }

  @Test func `a batch is delivered only when its run is sound`() throws {
    let good = try Sample.run(1, 3).array
    let other = try Batches.numbered(Sample.entries(3), first: 1, seed: Sample.seed &+ 1).bytes
    var flipped = good
    flipped[100] ^= 1
    let hole = try Sample.run(1, 1).array + Sample.run(3, 3).array
    let overlap = try Sample.run(1, 2).array + Sample.run(2, 3).array
    let unnumbered = try Batches.built(Sample.entries(3)).bytes
    let runs: [(String, ByteString)] = [
      ("nothing", ByteString()), ("another stream's", other), ("damaged", ByteString(flipped)),
      ("a hole", ByteString(hole)),
      ("an overlap", ByteString(overlap)), ("not numbered", unnumbered), ("cut", ByteString(Array(good.dropLast()))),
      ("something behind", ByteString(good + [0])), ("it ends early", try Sample.run(1, 2)),
      ("it starts late", try Sample.run(2, 3)),
      ("a batch too many in front", ByteString(try Sample.run(0, 3).array)),
      ("a batch too many behind", try Sample.run(1, 4)),
    ]
    for (what, run) in runs {
      var session = follower()
      #expect(session.receive([try Self.batch(1, 3, run)]).map(\.shown) == Self.failed(), "\(what)")
    }
    var session = follower()
    #expect(session.receive([try Self.batch(1, 3, ByteString(good))]).map(\.shown) == ["delivered 1 1-3"])
  }

  @Test func `a batch may begin before the range and end after it`() throws {
    let batch = try Batches.numbered(Sample.entries(10), first: 1, seed: Sample.seed)
    var session = follower(position: 3)
    #expect(session.receive([try Self.batch(4, 6, batch.bytes)]).map(\.shown) == ["delivered 1 4-6"])
    #expect(session.receive([try Self.batch(7, 10, batch.bytes)]).map(\.shown) == ["delivered 1 7-10"])
  }

  @Test func `a batch of a later format ends its subscription and nothing else`() throws {
    for (offset, value) in [(40, 2), (41, 7), (42, 8)] as [(Int, UInt8)] {
      var session = follower()
      var bytes = try Sample.run(1, 1).array
      bytes[offset] = value
      Batches.sign(&bytes, seed: Sample.seed)
      let events = session.receive([try Self.batch(1, 1, ByteString(bytes))]).map(\.shown)
      #expect(events == ["send cancel 1", "refused 1 unsupported"])
      // Frames in flight are skipped until the server answers.
      #expect(session.receive([try Self.batch(2, 2), Self.skip(3, 3), Message.live.frame(id: 1)]).isEmpty)
      #expect(
        session.receive([Message.end(.cancelled).frame(id: 1), Message.ping(1).frame(id: 0)]).map(\.shown) == [
          "send pong 1"
        ])
    }
  }

  @Test func `a damaged batch that looks like a later format comes again over another connection`() throws {
    for (offset, value) in [(40, 2), (41, 7), (42, 8)] as [(Int, UInt8)] {
      var session = follower()
      var bytes = try Sample.run(1, 2).array
      bytes[offset] = value
      let events = session.receive([try Self.batch(1, 2, ByteString(bytes))])
      #expect(events.map(\.shown) == Self.failed())
      guard case .failed(let refusal) = events.last else { continue }
      #expect(refusal.isRetryable)
    }
  }

  // MARK: - The rules of a subscription

  static let disorder: [(String, [Message])] = [
    (
      "entries before RESOLVED",
      [.stream(Sample.announcement()), .skip(Skip(handle: 1, reason: .lost, from: 1, to: 1))]
    ),
    ("LIVE before RESOLVED", [.live]), ("LIVE twice", [.resolved(streamCount: 0), .live, .live]),
    ("RESOLVED twice", [.resolved(streamCount: 0), .resolved(streamCount: 0)]),
    ("RESOLVED counts wrong", [.stream(Sample.announcement()), .resolved(streamCount: 2)]),
    ("a handle twice", [.stream(Sample.announcement()), .stream(Sample.announcement(stream: Sample.name("other")))]),
    ("a stream twice", [.stream(Sample.announcement()), .stream(Sample.announcement(handle: 2))]),
    ("an unknown handle", [.resolved(streamCount: 0), .skip(Skip(handle: 1, reason: .lost, from: 1, to: 1))]),
    ("a position beyond the head", [.stream(Sample.announcement(position: 11, head: 10))]),
    ("frames after END", [.end(.limit), .live]),
  ]

  @Test(arguments: disorder.indices) func `a subscription's frames come in order`(_ index: Int) {
    var session = session()
    _ = session.follow(Sample.follow())
    let (what, messages) = Self.disorder[index]
    #expect(session.receive(messages.map { $0.frame(id: 1) }).suffix(2).map(\.shown) == Self.failed(), "\(what)")
  }

  @Test func `credit only rises, and only while it matters`() {
    var session = session()
    _ = session.follow(Sample.follow(credit: 100))
    #expect(session.credit(1, total: 100) == nil)
    #expect(session.credit(1, total: 99) == nil)
    #expect(session.credit(1, total: 101).map(Shown.frame) == "credit 1 101")
    #expect(session.credit(2, total: 200) == nil)
    #expect(session.cancel(1).map(Shown.frame) == "cancel 1")
    #expect(session.cancel(1) == nil)
    #expect(session.receive([Message.end(.cancelled).frame(id: 1)]).map(\.shown) == ["ended 1 cancelled"])
    #expect(session.credit(1, total: 300) == nil)
    #expect(session.cancel(1) == nil)
  }

  @Test func `nothing is delivered after CANCEL`() throws {
    var session = follower()
    _ = session.cancel(1)
    #expect(session.receive([try Self.batch(1, 3), Self.skip(4, 9), Message.live.frame(id: 1)]).isEmpty)
    // The server ended it for another reason before it read CANCEL.
    #expect(session.receive([Message.end(.complete).frame(id: 1)]).map(\.shown) == ["ended 1 complete"])
  }

  @Test func `a draining server gets no new requests and may answer the others`() {
    var session = session()
    _ = session.append(Sample.append(), entryCount: 1)
    #expect(session.canAppend(byteCount: 0) == true)
    session.receive([Message.goAway(GoAway(retryAfterMilliseconds: 5, text: "")).frame(id: 0)])
    #expect(session.canAppend(byteCount: 0) == false)
    #expect(session.canRequest == false)
    #expect(session.isLeaving == true)
    #expect(session.receive([Self.ack(1, 1).frame(id: 1)]).map(\.shown) == ["acknowledged 1 1+1"])
  }

  // MARK: - Liveness

  @Test func `a quiet client pings, and gives up a silent server`() {
    var session = session(Sample.welcome(heartbeat: 100))
    #expect(session.tick(now: .milliseconds(99)).isEmpty)
    #expect(session.tick(now: .milliseconds(100)).map(\.shown) == ["send ping 0"])
    #expect(session.tick(now: .milliseconds(150)).isEmpty)
    _ = session.stat()
    #expect(session.tick(now: .milliseconds(200)).isEmpty)
    #expect(session.tick(now: .milliseconds(299)).isEmpty)
    #expect(session.tick(now: .milliseconds(300)).map(\.shown) == Self.failed(.timedOut))
    session = self.session(Sample.welcome(heartbeat: 100))
    session.receive([20, 0], at: 250)
    for time in [300, 400, 500, 549] as [UInt64] {
      #expect(session.tick(now: .milliseconds(time)).allSatisfy { $0.shown == "send ping 0" })
    }
    #expect(session.tick(now: .milliseconds(550)).map(\.shown) == Self.failed(.timedOut))
  }

  @Test func `the server's silence does not count while this side stands still`() {
    var session = session(Sample.welcome(heartbeat: 100))
    session.receive([20, 0], at: 100)
    for time in [60_000, 120_000] as [UInt64] {
      #expect(session.tick(now: .milliseconds(time)).allSatisfy { $0.shown == "send ping 0" })
    }
    #expect(session.tick(now: .milliseconds(120_099)).allSatisfy { $0.shown == "send ping 0" })
    #expect(session.tick(now: .milliseconds(120_100)).map(\.shown) == Self.failed(.timedOut))
  }

  @Test func `a heartbeat of 0 or of weeks does no harm`() {
    for heartbeat: UInt32 in [0, 1, .max] {
      var session = session(Sample.welcome(heartbeat: heartbeat))
      // A heartbeat of weeks is still a heartbeat.
      let length = UInt64(max(heartbeat, 100))
      _ = session.tick(now: .milliseconds(length))
      _ = session.tick(now: .milliseconds(2 * length))
      #expect(session.tick(now: .milliseconds(3 * length)).map(\.shown) == Self.failed(.timedOut))
    }
  }
}
