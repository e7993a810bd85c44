/// Realistic log files, and worse ones: the same for the same seed.
enum LogLines {
  /// Lines without their newlines: plain ones, empty ones, `\r`, NUL, invalid UTF-8, stack traces, escape codes, JSON,
  /// a few of 100 kB, and one of exactly 1 MiB, the longest message.
  static func nasty(_ count: Int, _ random: inout Seeded) -> [[UInt8]] {
    var lines = (0..<count).map { line($0, &random) }
    for size in [100_000, 99_999, 120_000, 1 << 20] {
      let place = Int.random(in: 0..<lines.count, using: &random)
      lines[place] = random.letters(size)
    }
    // NULs in front of a line's text are not part of it.
    for place in lines.indices where lines[place].first == 0 { lines[place].insert(UInt8(ascii: "x"), at: 0) }
    // An empty last line without its newline would not be a line.
    if lines.last?.isEmpty == true { lines[count - 1] = Array("the last line".utf8) }
    return lines
  }

  /// Short lines, each of which names its number: `line 17 ...`.
  static func plain(_ count: Int, from start: Int = 1, width: Int = 60) -> [[UInt8]] {
    let padding = String(repeating: "x", count: width)
    return (start..<start + count).map { Array("line \($0) \(padding.prefix(($0 * 7) % (width + 1)))".utf8) }
  }

  static func file(_ lines: [[UInt8]], endsWithNewline: Bool = true) -> [UInt8] {
    let joined = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    return endsWithNewline && !lines.isEmpty ? joined + [UInt8(ascii: "\n")] : joined
  }

  private static func line(_ number: Int, _ random: inout Seeded) -> [UInt8] {
    let stamp = "2026-01-10T12:\(number / 60 % 60):\(number % 60).\(number % 1000)Z"
    switch random.next() % 16 {
    case 0: return []
    case 1: return Array("\(stamp) line with a carriage return \(number)\r".utf8)
    case 2: return Array("\(stamp) ".utf8) + [0, 1, 2, 0, 0x1b] + Array("[31mred\(number)".utf8)
    case 3: return [0xff, 0xfe, 0xc3, 0x28, 0x80] + Array(" not UTF-8 \(number) ".utf8) + [0xed, 0xa0, 0x80]
    case 4: return Array("\tat org.example.Service.call(Service.java:\(number))".utf8)
    case 5: return Array("{\"level\":\"warn\",\"n\":\(number),\"msg\":\"a \\\"quoted\\\" \\u0000 text\"}".utf8)
    case 6: return Array("   \r\r  ".utf8)
    case 7: return (0..<Int.random(in: 1...300, using: &random)).map { _ in nonNewline(&random) }
    case 8: return Array("Žluťoučký kůň 漢字 🚒 e\u{301} \(number)".utf8)
    default:
      let pid = random.next() % 30_000
      return Array(
        "\(stamp) INFO dfs.DataNode$PacketResponder[\(pid)]: Received block blk_\(random.next()) of size \(number)".utf8
      )
    }
  }

  private static func nonNewline(_ random: inout Seeded) -> UInt8 {
    let byte = UInt8(truncatingIfNeeded: random.next())
    return byte == UInt8(ascii: "\n") ? 0 : byte
  }
}
