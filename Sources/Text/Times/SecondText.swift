/// Writes times whose seconds are mostly those of the time before: only the fraction is made anew.
struct SecondText: Sendable {
  private let isUTC: Bool
  /// Between the date and the clock.
  private let separator: UInt8
  private var second = Int64.min
  /// `2026-01-10T12:00:00.`
  private var text: [UInt8] = []

  init(isUTC: Bool, separator: Unicode.Scalar) {
    self.isUTC = isUTC
    self.separator = UInt8(ascii: separator)
  }

  /// Appends a time in nanoseconds since 1970 with the first digits of its fraction.
  mutating func append(_ nanoseconds: Int64, digitCount: Int, to output: inout [UInt8]) {
    // Rounded down, so the fraction is never negative.
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let (second, fraction) = remainder < 0 ? (quotient - 1, remainder + 1_000_000_000) : (quotient, remainder)
    if second != self.second {
      self.second = second
      text = Array(Timestamp.short(nanoseconds, isUTC: isUTC).utf8.prefix { $0 != UInt8(ascii: ".") })
      if let space = text.firstIndex(of: UInt8(ascii: " ")) { text[space] = separator }
      text.append(UInt8(ascii: "."))
    }
    output.append(contentsOf: text)
    var unit: Int64 = 100_000_000
    for _ in 0..<digitCount {
      output.append(UInt8(ascii: "0") + UInt8(fraction / unit % 10))
      unit /= 10
    }
  }
}
