/// What reads the times in a filter, as nanoseconds since 1970. Clients know a zone and what time it is, servers do
/// not.
package struct FilterTimes: Sendable {
  /// nil if the text is no time.
  package let read: @Sendable (String) -> Int64?
  /// Why a text in the form of a time is none, like a day that does not exist; nil for other text.
  package let absence: @Sendable (String) -> String?
  /// What may have been meant by other text that is no time, for the end of an error; empty if that is not known.
  package let suggestion: @Sendable (String) -> String
  /// What to write, for errors.
  package let remedy: String

  package init(
    remedy: String, absence: @escaping @Sendable (String) -> String? = { _ in nil },
    suggestion: @escaping @Sendable (String) -> String = { _ in "" },
    read: @escaping @Sendable (String) -> Int64?
  ) {
    self.read = read
    self.absence = absence
    self.suggestion = suggestion
    self.remedy = remedy
  }

  /// Only times that mean the same everywhere: a date, a clock and a zone.
  package static let absolute = FilterTimes(
    remedy: "write a date, a clock and a zone, like 2026-11-28T10:00:00Z or 2026-11-28T10:00+01:00"
  ) { AbsoluteTime.nanoseconds($0) }
}

/// Times as filters have them on the wire (`spec/filter.md`, section 3.2): `2026-11-28T10:00[:00[.5]](Z|+01:00)`.
enum AbsoluteTime {
  /// Nanoseconds since 1970 of all of these years fit, in whatever zone.
  static let years: ClosedRange<Int64> = 1970...2261

  /// nil for another form, a day or an hour that does not exist, and other years.
  static func nanoseconds(_ text: String) -> Int64? {
    var digits = Digits(text)
    guard let year = digits.take(4), years.contains(year), digits.skip("-"), let month = digits.take(2),
      (1...12).contains(month), digits.skip("-"), let day = digits.take(2),
      day >= 1, day <= dayCount(year, month), digits.skip("T"), let hour = digits.take(2), hour < 24,
      digits.skip(":"), let minute = digits.take(2), minute < 60
    else { return nil }
    var second: Int64 = 0
    var nanosecond: Int64 = 0
    if digits.skip(":") {
      guard let read = digits.take(2), read < 60 else { return nil }
      second = read
      if digits.skip(".") {
        guard let fraction = digits.fraction() else { return nil }
        nanosecond = fraction
      }
    }
    guard let zone = digits.zone(), digits.isAtEnd else { return nil }
    let seconds = self.day(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - zone
    return seconds * 1_000_000_000 + nanosecond
  }

  /// nil for a time that this form cannot say.
  static func text(_ nanoseconds: Int64) -> String? {
    guard nanoseconds >= 0 else { return nil }
    let (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let (days, clock) = seconds.quotientAndRemainder(dividingBy: 86_400)
    var year = 1970 + days / 366
    while day(year + 1, 1, 1) <= days { year += 1 }
    guard years.contains(year) else { return nil }
    var month: Int64 = 1
    while month < 12, day(year, month + 1, 1) <= days { month += 1 }
    let date = "\(year)-\(padded(month, 2))-\(padded(days - day(year, month, 1) + 1, 2))"
    let time = "\(padded(clock / 3_600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2))"
    return "\(date)T\(time)\(fraction == 0 ? "" : ".\(padded(fraction, 9))")Z"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: width - digits.utf8.count) + digits
  }

  private static func dayCount(_ year: Int64, _ month: Int64) -> Int64 {
    month == 12 ? 31 : day(year, month + 1, 1) - day(year, month, 1)
  }

  /// Days since 1970, by a calendar whose years begin in March: the day that leap years add is then the last one.
  private static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let marchYear = month > 2 ? year : year - 1
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468
  }
}

/// The bytes of a time, read from the left.
private struct Digits {
  private var bytes: Substring.UTF8View

  init(_ text: String) { bytes = text[...].utf8 }

  var isAtEnd: Bool { bytes.isEmpty }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard let byte = bytes.first, byte == UInt8(ascii: character) else { return false }
    bytes.removeFirst()
    return true
  }

  private mutating func digit() -> Int64? {
    guard let byte = bytes.first, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
    bytes.removeFirst()
    return Int64(byte - UInt8(ascii: "0"))
  }

  mutating func take(_ count: Int) -> Int64? {
    var number: Int64 = 0
    for _ in 0..<count {
      guard let digit = digit() else { return nil }
      number = number * 10 + digit
    }
    return number
  }

  /// One to nine digits, in nanoseconds.
  mutating func fraction() -> Int64? {
    var number: Int64 = 0
    var unit: Int64 = 1_000_000_000
    while unit > 1, let digit = digit() {
      unit /= 10
      number += digit * unit
    }
    return unit == 1_000_000_000 ? nil : number
  }

  /// Seconds east of UTC.
  mutating func zone() -> Int64? {
    if skip("Z") { return 0 }
    let isEast = skip("+")
    guard isEast || skip("-"), let hours = take(2), hours < 24, skip(":"), let minutes = take(2), minutes < 60 else {
      return nil
    }
    let seconds = hours * 3_600 + minutes * 60
    return isEast ? seconds : -seconds
  }
}
