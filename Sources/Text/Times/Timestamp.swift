/// Single times as people and programs read them.
package enum Timestamp {
  /// RFC 3339 in UTC with nanoseconds: `2026-01-10T12:00:00.123456789Z`.
  package static func rfc3339(_ nanoseconds: Int64) -> String {
    var clock = ClockText(.utc)
    var text: [UInt8] = []
    clock.appendRFC3339(nanoseconds, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// As the local clock shows it, to the second, with what it is from UTC: `2026-01-10 12:00:00 +01:00`.
  package static func zoned(_ nanoseconds: Int64) -> String {
    var clock = ClockText(.local)
    let offset = clock.day(of: nanoseconds).offset
    return "\(short(nanoseconds, zone: .local).prefix { $0 != "." }) \(clock.zone.text(offset: offset))"
  }

  /// As HTTP has dates (IMF-fixdate of RFC 9110), to the second: `Sat, 10 Jan 2026 12:00:00 GMT`.
  ///
  /// - Parameter second: since 1970, before the year 10,000.
  package static func http(second: Int64) -> String {
    let time = CivilTime(second: second)
    func digits(_ number: Int, _ count: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }
    // 1970 began with a Thursday.
    let day = Int((second - Int64(time.clock)) / 86_400)
    let date = "\(weekdays[((day + 4) % 7 + 7) % 7]), \(digits(time.day, 2)) \(months[time.month - 1])"
    let clock = [time.clock / 3_600, time.clock / 60 % 60, time.clock % 60].map { digits($0, 2) }
    return "\(date) \(digits(time.year, 4)) \(clock.joined(separator: ":")) GMT"
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `2026-01-10 12:00:00.123`
  package static func short(_ nanoseconds: Int64, zone: ShownZone) -> String {
    var clock = ClockText(zone)
    var text: [UInt8] = []
    clock.appendShort(nanoseconds, to: &text)
    return String(decoding: text, as: UTF8.self)
  }
}
