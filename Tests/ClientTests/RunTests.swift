import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct RunTests {
  @Test func `a running client ends when it is shut down, with everything acknowledged`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    try await withThrowingTaskGroup { group in
      group.addTask { try await client.run() }
      group.addTask { try await client.run() }
      group.addTask {
        for number in 1...200 { _ = try await client.submit(entries(number...number), to: web) }
        await client.shutdown()
      }
      for try await _ in group {}
    }
    #expect(try await server.onLoop { $0.streams[web]?.head } == 200)
    // A client that has ended has nothing to run.
    try await client.run()
  }

  @Test func `if the task that runs it is cancelled, it closes at once and queued appends fail`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let running = Task { try await client.run() }
    let pending = try await client.submit(entries(1...1), to: web)
    await server.until { $0.record.openConnectionCount == 1 }
    running.cancel()
    let end = await #expect(throws: LogError.self) { try await running.value }
    #expect(end?.code == .cancelled)
    let error = await #expect(throws: LogError.self) { try await pending.receipt }
    #expect(error?.code == .closed)
    await server.until { $0.record.openConnectionCount == 0 }
    await client.shutdown()
  }

  @Test func `a task cancelled before it runs the client also closes it`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let pending = try await client.submit(entries(1...1), to: web)
    let running = Task {
      await untilCancelled()
      try await client.run()
    }
    running.cancel()
    let end = await #expect(throws: LogError.self) { try await running.value }
    #expect(end?.code == .cancelled)
    let error = await #expect(throws: LogError.self) { try await pending.receipt }
    #expect(error?.code == .closed)
  }

  @Test func `failing work ends the client`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let pending = try await client.submit(entries(1...1), to: web)
    await #expect(throws: TestFailure.self) {
      try await withThrowingTaskGroup { group in
        group.addTask { try await client.run() }
        group.addTask {
          await server.until { $0.record.openConnectionCount == 1 }
          throw TestFailure("the work failed")
        }
        for try await _ in group {}
      }
    }
    let error = await #expect(throws: LogError.self) { try await pending.receipt }
    #expect(error?.code == .closed)
  }
}
