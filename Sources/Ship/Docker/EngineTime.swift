/// Times as engines write them: `2026-11-20T01:52:22.639229156Z`, or with what they are from UTC instead of `Z`.
enum EngineTime {
  /// - Returns: the time in ns since 1970, and how many bytes it has; nil if `text` begins with no time.
  static func parse(_ text: ArraySlice<UInt8>) -> (nanoseconds: Int64, byteCount: Int)? {
    var scan = Scan(text)
    guard let year = scan.number(4), scan.take("-"), let month = scan.number(2), scan.take("-"),
      let day = scan.number(2), scan.take("T"), let hour = scan.number(2), scan.take(":"),
      let minute = scan.number(2), scan.take(":"), let second = scan.number(2), (1...12).contains(month),
      (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    var fraction: Int64 = 0
    if scan.take(".") {
      var unit: Int64 = 100_000_000
      while let digit = scan.digit() {
        fraction += digit * unit
        unit /= 10
      }
    }
    var offset: Int64 = 0
    if !scan.take("Z") {
      let isBehind = scan.take("-")
      guard isBehind || scan.take("+"), let hours = scan.number(2), scan.take(":"), let minutes = scan.number(2)
      else { return nil }
      offset = (hours * 3600 + minutes * 60) * (isBehind ? -1 : 1)
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !isTooLarge else { return nil }
    return (whole + fraction, scan.offset - text.startIndex)
  }

  /// As engines take it in `since`: `1700000000.000000001`.
  static func since(_ nanoseconds: Int64) -> String {
    let (seconds, rest) = max(nanoseconds, 0).quotientAndRemainder(dividingBy: 1_000_000_000)
    let digits = String(rest)
    return "\(seconds).\(String(repeating: "0", count: 9 - digits.count))\(digits)"
  }

  /// Days since 1970-01-01, by the Gregorian calendar; years begin in March, so that leap days come last.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private struct Scan {
    private let text: ArraySlice<UInt8>
    private(set) var offset: Int

    init(_ text: ArraySlice<UInt8>) {
      self.text = text
      offset = text.startIndex
    }

    mutating func digit() -> Int64? {
      guard offset < text.endIndex, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[offset]) else { return nil }
      defer { offset += 1 }
      return Int64(text[offset] - UInt8(ascii: "0"))
    }

    mutating func number(_ count: Int) -> Int64? {
      var value: Int64 = 0
      for _ in 0..<count {
        guard let digit = digit() else { return nil }
        value = value * 10 + digit
      }
      return value
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
      guard offset < text.endIndex, text[offset] == UInt8(ascii: scalar) else { return false }
      offset += 1
      return true
    }
  }
}
