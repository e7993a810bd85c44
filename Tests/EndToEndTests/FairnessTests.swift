import Glibc
import LogsSystem
import LogsWire
import Testing

/// One client's requests do not stall the others: attacks run beside producers and followers that are checked entry by
/// entry, and have to get on. How long they were held up is printed; that turns are shared is tested without a clock
/// (`RotaTests`).
///
/// The numbers in docs/performance.md are from release binaries (`LOGS_BINARIES`) with `LOGS_TEST_STREAMS=10000
/// LOGS_TEST_FOLLOWERS=500 LOGS_TEST_ASKERS=100`.
@Suite(.alone) struct FairnessTests {
  private static let streamCount = Environment.number("LOGS_TEST_STREAMS", default: 60)
  private static let followerCount = Environment.number("LOGS_TEST_FOLLOWERS", default: 60)
  private static let askerCount = Environment.number("LOGS_TEST_ASKERS", default: 20)

  /// Patterns that take as long as possible to match names made of `a`s.
  private static func hostilePatterns(_ count: Int) throws -> [StreamSelector] {
    let stars = String(repeating: "*a", count: 85)
    return try (0..<count).map { .pattern(try StreamPattern("many/\(stars)*\($0)z*")) }
  }

  private static func makeStreams(_ server: TestServer, _ count: Int, prefix: String = "many") throws {
    let client = try RawClient(server.url)
    defer { client.close() }
    try client.handshake()
    let padding = String(repeating: "a", count: 180)
    var next = 0
    while next < count {
      let part = next..<min(next + 100, count)
      for number in part {
        try client.send(
          RawClient.append(["x"], to: "\(prefix)/\(padding)\(number)", producer: .random(), number: 1),
          id: UInt32(number + 1))
      }
      var answered = 0
      while answered < part.count {
        guard case .ack(let ack) = try client.receive().message else { throw Failure("no ACK for a new stream") }
        answered += Int(ack.appendCount)
      }
      next = part.upperBound
    }
  }

  private static func follow(_ selectors: [StreamSelector], _ client: RawClient, id: UInt32 = 1) throws {
    try client.send(.follow(Follow(credit: 1 << 40, selectors: selectors, start: .first)), id: id)
  }

  private static func untilResolved(_ client: RawClient) throws -> Int {
    var count = 0
    while true {
      switch try client.receive().message {
      case .stream: count += 1
      case .resolved: return count
      default: continue
      }
    }
  }

  @Test(arguments: [true, false]) func `1,024 patterns against many streams hold up nobody`(isHostile: Bool) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try Self.makeStreams(server, Self.streamCount)
      let bystanders = try Bystanders(server)
      try bystanders.wait(forAcknowledgements: 20)
      let client = try RawClient(server.url)
      try client.handshake()
      let selectors =
        isHostile
        ? try Self.hostilePatterns(Limits.selectorCountMax)
        : try (0..<Limits.selectorCountMax).map { .pattern(try StreamPattern("*/service-\($0)*")) }
      let what = "\(isHostile ? "hostile" : "harmless") patterns"
      try bystanders.watch(during: what) {
        try Self.follow(selectors, client)
        #expect(try Self.untilResolved(client) == 0)
      }
      try bystanders.watch(during: "streams created under \(what)") {
        try Self.makeStreams(server, Self.streamCount / 10, prefix: "many/more")
      }
      #expect(try bystanders.finish().isEmpty)
    }
  }

  @Test func `a request behind hostile patterns is answered before they are resolved`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      // Some turns' worth of work.
      try Self.makeStreams(server, 6)
      let client = try RawClient(server.url)
      try client.handshake()
      // In one piece, so that the server has both when it begins.
      let follow = Follow(credit: 1, selectors: try Self.hostilePatterns(Limits.selectorCountMax), start: .first)
      try client.send(bytes: RawClient.bytes(.follow(follow), id: 1) + RawClient.bytes(.stat, id: 2))
      guard case .status = try client.receive().message else { throw Failure("the patterns came first") }
      #expect(try Self.untilResolved(client) == 0)
    }
  }

  @Test func `many listings that match nothing hold up nobody, and each is answered`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try Self.makeStreams(server, Self.streamCount)
      let bystanders = try Bystanders(server)
      try bystanders.wait(forAcknowledgements: 20)
      let clients = try (0..<10).map { _ in try RawClient(server.url) }
      for client in clients { try client.handshake() }
      try bystanders.watch(during: "600 listings") {
        let request = ListRequest(pattern: StreamPattern("*/*a*b*a*b*"))
        for client in clients {
          try client.send(
            bytes: (1...60 as ClosedRange<UInt32>).flatMap { RawClient.bytes(.list(request), id: $0) })
        }
        for client in clients {
          var ids: Set<UInt32> = []
          while ids.count < 60 {
            let received = try client.receive()
            guard case .listing(let listing) = received.message else { throw Failure("no LISTING") }
            #expect(listing.streams.isEmpty && !listing.hasMore)
            ids.insert(received.id)
          }
        }
      }
      #expect(try bystanders.finish().isEmpty)
    }
  }

  @Test func `clients that send requests and do not read hold up nobody`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try Self.makeStreams(server, Self.streamCount)
      let bystanders = try Bystanders(server)
      try bystanders.wait(forAcknowledgements: 20)
      let clients = try (0..<Self.askerCount).map { _ in try RawClient(server.url) }
      for client in clients { try client.handshake() }
      for client in clients { _ = fcntl(client.descriptor, F_SETFL, fcntl(client.descriptor, F_GETFL) | O_NONBLOCK) }
      // What each still has to send, and the last id it has used.
      var unsent = [[UInt8]](repeating: [], count: clients.count)
      var id: UInt32 = 0
      let before = try server.fact("resident_bytes")
      try bystanders.watch(during: "\(clients.count) clients that send requests and do not read") {
        for _ in 0..<20 {
          let requests = (id + 1...id + 200).flatMap {
            RawClient.bytes($0 % 4 == 0 ? .stat : .list(ListRequest(limit: 1_000)), id: $0)
          }
          id += 200
          for (index, client) in clients.enumerated() {
            unsent[index] += requests
            let count = unsent[index].withUnsafeBytes {
              send(client.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 { unsent[index].removeFirst(count) }
          }
          try bystanders.wait(forAcknowledgements: 10)
        }
      }
      let output = try server.fact("output_bytes")
      print(
        """
        output \(output >> 10) KiB, resident \(before >> 20) MiB before, \
        \(try server.fact("resident_bytes") >> 20) MiB
        """
      )
      #expect(try bystanders.finish().isEmpty)
    }
  }

  @Test func `hundreds of followers that join and never read hold nobody up`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try Self.makeStreams(server, Self.streamCount)
      let bystanders = try Bystanders(server)
      try bystanders.wait(forAcknowledgements: 20)
      let before = try server.fact("resident_bytes")
      var clients: [RawClient] = []
      try bystanders.watch(during: "\(Self.followerCount) followers that join and never read") {
        for _ in 0..<Self.followerCount {
          let client = try RawClient(server.url)
          try client.send(RawClient.hello)
          try Self.follow([.pattern(.all)], client)
          clients.append(client)
        }
        // Until they have received nothing more for twenty acknowledgements.
        var last = -1
        while last != (try server.fact("followed_streams")) {
          last = try server.fact("followed_streams")
          try bystanders.wait(forAcknowledgements: 20)
        }
      }
      print(
        """
        output \(try server.fact("output_bytes") >> 10) KiB, followed streams \(try server.fact("followed_streams")), \
        resident \(before >> 20) MiB before, \(try server.fact("resident_bytes") >> 20) MiB
        """)
      for client in clients { client.close() }
      #expect(try bystanders.finish().isEmpty)
    }
  }
}
