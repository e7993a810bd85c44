internal import Glibc

/// Times as people and programs write them, read as nanoseconds since 1970.
package enum TimeText {
  /// `2026-01-10T12:00:00.5Z`, `2026-01-10 12:00[:00[.5]]` (local), `2026-01-10` (local), unix seconds, `90s`, `10m`, `2h`, `3d` (ago),
  /// `now`, `today`, `yesterday`.
  package static func parse(_ text: String, now: Int64) -> Int64? {
    switch text {
    case "now": return now
    case "today": return midnight(daysAgo: 0, now: now)
    case "yesterday": return midnight(daysAgo: 1, now: now)
    default: break
    }
    if let ago = span(text) { return now.subtractingReportingOverflow(ago).overflow ? nil : now - ago }
    return unixSeconds(text) ?? dateTime(text)
  }

  /// RFC 3339, with `T` or a space; local where it names no zone.
  static func dateTime(_ text: String) -> Int64? {
    var reader = Reader(text)
    guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2), reader.take("-"),
      let day = reader.digits(2), (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    var clock = (hour: 0, minute: 0, second: 0)
    var fraction: Int64 = 0
    var zone: Zone? = .local
    if reader.take("T") || reader.take("t") || reader.take(" ") {
      guard let hour = reader.digits(2), reader.take(":"), let minute = reader.digits(2) else { return nil }
      clock = (hour, minute, 0)
      if reader.take(":") {
        guard let second = reader.digits(2) else { return nil }
        clock.second = second
        if reader.take(".") || reader.take(",") {
          guard let parsed = reader.fraction() else { return nil }
          fraction = parsed
        }
      }
      zone = reader.zone()
    }
    guard let zone, reader.isAtEnd, clock.hour < 24, clock.minute < 60, clock.second <= 60 else { return nil }
    let seconds = seconds(year, month, day, clock.hour, clock.minute, clock.second, zone)
    let (product, isTooFar) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return isTooFar ? nil : product + fraction
  }

  /// `1768046400` or `1768046400.5`.
  private static func unixSeconds(_ text: String) -> Int64? {
    var reader = Reader(text)
    guard let seconds = reader.number() else { return nil }
    var fraction: Int64 = 0
    if reader.take(".") {
      guard let parsed = reader.fraction() else { return nil }
      fraction = parsed
    }
    let (product, isTooFar) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return reader.isAtEnd && !isTooFar ? product + fraction : nil
  }

  private static func span(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    guard let last = text.last, let unit = units[last], let number = Int64(text.dropLast()), number >= 0 else {
      return nil
    }
    let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit * 1_000_000_000)
    return isTooLarge ? nil : product
  }

  private enum Zone {
    case local
    case offset(seconds: Int)
  }

  private static func seconds(
    _ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int, _ zone: Zone
  ) -> Int64 {
    var time = unsafe tm()
    unsafe time.tm_year = Int32(year - 1900)
    unsafe time.tm_mon = Int32(month - 1)
    unsafe time.tm_mday = Int32(day)
    unsafe time.tm_hour = Int32(hour)
    unsafe time.tm_min = Int32(minute)
    unsafe time.tm_sec = Int32(second)
    unsafe time.tm_isdst = -1
    switch zone {
    case .local: return Int64(unsafe mktime(&time))
    case .offset(let offset): return Int64(unsafe timegm(&time)) - Int64(offset)
    }
  }

  private static func midnight(daysAgo: Int, now: Int64) -> Int64 {
    var seconds = time_t(now / 1_000_000_000)
    var time = unsafe tm()
    unsafe localtime_r(&seconds, &time)
    let (year, month, day) = unsafe (Int(time.tm_year) + 1900, Int(time.tm_mon) + 1, Int(time.tm_mday))
    // mktime normalizes a day before the month's first.
    return self.seconds(year, month, day - daysAgo, 0, 0, 0, .local) * 1_000_000_000
  }

  /// Goes through the text byte by byte.
  private struct Reader {
    private var bytes: ArraySlice<UInt8>

    init(_ text: String) { bytes = Array(text.utf8)[...] }

    var isAtEnd: Bool { bytes.isEmpty }

    mutating func take(_ byte: Unicode.Scalar) -> Bool {
      guard bytes.first == UInt8(ascii: byte) else { return false }
      bytes.removeFirst()
      return true
    }

    /// Exactly so many digits.
    mutating func digits(_ count: Int) -> Int? {
      guard bytes.count >= count else { return nil }
      var value = 0
      for _ in 0..<count {
        guard let byte = bytes.popFirst(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        value = value * 10 + Int(byte - UInt8(ascii: "0"))
      }
      return value
    }

    /// One digit or more, at most 18.
    mutating func number() -> Int64? {
      let digits = bytes.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
      guard (1...18).contains(digits.count) else { return nil }
      bytes = bytes.dropFirst(digits.count)
      return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// The digits behind a point, in nanoseconds; digits beyond the ninth count nothing.
    mutating func fraction() -> Int64? {
      let digits = bytes.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
      guard !digits.isEmpty else { return nil }
      bytes = bytes.dropFirst(digits.count)
      let kept = digits.prefix(9)
      let value = kept.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
      return (kept.count..<9).reduce(value) { value, _ in value * 10 }
    }

    /// `Z`, `+02:00`, `+0200`, or nothing; nil when it is none of these.
    mutating func zone() -> Zone? {
      if isAtEnd { return .local }
      if take("Z") || take("z") { return .offset(seconds: 0) }
      let isEast = take("+")
      guard isEast || take("-"), let hours = digits(2) else { return nil }
      _ = take(":")
      guard let minutes = digits(2), hours < 24, minutes < 60 else { return nil }
      let offset = hours * 3_600 + minutes * 60
      return .offset(seconds: isEast ? offset : -offset)
    }
  }
}
