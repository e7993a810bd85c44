internal import LogsWire

/// Numbers in JSON.
enum JSONNumber {
  /// Reads a number: as an integer, as a double if that is exact, or else its digits as text.
  ///
  /// - Returns: nil if no number of JSON begins here: `+1`, `01`, `1.` and `.5` are not numbers.
  @_lifetime(scanner: copy scanner)
  static func read(_ scanner: inout TextScanner) -> AttributeValue? {
    let start = scanner.offset
    let isNegative = scanner.take("-")
    let wholeStart = scanner.offset
    takeDigits(&scanner)
    let wholeCount = scanner.offset - wholeStart
    guard wholeCount == 1 || (wholeCount > 1 && scanner.bytes[wholeStart] != UInt8(ascii: "0")) else { return nil }
    var isInteger = true
    if scanner.take(".") {
      isInteger = false
      guard takeDigits(&scanner) else { return nil }
    }
    if scanner.take("e") || scanner.take("E") {
      isInteger = false
      if !scanner.take("+") { _ = scanner.take("-") }
      guard takeDigits(&scanner) else { return nil }
    }
    let digits = scanner.bytes.extracting(start..<scanner.offset)
    if isInteger, let number = integer(digits, isNegative) { return .integer(number) }
    guard let text = scanner.bytes.string(start..<scanner.offset) else { return nil }
    // Integers beyond 64 bits are identifiers more often than quantities, and readers expect all their digits.
    if isInteger, !(isNegative && digits.byteCount == 2) { return .string(text) }
    return double(text).map { .double($0) } ?? .string(text)
  }

  @_lifetime(scanner: copy scanner)
  @discardableResult
  private static func takeDigits(_ scanner: inout TextScanner) -> Bool {
    let start = scanner.offset
    while let byte = scanner.next, byte.isDigit { scanner.offset += 1 }
    return scanner.offset > start
  }

  /// nil if it does not fit, and for -0, which is no integer.
  private static func integer(_ text: RawSpan, _ isNegative: Bool) -> Int64? {
    var value: Int64 = 0
    for index in (isNegative ? 1 : 0)..<text.byteCount {
      let digit = Int64(text[index] - UInt8(ascii: "0"))
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isTooFar) = product.addingReportingOverflow(isNegative ? -digit : digit)
      if isTooLarge || isTooFar { return nil }
      value = sum
    }
    return isNegative && value == 0 ? nil : value
  }

  /// The double with the same digits; nil if there is none.
  private static func double(_ text: String) -> Double? {
    guard let written = Decimal(text), let double = Double(text), double.isFinite else { return nil }
    // A double can hold any 15 digits.
    if written.digitCount <= 15, double.isNormal || double.isZero && written.isZero { return double }
    return Decimal("\(double)") == written ? double : nil
  }
}
