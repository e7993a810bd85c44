import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct SuspendTests {
  @Test func `a suspended client has no connection, and everything continues when it is resumed`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    _ = try await client.append(entries(1...1), to: web)
    let interruptions = Shared<[LogError.Code]>([])
    let followed = Task {
      var followed = Followed()
      for try await event in client.follow([.stream(web)]) {
        try followed.take(event)
        if case .interrupted(let error) = event { interruptions.change { $0.append(error.code) } }
        if followed.sequences[web]?.last == 5 { break }
      }
      return followed
    }
    await server.until { $0.record.follows.count >= 1 }

    await client.suspend()
    await server.until { $0.record.openConnectionCount == 0 }
    // A request meanwhile waits.
    async let receipt = client.append(entries(2...3), to: web)
    async let streams = client.streams()
    let late = Task { try await Followed.all(client.follow([.stream(web)])) { $0.sequences[web]?.last == 5 } }
    await client.suspend()
    #expect(try await server.onLoop { $0.record.connectionCount } == 1)

    await client.resume()
    await client.resume()
    let range = try await receipt.sequences
    #expect(range == 2...3)
    let count = try await streams.count
    #expect(count == 1)
    #expect(try await client.append(entries(4...5), to: web).sequences == 4...5)
    let all = try await followed.value
    #expect(all.sequences[web] == Array(1...5))
    #expect(all.interruptionCount == 1 && all.resumptionCount == 1)
    #expect(interruptions.value == [.suspended])
    let others = try await late.value
    #expect(others.sequences[web] == Array(1...5))
    #expect(others.interruptionCount == 0)
    #expect(try await server.onLoop { $0.record.connectionCount } == 2)
    await client.shutdown()
  }

  /// What a client is doing when it is suspended.
  enum Moment: CaseIterable {
    case nothing
    case waitingForTheNextAttempt
    case handshake
    case acknowledgementOnItsWay
    case serverGoingAway
    case retryOfARefusedBatch
  }

  @Test(arguments: Moment.allCases) func `suspension fails nothing, whatever the client is doing`(moment: Moment)
    async throws
  {
    let server = try await FakeServer.start { server in
      switch moment {
      case .nothing, .acknowledgementOnItsWay, .serverGoingAway: break
      case .waitingForTheNextAttempt: server.goDown()
      case .handshake: server.faults.isMute = true
      case .retryOfARefusedBatch:
        let count = Shared(0)
        server.faults.onAppend = { _ in
          count.change { $0 += 1 }
          return count.value == 1 ? Refusal(.overloaded, "a test", isRetryable: true) : nil
        }
      }
    }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url)
    if case .waitingForTheNextAttempt = moment {
      configuration.backoff = Backoff(base: .seconds(3600), cap: .seconds(3600))
      configuration.random = { $0 }
    }
    let client = try LogClient(configuration)
    if case .nothing = moment { await client.suspend() }
    switch moment {
    case .acknowledgementOnItsWay, .serverGoingAway:
      _ = try await client.append(entries(1...1), to: web)
      try await server.onLoop { $0.faults.isMute = true }
    case .nothing, .waitingForTheNextAttempt, .handshake, .retryOfARefusedBatch: break
    }
    let states = client.states
    let first = try await server.onLoop { ($0.streams[web]?.head ?? 0) + 1 }
    let pending = try await client.submit(entries(Int(first)...Int(first)), to: web)
    let followed = Task { try await Followed.all(client.follow([.stream(web)])) { $0.sequences[web]?.last == first } }
    async let status = client.status()
    switch moment {
    case .nothing: break
    case .waitingForTheNextAttempt:
      for await state in states { if case .waiting = state { break } }
    case .handshake: await server.until { $0.unheardCount > 0 }
    case .acknowledgementOnItsWay: await server.until { $0.wasSent(.append) }
    case .serverGoingAway:
      await server.until { $0.wasSent(.append) }
      try await server.onLoop { $0.goAway() }
    case .retryOfARefusedBatch: await server.until { $0.record.appends.count >= 1 }
    }

    await client.suspend()
    await server.until { $0.record.openConnectionCount == 0 }
    try await server.onLoop { server in
      server.comeUp()
      server.faults.isMute = false
    }
    await client.resume()
    #expect(try await pending.receipt.sequences == first...first)
    #expect(try await followed.value.sequences[web] == Array(1...first))
    let factCount = try await status.count
    #expect(factCount == 2)
    await client.shutdown()
  }

  @Test func `resuming starts with short waits again`() async throws {
    let server = try await FakeServer.start { $0.goDown() }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url)
    configuration.backoff = Backoff(base: .milliseconds(1), cap: .seconds(1))
    let bounds = Shared<[UInt64]>([])
    configuration.random = { bound in
      bounds.change { $0.append(bound / 1_000_000) }
      return 0
    }
    let client = try LogClient(configuration)
    let request = Task { try await client.status() }
    for _ in 1...2 {
      let states = client.states
      await client.resume()
      for await state in states { if case .connecting(let attempt) = state, attempt >= 4 { break } }
      await client.suspend()
      #expect(bounds.value.starts(with: [1, 2, 4]))
      bounds.change { $0 = [] }
    }
    await client.shutdown()
    let error = await #expect(throws: LogError.self) { try await request.value }
    #expect(error?.code == .closed)
  }

  @Test func `states report it, and a client with nothing to do stays without a connection`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let states = client.states
    await client.resume()
    await client.suspend()
    await client.resume()
    #expect(try await server.onLoop { $0.record.connectionCount } == 0)
    _ = try await client.status()
    await client.suspend()
    await client.resume()
    await server.until { $0.record.connectionCount >= 2 }
    await client.shutdown()
    await client.suspend()
    await client.resume()
    var seen: [String] = []
    for await state in states { seen.append("\(state)".prefix { $0.isLetter }.description) }
    #expect(seen.starts(with: ["idle", "suspended", "idle", "connecting", "connected", "suspended", "connecting"]))
    #expect(seen.last == "closed")
  }

  @Test func `shutdown of a suspended client closes at once if nothing is queued`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    _ = try await client.append(entries(1...1), to: web)
    let followed = Task { try await Followed.all(client.follow([.stream(web)])) }
    await server.until { $0.record.follows.count >= 1 }
    await client.suspend()
    let request = Task { try await client.status() }
    await client.shutdown()
    #expect(try await followed.value.end == .cancelled)
    let error = await #expect(throws: LogError.self) { try await request.value }
    #expect(error?.code == .closed)
    #expect(try await server.onLoop { $0.record.connectionCount } == 1)
  }

  @Test func `shutdown of a suspended client reconnects for queued entries, until its deadline`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    for isReached in [true, false] {
      let client = try LogClient(.test(isReached ? server.url : "logs://127.0.0.1:1"))
      await client.suspend()
      let pending = try await client.submit(entries(1...1), to: web)
      await client.shutdown(deadline: isReached ? .seconds(300) : .milliseconds(20))
      if isReached {
        #expect(try await pending.receipt.sequences == 1...1)
      } else {
        let error = await #expect(throws: LogError.self) { try await pending.receipt }
        #expect(error?.code == .closed)
        #expect(error?.mayHaveTakenEffect == false)
      }
    }
  }

  @Test func `a producer's entries wait as well`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try LogProducer(client, stream: web)
    await client.suspend()
    for entry in entries(1...100) { producer.log(entry) }
    #expect(await producer.flush(timeout: .milliseconds(20)) == false)
    #expect(try await server.onLoop { $0.record.connectionCount } == 0)
    await client.resume()
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...100).map { "\($0)" })
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `many appends, suspended and resumed at random moments, give one exact stream`() async throws {
    let seed = testSeed()
    let server = try await FakeServer.start { server in
      var generator = SeededGenerator(seed: seed)
      server.faults.cuts = (0..<20).map { _ in Int.random(in: 5...60, using: &generator) }
      server.faults.lostAckCount = 3
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let followed = Task { try await Followed.all(client.follow([.stream(web)])) { $0.sequences[web]?.last == 400 } }
    let pausing = Task {
      var generator = SeededGenerator(seed: seed &+ 1)
      while !Task.isCancelled {
        let head = UInt64.random(in: 1...40, using: &generator)
        let stored = try await server.onLoop { $0.streams[web]?.head ?? 0 }
        await server.until { ($0.streams[web]?.head ?? 0) >= min(stored + head, 400) }
        if Bool.random(using: &generator) {
          await client.suspend()
        } else {
          // While it is still closing its connection.
          async let suspended: Void = client.suspend()
          await client.resume()
          await suspended
        }
        await client.resume()
        if stored == 400 { break }
      }
    }
    var pending: [PendingAppend] = []
    for number in 1...400 { pending.append(try await client.submit(entries(number...number), to: web)) }
    for (index, pending) in pending.enumerated() {
      #expect(try await pending.receipt.sequences == UInt64(index + 1)...UInt64(index + 1))
    }
    let sequences = try await followed.value.sequences[web]
    #expect(sequences == Array(1...400))
    try await pausing.value
    await client.shutdown()
  }
}
