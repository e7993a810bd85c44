import LogsText
import LogsWire
import Testing

@Suite struct DisplayTests {
  @Test(arguments: [("plain", 5), ("größe", 5), ("漢字", 4), ("👍", 2), ("e\u{301}", 1), ("한국", 4), ("a\u{200b}b", 2)])
  func `text takes the columns that a terminal gives it`(text: String, width: Int) {
    #expect(DisplayWidth.of(text) == width)
    #expect(DisplayWidth.of(Array(text.utf8)[...]) == width)
  }

  private func lines(_ messages: [(level: LogSeverity, text: String)], _ change: (inout ShortLook) -> Void = { _ in })
    throws -> String
  {
    var look = ShortLook(fields: [.level, .message])
    change(&look)
    var line = ShortLine(look)
    var output: [UInt8] = []
    for message in messages {
      let entry = LogEntry(message: ByteString(message.text), time: 1, severity: message.level)
      line.append(entry, of: try StreamName("web"), matches: [], isContext: false, to: &output)
    }
    return String(decoding: output, as: UTF8.self)
  }

  @Test func `columns grow with what they hold, stay that wide, and leave no spaces at the end`() throws {
    #expect(
      try lines([(.info, "a"), (.notice, "b"), (.unspecified, "c"), (.fatal, ""), (.unspecified, "")]) == """
        INFO  a
        NOTICE b
               c
        FATAL


        """)
  }

  @Test func `levels go by the names that people know`() throws {
    let names = ["INFO", "NOTICE", "INFO", "WARN", "ERROR", "CRIT", "ALERT", "ERROR", "FATAL"]
    for (number, name) in zip([9, 10, 11, 16, 17, 18, 19, 20, 21] as [UInt8], names) {
      let level = try #require(LogSeverity(number: number))
      #expect(try lines([(level, "")]) == "\(name)\n")
    }
  }

  @Test func `lines are wrapped below the message, by display width, words only where they fit in none`() throws {
    let text = try lines([(.info, "漢字漢字 漢字漢字 ab\nnext 0123456789012345678901234")]) {
      $0.columnCount = { 20 }
      $0.wraps = true
    }
    #expect(text == "INFO  漢字漢字\n      漢字漢字 ab\n      next\n      01234567890123\n      45678901234\n")
  }

  @Test(arguments: [
    ("0123456789", "0123456789\n"), ("0123456789   ", "0123456789\n"), ("0123456789 \nb", "0123456789\nb\n"),
    ("0123456789   ab", "0123456789\nab\n"), ("0123 ", "0123 \n"),
  ])
  func `spaces at the end of a full line make no empty line`(message: String, shown: String) throws {
    let text = try lines([(.unspecified, message)]) {
      $0.fields = [.message]
      $0.columnCount = { 10 }
      $0.wraps = true
    }
    #expect(text == shown)
  }

  @Test func `attributes and messages have the same escapes, and full keeps a return at the end`() throws {
    let entry = LogEntry(
      message: ByteString("a\u{1b}b\r"), time: 1, attributes: [LogAttribute("k", "a\u{1b}b\u{202e}\r\t")])
    var output: [UInt8] = []
    var full = FullEntry(usesColor: false, zone: .utc)
    full.append(entry, of: try StreamName("web"), matches: [], isContext: false, to: &output)
    let text = String(decoding: output, as: UTF8.self)
    #expect(text.contains("  message   a\\x1bb\\r\n"), "\(text)")
    #expect(text.contains(#"    k="a\x1bb\u{202e}\r\x09""#), "\(text)")
  }

  @Test func `colours pass only on request, other escapes never`() throws {
    let message = [(LogSeverity.info, "\u{1b}[31mred\u{1b}[2J")]
    #expect(try lines(message) == "INFO  \\x1b[31mred\\x1b[2J\n")
    #expect(try lines(message) { $0.passesColors = true } == "INFO  \u{1b}[31mred\\x1b[2J\u{1b}[0m\n")
  }
}
