@testable import LogsSimulation

/// Makes lines that are almost like those of loggers.
struct LineMaker {
  private var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  static let corpus: [[UInt8]] = LoggerLine.all.map { Array($0.line.utf8) }

  static let oddBytes: [UInt8] =
    Array(#""\{}[]:,=<>#-+.eEtTzZ0129 /"#.utf8) + [0, 9, 10, 13, 27, 31, 127, 128, 192, 237, 239, 255]

  private static let keys = [
    "time", "ts", "@timestamp", "timestamp", "t", "date", "level", "severity", "lvl", "PRIORITY", "severityNumber",
    "msg",
    "message", "event", "log", "log.level", "fields", "body", "logger", "service", "name", "s", "stream", "version",
    "host",
    "short_message", "instant", "MESSAGE", "$date", "epochSecond", "a", "", "logs.truncated_attributes",
    "logs.truncated", "Level",
    "hostname", "pid", "levelname", "@t", "@m", "jsonPayload", "k\u{e9}", "ke\u{301}",
  ]

  private static let words = [
    "error", "INFO", "W", "3", "30", "1.1", "stdout", "true", "null", "-", "", "INFO+2", "2026-01-10T12:00:00Z",
    "2026-02-30T24:61:99Z",
    "20240115123045", "Jan  9 05:19:07", "10/Oct/2000:13:55:36 -0700", "9223372036.9", "9223372036854775807", "1e400",
    "now", "yesterday",
    "+24:00", "\u{1b}[31m", "x\n", "\u{FEFF}",
  ]

  mutating func line() -> [UInt8] {
    var line: [UInt8]
    switch Int.random(in: 0..<8, using: &random) {
    case 0: line = random.bytes(Int.random(in: 0...60, using: &random))
    case 1, 2: line = Self.corpus.randomElement(using: &random) ?? []
    case 3: line = pairs()
    case 4: line = nested()
    default: line = object(depth: 0)
    }
    for _ in 0..<Int.random(in: 0...3, using: &random) where random.chance(2) { mutate(&line) }
    return line
  }

  /// A number, a date, a word or an escape, without quotes.
  mutating func scalar() -> [UInt8] {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return Array(number().utf8)
    case 1: return Array(date().utf8)
    case 2: return escapes()
    case 3:
      var text = Array((Self.words.randomElement(using: &random) ?? "").utf8)
      if !text.isEmpty, random.chance(3) { mutate(&text) }
      return text
    case 4:
      return Array(
        ((Self.words.randomElement(using: &random) ?? "") + (["s", "m", "h", "d"].randomElement(using: &random) ?? ""))
          .utf8)
    default: return Array((Self.words.randomElement(using: &random) ?? "").utf8)
    }
  }

  private mutating func number() -> String {
    let digits = Int.random(in: 1...24, using: &random)
    var text = random.chance(4) ? "-" : ""
    for _ in 0..<digits { text += String(Int.random(in: 0...9, using: &random)) }
    if random.chance(3) { text += "." + String(UInt32.random(in: 0 ... .max, using: &random)) }
    if random.chance(4) { text += "e" + String(Int.random(in: -400...400, using: &random)) }
    if random.chance(4) {
      // At the edge of a range.
      let edges: [Int64] = [
        .max, .min, 9_223_372_036, 9_223_372_036_854, 946_684_800, 4_102_444_800, 20_991_231_235_959, 1 << 53,
      ]
      let edge = edges.randomElement(using: &random) ?? 0
      text = String(edge &+ Int64.random(in: -2...2, using: &random))
    }
    return text
  }

  private mutating func date() -> String {
    func two(_ range: ClosedRange<Int>, _ random: inout SeededGenerator) -> String {
      let number = Int.random(in: range, using: &random)
      return number < 10 ? "0\(number)" : "\(number)"
    }
    let year = [1970, 2000, 2024, 2026, 2100, 2262, 9999, 0].randomElement(using: &random) ?? 0
    let separators = ["T", " ", "t", "_"]
    let zones = ["Z", "", "+02:00", "-0330", "+00", " UTC", " -0400 EDT", "+99:99", " m=+1", "z"]
    var text =
      "\(year)-\(two(0...13, &random))-\(two(0...32, &random))" + (separators.randomElement(using: &random) ?? "")
    text += "\(two(0...25, &random)):\(two(0...61, &random)):\(two(0...61, &random))"
    if random.chance(2) {
      text += [".", ","].randomElement(using: &random)! + String(UInt64.random(in: 0 ... .max, using: &random))
    }
    return text + (zones.randomElement(using: &random) ?? "")
  }

  private mutating func escapes() -> [UInt8] {
    var text: [UInt8] = []
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let pieces = [
        #"\n"#, #"\u00e9"#, #"\ud83d"#, #"\ude00"#, #"\ud83d\ude00"#, #"\x1b"#, #"\xff"#, #"\""#, #"\\"#, #"\q"#,
        #"\u12"#, #"\U0001f600"#, "x", " ",
        #"\/"#, #"\u0000"#, "\u{1b}[0m",
      ]
      text += Array((pieces.randomElement(using: &random) ?? "").utf8)
    }
    return text
  }

  private mutating func value(depth: Int) -> [UInt8] {
    switch Int.random(in: 0..<9, using: &random) {
    case 0 where depth < 12: return object(depth: depth + 1)
    case 1 where depth < 12:
      var list = Array("[".utf8)
      for index in 0..<Int.random(in: 0...3, using: &random) {
        list += (index > 0 ? Array(",".utf8) : []) + value(depth: depth + 1)
      }
      return list + Array("]".utf8)
    case 2, 3: return Array(number().utf8)
    case 4: return Array((["true", "false", "null"].randomElement(using: &random) ?? "").utf8)
    default: return Array("\"".utf8) + scalar() + Array("\"".utf8)
    }
  }

  private mutating func object(depth: Int) -> [UInt8] {
    var object = Array("{".utf8)
    let count = random.chance(40) && depth < 2 ? 300 : Int.random(in: 0...7, using: &random)
    for index in 0..<count {
      if index > 0 { object += Array(",".utf8) }
      let key = count == 300 && !random.chance(10) ? "k\(index)" : Self.keys.randomElement(using: &random) ?? ""
      object += Array("\"\(key)\":".utf8) + (count == 300 ? Array("1".utf8) : value(depth: depth))
    }
    return object + Array("}".utf8)
  }

  private mutating func nested() -> [UInt8] {
    let depth = Int.random(in: 1...200, using: &random)
    let isClosed = random.chance(2)
    let open = random.chance(2) ? "[" : #"{"a":"#
    let close = open == "[" ? "]" : "}"
    var line = Array(#"{"msg":"deep","d":"#.utf8) + Array(String(repeating: open, count: depth).utf8) + Array("1".utf8)
    if isClosed { line += Array(String(repeating: close, count: depth).utf8) + Array("}".utf8) }
    return line
  }

  private mutating func pairs() -> [UInt8] {
    var line: [UInt8] = []
    for _ in 0..<Int.random(in: 0...7, using: &random) {
      if random.chance(5) { line += Array("\u{1b}[3\(Int.random(in: 0...7, using: &random))m".utf8) }
      line += Array((Self.keys.randomElement(using: &random) ?? "").utf8)
      if !random.chance(6) { line += Array("=".utf8) }
      line += random.chance(2) ? Array("\"".utf8) + scalar() + Array("\"".utf8) : scalar()
      line += Array(" ".utf8)
    }
    return line
  }

  private mutating func mutate(_ line: inout [UInt8]) {
    guard !line.isEmpty else { return }
    let at = Int.random(in: 0..<line.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: line[at] = Self.oddBytes.randomElement(using: &random) ?? 0
    case 1: line[at] = UInt8.random(in: 0...255, using: &random)
    case 2: line.insert(Self.oddBytes.randomElement(using: &random) ?? 0, at: at)
    case 3: line.removeSubrange(at..<min(at + Int.random(in: 1...6, using: &random), line.count))
    case 4: line.removeSubrange(at...)
    default:
      // A piece of another line.
      let other = Self.corpus.randomElement(using: &random) ?? []
      let from = Int.random(in: 0...other.count, using: &random)
      line.insert(contentsOf: other[from..<min(from + 20, other.count)], at: at)
    }
  }
}
