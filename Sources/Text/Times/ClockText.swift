/// Writes times in one zone. How far the zone is from UTC is looked up once for each second.
package struct ClockText: Sendable {
  package let zone: ShownZone
  private var second = Int64.min
  private var offset = 0
  /// The last second as text, and what stands between day and clock.
  private var secondText: [UInt8] = []
  private var secondTextKey = (second: Int64.min, separator: UInt8(0))

  package init(_ zone: ShownZone) { self.zone = zone }

  /// `2026-01-10 12:00:00.123`
  package mutating func appendShort(_ nanoseconds: Int64, to output: inout [UInt8]) {
    let (second, fraction) = Self.split(nanoseconds)
    append(second, separator: UInt8(ascii: " "), to: &output)
    output.append(UInt8(ascii: "."))
    output.appendDigits(fraction / 1_000_000, count: 3)
  }

  /// As SQL has times, with nanoseconds and without a zone: `2026-01-10 12:00:00.123456789`. Such texts have the order
  /// of their times.
  package mutating func appendSQL(_ nanoseconds: Int64, to output: inout [UInt8]) {
    let (second, fraction) = Self.split(nanoseconds)
    append(second, separator: UInt8(ascii: " "), to: &output)
    output.append(UInt8(ascii: "."))
    output.appendDigits(fraction, count: 9)
  }

  /// RFC 3339 with nanoseconds: `2026-01-10T12:00:00.123456789Z`, `2026-01-10T13:00:00.123456789+01:00`.
  package mutating func appendRFC3339(_ nanoseconds: Int64, to output: inout [UInt8]) {
    let (second, fraction) = Self.split(nanoseconds)
    append(second, separator: UInt8(ascii: "T"), to: &output)
    output.append(UInt8(ascii: "."))
    output.appendDigits(fraction, count: 9)
    let offset = offset(at: second)
    if offset == 0 { return output.append(UInt8(ascii: "Z")) }
    output.append(offset < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    output.appendDigits(abs(offset) / 3_600, count: 2)
    output.append(UInt8(ascii: ":"))
    output.appendDigits(abs(offset) / 60 % 60, count: 2)
  }

  /// The day, in days since 1970, and the offset from UTC that hold at a time.
  mutating func day(of nanoseconds: Int64) -> (day: Int64, offset: Int) {
    let second = Self.split(nanoseconds).second
    let offset = offset(at: second)
    return ((second + Int64(offset)).flooredQuotient(by: 86_400), offset)
  }

  /// `2026-01-10`, for a day in days since 1970.
  func appendDay(_ day: Int64, to output: inout [UInt8]) {
    Self.appendDate(CivilTime(second: day * 86_400), to: &output)
  }

  private mutating func offset(at second: Int64) -> Int {
    if second != self.second {
      self.second = second
      offset = zone.offset(at: second)
    }
    return offset
  }

  /// Rounded down, so that the fraction is never negative.
  private static func split(_ nanoseconds: Int64) -> (second: Int64, fraction: Int) {
    let second = nanoseconds.flooredQuotient(by: 1_000_000_000)
    return (second, Int(nanoseconds &- second &* 1_000_000_000))
  }

  private static func appendDate(_ time: CivilTime, to output: inout [UInt8]) {
    output.appendDigits(time.year, count: 4)
    output.append(UInt8(ascii: "-"))
    output.appendDigits(time.month, count: 2)
    output.append(UInt8(ascii: "-"))
    output.appendDigits(time.day, count: 2)
  }

  /// Entries that follow each other often have the same second.
  private mutating func append(_ second: Int64, separator: UInt8, to output: inout [UInt8]) {
    if secondTextKey != (second, separator) {
      secondTextKey = (second, separator)
      secondText.removeAll(keepingCapacity: true)
      let time = CivilTime(second: second + Int64(offset(at: second)))
      Self.appendDate(time, to: &secondText)
      secondText.append(separator)
      secondText.appendDigits(time.clock / 3_600, count: 2)
      secondText.append(UInt8(ascii: ":"))
      secondText.appendDigits(time.clock / 60 % 60, count: 2)
      secondText.append(UInt8(ascii: ":"))
      secondText.appendDigits(time.clock % 60, count: 2)
    }
    output.append(contentsOf: secondText)
  }
}

extension Int64 {
  fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
