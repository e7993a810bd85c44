@testable import LogsWire

/// Entries of every shape, for seeds and for filters to look at.
enum SampleEntries {
  static let stream = StreamName(stored: "web")
  static let incarnation = Incarnation(0x1122_3344_5566_7788)
  static let seed = BatchHeader.serverSeed(stream: stream, incarnation: incarnation)

  static let all: [LogEntry] = {
    var entries: [LogEntry] = []
    for (index, text) in [
      "GET /item/17 200", "connection reset by peer", "", "Straße \u{130}", "a b=c \"d e\"", "x\u{0}y\n\u{1b}[31mz",
      "user_17 timeout after 1.5s", "GET /item/17 500",
    ].enumerated() {
      var entry = LogEntry(message: ByteString(text))
      entry.time = index % 3 == 0 ? 0 : 1_767_225_600_000_000_000 + Int64(index) * 1_000_000
      entry.severity = LogSeverity(number: UInt8(index * 3)) ?? .unspecified
      entry.source = ByteString(index % 2 == 0 ? "nginx" : "docker/app")
      entry.kind = index == 5 ? .status : .log
      switch index % 4 {
      case 1:
        entry.attributes = [LogAttribute("status", .integer(Int64(100 * index))), LogAttribute("k", .string("v"))]
      case 2:
        entry.attributes = [
          LogAttribute("a", .map([LogAttribute("b", .list([.double(1.5), .boolean(true), .empty]))])),
          LogAttribute("took", .double(0.25)), LogAttribute("raw", .bytes(ByteString([0, 255]))),
        ]
      default: break
      }
      entries.append(entry)
    }
    return entries
  }()

  static func batch(_ entries: [LogEntry]) throws -> Batch {
    var builder = BatchBuilder(seed: 1)
    for entry in entries {
      guard try builder.append(entry) == .added else { throw BrokenRule("the entries do not fit one batch") }
    }
    return builder.finish(compressor: Compressor())
  }

  static func numbered(_ entries: [LogEntry], first: UInt64 = 1, received: Int64 = 5) throws -> Batch {
    try batch(entries).numbered(firstSequence: first, received: received, seed: seed)
  }

  /// All that an entry holds, for comparison: NaN equals itself.
  static func text(_ entry: LogEntry, numbered: Bool = true) -> String {
    let place = numbered ? "\(entry.sequence) \(entry.received) " : ""
    return place + "\(entry.time) \(entry.severity.number) \(entry.kind) \(entry.source.array) \(entry.message.array) "
      + "\(entry.attributes)"
  }
}
