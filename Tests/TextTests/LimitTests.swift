import LogsWire
import Testing

@testable import LogsText

@Suite struct LimitTests {
  private static let begin = #"{"time": "2024-01-01T00:00:00Z", "level": "error", "#

  struct Case: Sendable {
    /// After `begin`.
    let rest: String
    let message: String
    let missing: Int64
  }

  private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

  private static let cases = [
    Case(rest: "\"msg\": \"boom\", \"stack\": \"\(repeated("a", 70_000))\"}", message: "boom", missing: 1),
    Case(rest: "\"msg\": \"boom\", \"stack\": \"\(repeated("a", 40_000))\"}", message: "boom", missing: 0),
    Case(rest: "\"msg\": \"\(repeated("m", 40_000))\"}", message: repeated("m", 40_000), missing: 0),
    Case(
      rest: #""msg": "deep", "d": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}}"#, message: "deep",
      missing: 1),
    Case(
      rest: "\"msg\": \"deep\", \"d\": \(repeated("[", 5_000))\(repeated("]", 5_000))}", message: "deep", missing: 1),
    Case(
      rest: #""msg": "deep", "d": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}"#, message: "deep", missing: 0),
    Case(rest: #""d": [[[[[[[[[]]]]]]]]], "msg": "last", "d": 1}"#, message: "last", missing: 0),
    Case(rest: members(300) + #", "msg": "many"}"#, message: "many", missing: 45),
    Case(rest: "\"msg\": \"list\", \"l\": [\(repeated("1,", 300))1]}", message: "list", missing: 1),
    Case(
      rest: "\"msg\": \"key\", \"\(repeated("k", 256))\": 1, \"\": 2, \"logs.truncated_attributes\": 3}",
      message: "key",
      missing: 5),
  ]

  private static func members(_ count: Int) -> String {
    (0..<count).map { "\"somerandomkey_\($0)\": \"v\($0)\"" }.joined(separator: ", ")
  }

  @Test(arguments: LimitTests.cases)
  func `a line above the limits keeps time, level and message, and what is left out is counted`(
    _ line: Case
  ) throws {
    let entry = LoggerTests.entry(Self.begin + line.rest, .json)
    #expect(entry.time == 1_704_067_200_000_000_000)
    #expect(entry.severity == .error)
    #expect(entry.message == ByteString(line.message))
    let counted = entry.attributes.first { $0.key == LogEntry.truncatedAttributesKey }?.value
    #expect(counted == (line.missing == 0 ? nil : .integer(line.missing)))
    try BatchBuilder.check(entry.attributes)
  }

  @Test func `a line above the limits without a message is itself the message, with time and level`() throws {
    let line =
      Self.begin + Self.members(300) + "}"
    let entry = LoggerTests.entry(line, .json)
    #expect(entry.message == ByteString(line))
    #expect(entry.time == 1_704_067_200_000_000_000 && entry.severity == .error)
    try BatchBuilder.check(entry.attributes)
  }

  @Test func `a source that is too long stays an attribute`() {
    let name = String(repeating: "n", count: 256)
    let entry = LoggerTests.entry(#"{"msg":"x","logger":"\#(name)","service":"s"}"#, .json)
    #expect(entry.source == "s" && entry.attributes == [LogAttribute("logger", .string(name))])
  }

  @Test(arguments: LineFormat.allCases)
  func `a hole in a file and a byte order mark are not text`(format: LineFormat) {
    let line = #"{"level":"error","msg":"first"}"#
    for prefix in ["\u{FEFF}", "\0\0\0", "\0\u{FEFF}"] {
      let entry = LoggerTests.entry(prefix + line, format)
      switch format {
      case .json, .auto: #expect(entry == LoggerTests.entry(line, format))
      case .raw, .logfmt, .syslog, .klog, .cri, .access, .error, .postgres, .text:
        #expect(entry.message == ByteString(prefix + line))
      }
    }
    #expect(LoggerTests.entry("\u{FEFF}level=error msg=first", .auto).severity == .error)
  }
}
