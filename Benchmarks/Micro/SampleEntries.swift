internal import LogsWire

/// Entries as services write them, the same each time.
enum SampleEntries {
  static func make(_ count: Int, attributes: Bool = false) -> [LogEntry] {
    var time: Int64 = 1_767_225_600_000_000_000
    var state: UInt64 = 1
    func below(_ limit: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % limit
    }
    return (0..<count).map { _ in
      time += Int64(below(2_000_000))
      let user = below(5_000)
      let text =
        "10.0.\(user % 250).\(user % 199) \"GET /api/v1/items/\(user) HTTP/1.1\" 200 \(below(20_000)) \"Mozilla/5.0\""
      var entry = LogEntry(message: ByteString(text), time: time, severity: .info, source: ByteString("nginx"))
      if attributes {
        entry.attributes = [
          LogAttribute("user", .integer(Int64(user))), LogAttribute("region", .string("eu-\(user % 9)")),
        ]
      }
      return entry
    }
  }

  /// A batch as a producer sends it.
  static func batch(_ count: Int, attributes: Bool = false) throws -> Batch {
    var builder = BatchBuilder(seed: 1)
    for entry in make(count, attributes: attributes) { _ = try builder.append(entry) }
    return builder.finish(compressor: Compressor())
  }

  /// A batch of entries that are all the same: as small with many entries as with few.
  static func smallBatch(_ count: Int) throws -> Batch {
    var builder = BatchBuilder(seed: 1)
    for _ in 0..<count { _ = try builder.append(LogEntry(message: ByteString())) }
    return builder.finish(compressor: Compressor())
  }
}
