import Glibc
import LogsSystem
import LogsWire
import Testing

/// Clients that break the rules get a clear error if one can be sent, and nobody else notices.
@Suite(.ownThread) struct HostileClientTests {
  /// A client that appends and follows meanwhile, and can say whether it noticed anything.
  private final class Witness {
    let client: RawClient
    private let producer = ProducerID.random()
    private var number: UInt64 = 0

    init(_ server: TestServer) throws {
      client = try RawClient(server.url)
      try client.handshake()
      try client.follow("witness")
    }

    /// Appends an entry and waits until it is acknowledged and delivered.
    func lives() throws {
      number += 1
      try client.send(
        try RawClient.append(["still here"], to: "witness", producer: producer, number: number),
        id: 100 + UInt32(number))
      var awaited: Set<FrameType> = [.ack, .batch]
      while !awaited.isEmpty {
        let received = try client.receive()
        if case .error(let refusal) = received.message { throw Failure("the witness was refused: \(refusal)") }
        if case .batch(let range, _) = received.message { #expect(range.from == number && range.to == number) }
        awaited.remove(received.message.type)
      }
    }
  }

  /// Sends `bytes` after a handshake, or instead of one, and expects an error for the whole connection, and its end.
  private func expect(
    _ code: RefusalCode, _ what: Comment, afterHandshake: Bool, _ bytes: [UInt8], at server: TestServer
  ) throws {
    let client = try RawClient(server.url)
    defer { client.close() }
    if afterHandshake { try client.handshake() }
    try client.send(bytes: bytes)
    let (id, refusal) = try client.receiveError()
    #expect(id == 0, what)
    #expect(refusal.code == code, what)
    #expect(!refusal.text.isEmpty, what)
    #expect(try client.receiveOrEnd() == nil, what)
  }

  @Test func `anything but HELLO is refused with a message`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene)
      let witness = try Witness(server)
      let hello = RawClient.bytes(RawClient.hello)
      func changed(_ place: Int, to byte: UInt8) -> [UInt8] {
        var control = Array(hello[20...])
        control[place] = byte
        return RawFrame.bytes(type: 1, control: control)
      }
      for _ in 0..<Environment.rounds(20) {
        let garbage = (0..<Int.random(in: 20...70_000, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
        try expect(.protocolViolation, "garbage", afterHandshake: false, garbage, at: server)
        try witness.lives()
      }
      try expect(
        .protocolViolation, "HTTP", afterHandshake: false, Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), at: server)
      try expect(
        .protocolViolation, "TLS", afterHandshake: false, [22, 3, 1, 2, 0] + [UInt8](repeating: 1, count: 600),
        at: server)
      try expect(.protocolViolation, "wrong magic", afterHandshake: false, changed(0, to: 0x4d), at: server)
      try expect(.protocolViolation, "version 0", afterHandshake: false, changed(4, to: 0), at: server)
      try expect(.protocolViolation, "reserved bytes", afterHandshake: false, changed(6, to: 1), at: server)
      let future = RawClient.bytes(.hello(Hello(versions: 7...9, frameByteCountMax: 4 << 20, client: "from 2040")))
      try expect(.unsupportedVersion, "a future version", afterHandshake: false, future, at: server)
      try expect(
        .protocolViolation, "a request first", afterHandshake: false, RawClient.bytes(.stat, id: 1), at: server)
      try expect(
        .frameTooLarge, "8 KiB before WELCOME", afterHandshake: false,
        RawFrame.header(type: 1, bodyLength: 8193, controlLength: 8193), at: server)
      try expect(
        .frameTooLarge, "4 GiB", afterHandshake: false,
        RawFrame.header(type: 10, id: 1, bodyLength: .max, controlLength: 40), at: server)
      try witness.lives()
    }
  }

  @Test func `a client that also offers a future version is welcome`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let client = try RawClient(server.url)
      try client.send(.hello(Hello(versions: 1...9, frameByteCountMax: 4 << 20, client: "from 2040")))
      guard case .welcome(let welcome) = try client.receive().message else { throw Failure("no WELCOME") }
      #expect(welcome.version == 1)
    }
  }

  @Test func `breaking the rules of an open connection ends it with a message`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--append-batches", "4"])
      let witness = try Witness(server)
      var ping = RawClient.bytes(.ping(1))
      ping[24] ^= 1
      var flags = RawFrame.header(type: 4, bodyLength: 8, controlLength: 8)
      flags[6] ^= 1
      let follow = RawClient.bytes(
        .follow(Follow(credit: 5, selectors: [.stream(StreamName("x"))], start: .first)), id: 3)
      let producer = ProducerID.random()
      // In one write, so that the server reads all of it before it can answer the first request.
      let many = try (1...5).flatMap { number in
        RawClient.bytes(
          try RawClient.append(["x"], to: "flood", producer: producer, number: UInt64(number)), id: UInt32(number))
      }
      let cases: [(Comment, RefusalCode, [UInt8])] = [
        ("a second HELLO", .protocolViolation, RawClient.bytes(RawClient.hello)),
        ("a wrong check", .protocolViolation, ping),
        ("a wrong header check", .protocolViolation, flags),
        ("a server's message", .protocolViolation, RawFrame.bytes(type: 25, id: 1)),
        ("an unknown type", .unsupported, RawFrame.bytes(type: 50, id: 1, control: [1])),
        (
          "4 MiB and a byte", .frameTooLarge,
          RawFrame.header(type: 10, id: 1, bodyLength: 4 << 20 | 1, controlLength: 40)
        ),
        ("4 GiB", .frameTooLarge, RawFrame.header(type: 10, id: 1, bodyLength: .max, controlLength: 40)),
        (
          "a control part beyond the body", .protocolViolation,
          RawFrame.header(type: 4, bodyLength: 8, controlLength: 9)
        ),
        ("a request with id 0", .protocolViolation, RawClient.bytes(.stat)),
        ("a busy id", .protocolViolation, follow + follow),
        ("credit taken back", .protocolViolation, follow + RawClient.bytes(.credit(total: 4), id: 3)),
        ("more batches in flight than allowed", .protocolViolation, many),
        ("an error on an id", .protocolViolation, RawClient.bytes(.error(Refusal(.badRequest, "no")), id: 3)),
      ]
      for (what, code, bytes) in cases {
        let client = try RawClient(server.url)
        try client.handshake()
        try client.send(bytes: bytes)
        var last: Refusal?
        while let received = try client.receiveOrEnd() {
          if case .error(let refusal) = received.message, received.id == 0 { last = refusal }
        }
        #expect(last?.code == code, "\(what): \(String(describing: last))")
        client.close()
        try witness.lives()
      }
    }
  }

  @Test func `half frames, unknown frames and pieces of any size do no harm`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene)
      let witness = try Witness(server)
      let append = RawClient.bytes(
        try RawClient.append(["a", "b"], to: "whole", producer: .random(), number: 1), id: 7)
      let talk =
        RawClient.bytes(RawClient.hello) + RawFrame.bytes(type: 200, id: 4, control: [1, 2, 3], batch: [4]) + append
      for _ in 0..<Environment.rounds(60) {
        // Cut anywhere, then closed silently.
        let client = try RawClient(server.url)
        try client.send(bytes: Array(talk.prefix(Int.random(in: 0..<talk.count, using: &random))))
        client.close()
      }
      try witness.lives()
      let client = try RawClient(server.url)
      for byte in talk { try client.send(bytes: [byte]) }
      guard case .welcome = try client.receive().message, case .ack(let ack) = try client.receive().message else {
        throw Failure("no WELCOME and ACK")
      }
      #expect(ack.firstSequence == 1 && ack.count == 2)
      try witness.lives()
    }
  }

  @Test func `a connection without a handshake gets an error when its time is over`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--handshake-timeout", "3s"])
      let witness = try Witness(server)
      let idle = try (0..<50).map { _ in try RawClient(server.url) }
      let slow = try RawClient(server.url)
      try slow.send(bytes: Array(RawClient.bytes(RawClient.hello).prefix(21)))
      for client in idle + [slow] {
        let (id, refusal) = try client.receiveError()
        #expect(id == 0 && refusal.code == .timedOut && refusal.isRetryable)
        #expect(try client.receiveOrEnd() == nil)
      }
      try witness.lives()
    }
  }

  @Test func `a client that answers no PING is given up after three heartbeats, one that answers is not`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--heartbeat", "2s"])
      let living = try RawClient(server.url)
      try living.handshake()
      let dead = try RawClient(server.url)
      dead.answersPings = false
      try dead.handshake()
      try dead.follow("web")
      var last: Refusal?
      while let received = try dead.receiveOrEnd() {
        // The live one is kept alive by its own PINGs.
        try living.send(.ping(1))
        if case .error(let refusal) = received.message { last = refusal }
      }
      #expect(last?.code == .timedOut && last?.isRetryable == true)
      #expect(try server.fact("subscriptions") == 0)
      guard case .pong = try living.receive().message else { throw Failure("the living one got no PONG") }
    }
  }

  @Test(arguments: [TestServer.Transport.unix, .tcp])
  func `a client that has closed its side gets all answers, then the end`(
    transport: TestServer.Transport
  ) throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: transport)
      let client = try RawClient(server.url)
      try client.handshake()
      let padding = String(repeating: "a", count: 180)
      for number in 1...60 as ClosedRange<UInt32> {
        try client.send(
          RawClient.append(["x"], to: "many/\(padding)\(number)", producer: .random(), number: 1), id: number)
        guard case .ack = try client.receive().message else { throw Failure("no ACK") }
      }
      // Each request takes several turns.
      let request = ListRequest(pattern: try StreamPattern("m" + String(repeating: "*a", count: 90) + "*z*"))
      let requests = (1...20 as ClosedRange<UInt32>).flatMap { RawClient.bytes(.list(request), id: $0) }
      try client.send(bytes: requests + RawClient.bytes(.stat, id: 21))
      #expect(shutdown(client.descriptor, Int32(SHUT_WR)) == 0)
      var ids: Set<UInt32> = []
      while let received = try client.receiveOrEnd() { ids.insert(received.id) }
      #expect(ids == Set(1...21))
    }
  }

  @Test func `connections that end badly are logged once, then as a count`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for _ in 0..<200 {
        let client = try RawClient(server.url)
        try client.send(bytes: [UInt8](repeating: 7, count: 40))
        while try client.receiveOrEnd() != nil {}
        client.close()
      }
      try server.stop()
      let lines = server.process.errors.lines.filter { $0.contains("end") }
      #expect(lines.count == 2, "\(lines)")
      #expect(lines.first?.contains("connection ") == true)
      #expect(
        lines.last?.hasSuffix(
          "199 more connections from unix socket of user \(geteuid()) ended like the one before: protocol_violation")
          == true)
    }
  }
}
