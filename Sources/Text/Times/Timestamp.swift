/// Times as people and programs read them.
package enum Timestamp {
  /// How times are shown to people: in the local zone, or in UTC.
  package struct Clock: Hashable, Sendable {
    private let isUTC: Bool

    package init(isUTC: Bool) { self.isUTC = isUTC }

    package func text(_ nanoseconds: Int64) -> String { Timestamp.short(nanoseconds, isUTC: isUTC) }
  }

  /// RFC 3339 in UTC with nanoseconds: `2026-01-10T12:00:00.123456789Z`.
  package static func rfc3339(_ nanoseconds: Int64) -> String {
    let time = CalendarTime(nanoseconds, isUTC: true)
    return "\(date(time))T\(clock(time)).\(padded(Int(time.nanosecond), to: 9))Z"
  }

  /// `2026-01-10 12:00:00.123`, local unless `isUTC`.
  package static func short(_ nanoseconds: Int64, isUTC: Bool) -> String {
    let time = CalendarTime(nanoseconds, isUTC: isUTC)
    return "\(date(time)) \(clock(time)).\(padded(Int(time.nanosecond / 1_000_000), to: 3))"
  }

  private static func date(_ time: CalendarTime) -> String {
    "\(padded(time.year ?? 0, to: 4))-\(padded(time.month, to: 2))-\(padded(time.day, to: 2))"
  }

  private static func clock(_ time: CalendarTime) -> String {
    "\(padded(time.hour, to: 2)):\(padded(time.minute, to: 2)):\(padded(time.second, to: 2))"
  }

  private static func padded(_ number: Int, to width: Int) -> String {
    let digits = String(number)
    return digits.count >= width ? digits : String(repeating: "0", count: width - digits.count) + digits
  }
}
