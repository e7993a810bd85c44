import LogsWire

/// Entries and conditions that a seed repeats.
struct QueryGenerator {
  private var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  static let streams = ["docker/web", "docker/db", "plain", "Plain", "task/42"]
  /// 2026-11-28 10:00:00.
  static let start: Int64 = 1_795_860_000_000_000_000

  private static let messages: [[UInt8]] =
    [
      "GET /orders took 12ms", "GET /pay: connection reset", "\u{1b}[31mERROR\u{1b}[0m took 31mms", "1mfoo [31m bar",
      "", "Timeout", "timeout after 30 s", "x\u{1b}[1;31mtimeout\u{1b}[m", "naïve ÉTÉ été", "say \"hi\" \\ there",
      "100% of_it", "a*b?c[d]", "[brackets] m", "level=warn mmm", "K \u{212a} k",
    ].map { Array($0.utf8) } + [
      [0x61, 0xff, 0x62, 0x20, 0x74, 0x69, 0x6d, 0x65], [0x6f, 0x6e, 0x65, 0x00, 0x74, 0x77, 0x6f],
    ]

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &generator)]
  }

  mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

  mutating func entry() -> LogEntry {
    let time = below(10) == 0 ? 0 : Self.start + Int64(below(7_200_000)) * 1_000_000 + Int64(below(3)) * 123_456
    let severity = LogSeverity(number: UInt8(pick([0, 1, 5, 9, 9, 9, 10, 13, 17, 18, 21, 24]))) ?? .unspecified
    var attributes: [LogAttribute] = []
    if below(2) == 0 { attributes.append(LogAttribute("status", .integer(Int64(pick([200, 404, 502]))))) }
    if below(3) == 0 { attributes.append(LogAttribute("user", .string(pick(["bob", "Änne", "x\"y"])))) }
    return LogEntry(
      message: ByteString(pick(Self.messages)), time: time, severity: severity,
      source: ByteString(pick(["", "nginx", "db"])), attributes: attributes,
      kind: below(9) == 0 ? .status : .log)
  }

  // MARK: conditions

  mutating func condition(depth: Int = 2) -> String {
    switch depth > 0 ? below(8) : 9 {
    case 0: "(\(condition(depth: depth - 1)) OR \(condition(depth: depth - 1)))"
    case 1: "NOT (\(condition(depth: depth - 1)))"
    case 2, 3, 4: "\(condition(depth: depth - 1)) AND \(condition(depth: depth - 1))"
    default: test()
    }
  }

  private mutating func test() -> String {
    switch below(12) {
    case 0, 1: streamTest()
    case 2: "seq \(comparison()) \(number(below(700) - 20))"
    case 3: "seq BETWEEN \(below(300)) AND \(below(600))"
    case 4, 5: timeTest()
    case 6:
      "time_ns \(comparison()) \(pick(["", "0.5 + "]))\(Self.start + Int64(below(7_200)) * 1_000_000_000)"
    case 7: levelTest()
    case 8, 9: "message \(pick(["GLOB", "GLOB", "LIKE", "NOT GLOB"])) \(pattern())"
    case 10: "attributes ->> 'status' \(comparison()) \(pick([200, 404, 502]))"
    default: pick(["source = 'nginx'", "kind = 'status'", "kind <> 'log'", "source GLOB 'n*'", "message = 'Timeout'"])
    }
  }

  private mutating func comparison() -> String { pick(["=", "==", "<", "<=", ">", ">=", "<>", "IS", "IS NOT"]) }

  private mutating func number(_ number: Int) -> String {
    pick(["\(number)", "\(number)", "\(number)", "\(number).5", "'\(number)'", "NULL", "\(number)e1", "x'31'", "9e99"])
  }

  private mutating func streamTest() -> String {
    let name = pick(Self.streams)
    return pick([
      "stream = '\(name)'", "stream = '\(name)' COLLATE NOCASE", "stream IN ('\(name)', '\(pick(Self.streams))')",
      "stream GLOB 'docker/*'", "stream GLOB '*\(name.suffix(3))'", "stream LIKE 'P%'", "stream LIKE '%\(name)%'",
      "stream GLOB '[dp]*'", "stream <> '\(name)'", "stream > '\(name)'", "stream = NULL", "stream = 5",
      "stream NOT IN ('\(name)')",
    ])
  }

  private mutating func timeTest() -> String {
    let texts = [
      "2026-11-28 10:30", "2026-11-28 11:00:00", "2026-11-28 10:59:59.123456", "2026", "2027", "", "2026-11-28 10:4",
      "abc", "2026-11-28 10:15:00.000000000",
    ]
    return pick([
      "time \(comparison()) '\(pick(texts))'", "time \(comparison()) '\(pick(texts))'",
      "time BETWEEN '\(pick(texts))' AND '\(pick(texts))'", "time GLOB '2026-11-28 10:\(below(6))*'",
      "time LIKE '%-28 11%'", "time LIKE '2026-11-28 11:_5%'", "time \(comparison()) 2026", "time > NULL",
      "time \(comparison()) '\(pick(texts))' COLLATE NOCASE",
      "time > strftime('%Y-%m-%d %H:%M:%f', \(Self.start / 1_000_000_000), 'unixepoch', '+\(below(120)) minutes')",
    ])
  }

  private mutating func levelTest() -> String {
    pick([
      "severity \(comparison()) \(number(below(26)))", "level = '\(pick(["info", "error", "", "crit", "nothing"]))'",
      "level IN ('warn', 'info')", "severity IN (9, 17, 0)", "level <> 'info'", "level = 'INFO' COLLATE NOCASE",
      "severity BETWEEN 9 AND 17", "level = NULL",
    ])
  }

  /// A piece of some message between wildcards, in quotation marks of SQL.
  mutating func pattern() -> String {
    let text = String(decoding: pick(Self.messages), as: UTF8.self).filter { $0 != "\0" }
    let start = below(max(text.count, 1))
    var piece = String(text.dropFirst(start).prefix(below(9) + 1))
    switch below(7) {
    case 0: piece = piece.uppercased()
    case 1: piece = piece.replacing("o", with: "?")
    case 2: piece = piece.replacing("e", with: "[a-f]")
    case 3: piece = piece.replacing("[", with: "[[]")
    case 4: piece = piece.replacing(" ", with: "%").replacing("m", with: "_")
    default: break
    }
    let around = pick(["*", "*", "%", "%", ""])
    return "'\(around)\(piece.replacing("'", with: "''"))\(pick([around, around, "*", ""]))'"
  }
}
