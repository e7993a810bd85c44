import LogsWire
import Testing

@testable import LogsText

/// The loggers in `docs/formats.md`.
@Suite struct LoggerTests {
  /// 2026-01-10T12:00:00Z.
  static let rules = TimeRules(zone: .utc, now: 1_768_046_400_000_000_000)

  static func entry(_ line: String, _ format: LineFormat) -> LogEntry {
    format.entry(ByteString(line), like: LogEntry(message: ByteString()), rules)
  }

  @Test(arguments: LoggerLine.all)
  func `a line of each logger gives its time, level, source and message`(_ line: LoggerLine) throws {
    let entry = Self.entry(line.line, line.format)
    check(entry, line)
    #expect(Self.entry(line.line, .auto) == entry, "auto recognizes it")
  }

  @Test(arguments: LoggerLine.all)
  func `members in reverse order give the same entry`(_ line: LoggerLine) throws {
    guard let object = JSONReader.object(ByteString(line.line).span) else { return }
    let pick = FieldPick(object.members.reversed(), Self.rules)
    let entry = Self.entry(line.line, .json)
    #expect(pick.time?.value ?? 0 == entry.time)
    #expect(pick.severity?.value == (entry.severity == .unspecified ? nil : entry.severity) || pick.isSilentInformation)
    #expect(pick.source?.value ?? "" == entry.source)
    #expect(pick.message?.value ?? entry.message == entry.message)
  }

  @Test(arguments: ["name", "Name", "NAME"])
  func `a property called name is not a source, however it is written`(_ key: String) {
    let entry = Self.entry(#"{"\#(key)":"x","msg":"a"}"#, .json)
    #expect(entry.source.isEmpty)
    #expect(entry.attributes == [LogAttribute(key, "x")])
  }

  @Test func `a user name with a space is not a virtual host`() {
    let entry = Self.entry(#"1.2.3.4 - john doe [10/Jan/2026:12:00:00 +0200] "GET / HTTP/1.1" 200 5"#, .access)
    #expect(entry.attributes.prefix(2) == [LogAttribute("client", "1.2.3.4"), LogAttribute("user", "john doe")])
    #expect(entry.time == TimeText.parse("2026-01-10T10:00:00Z", now: 0))
  }

  @Test func `a PostgreSQL record with an ambiguous zone keeps the text of its time, and everything else`() {
    let columns = [
      "2026-01-10 12:00:00 XYZT", #""u""#, #""d""#, "123", "", "s", "1", "", "", "", "", "ERROR", "00000", #""x""#,
    ]
    let line = (columns + Array(repeating: "", count: 9)).joined(separator: ",")
    let entry = Self.entry(line, .postgres)
    #expect(entry.time == 0)
    #expect(entry.severity == .error)
    #expect(entry.message == "x")
    #expect(entry.attributes.first == LogAttribute("log_time", "2026-01-10 12:00:00 XYZT"))
  }

  @Test(arguments: [
    ("E0230 12:30:45.678901 12345 file.go:123] bad", LineFormat.klog, "0230 12:30:45.678901", "bad"),
    ("<34>1 2003-10-11T24:14:15.003Z h a p m - bad", .syslog, "2003-10-11T24:14:15.003Z", "bad"),
    ("<0>Feb 30 22:14:15 h a: bad", .syslog, "Feb 30 22:14:15", "bad"),
    ("2026/02/30 12:00:00 [crit] 12#13: bad", .error, "2026/02/30 12:00:00", "bad"),
    ("9999-10-06T00:17:09Z stdout F bad", .cri, "9999-10-06T00:17:09Z", "bad"),
    (#"1.2.3.4 - - [30/Feb/2026:12:00:00 +0200] "GET / HTTP/1.1" 500 5"#, .access, "30/Feb/2026:12:00:00 +0200", ""),
  ])
  func `a day that does not exist stays text, and nothing else is lost`(
    _ line: String, _ format: LineFormat, _ time: String, _ message: String
  ) {
    let entry = Self.entry(line, format)
    #expect(entry.time == 0)
    #expect(entry.attributes.first { $0.key == "time" }?.value == .string(time))
    #expect(entry.attributes.count > 1)
    // A request stays whole.
    #expect(entry.message == ByteString(message.isEmpty ? line : message))
  }

  @Test(arguments: [
    ("2026-01-10 12:00:00 the error is gone", "2026-01-10T12:00:00Z", UInt8(0)),
    ("2026-01-10 12:00:00 a b c d e f ERROR", "2026-01-10T12:00:00Z", 0),
    ("2026-01-10 12:00:00 ERRORS: 0", "2026-01-10T12:00:00Z", 0),
    ("2026-01-10 12:00:00 INFOBOX [warning", "2026-01-10T12:00:00Z", 0),
    ("2026-01-10 12:00:00", "2026-01-10T12:00:00Z", 0), ("info desk opened", "", 0), ("fine, thanks", "", 0),
    ("CONFIG is read", "", 0), ("2026 was good", "", 0), ("2026-01-10 was good", "", 0), ("12:00:00 is noon", "", 0),
    ("\tat c.e.App.main(App.java:1)", "", 0), ("  ERROR in the middle", "", 0), ("[ERROR", "", 0), ("[", "", 0),
    ("2026-13-10 12:00:00 ERROR x", "", 17),
  ])
  func `words that are no level, and numbers that are no time, stay text`(
    _ line: String, _ time: String, _ severity: UInt8
  ) {
    let entry = Self.entry(line, .auto)
    #expect(entry.message == ByteString(line) && entry.severity.number == severity, "\(entry)")
    #expect(entry.time == (time.isEmpty ? 0 : TimeText.parse(time, now: 0)), "\(entry)")
  }

  @Test func `the zone of a router's clock is not a host`() {
    let entry = Self.entry("<191>*Jan 15 12:30:45.123 UTC: %SYS-5: x", .syslog)
    #expect(!entry.attributes.contains { $0.key == "host" })
    #expect(entry.message == "*Jan 15 12:30:45.123 UTC: %SYS-5: x")
    #expect(entry.severity == .debug)
  }

  @Test func `29 February without a year is in the nearest year that has one`() {
    // 2024 is 682 days before the time of the test, 2028 is 780 after it.
    let entry = Self.entry("<34>Feb 29 22:14:15 h a: x", .syslog)
    #expect(entry.time == TimeText.parse("2024-02-29T22:14:15Z", now: 0))
    #expect(entry.message == "x")
  }

  private func check(_ entry: LogEntry, _ line: LoggerLine) {
    let time = line.time.isEmpty ? 0 : TimeText.parse(line.time, now: 0)
    #expect(entry.time == time)
    #expect(entry.severity.number == line.severity)
    #expect(entry.source == ByteString(line.source))
    #expect(entry.message == ByteString(line.message ?? line.line))
    for (key, value) in line.attributes {
      #expect(entry.attributes.first { $0.key == key }?.value == value, "\(key) of \(entry.attributes)")
    }
  }
}
