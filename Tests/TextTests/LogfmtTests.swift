import LogsWire
import Testing

@testable import LogsText

@Suite struct LogfmtTests {
  private func attribute(_ text: String) -> AttributeValue? {
    LoggerTests.entry("msg=m a=\(text)", .logfmt).attributes.first { $0.key == "a" }?.value
  }

  @Test(
    arguments: [
      (#""say \"hi\"""#, "say \"hi\""), (#""a\r\n\tb""#, "a\r\n\tb"), (#""\x1b[0m""#, "\u{1b}[0m"),
      (#""caf\u00e9""#, "café"),
      (#""\ud83d\ude00 \U0001f600""#, "😀 😀"), (#""\a\b\f\v""#, "\u{7}\u{8}\u{c}\u{b}"), (#""\\""#, #"\"#),
      (#""C:\dir \q""#, #"C:\dir \q"#),
      (#""\xzz \u12 \U0011""#, #"\xzz \u12 \U0011"#), (#""\ud800x""#, "\u{FFFD}x"), (#""""#, ""), ("", ""),
      ("007", "007"), ("+5", "+5"),
      ("1.50", "1.50"), (#""5""#, "5"), (#"x"y"#, #"x"y"#), (#""b"c"#, #""b"c"#), (#""cut"#, #""cut"#), ("a=b", "a=b"),
      ("9223372036854775808", "9223372036854775808"),
    ] as [(String, AttributeValue)])
  func `a quoted value is read as in Go`(text: String, value: AttributeValue) { #expect(attribute(text) == value) }

  @Test(
    arguments: [("5", 5), ("-5", -5), ("true", true), ("false", false), ("9223372036854775807", .integer(.max))]
      as [(String, AttributeValue)])
  func `a value is typed if its text can be restored`(text: String, value: AttributeValue) {
    #expect(attribute(text) == value)
  }

  @Test func `bytes that are not UTF-8 stay`() {
    #expect(attribute(#""\xff""#) == .bytes(ByteString([0xff])))
    let line = ByteString(Array("level=warn msg=m caf".utf8) + [0xe9, UInt8(ascii: "="), UInt8(ascii: "1")])
    let entry = LineFormat.logfmt.entry(line, like: LogEntry(message: ByteString()), LoggerTests.rules)
    #expect(entry.severity == .warning)
    #expect(entry.message == line, "a key must be text, so the line is kept")
  }

  @Test func `the last value of a repeated key counts`() {
    let entry = LoggerTests.entry(#"level=warn msg="dup" k=1 k=2"#, .logfmt)
    #expect(entry.message == "dup" && entry.severity == .warning)
    #expect(entry.attributes == [LogAttribute("k", 2)])
  }

  @Test func `a bare word does not replace the pair of the same name`() {
    #expect(LoggerTests.entry("msg=x k=1 k", .logfmt).attributes == [LogAttribute("k", 1)])
    #expect(LoggerTests.entry("msg=x k k=1", .logfmt).attributes == [LogAttribute("k", 1)])
  }

  @Test func `a line without a message is itself the message, and words without a value are not repeated`() {
    let entry = LoggerTests.entry("server started port=80 level=info", .logfmt)
    #expect(entry.message == "server started port=80 level=info")
    #expect(entry.severity == .info && entry.attributes == [LogAttribute("port", 80)])
  }

  @Test(arguments: [
    "user logged in id=5", "a = b", "x=1 and then text", "https://example.com/?a=b&c=d is down", "level=error",
    "GET /?q=1 200",
    #"key="open"#,
  ])
  func `auto treats text with an equals sign in it as text`(line: String) {
    #expect(LoggerTests.entry(line, .auto).message == ByteString(line))
  }

  @Test func `auto reads lines with a time, level or message, whatever else they hold`() {
    let entry = LoggerTests.entry(#"level=info msg="It's over" err=&{a b} "odd"#, .auto)
    #expect(entry.message == "It's over" && entry.severity == .info)
  }

  @Test(arguments: [200_000])
  func `a line of one repeated byte does not take quadratic time`(count: Int) {
    for piece in ["a=\"", "a=\"\\", "a ", "a=b ", "\u{1b}[", "=", "\\x", "a=\"b\"c"] {
      let line = ByteString(String(repeating: piece, count: count / piece.utf8.count))
      #expect(LineFormat.logfmt.entry(line, like: LogEntry(message: ByteString()), LoggerTests.rules).message.count > 0)
    }
  }
}
