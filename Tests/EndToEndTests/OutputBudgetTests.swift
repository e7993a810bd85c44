import Glibc
import LogsSystem
import LogsWire
import Testing

/// The memory of waiting output over all connections.
@Suite(.alone) struct OutputBudgetTests {
  /// A stream of batches with one entry of 60,000 random letters, stored at about that size.
  private static func fill(_ server: TestServer, _ count: Int, _ random: inout Seeded) throws -> [String] {
    let client = try RawClient(server.url)
    defer { client.close() }
    try client.handshake()
    let producer = ProducerID.random()
    return try (1...count).map { number in
      let message = String(decoding: random.letters(60_000), as: UTF8.self)
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
        scene,
        ["--output-bytes-total", "4M", "--tail-bytes", "0", "--output-timeout", "600s", "--heartbeat", "600s"])
      let messages = try Self.fill(server, 60, &random)
      let idle = try (0..<30).map { _ in try RawClient(server.url) }
      for client in idle {
        try client.handshake()
        try client.follow("big")
      }
      // Each has at least what the socket takes, or a batch.
      try server.wait(for: "delivered_bytes_total") { $0 >= idle.count * 45_000 }
      try server.wait(for: "output_bytes") { $0 >= budget }
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
      try server.wait(for: "output_bytes") { $0 <= 64 << 10 }
    }
  }

  @Test func `however many followers do not read, the output of all takes no more memory than it may`() throws {
    try Scene.play { scene in
      let budget = 4 << 20
      let server = try TestServer(
        scene,
        ["--output-bytes-total", "4M", "--tail-bytes", "0", "--output-timeout", "600s", "--heartbeat", "600s"]
          + ["--listen-http", "unix:\(scene.path("http.sock"))"])
      // Some 3 MB that do not compress: without the budget 1 MiB would wait for each follower.
      var random = Seeded.forTest()
      let client = try RawClient(server.url)
      try client.handshake()
      let producer = ProducerID.random()
      for number in 1...600 as ClosedRange<UInt64> {
        let message = String(decoding: random.letters(8_000), as: UTF8.self)
        try client.send(
          RawClient.append([message], to: "big", producer: producer, number: number), id: UInt32(number))
        guard case .ack = try client.receive().message else { throw Failure("no ACK") }
      }
      let before = try server.fact("resident_bytes")
      let idle = try (0..<200).map { _ in try RawClient(server.url) }
      for client in idle {
        try client.handshake()
        try client.follow("big")
      }
      let browsers = try (0..<50).map { _ in
        try EventReader(try HTTPPeer(unix: scene.path("http.sock")), "/api/v1/follow?stream=big&last=1000")
      }
      // More than the sockets hold.
      try server.wait(for: "output_bytes") { $0 >= budget }
      let reading = try RawClient(server.url)
      try reading.handshake()
      try reading.follow("big")
      _ = try reading.followed(600)
      let (output, resident) = (try server.fact("output_bytes"), try server.fact("resident_bytes"))
      print("output \(output >> 20) MiB, resident \(before >> 20) MiB before and \(resident >> 20) MiB with followers")
      // 16 KiB and a batch for each, in blocks that may be larger.
      let eachMax = (16 + 8 + 16) << 10
      #expect(output < budget + (idle.count + browsers.count + 1) * eachMax)
      // Connections and what is read for them take memory as well; 250 MiB would wait without the budget.
      #expect(resident - before < 2 * budget + 251 * 100 << 10)
      for browser in browsers { #expect(browser.head.status == 200) }
      for client in idle.prefix(2) { _ = try client.followed(600) }
    }
  }

  @Test func `memory used by output is returned to the system`() throws {
    try Scene.play { scene in
      var random = Seeded.forTest()
      let server = try TestServer(scene, ["--tail-bytes", "0", "--heartbeat", "10s", "--output-timeout", "600s"])
      let messages = try Self.fill(server, 40, &random)
      let before = try server.fact("resident_bytes")
      let idle = try (0..<80).map { _ in try RawClient(server.url) }
      for client in idle {
        try client.handshake()
        try client.follow("big")
      }
      try server.wait(for: "output_bytes") { $0 >= idle.count << 20 }
      let full = try server.fact("resident_bytes")
      for client in idle { client.close() }
      #expect(full > before + (idle.count << 19))
      var after = full
      try server.wait(for: "resident_bytes") {
        after = $0
        return after <= before + (24 << 20)
      }
      print("resident \(before >> 20) MiB before, \(full >> 20) MiB with output, \(after >> 20) MiB after it")
      #expect(messages.count == 40)
    }
  }
}
