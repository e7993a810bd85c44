import Glibc
import LogsWire
import Testing

/// One subscription to many streams that are behind.
@Suite(.ownThread) struct TurnsTests {
  /// Either no stream is in memory, or all are.
  private static let flags = [["--tail-bytes", "0"], []]

  private static func append(_ messages: [String], to stream: String, number: UInt64, _ client: RawClient) throws {
    try client.send(
      RawClient.append(messages, to: stream, producer: ProducerID(high: 1, low: 1), number: number),
      id: UInt32(number))
    guard case .ack = try client.receive().message else { throw Failure("no ACK came") }
  }

  @Test(arguments: flags)
  func `a follower that takes one batch at a time gets one from each stream in turn`(flags: [String]) throws {
    try Scene.play { scene in
      let server = try TestServer(scene, flags)
      let client = try RawClient(server.url)
      try client.handshake()
      let streamCount: UInt32 = 40
      for number in 1...3 as ClosedRange<UInt64> {
        for stream in 0..<streamCount {
          try Self.append(["\(number)"], to: "s/\(100 + stream)", number: number, client)
        }
      }
      try client.send(
        .follow(Follow(credit: 1, selectors: [.pattern(.all)], start: .first, end: FollowEnd(atHead: true))), id: 9)
      var handles: [UInt32] = []
      var byteCount: UInt64 = 0
      while true {
        switch try client.receive().message {
        case .batch(let range, let batches):
          #expect(range.from == UInt64(handles.count) / UInt64(streamCount) + 1 && range.to == range.from)
          handles.append(range.handle)
          byteCount += UInt64(batches.count)
          try client.send(.credit(total: byteCount + 1), id: 9)
          continue
        case .stream, .resolved, .live, .heads: continue
        case .end(let reason): #expect(reason == .until)
        case let other: Issue.record("\(other.type) while following")
        }
        break
      }
      #expect(handles == Array([Array(0..<streamCount), Array(0..<streamCount), Array(0..<streamCount)].joined()))
    }
  }

  @Test func `subscriptions that end while they wait for a reader leave the turn to the next ones`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--tail-bytes", "0"])
      let client = try RawClient(server.url)
      try client.handshake()
      let ids = 1...9 as ClosedRange<UInt32>
      for id in ids {
        for number in 1...3 as ClosedRange<UInt64> {
          try Self.append(["\(number)"], to: "s\(id)", number: number, client)
        }
      }
      // In one piece, so that the first four have the connection's reads when the next ones end.
      let follows = try ids.flatMap { id in
        RawClient.bytes(
          .follow(Follow(credit: 1 << 20, selectors: [.stream(try StreamName("s\(id)"))], start: .first)), id: id)
      }
      try client.send(bytes: follows + (5...8 as ClosedRange<UInt32>).flatMap { RawClient.bytes(.cancel, id: $0) })
      var live: Set<UInt32> = []
      while !live.isSuperset(of: [1, 2, 3, 4, 9]) {
        let received = try client.receive()
        if case .live = received.message { live.insert(received.id) }
      }
    }
  }

  @Test(arguments: flags)
  func `a follower that reads nothing for a while still gets all streams completely`(flags: [String]) throws {
    try Scene.play { scene in
      var random = Seeded.forTest()
      let server = try TestServer(scene, flags)
      let client = try RawClient(server.url)
      try client.handshake()
      let streamCount = 60
      // Random letters, so that the stored size is the same: more than watermark and socket take.
      let message = String(decoding: random.letters(60_000), as: UTF8.self)
      for number in 1...2 as ClosedRange<UInt64> {
        for stream in 0..<streamCount {
          try Self.append(["\(number)", message], to: "s/\(stream)", number: number, client)
        }
      }
      try client.send(
        .follow(Follow(credit: 1 << 40, selectors: [.pattern(.all)], start: .first, end: FollowEnd(atHead: true))),
        id: 9)
      try server.wait(for: "delivered_bytes_total") { $0 >= 1 << 20 }
      var next = [UInt64](repeating: 1, count: streamCount)
      while true {
        switch try client.receive().message {
        case .batch(let range, _):
          #expect(range.from == next[Int(range.handle)])
          next[Int(range.handle)] = range.to + 1
          continue
        case .stream, .resolved, .live, .heads: continue
        case .end(let reason): #expect(reason == .until)
        case let other: Issue.record("\(other.type) while following")
        }
        break
      }
      #expect(next == [UInt64](repeating: 5, count: streamCount))
    }
  }
}
