import LogsWire
import Testing

@testable import LogsClient

/// A producer on a spool left by another one, against an in-process server.
@Suite(.endsHangs) struct ProducerSpoolFaultTests {
  /// A spool as left by a kill, with batches of one entry each.
  private func crashed(_ texts: [String]) throws -> TestDirectory {
    let left = try TestDirectory()
    let spool = try TestSpool(left.path)
    for text in texts { try spool.store(text) }
    // A kill leaves files in use: later batches are numbered under a new identity.
    let directory = try TestDirectory()
    try SpoolFiles.copy(left.path, to: directory.path)
    return directory
  }

  @Test func `batches handed over after a crash are sent once what the crash left is answered`() async throws {
    let directory = try crashed(["1", "2", "3"])
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client, spool: directory)
    let pending = try await producer.submit(entries(4...4))
    try await server.onLoop { $0.speak() }
    // Nobody flushes: it is sent without that.
    #expect(try await pending.receipt.ranges == [4...4])
    #expect(producer.counts.restored == 3)
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.map(\.text) == ["1", "2", "3", "4"])
    await producer.shutdown()
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `a flush waits for batches that were in the spool`(hasMore: Bool) async throws {
    let directory = try crashed((1...40).map(String.init))
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client, spool: directory)
    #expect(await producer.flush(timeout: .zero) == false)
    async let isDone = producer.flush(timeout: .seconds(300))
    if hasMore { producer.log(.info, "41") }
    try await server.onLoop { $0.speak() }
    #expect(await isDone)
    #expect(producer.counts.acknowledged >= 40)
    #expect(await producer.flush(timeout: .seconds(300)) && producer.counts.waiting == 0)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `answered batches are not sent again while they are still in the spool`() async throws {
    // Answered batches are removed a little later, together: meanwhile the client fails, and everything starts over.
    let server = try await FakeServer.start { server in
      server.faults.isMute = true
      server.faults.onAppend = { append in
        guard append.number == 2 else { return nil }
        // Once, on any connection: a client that waits too long for WELCOME makes another one.
        server.faults.onAppend = { _ in nil }
        server.faults.handshakeRefusal = Refusal(.unauthorized, "a test")
        for connection in server.connections { connection.cut() }
        return nil
      }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let directory = try TestDirectory()
    let producer = try testProducer(client, spool: directory) {
      $0.onEvent = { event in if case .failed = event { server.loop.execute { server.admit() } } }
    }
    let first = try await producer.submit(entries(1...1))
    _ = try await producer.submit(entries(2...2))
    try await server.onLoop { $0.speak() }
    _ = try await first.receipt
    await server.until { $0.record.appends.filter { $0.number == 2 }.count >= 2 }
    #expect(await producer.flush(timeout: .seconds(300)))
    let counts = producer.counts
    #expect(counts.acknowledged == 2 && counts.waiting == 0)
    #expect(try await server.onLoop { $0.record.appends.filter { $0.number == 1 }.count } == 1)
    await producer.shutdown()
    await client.shutdown()
  }
}
