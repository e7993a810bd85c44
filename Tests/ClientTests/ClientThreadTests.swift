import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct ClientThreadTests {
  @Test func `clients that share a thread append and follow as usual`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let thread = try ClientThread(name: "test")
    let clients = try (0..<20).map { _ in try LogClient(.test(server.url), on: thread) }
    try await withThrowingTaskGroup { group in
      for (index, client) in clients.enumerated() {
        group.addTask(executorPreference: thread) {
          let stream = StreamName(checked: "s\(index)")
          for number in 1...30 {
            #expect(
              try await client.append(entries(number...number), to: stream).sequences.lowerBound == UInt64(number))
          }
          let followed = try await Followed.all(client.follow([.stream(stream)], until: FollowEnd(atHead: true)))
          #expect(followed.sequences[stream] == Array(1...30))
        }
      }
      try await group.waitForAll()
    }
    #expect(try await server.onLoop { $0.record.openConnectionCount } == 20)
  }

  @Test func `a client that ends leaves the thread to the others`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let thread = try ClientThread(name: "test")
    let last = try LogClient(.test(server.url), on: thread)
    for isShutDown in [true, false] {
      let client = try LogClient(.test(server.url), on: thread)
      _ = try await client.append(entries(1...1), to: web)
      if isShutDown { await client.shutdown() }
    }
    await server.until { $0.record.openConnectionCount == 0 }
    #expect(try await last.append(entries(3...3), to: web).sequences == 3...3)
    await last.shutdown()
  }

  @Test func `large batches are encoded on the thread that the task prefers, and arrive`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let thread = try ClientThread(name: "test")
    let client = try LogClient(.test(server.url), on: thread)
    let task = Task(executorPreference: thread) { try await client.append(entries(1...2_000), to: web) }
    #expect(try await task.value.sequences == 1...2_000)
    await client.shutdown()
  }
}
