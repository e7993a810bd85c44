import LogsSystem
import LogsWire
import Testing

/// Requests that are refused individually, while their connection stays open.
@Suite(.ownThread) struct RefusedRequestTests {
  @Test func `too many connections, subscriptions and streams are refused with the name of the limit`() throws {
    try Scene.play { scene in
      let server = try TestServer(
        scene, ["--connections", "3", "--subscriptions", "2", "--streams", "2", "--listen-unix", scene.path("unix")],
        transport: .tcp)
      let first = try RawClient(server.url)
      try first.handshake()
      var others = [try RawClient(server.url), try RawClient(server.url)]
      for client in others { try client.handshake() }
      let fourth = try RawClient(server.url)
      let (id, refusal) = try fourth.receiveError()
      #expect(id == 0 && refusal.code == .tooManyConnections && refusal.isRetryable)
      #expect(refusal.limit?.value == 3)
      #expect(try fourth.receiveOrEnd() == nil)
      try server.process.errors.waitForText(
        "a connection is turned away: the server has 3 connections, which is its limit")
      // The operator still gets in, over the Unix socket.
      let unix = "logs+unix://\(scene.path("unix"))"
      let reserve = try (0..<8).map { _ in try RawClient(unix) }
      for client in reserve { try client.handshake() }
      let ninth = try RawClient(unix)
      #expect(try ninth.receiveError().1.code == .tooManyConnections)
      for client in reserve { client.close() }
      // There is room again as soon as one has gone.
      others.removeLast().close()
      while true {
        let next = try RawClient(server.url)
        try? next.send(RawClient.hello)
        if case .welcome = try next.receive().message { break }
      }

      for id: UInt32 in [1, 2] { try first.follow("web", id: id) }
      for _ in 0..<2 * 2 { _ = try first.receive() }
      try first.follow("web", id: 3)
      let (third, tooMany) = try first.receiveError()
      #expect(third == 3 && tooMany.code == .tooManySubscriptions && tooMany.limit?.value == 2)

      for (index, name) in ["a", "b"].enumerated() {
        try first.send(
          try RawClient.append(["x"], to: name, producer: .random(), number: 1), id: UInt32(10 + index))
        guard case .ack = try first.receive().message else { throw Failure("no ACK") }
      }
      try first.send(try RawClient.append(["x"], to: "c", producer: .random(), number: 1), id: 20)
      let (append, streams) = try first.receiveError()
      #expect(append == 20 && streams.code == .tooManyStreams && streams.limit?.value == 2)
      // The connection stays open.
      #expect(try first.fact("streams") == 2)
    }
  }

  @Test func `more streams than the server follows at once are refused, and an end makes room again`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--followed-streams", "3"])
      let client = try RawClient(server.url)
      try client.handshake()
      for (index, name) in ["a", "b"].enumerated() {
        try client.send(
          try RawClient.append(["x"], to: name, producer: .random(), number: 1), id: UInt32(10 + index))
        guard case .ack = try client.receive().message else { throw Failure("no ACK") }
      }
      let follow = Message.follow(Follow(credit: 0, selectors: [.pattern(.all)], start: .now))
      func receive(until isLast: (Message) -> Bool) throws -> Message {
        while true {
          let message = try client.receive().message
          if isLast(message) { return message }
        }
      }
      try client.send(follow, id: 1)
      _ = try receive { if case .live = $0 { true } else { false } }
      try client.send(follow, id: 2)
      guard case .error(let refusal) = try receive(until: { if case .error = $0 { true } else { false } }) else {
        return
      }
      #expect(refusal.code == .tooManySubscriptions && refusal.isRetryable && refusal.limit?.value == 3)
      #expect(try client.fact("followed_streams") == 2)
      try client.send(.cancel, id: 1)
      _ = try receive { if case .end = $0 { true } else { false } }
      try client.send(follow, id: 3)
      _ = try receive { if case .live = $0 { true } else { false } }
    }
  }

  @Test func `invalid names and batches are refused on their request, and the connection goes on`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let client = try RawClient(server.url)
      try client.handshake()
      var id: UInt32 = 0
      func refused(_ bytes: (UInt32) -> [UInt8]) throws -> Refusal {
        id += 1
        try client.send(bytes: bytes(id))
        let (answered, refusal) = try client.receiveError()
        #expect(answered == id)
        return refusal
      }
      let good = RawClient.bytes(try RawClient.append(["good"], to: "web", producer: .random(), number: 1), id: 1)
      let controlLength = Int(good[12]) | Int(good[13]) << 8
      let control = Array(good[20..<20 + controlLength])
      let batch = Array(good[(20 + controlLength)...])
      let bad = ["$system", "$", "", "/", "a//b", "/a", "a/", "a b", "ž", "a*", String(repeating: "n", count: 201)]
      for name in bad {
        let named = control.prefix(32) + [UInt8(name.utf8.count)] + Array(name.utf8)
        let refusal = try refused { RawFrame.bytes(type: 10, id: $0, control: Array(named), batch: batch) }
        #expect(refusal.code == .badRequest && !refusal.isRetryable, "\(name)")
      }
      let changes: [(Comment, Int, [UInt8])] = [
        ("no entries", 44, RawFrame.little(UInt32(0))), ("65,537 entries", 44, RawFrame.little(UInt32(65_537))),
        ("2 entries", 44, RawFrame.little(UInt32(2))), ("4 billion entries", 44, RawFrame.little(UInt32.max)),
        ("raw length 4 MiB and 1", 68, RawFrame.little(UInt32(4 << 20 | 1))),
        ("raw length 1", 68, RawFrame.little(UInt32(1))), ("stored length 4 GiB", 72, RawFrame.little(UInt32.max)),
        ("unknown format", 40, [9]), ("unknown codec", 41, [9]), ("sparse", 42, [1]), ("wrong time", 48, [1]),
        ("wrong severities", 64, [2]), ("reserved", 76, [1]), ("dictionary", 80, [1]),
      ]
      for (what, place, bytes) in changes {
        let changed = RawFrame.batch(batch, changing: place, to: bytes)
        let refusal = try refused { RawFrame.bytes(type: 10, id: $0, control: control, batch: changed) }
        #expect(refusal.code == .badBatch && !refusal.isRetryable, "\(what): \(refusal)")
      }
      var damaged = batch
      damaged[90] ^= 1
      let refusal = try refused { RawFrame.bytes(type: 10, id: $0, control: control, batch: damaged) }
      #expect(refusal.code == .badBatch && refusal.isRetryable)

      #expect(try client.fact("streams") == 0)
      id += 1
      try client.send(bytes: RawFrame.bytes(type: 10, id: id, control: control, batch: batch))
      guard case .ack(let ack) = try client.receive().message else { throw Failure("no ACK") }
      #expect(ack.firstSequence == 1 && ack.count == 1)
    }
  }

  @Test func `a producer's numbers must come in order, and keep their content`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let client = try RawClient(server.url)
      try client.handshake()
      let producer = ProducerID.random()
      try client.send(try RawClient.append(["1"], to: "web", producer: producer, number: 1), id: 1)
      guard case .ack(let first) = try client.receive().message else { throw Failure("no ACK") }
      try client.send(try RawClient.append(["1"], to: "web", producer: producer, number: 1), id: 2)
      guard case .ack(let again) = try client.receive().message else { throw Failure("no ACK") }
      #expect(again.isDuplicate && again.firstSequence == first.firstSequence)
      try client.send(try RawClient.append(["other"], to: "web", producer: producer, number: 1), id: 3)
      #expect(try client.receiveError().refusal.code == .producerConflict)
      try client.send(try RawClient.append(["3"], to: "web", producer: producer, number: 3), id: 4)
      let (_, order) = try client.receiveError()
      #expect(order.code == .outOfOrder && order.expected == 2)
      // The same after a kill: acknowledged batches are known.
      try server.kill()
      try server.restart()
      let next = try RawClient(server.url)
      try next.handshake()
      try next.send(try RawClient.append(["1"], to: "web", producer: producer, number: 1), id: 1)
      guard case .ack(let after) = try next.receive().message else { throw Failure("no ACK") }
      #expect(after.isDuplicate && after.firstSequence == 1 && after.incarnation == first.incarnation)
    }
  }
}
