import LogsWire
import Testing

@testable import LogsClient

/// A producer on a spool that another one has left, against a server in this process.
@Suite(.timeLimit(.minutes(2))) struct ProducerSpoolTests {
  @Test func `what is handed over after a crash is sent once what the crash left is answered`() async throws {
    let left = try TestDirectory()
    let directory = try TestDirectory()
    let before = try TestSpool(left.path)
    try before.store("1", "2", "3")
    // A copy of files in use is what a kill leaves: what comes next is numbered under a new identity.
    try SpoolFiles.copy(left.path, to: directory.path)

    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var configuration = LogProducerConfiguration()
    configuration.spool = SpoolConfiguration(directory: directory.path)
    let producer = try LogProducer(client, stream: web, configuration: configuration)
    let pending = try await producer.submit(entries(4...4))
    try await server.onLoop { $0.speak() }
    // Nobody flushes: it goes out by itself.
    #expect(try await pending.receipt.ranges == [4...4])
    #expect(producer.counts.restored == 3)
    let stored = try await server.onLoop { $0.streams[web]?.entries ?? [] }
    #expect(stored.map(\.text) == ["1", "2", "3", "4"])
    await producer.shutdown()
    await client.shutdown()
  }
}
