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

  @Test func `colours pass only on request, other escapes never`() throws {
    let message = [(LogSeverity.info, "\u{1b}[31mred\u{1b}[2J")]
    #expect(try lines(message) == "INFO  \\x1b[31mred\\x1b[2J\n")
    #expect(try lines(message) { $0.passesColors = true } == "INFO  \u{1b}[31mred\\x1b[2J\u{1b}[0m\n")
  }
}
