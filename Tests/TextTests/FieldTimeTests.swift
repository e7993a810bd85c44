import Glibc
import LogsWire
import Testing

@testable import LogsText

@Suite struct FieldTimeTests {
  private let rules = TimeRules(zone: .utc, now: 1_768_046_400_000_000_000)

  private func time(_ text: String) -> Int64 { TimeText.parse(text, now: 0) ?? 0 }

  @Test(
    arguments: [
      (1_768_046_400, "2026-01-10T12:00:00Z"), (1_768_046_400_123, "2026-01-10T12:00:00.123Z"),
      (1_768_046_400_123_456, "2026-01-10T12:00:00.123456Z"),
      (1_768_046_400_123_456_789, "2026-01-10T12:00:00.123456789Z"), (946_684_800, "2000-01-01T00:00:00Z"),
      (4_102_444_799, "2099-12-31T23:59:59Z"), (20_240_115_123_045, "2024-01-15T12:30:45Z"),
      (20_240_115_123_045_123, "2024-01-15T12:30:45.123Z"), (1_710_923_450_736.8257, "2024-03-20T08:30:50.7368257Z"),
      (1_723_487_295_894.624, "2024-08-12T18:28:15.894624Z"), (1_385_053_862.3072, "2013-11-21T17:11:02.3072Z"),
      (1.7680464e18, "2026-01-10T12:00:00Z"),
    ] as [(AttributeValue, String)])
  func `the size of a number decides its unit`(value: AttributeValue, text: String) {
    #expect(FieldTime.nanoseconds(value, rules) == time(text))
  }

  @Test(
    arguments: [
      // FILETIME, microseconds since 1601, days, uptimes, counters, the first of what does not fit.
      133_000_000_000_000_000, 13_300_000_000_000_000, 13_400_000_000_000_000, 202_401_151_230, 20_240_115, 12, 0, -1,
      12.345678, 9_223_372_036_855, 946_684_799, 4_102_444_800, .integer(.max), .integer(.min), 1e300, -1.7e9,
      .double(.infinity), .double(.nan), 20_240_230_123_045, 20_241_301_000_000, 20_240_115_240_000, 20_240_115_126_000,
      20_240_115_123_061, .boolean(true), .empty, .list([1_768_046_400]), .bytes("1768046400"),
    ] as [AttributeValue])
  func `an implausible time is not a time`(value: AttributeValue) {
    #expect(FieldTime.nanoseconds(value, rules) == nil)
  }

  @Test(arguments: [
    ("2026-01-10T12:00:00Z", "2026-01-10T12:00:00Z"), ("2026-01-10 12:00:00,5", "2026-01-10T12:00:00.5Z"),
    ("2026-01-10T12:00:00.1234567899+0100", "2026-01-10T11:00:00.123456789Z"),
    ("2026-01-10 12:00:00 -0500 EST", "2026-01-10T17:00:00Z"), ("2026-01-10 12:00:00 EST", "2026-01-10T17:00:00Z"),
    ("2026-01-10 12:00:00.5 +0000 UTC m=+0.001", "2026-01-10T12:00:00.5Z"),
    ("2026/01/10 12:00:00", "2026-01-10T12:00:00Z"),
    ("20260110T120000Z", "2026-01-10T12:00:00Z"), ("10/Jan/2026:12:00:00 +0200", "2026-01-10T10:00:00Z"),
    ("Sat, 10 Jan 2026 12:00:00 GMT", "2026-01-10T12:00:00Z"), ("Sat Jan 10 12:00:00 2026", "2026-01-10T12:00:00Z"),
    ("Sat Jan 10 12:00:00.25 UTC 2026", "2026-01-10T12:00:00.25Z"), ("1768046400", "2026-01-10T12:00:00Z"),
    ("1768046400.000000001", "2026-01-10T12:00:00.000000001Z"), ("1423944916375353", "2015-02-14T20:15:16.375353Z"),
    ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"), ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ("1969-12-31T19:00:01-05:00", "1970-01-01T00:00:01Z"), ("2262-04-11T23:47:16.8Z", "2262-04-11T23:47:16.8Z"),
    ("20240115123045", "2024-01-15T12:30:45Z"),
  ])
  func `a text in any usual form is a time`(text: String, same: String) {
    #expect(FieldTime.nanoseconds(.string(text), rules) == time(same))
    #expect(time(same) > 0)
  }

  @Test(arguments: [
    "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-10T24:00:00Z", "2026-01-10T12:60:00Z",
    "2026-01-10T12:00:61Z",
    "2026-01-10T12:00:00+24:00", "2026-01-10T12:00:00.Z", "2026-01-10", "12:00:00", "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2262-04-11T23:47:16.9Z", "9999-12-31T23:59:59Z",
    "2026-01-10T12:00:00ZZ",
    "2026-01-10 12:00:00 XYZ", "2026-1-10 12:00:00", "10/Foo/2026:12:00:00 +0200", "Jan 32 12:00:00", "", "-", "+", ".",
    "e5", "1e", "now",
    "10m", "202401151230", "133000000000000000", "1768046400x", "99999999999999999999999999999999", "1e99999999999",
    "２０２６",
  ])
  func `a text that is not a time stays text`(text: String) {
    #expect(FieldTime.nanoseconds(.string(text), rules) == nil)
  }

  @Test func `a time without a zone is in the requested zone`() throws {
    let zone = try #require(TimeZoneRule("+02:00"))
    let east = TimeRules(zone: zone, now: rules.now)
    #expect(FieldTime.nanoseconds("2026-01-10 12:00:00", east) == time("2026-01-10T10:00:00Z"))
    #expect(FieldTime.nanoseconds("2026-01-10 12:00:00Z", east) == time("2026-01-10T12:00:00Z"))
    #expect(FieldTime.nanoseconds(20_260_110_120_000, east) == time("2026-01-10T10:00:00Z"))
    // A number has the same origin in every zone.
    #expect(FieldTime.nanoseconds(1_768_046_400, east) == time("2026-01-10T12:00:00Z"))
  }

  @Test func `a local time agrees with the system`() {
    var broken = tm()
    broken.tm_year = 126
    broken.tm_mon = 6
    broken.tm_mday = 10
    broken.tm_hour = 12
    broken.tm_isdst = -1
    let seconds = Int64(mktime(&broken))
    let local = TimeRules(zone: .local, now: rules.now)
    #expect(FieldTime.nanoseconds("2026-07-10 12:00:00", local) == seconds * 1_000_000_000)
    // The zone's own abbreviation is known.
    let name = String(cString: broken.tm_zone)
    #expect(FieldTime.nanoseconds(.string("2026-07-10 12:00:00 \(name)"), local) == seconds * 1_000_000_000)
  }

  @Test(arguments: [
    ("2026-01-10T12:00:00Z", "Dec 31 23:00:00", "2025-12-31T23:00:00Z"),
    ("2026-12-31T23:59:00Z", "Jan  1 00:00:10", "2027-01-01T00:00:10Z"),
    ("2026-06-10T12:00:00Z", "Jun 10 12:00:01", "2026-06-10T12:00:01Z"),
    ("2026-01-10T12:00:00Z", "Jul 12 12:00:00", "2025-07-12T12:00:00Z"),
    ("2025-01-10T12:00:00Z", "Feb 29 12:00:00", "2024-02-29T12:00:00Z"),
    ("2026-03-10T12:00:00Z", "Feb 29 12:00:00", "2028-02-29T12:00:00Z"),
  ])
  func `a time without a year is in the year nearest to now`(now: String, text: String, same: String) {
    let rules = TimeRules(zone: .utc, now: time(now))
    #expect(FieldTime.nanoseconds(.string(text), rules) == time(same))
  }

  @Test(arguments: [("utc", 0), ("Z", 0), ("+02:00", 7_200), ("-0330", -12_600), ("+09", 32_400)])
  func `a flag names a zone`(text: String, seconds: Int) {
    #expect(TimeZoneRule(text) == .offset(seconds: seconds))
  }

  @Test(arguments: ["", "+", "2", "+25:00", "+02:60", "Europe/Berlin", "+02:00x"])
  func `anything else is refused as a zone`(text: String) { #expect(TimeZoneRule(text) == nil) }

  @Test func `consecutive days of three centuries have consecutive numbers`() {
    var last: Int64 = -1
    for year in 1970...2261 {
      for month in 1...12 {
        for day in 1...CalendarTime.dayCount(year, month) {
          let days = CalendarTime(year: year, month: month, day: day).nanoseconds(rules).map { $0 / 86_400_000_000_000 }
          guard days == last + 1 else {
            Issue.record("\(year)-\(month)-\(day) is day \(String(describing: days)), after \(last)")
            return
          }
          last += 1
        }
      }
    }
  }
}
