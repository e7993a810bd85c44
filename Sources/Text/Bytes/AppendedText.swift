extension [UInt8] {
  mutating func append(_ text: StaticString) {
    unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(spaces count: Int) { append(contentsOf: repeatElement(UInt8(ascii: " "), count: count)) }

  /// Appends a number with leading zeros; for an odd count the first digit, then pairs.
  mutating func appendDigits(_ number: Int, count: Int) {
    switch count {
    case 1: append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number))
    case 2: appendPair(number)
    case 3:
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 100))
      appendPair(number % 100)
    case 4:
      appendPair(number / 100)
      appendPair(number % 100)
    default:
      let last = number % 10_000
      appendDigits(number / 10_000, count: count - 4)
      appendDigits(last, count: 4)
    }
  }

  private mutating func appendPair(_ number: Int) {
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10))
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
  }

  /// Appends a number as digits, without a string in between.
  mutating func appendNumber(_ number: UInt64) {
    guard number < 10_000 else {
      appendNumber(number / 10_000)
      return appendDigits(Int(number % 10_000), count: 4)
    }
    appendDigits(Int(number), count: number < 10 ? 1 : number < 100 ? 2 : number < 1_000 ? 3 : 4)
  }

  mutating func appendNumber(_ number: Int64) {
    if number < 0 { append(UInt8(ascii: "-")) }
    appendNumber(number.magnitude)
  }
}
