internal import Glibc

/// Times as people and programs read them.
package enum Timestamp {
  /// RFC 3339 in UTC with nanoseconds: `2026-01-10T12:00:00.123456789Z`.
  package static func rfc3339(_ nanoseconds: Int64) -> String {
    let (seconds, fraction) = split(nanoseconds)
    let time = broken(seconds, isUTC: true)
    return "\(time.date)T\(time.clock).\(padded(fraction, to: 9))Z"
  }

  /// `2026-01-10 12:00:00.123`, local unless `isUTC`.
  package static func short(_ nanoseconds: Int64, isUTC: Bool) -> String {
    let (seconds, fraction) = split(nanoseconds)
    let time = broken(seconds, isUTC: isUTC)
    return "\(time.date) \(time.clock).\(padded(fraction / 1_000_000, to: 3))"
  }

  /// Rounds down, so that the fraction is never negative.
  private static func split(_ nanoseconds: Int64) -> (seconds: Int64, fraction: Int64) {
    let (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return fraction < 0 ? (seconds - 1, fraction + 1_000_000_000) : (seconds, fraction)
  }

  /// A moment on the calendar.
  private struct CalendarTime {
    let date: String
    let clock: String
  }

  private static func broken(_ seconds: Int64, isUTC: Bool) -> CalendarTime {
    var seconds = time_t(seconds)
    var time = unsafe tm()
    if isUTC { unsafe gmtime_r(&seconds, &time) } else { unsafe localtime_r(&seconds, &time) }
    let year = unsafe Int64(time.tm_year) + 1900
    let month = unsafe Int64(time.tm_mon) + 1
    let (day, hour, minute, second) = unsafe (time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec)
    return CalendarTime(
      date: "\(padded(year, to: 4))-\(padded(month, to: 2))-\(padded(Int64(day), to: 2))",
      clock: "\(padded(Int64(hour), to: 2)):\(padded(Int64(minute), to: 2)):\(padded(Int64(second), to: 2))")
  }

  private static func padded(_ number: Int64, to width: Int) -> String {
    let digits = String(number)
    return digits.count >= width ? digits : String(repeating: "0", count: width - digits.count) + digits
  }
}
