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

  /// `2026-01-10 12:00:00.123`
  package static func short(_ nanoseconds: Int64, zone: ShownZone) -> String {
    var clock = ClockText(zone)
    var text: [UInt8] = []
    clock.appendShort(nanoseconds, to: &text)
    return String(decoding: text, as: UTF8.self)
  }
}
