/// Times as people write them in flags, read as nanoseconds since 1970.
package enum TimeText {
  /// `2026-01-10T12:00:00.5Z`, `2026-01-10 12:00[:00[.5]]` (local), `2026-01-10` (local), unix seconds, `90s`, `10m`,
  /// `2h`, `3d` (ago), `now`, `today`, `yesterday`.
  package static func parse(_ text: String, now: Int64) -> Int64? {
    switch text {
    case "now": return now
    case "today": return midnight(now)
    // Noon of the day before is always in that day, even if clocks were changed in the night.
    case "yesterday": return midnight(now).flatMap { midnight($0 &- 43_200_000_000_000) }
    default: break
    }
    if let ago = span(text) {
      let (time, isTooFar) = now.subtractingReportingOverflow(ago)
      return isTooFar ? nil : time
    }
    if text.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }) {
      return Decimal(text)?.scaled(by: 9)
    }
    return calendarTime(text)?.nanoseconds(TimeRules(zone: .local, now: now))
  }

  private static func calendarTime(_ text: String) -> CalendarTime? {
    var scanner = TextScanner(unsafe text.utf8.span.bytes)
    if let day = scanner.isoDate(), scanner.isAtEnd { return day }
    scanner.offset = 0
    guard let time = scanner.isoDateTime(), scanner.isAtEnd else { return nil }
    return time
  }

  private static func span(_ text: String) -> Int64? {
    guard !text.hasSuffix("ms"), let milliseconds = TimeSpan.milliseconds(text) else { return nil }
    let (product, isTooLarge) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    return isTooLarge ? nil : product
  }

  private static func midnight(_ time: Int64) -> Int64? {
    let now = CalendarTime(time, isUTC: false)
    let day = CalendarTime(year: now.year, month: now.month, day: now.day)
    return day.nanoseconds(TimeRules(zone: .local, now: time))
  }
}
