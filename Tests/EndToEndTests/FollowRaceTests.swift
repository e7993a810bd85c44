import LogsSystem
import LogsWire
import Testing

/// Followers in races: with other uses of their ids, with the creation of streams, and with groups of commits.
@Suite(.ownThread) struct FollowRaceTests {
  private func follow(
    _ name: String, start: FollowStart = .first, end: FollowEnd = FollowEnd(), pattern: Bool = false
  ) throws -> Message {
    let selector: StreamSelector = pattern ? .pattern(try StreamPattern(name)) : .stream(try StreamName(name))
    return .follow(Follow(credit: 1 << 30, selectors: [selector], start: start, end: end))
  }

  /// Reads frames until `isLast`, answering nothing.
  private func receive(_ client: RawClient, until isLast: (UInt32, Message) -> Bool) throws -> [(UInt32, Message)] {
    var frames: [(UInt32, Message)] = []
    while true {
      let frame = try client.receive()
      frames.append((frame.id, frame.message))
      if isLast(frame.id, frame.message) { return frames }
    }
  }

  private func lines(_ count: Int, byteCount: Int) -> [String] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in
      (0..<byteCount / 12).map { _ in String(random.next() as UInt64, radix: 36) }.joined()
    }
  }

  @Test func `an id that is reused at once gets nothing that its last subscription asked for`() throws {
    try Scene.play { scene in
      // Without a tail cache everything is read by the reader threads.
      let server = try TestServer(scene, ["--tail-entries", "0", "--reader-threads", "1"])
      let file = try scene.file("file", LogLines.file(LogLines.plain(20_000)))
      try expectSuccess(server.run(["push", "web", file]))
      let client = try RawClient(server.url)
      try client.handshake()
      for round in 0..<20 {
        let start: FollowStart = round % 2 == 0 ? .first : .since(.max)
        for id: UInt32 in 2...20 { try client.send(try follow("web", start: start), id: id) }
        try client.send(try follow("web", start: start), id: 1)
        for id: UInt32 in 1...20 { try client.send(.cancel, id: id) }
        var ended = 0
        while ended < 20 { if case .end = try client.receive().message { ended += 1 } }
        // All ids are free again.
        try client.send(try follow("elsewhere"), id: 1)
        let frames = try receive(client) { id, message in if case .live = message { id == 1 } else { false } }
        #expect(frames.allSatisfy { frame in if case .batch = frame.1 { false } else { true } })
        try client.send(.cancel, id: 1)
        _ = try receive(client) { id, message in if case .end = message { id == 1 } else { false } }
      }
      #expect(try client.fact("subscriptions") == 0)
    }
  }

  @Test func `a follower has every entry before it learns that the stream is complete, however they were committed`()
    throws
  {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for round in 0..<5 {
        let name = "sealed/\(round)"
        let follower = try RawClient(server.url)
        try follower.handshake()
        try follower.send(try follow(name), id: 1)
        _ = try receive(follower) { _, message in if case .live = message { true } else { false } }
        let writer = try RawClient(server.url)
        try writer.handshake()
        let producer = ProducerID.random()
        // More than fits one row of the store, in one burst that makes one group or a few.
        var burst: [UInt8] = []
        for number: UInt64 in 1...5 {
          burst += RawClient.bytes(
            try RawClient.append(lines(4, byteCount: 100_000), to: name, producer: producer, number: number),
            id: UInt32(number))
        }
        burst += RawClient.bytes(
          .complete(Complete(producer: producer, number: 6, floor: 1, stream: try StreamName(name), text: "done")),
          id: 6)
        try writer.send(bytes: burst)
        var last: UInt64 = 0
        let frames = try receive(follower) { _, message in if case .end = message { true } else { false } }
        for case (_, .batch(let range, _)) in frames {
          #expect(range.from == last + 1)
          last = range.to
        }
        #expect(last == 21)
        guard case .end(.complete) = frames.last?.1 else {
          throw Failure("ended with \(String(describing: frames.last))")
        }
      }
    }
  }

  @Test func `a stream that grows while the starts of others are looked up is followed without a gap`() throws {
    try Scene.play { scene in
      // With one shard and one reader the starts are looked up one after the other, and the last stream waits for all
      // of them.
      let server = try TestServer(scene, ["--shards", "1", "--reader-threads", "1", "--tail-entries", "0"])
      let writer = try RawClient(server.url)
      try writer.handshake()
      let names = (10..<74).map { "slow/\($0)" }
      let last = names[names.count - 1]
      let producer = ProducerID.random()
      for name in names {
        try writer.send(try RawClient.append(["one"], to: name, producer: producer, number: 1), id: 1)
        guard case .ack = try writer.receive().message else { throw Failure("no ACK") }
      }
      let selectors = try names.map { StreamSelector.stream(try StreamName($0)) }
      var number: UInt64 = 1
      for _ in 0..<50 {
        let follower = try RawClient(server.url)
        try follower.handshake()
        try follower.send(
          .follow(Follow(credit: 1 << 30, selectors: selectors, start: .since(1), end: FollowEnd())), id: 1)
        number += 1
        try writer.send(try RawClient.append(["during"], to: last, producer: producer, number: number), id: 1)
        guard case .ack = try writer.receive().message else { throw Failure("no ACK") }
        var head: UInt64 = 0
        var handle: UInt32?
        func take(_ message: Message) {
          if case .stream(let told) = message, told.stream.text == last { handle = told.handle }
          if case .batch(let range, _) = message, range.handle == handle {
            #expect(range.from == head + 1)
            head = range.to
          }
        }
        for (_, message) in try receive(
          follower, until: { _, message in if case .live = message { true } else { false } })
        { take(message) }
        number += 1
        try writer.send(try RawClient.append(["after"], to: last, producer: producer, number: number), id: 1)
        guard case .ack = try writer.receive().message else { throw Failure("no ACK") }
        while head < number { take(try follower.receive().message) }
      }
    }
  }

  @Test
  func `a stream created while a pattern is followed is announced once, with a head that covers every acknowledgement`()
    throws
  {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let writer = try RawClient(server.url)
      try writer.handshake()
      for round in 0..<40 {
        let name = "born/\(round)"
        let follower = try RawClient(server.url)
        try follower.handshake()
        // FOLLOW and the first appends are in flight at the same time.
        try writer.send(try RawClient.append(["one"], to: name, producer: .random(), number: 1), id: 1)
        if round % 2 == 0 {
          guard case .ack = try writer.receive().message else { throw Failure("no ACK") }
        }
        try follower.send(try follow("born/*", start: .last(1), pattern: true), id: 1)
        if round % 2 == 1 {
          guard case .ack = try writer.receive().message else { throw Failure("no ACK") }
        }
        var told: [String: Announcement] = [:]
        var isDelivered = false
        var isResolved = false
        while !isDelivered || !isResolved {
          let message = try follower.receive().message
          switch message {
          case .stream(let announcement):
            #expect(told[announcement.stream.text] == nil)
            #expect(announcement.position <= announcement.head)
            told[announcement.stream.text] = announcement
          case .resolved: isResolved = true
          case .batch(let range, _):
            isDelivered = isDelivered || told[name]?.handle == range.handle
          default: break
          }
        }
        if round % 2 == 0 { #expect(told[name]?.head == 1) }
        follower.close()
      }
    }
  }

  @Test(arguments: [true, false]) func `a subscription until a past time ends, whatever it selects`(
    isPattern: Bool
  ) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let client = try RawClient(server.url)
      try client.handshake()
      try client.send(try RawClient.append(["x"], to: "sealed", producer: .random(), number: 1), id: 1)
      try client.send(
        .complete(
          Complete(producer: .random(), number: 1, floor: 1, stream: StreamName("sealed"), text: "")), id: 2)
      for _ in 0..<2 { guard case .ack = try client.receive().message else { throw Failure("no ACK") } }
      for (id, end) in [FollowEnd(time: 1), FollowEnd(sequence: 100, time: .max / 2)].enumerated()
      where id == 0 || !isPattern {
        try client.send(try follow(isPattern ? "s*" : "missing", end: end, pattern: isPattern), id: UInt32(id + 10))
        if id == 1 { try client.send(.cancel, id: 11) }
        let frames = try receive(client) { _, message in if case .end = message { true } else { false } }
        guard case .end(let reason)? = frames.last?.1 else { throw Failure("no END") }
        #expect(reason == (id == 0 ? .until : .cancelled))
      }
    }
  }
}
