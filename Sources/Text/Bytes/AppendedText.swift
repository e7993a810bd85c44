extension [UInt8] {
  mutating func append(_ text: StaticString) {
    unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(spaces count: Int) { append(contentsOf: repeatElement(UInt8(ascii: " "), count: count)) }

  /// Appends a number that is not negative, with leading zeros.
  mutating func appendDigits(_ number: Int, count: Int) {
    append(contentsOf: repeatElement(UInt8(ascii: "0"), count: count))
    unsafe withUnsafeMutableBufferPointer { bytes in
      var rest = UInt(number)
      for index in 1...count {
        unsafe bytes[bytes.count - index] += UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      }
    }
  }

  /// Appends a number as digits, without a string in between.
  package mutating func appendNumber(_ number: UInt64) {
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
