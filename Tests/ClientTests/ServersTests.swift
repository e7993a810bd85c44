import LogsClient
import LogsWire
import Testing

/// Several servers with the same data.
@Suite(.endsHangs) struct ServersTests {
  /// Lets `next` continue with the data of `server`.
  private func move(from server: FakeServer, to next: FakeServer) async throws {
    let streams = try await server.onLoop { server in
      server.goDown()
      return server.streams
    }
    try await next.onLoop { next in
      next.streams = streams
      next.comeUp()
    }
  }

  @Test func `when a server fails the next one takes over, and nothing is lost or doubled`() async throws {
    let first = try await FakeServer.start { $0.faults.lostAckCount = 2 }
    let second = try await FakeServer.start { server in
      server.goDown()
      server.faults.lostAckCount = 2
    }
    defer {
      first.stop()
      second.stop()
    }
    // The first address is a dead one.
    let client = try LogClient(.test("logs://127.0.0.1:1", first.url, second.url))
    let followed = Task { try await Followed.all(client.follow([.stream(web)])) { $0.sequences[web]?.last == 500 } }
    var pending: [PendingAppend] = []
    for round in 0..<5 {
      for number in round * 100 + 1...round * 100 + 100 {
        pending.append(try await client.submit(entries(number...number), to: web))
      }
      if round == 4 { break }
      // In the middle; later appends can only go to the other server.
      let (server, next) = round.isMultiple(of: 2) ? (first, second) : (second, first)
      await server.until { ($0.streams[web]?.head ?? 0) >= UInt64(round * 100 + 50) }
      try await move(from: server, to: next)
    }
    for (index, pending) in pending.enumerated() {
      #expect(try await pending.receipt.sequences == UInt64(index + 1)...UInt64(index + 1))
    }
    let all = try await followed.value
    #expect(all.sequences[web] == Array(1...500))
    #expect(try await first.onLoop { $0.streams[web]?.messages } == (1...500).map { "\($0)" })
    #expect(try await second.onLoop { $0.record.connectionCount } > 0)
    await client.shutdown()
  }

  @Test func `all addresses are tried without a pause, then there is one`() async throws {
    let server = try await FakeServer.start { $0.goDown() }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test("logs://127.0.0.1:1", "logs+unix:///nowhere/at/all", server.url)
    configuration.backoff = Backoff(base: .seconds(3600), cap: .seconds(3600))
    configuration.random = { $0 }
    let client = try LogClient(configuration)
    let states = client.states
    let request = Task { try await client.status() }
    var waits: [Duration] = []
    for await state in states {
      if case .waiting(let duration, _) = state { waits.append(duration) }
      if waits.count == 3 { break }
    }
    #expect(waits == [.zero, .zero, .seconds(3600)])
    await client.shutdown()
    let error = await #expect(throws: LogError.self) { try await request.value }
    #expect(error?.code == .closed)
  }

  @Test func `a server that is going away hands its clients to the next one at once`() async throws {
    let first = try await FakeServer.start()
    let second = try await FakeServer.start()
    defer {
      first.stop()
      second.stop()
    }
    var configuration = LogClientConfiguration.test(first.url, second.url)
    // A client that paused before the second server would exceed the test's time limit.
    configuration.backoff = Backoff(base: .seconds(3600), cap: .seconds(3600))
    configuration.random = { $0 }
    let client = try LogClient(configuration)
    _ = try await client.append(entries(1...1), to: web)
    let streams = try await first.onLoop { $0.streams }
    try await second.onLoop { $0.streams = streams }
    try await first.onLoop { $0.goAway(retryAfterMilliseconds: 3_600_000) }
    #expect(try await client.append(entries(2...2), to: web).sequences == 2...2)
    #expect(try await second.onLoop { $0.streams[web]?.head } == 2)
    await client.shutdown()
  }
}
