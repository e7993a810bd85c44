import Glibc
import LogsSystem
import LogsWire
import Testing

/// The memory of waiting output over all connections.
@Suite(.alone) struct OutputBudgetTests {
  private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// A stream of batches with one entry of 60,000 random letters, stored at about that size.
  private static func fill(_ server: TestServer, _ count: Int, _ random: inout Seeded) throws -> [String] {
    let client = try RawClient(server.url)
    defer { client.close() }
    try client.handshake()
    let producer = ProducerID.random()
    return try (1...count).map { number in
      let message = String(
        decoding: (0..<60_000).map { _ in letters[Int(truncatingIfNeeded: random.next() & 63)] }, as: UTF8.self)
      try client.send(
        RawClient.append([message], to: "big", producer: producer, number: UInt64(number)), id: UInt32(number))
      guard case .ack = try client.receive().message else { throw Failure("no ACK") }
      return message
    }
  }

  /// Reads the whole stream.
  private static func read(_ client: RawClient, _ messages: [String]) throws {
    var decoder = BatchDecoder()
    var next = 0
    while next < messages.count {
      guard case .batch(let range, let batches) = try client.receive().message else { continue }
      #expect(range.from == UInt64(next + 1))
      for batch in try Batch.run(batches) {
        for entry in try decoder.entries(of: batch) {
          #expect(entry.message.text == messages[next], "entry \(next + 1)")
          next += 1
        }
      }
    }
  }

  @Test func `beyond the budget followers proceed in small steps, and waiting output stays within it`() throws {
    try Scene.play { scene in
      var random = Seeded.forTest()
      let budget = 4 << 20
      // Nothing is shared: each reads from the store.
      let server = try TestServer(
        scene, ["--output-bytes-total", "4M", "--tail-bytes", "0", "--output-timeout", "600s"])
      let messages = try Self.fill(server, 60, &random)
      let idle = try (0..<30).map { _ in try RawClient(server.url) }
      for client in idle {
        try client.handshake()
        try client.follow("big")
      }
      // Each has at least what the socket takes, or a batch.
      while try server.fact("delivered_bytes_total") < idle.count * 45_000 || server.fact("output_bytes") < budget {}
      let reading = try RawClient(server.url)
      try reading.handshake()
      try reading.follow("big")
      try Self.read(reading, messages)
      let output = try server.fact("output_bytes")
      print("output \(output >> 10) KiB of \(budget >> 10) KiB")
      // Each connection has a window of 16 KiB and a batch of 64 KiB, both in blocks that are larger than what they
      // hold.
      #expect(output < budget + (idle.count + 1) * (16 + 64 + 48) << 10)
      for client in idle.prefix(3) { try Self.read(client, messages) }
      for client in idle { client.close() }
      reading.close()
      while try server.fact("output_bytes") > 64 << 10 {}
    }
  }

  @Test func `memory used by output is returned to the system`() throws {
    try Scene.play { scene in
      var random = Seeded.forTest()
      let server = try TestServer(scene, ["--tail-bytes", "0", "--heartbeat", "400ms", "--output-timeout", "600s"])
      let messages = try Self.fill(server, 40, &random)
      let before = try server.fact("resident_bytes")
      let idle = try (0..<80).map { _ in try RawClient(server.url) }
      for client in idle {
        try client.handshake()
        try client.follow("big")
      }
      while try server.fact("output_bytes") < idle.count << 20 {}
      let full = try server.fact("resident_bytes")
      for client in idle { client.close() }
      while try server.fact("output_bytes") > 1 << 20 {}
      let deadline = ContinuousClock.now + Environment.patience
      var after = full
      while after > before + (24 << 20), ContinuousClock.now < deadline { after = try server.fact("resident_bytes") }
      print("resident \(before >> 20) MiB before, \(full >> 20) MiB with output, \(after >> 20) MiB after it")
      #expect(full > before + (idle.count << 19))
      #expect(after <= before + (24 << 20))
      #expect(messages.count == 40)
    }
  }
}
