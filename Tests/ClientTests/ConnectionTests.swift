import Glibc
import LogsWire
import Testing

@testable import LogsClient

@Suite(.endsHangs) struct ConnectionTests {
  @Test func `streams are listed page by page, and the status is passed on unchanged`() async throws {
    let server = try await FakeServer.start { server in
      server.pageCountMax = 3
      for index in 0..<10 { try! server.fill(StreamName(checked: "app/\(index)"), batches: 1, entryCount: index + 1) }
      try! server.fill(web, batches: 1, entryCount: 1)
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let streams = try await client.streams(matching: StreamPattern("app/*"))
    #expect(streams.map(\.stream.text) == (0..<10).map { "app/\($0)" })
    #expect(streams.map(\.head) == Array(1...10))
    #expect(try await client.streams().count == 11)
    #expect(try await client.status().first?.key == "version")
    await client.shutdown()
  }

  @Test func `more requests than the protocol allows at once all get their answers`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 1) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let counts = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<200 { group.addTask { try await client.streams().count } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(counts == Array(repeating: 1, count: 200))
    #expect(try await server.onLoop { $0.record.connectionCount } == 1)
    await client.shutdown()
  }

  @Test func `a request is repeated after a cut and after a temporary refusal`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 1)
      server.faults.cuts = [0, 1]
      let count = Shared(0)
      server.faults.onList = {
        count.change { $0 += 1 }
        return count.value < 3 ? Refusal(.overloaded, "a test", isRetryable: true) : nil
      }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    #expect(try await client.streams().count == 1)
    await client.shutdown()
  }

  @Test func `a wait from before a lost connection does not shorten the next one`() async throws {
    let server = try await FakeServer.start { server in
      let (listCount, followCount) = (Shared(0), Shared(0))
      func refusal(_ count: Shared<Int>) -> Refusal? {
        count.change { $0 += 1 }
        if listCount.value == 1, followCount.value == 1 {
          // After the second refusal, before any wait is over.
          server.loop.execute { for connection in server.connections { connection.cut() } }
        }
        let wait: UInt32? = [1: 50, 2: 3_600_000][count.value]
        return wait.map { Refusal(.overloaded, "a test", isRetryable: true, retryAfterMilliseconds: $0) }
      }
      server.faults.onList = {
        server.record.listCount += 1
        return refusal(listCount)
      }
      server.faults.onFollow = { $0.selectors == [.stream(web)] ? refusal(followCount) : nil }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let listing = Task { try await client.streams() }
    let following = Task { try await Followed.all(client.follow([.stream(web)])) }
    await server.until { $0.record.listCount >= 2 && $0.record.follows.count >= 2 }
    // The first wait is over once a later one that is as long has ended.
    let other = StreamName(checked: "other")
    try await server.onLoop { server in
      let count = Shared(0)
      server.faults.onFollow = { follow in
        guard follow.selectors == [.stream(other)] else { return nil }
        count.change { $0 += 1 }
        return count.value == 1
          ? Refusal(.overloaded, "a test", isRetryable: true, retryAfterMilliseconds: 60) : nil
      }
    }
    let otherFollow = Task { try await Followed.all(client.follow([.stream(other)])) }
    await server.until { $0.record.follows.count >= 4 }
    let asked = try await server.onLoop { ($0.record.listCount, $0.record.follows.map(\.selectors)) }
    #expect(asked.0 == 2)
    #expect(asked.1.count { $0 == [.stream(web)] } == 2)
    await client.shutdown()
    _ = await (listing.result, following.result, otherFollow.result)
  }

  @Test func `an error that no retry can fix fails all waiting calls at once`() async throws {
    let server = try await FakeServer.start { $0.faults.handshakeRefusal = Refusal(.unauthorized, "a test") }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let calls: [@Sendable () async throws -> Void] = [
      { _ = try await client.append(entries(1...1), to: web) }, { _ = try await client.status() },
      { _ = try await Followed.all(client.follow([.stream(web)])) },
    ]
    await withTaskGroup { group in
      for call in calls {
        group.addTask {
          let error = await #expect(throws: LogError.self) { try await call() }
          #expect(error?.code == .refused(.unauthorized))
          #expect(error?.isRetryable == false)
          #expect(error?.mayHaveTakenEffect == false)
        }
      }
    }
    // A later call tries again.
    try await server.onLoop { $0.faults.handshakeRefusal = nil }
    #expect(try await client.append(entries(1...1), to: web).sequences == 1...1)
    await client.shutdown()
  }

  @Test func `servers are tried in turn`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test("logs://127.0.0.1:1", "logs+unix:///nowhere/at/all", server.url))
    #expect(try await client.append(entries(1...1), to: web).sequences == 1...1)
    await client.shutdown()
  }

  @Test func `without a server the deadline fails waiting calls, and states say why`() async throws {
    var configuration = LogClientConfiguration.test("logs://127.0.0.1:1")
    configuration.reconnectDeadline = .milliseconds(50)
    let client = try LogClient(configuration)
    let states = client.states
    let error = await #expect(throws: LogError.self) { try await client.append(entries(1...1), to: web) }
    #expect(error?.code == .gaveUp)
    #expect(error?.isRetryable == true)
    #expect(error?.mayHaveTakenEffect == false)
    await client.shutdown()
    var seen: [String] = []
    for await state in states {
      switch state {
      case .idle: seen.append("idle")
      case .connecting: seen.append("connecting")
      case .connected: seen.append("connected")
      case .waiting(_, let error):
        #expect(error.code == .unreachable)
        seen.append("waiting")
      case .refusing: seen.append("refusing")
      case .suspended: seen.append("suspended")
      case .closed: seen.append("closed")
      }
    }
    #expect(seen.last == "closed")
    #expect(seen.contains("waiting"))
    #expect(!seen.contains("connected"))
    #expect(seen.count <= 16)
  }

  @Test func `with a deadline of zero every server is tried once after each loss`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    var configuration = LogClientConfiguration.test("logs://127.0.0.1:1", server.url)
    configuration.reconnectDeadline = .zero
    // A client that waited as long as it may would exceed the test's time limit.
    configuration.backoff = Backoff(base: .seconds(3600), cap: .seconds(3600))
    configuration.random = { $0 }
    let client = try LogClient(configuration)
    for number in 1...3 {
      #expect(try await client.append(entries(number...number), to: web).sequences == UInt64(number)...UInt64(number))
      try await server.onLoop { for connection in $0.connections { connection.cut() } }
    }
    try await server.onLoop { $0.goDown() }
    var attempts = 0
    let states = client.states
    while true {
      // Requests made before the loss is noticed wait for the attempts that follow it.
      do { _ = try await client.status() } catch {
        #expect(error.code == .gaveUp)
        break
      }
    }
    await client.shutdown()
    for await state in states { if case .connecting(let attempt) = state { attempts = max(attempts, attempt) } }
    #expect(attempts == 2)
  }

  @Test func `an attempt under way when the deadline passes may finish`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url)
    // It passes before the connection is there.
    configuration.reconnectDeadline = .zero
    let client = try LogClient(configuration)
    async let status = client.status()
    // WELCOME has come; the server is silent until then.
    await server.until { $0.unheardCount >= 1 }
    try await server.onLoop { $0.speak() }
    let count = try await status.count
    #expect(count == 2)
    await client.shutdown()
  }

  @Test func `waits grow until a connection lasts, however often one is made`() async throws {
    for (healthyDuration, expected) in [(Duration.seconds(5), [1, 2, 4, 5, 5, 5]), (.zero, [1, 1, 1, 1, 1, 1])] {
      // Each connection is cut after the handshake.
      let server = try await FakeServer.start { $0.faults.cuts = Array(repeating: 1, count: 6) }
      defer { server.stop() }
      var configuration = LogClientConfiguration.test(server.url)
      configuration.backoff.healthyDuration = healthyDuration
      let bounds = Shared<[UInt64]>([])
      configuration.random = { bound in
        bounds.change { $0.append(bound / 1_000_000) }
        return 0
      }
      let client = try LogClient(configuration)
      _ = try await client.status()
      #expect(bounds.value.map { Int($0) } == expected)
      await client.shutdown()
    }
  }

  @Test func `a server that is going away finishes its requests, and the client reconnects`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    async let followed = Followed.all(client.follow([.stream(web)])) { $0.sequences[web]?.last == 300 }
    var pending: [PendingAppend] = []
    for number in 1...300 {
      pending.append(try await client.submit(entries(number...number), to: web))
      if number.isMultiple(of: 100) { try await server.onLoop { $0.goAway() } }
    }
    for (index, pending) in pending.enumerated() {
      #expect(try await pending.receipt.sequences == UInt64(index + 1)...UInt64(index + 1))
    }
    let sequences = try await followed.sequences[web]
    #expect(sequences == Array(1...300))
    await client.shutdown()
  }

  @Test func `a connection with a dead peer is given up and replaced`() async throws {
    let server = try await FakeServer.start { $0.heartbeatMilliseconds = 40 }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    _ = try await client.append(entries(1...1), to: web)
    try await server.onLoop { $0.faults.isMute = true }
    async let receipt = client.append(entries(2...2), to: web)
    await server.until { $0.record.connectionCount >= 2 }
    try await server.onLoop { server in
      server.faults.isMute = false
      for connection in server.connections { connection.cut() }
    }
    let sequences = try await receipt.sequences
    #expect(sequences == 2...2)
    await client.shutdown()
  }

  @Test func `wrong settings are refused with advice`() {
    var long = LogClientConfiguration.test("logs://localhost")
    long.name = String(repeating: "x", count: 256)
    var secret = LogClientConfiguration.test("logs://localhost")
    secret.token = String(repeating: "x", count: 4097)
    var small = LogClientConfiguration.test("logs://localhost")
    small.followCreditByteCount = 1
    for configuration in [.test(), .test("localhost:5647"), .test("http://localhost"), long, secret, small] {
      let error = #expect(throws: LogError.self) { try LogClient(configuration) }
      #expect(error?.code == .invalidConfiguration)
      #expect(error?.isRetryable == false)
    }
  }
}

@Suite(.endsHangs) struct ShutdownTests {
  @Test func `shutdown acknowledges queued entries, ends subscriptions and refuses later calls`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    async let followed = Followed.all(client.follow([.stream(web)]))
    await server.until { $0.record.follows.count >= 1 }
    var pending: [PendingAppend] = []
    for number in 1...200 { pending.append(try await client.submit(entries(number...number), to: web)) }
    await client.shutdown()
    for pending in pending { _ = try await pending.receipt }
    #expect(try await server.onLoop { $0.streams[web]?.head } == 200)
    let end = try await followed.end
    #expect(end == .cancelled)
    await server.until { $0.record.openConnectionCount == 0 }
    var error = await #expect(throws: LogError.self) { try await client.append(entries(1...1), to: web) }
    #expect(error?.code == .closed)
    error = await #expect(throws: LogError.self) { try await client.status() }
    #expect(error?.code == .closed)
    error = await #expect(throws: LogError.self) { try await Followed.all(client.follow([.stream(web)])) }
    #expect(error?.code == .closed)
    await client.shutdown()
  }

  @Test func `the deadline fails unanswered appends, and says that they may be stored`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    _ = try await client.append(entries(1...1), to: web)
    try await server.onLoop { $0.faults.isMute = true }
    let pending = try await client.submit(entries(2...2), to: web)
    await client.shutdown(deadline: .milliseconds(20))
    let error = await #expect(throws: LogError.self) { try await pending.receipt }
    #expect(error?.code == .closed)
    #expect(error?.mayHaveTakenEffect == true)
  }

  @Test func `a client that is dropped fails waiting calls and leaves the server`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let pending: PendingAppend
    do {
      let client = try LogClient(.test(server.url))
      pending = try await client.submit(entries(1...1), to: web)
      await server.until { $0.record.openConnectionCount == 1 }
    }
    let error = await #expect(throws: LogError.self) { try await pending.receipt }
    #expect(error?.code == .closed)
    await server.until { $0.record.openConnectionCount == 0 }
  }

  @Test func `clients that come and go leave no thread behind`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    for round in 0..<50 {
      let client = try LogClient(.test(server.url))
      _ = try await client.append(entries(1...1), to: StreamName(checked: "s\(round)"))
      if round.isMultiple(of: 2) { await client.shutdown() }
    }
    await server.until { $0.record.openConnectionCount == 0 }
    #expect(try clientThreadCount() < 40)
  }

  @Test func `dropping a client or a producer that was shut down starts no thread`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    var client: LogClient? = try LogClient(.test(server.url))
    var producer: LogProducer? = try client.map { try testProducer($0) }
    await producer?.shutdown()
    await client?.shutdown()
    // Anything that waits for an ended loop keeps it alive, and creates a thread.
    weak let clientLoop = client?.loop
    weak let producerLoop = producer?.loop
    producer = nil
    client = nil
    #expect(clientLoop == nil)
    #expect(producerLoop == nil)
  }

  /// Client threads in this process, including those of parallel tests.
  private func clientThreadCount() throws -> Int {
    guard let directory = opendir("/proc/self/task") else { throw TestFailure("no /proc") }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
      let id = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let file = fopen("/proc/self/task/\(id)/comm", "r") else { continue }
      defer { fclose(file) }
      var name = [CChar](repeating: 0, count: 32)
      guard fgets(&name, 32, file) != nil else { continue }
      let text = String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("logs-client") { count += 1 }
    }
    return count
  }
}
