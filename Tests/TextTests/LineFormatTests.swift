import LogsWire
import Testing

@testable import LogsText

@Suite struct LineFormatTests {
  private func entry(_ line: String, _ format: LineFormat) -> LogEntry {
    format.entry(
      ByteString(line), like: LogEntry(message: ByteString(), time: 5, severity: .info, source: "s"),
      TimeRules(zone: .utc, now: now))
  }

  @Test func `a JSON line gives time, level, source, message and attributes`() {
    let entry = entry(
      #"""
      {"ts":"2026-01-10T12:00:00.5+01:00","level":"WARN","logger":"db","msg":"slow \u00e9\ud83d\ude00","n":3,\#
      "q":{"a":[1.5,null,true]}}
      """#,
      .auto)
    #expect(entry.time == 1_768_042_800_500_000_000)
    #expect(entry.severity == .warning)
    #expect(entry.source == "db")
    #expect(entry.message == "slow é😀")
    #expect(
      entry.attributes == [
        LogAttribute("n", 3), LogAttribute("q", .map([LogAttribute("a", .list([1.5, .empty, true]))])),
      ])
  }

  @Test func `a logfmt line gives the same`() {
    let entry = entry(#"time=1768046400 lvl=error msg="it broke: \"x\"" took=12 ok=false"#, .auto)
    #expect(entry.time == 1_768_046_400_000_000_000)
    #expect(entry.severity == .error)
    #expect(entry.message == #"it broke: "x""#)
    #expect(entry.attributes == [LogAttribute("took", 12), LogAttribute("ok", false)])
  }

  @Test func `a line without a message is itself the message, and its fields are attributes`() {
    let entry = entry(#"{"level":"error","code":7}"#, .json)
    #expect(entry.message == #"{"level":"error","code":7}"#)
    #expect(entry.severity == .error)
    #expect(entry.attributes == [LogAttribute("code", 7)])
  }

  @Test(arguments: [
    "", "plain text", "{", "{}x", "[1]", #"{"a":}"#, #"{"a":1,}"#, #"{"a":"\q"}"#, "a=1 b", "=1", "a=\"x",
    "\u{1}", #"{"msg":"half"#, "plain text with a=1 in it", String(repeating: "[", count: 10_000),
  ])
  func `a line in no known format is kept as it is`(line: String) {
    let entry = entry(line, .auto)
    #expect(entry.message == ByteString(line))
    #expect(entry.severity == .info && entry.time == 5 && entry.attributes.isEmpty)
  }

  @Test func `raw does not parse lines`() {
    #expect(entry(#"{"msg":"x"}"#, .raw).message == #"{"msg":"x"}"#)
  }

  private let now: Int64 = 1_768_046_400_000_000_000

  @Test(arguments: [
    ("2026-01-10T12:00:00Z", Int64(1_768_046_400_000_000_000)),
    ("2026-01-10T12:00:00.000000001Z", 1_768_046_400_000_000_001),
    ("2026-01-10 13:00:00+01:00", 1_768_046_400_000_000_000), ("1768046400", 1_768_046_400_000_000_000),
    ("1768046400.25", 1_768_046_400_250_000_000), ("10m", 1_768_045_800_000_000_000),
    ("2h", 1_768_039_200_000_000_000), ("now", 1_768_046_400_000_000_000), ("-5m", 1_768_046_100_000_000_000),
    ("1h30m", 1_768_041_000_000_000_000), ("2w", 1_766_836_800_000_000_000), ("5m ago", 1_768_046_100_000_000_000),
    ("1 hour ago", 1_768_042_800_000_000_000), ("@1768046400", 1_768_046_400_000_000_000),
    ("2026-01-10 13:00 +01", 1_768_046_400_000_000_000), ("2026-01-10T13:00+01:00", 1_768_046_400_000_000_000),
  ])
  func `times are read in every form`(text: String, time: Int64) { #expect(TimeText.parse(text, now: now) == time) }

  @Test(arguments: [
    "", "x", "2026-13-01", "2026-01-10T25:00", "2026-02-29", "2026-02-30 10:00", "25:00", "12:60", "1m2h", "1h 30m",
    "1h1h", "5 ago", "ago", "-5m ago", "5 years ago", "@", "todays", "yesterday10:00", "2026-01-10T12:00:00+1",
    "99999999999h", "99999999w", "5ms",
  ])
  func `text that is not a time is refused`(text: String) { #expect(TimeText.parse(text, now: now) == nil) }

  @Test(arguments: [
    ("yesturday", "yesterday"), ("Today", "today"), ("nwo", "now"), ("yesterdya 18:00", "'yesterday 18:00'"),
    ("3 hors ago", "'3 hours ago'"), ("soon", nil), ("noon", nil), ("", nil), ("yesturday 25:00", nil),
    ("2026-13-01", nil), ("10x", nil), ("today", nil),
  ])
  func `a word that makes a text a time is suggested`(text: String, time: String?) {
    #expect(TimeText.suggestion(for: text, now: now) == time.map { "; did you mean \($0)?" } ?? "")
  }

  @Test(arguments: [
    ("2026-02-30", "there is no such day"), ("2026-13-01", "there is no such day"),
    ("2026-02-29T10:00Z", "there is no such day"), ("25:00", "there is no such time of day"),
    ("2026-01-10T12:60", "there is no such time of day"), ("9999-01-01T00:00Z", "it is too far away"),
  ])
  func `a day or an hour that does not exist is another mistake than what is no time`(text: String, reason: String) {
    #expect(TimeText.absence(of: text, now: now)?.hasPrefix(reason) == true)
  }

  @Test(arguments: ["", "x", "2026-01-10", "12:00", "10m", "2026-1-1", "99999999w"])
  func `what is a time, or not written like one, is not said to be absent`(text: String) {
    #expect(TimeText.absence(of: text, now: now) == nil)
  }
}
