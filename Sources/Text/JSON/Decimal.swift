/// A decimal number of at most 19 digits, as it was written: `mantissa` times ten to the power of `exponent`.
///
/// The mantissa does not end in a zero, so equal numbers have equal parts.
struct Decimal: Hashable {
  private(set) var mantissa: UInt64 = 0
  private(set) var exponent = 0
  private(set) var isNegative = false
  private(set) var digitCount = 0

  var isZero: Bool { mantissa == 0 }

  /// With exponents beyond this, no double or time can hold the number.
  private static let exponentMax = 10_000
  private static let digitCountMax = 19

  init?(_ text: String) { self.init(unsafe text.utf8.span.bytes) }

  /// Reads `-12.5e+3`; nil if it is not a number, or has more digits.
  init?(_ text: RawSpan) {
    var scanner = TextScanner(text)
    isNegative = scanner.take("-")
    var places = 0
    var isPastPoint = false
    var hasDigits = false
    // Zeros count only if a digit follows.
    var zeroCount = 0
    while let byte = scanner.next {
      if byte == UInt8(ascii: "."), !isPastPoint {
        isPastPoint = true
      } else if byte.isDigit {
        hasDigits = true
        if isPastPoint { places += 1 }
        if byte == UInt8(ascii: "0") {
          if digitCount > 0 { zeroCount += 1 }
        } else {
          guard digitCount + zeroCount < Self.digitCountMax else { return nil }
          for _ in 0..<zeroCount { mantissa *= 10 }
          mantissa = mantissa * 10 + UInt64(byte - UInt8(ascii: "0"))
          digitCount += zeroCount + 1
          zeroCount = 0
        }
      } else {
        break
      }
      scanner.offset += 1
    }
    guard hasDigits else { return nil }
    var power = 0
    if scanner.take("e") || scanner.take("E") {
      let isSmall = scanner.take("-")
      if !isSmall { _ = scanner.take("+") }
      guard let written = scanner.number(most: 9) else { return nil }
      power = isSmall ? -written : written
    }
    guard scanner.isAtEnd else { return nil }
    if mantissa == 0 { return }
    exponent = power + zeroCount - places
    guard abs(exponent) <= Self.exponentMax else { return nil }
  }

  /// The whole part of this number times ten to the power of `power`; nil if it does not fit.
  func scaled(by power: Int) -> Int64? {
    var value = mantissa
    var shift = exponent + power
    while shift > 0, value > 0 {
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      if isTooLarge { return nil }
      value = product
      shift -= 1
    }
    while shift < 0, value > 0 {
      value /= 10
      shift += 1
    }
    return Int64(exactly: value).map { isNegative ? -$0 : $0 }
  }
}
