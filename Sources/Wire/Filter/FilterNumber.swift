/// A number as filters compare them: exactly where both are integers of 64 bits, else as doubles.
enum FilterNumber: Hashable, Sendable {
  case integer(Int64)
  case double(Double)

  /// Text beyond this is no number.
  static let textByteCountMax = 64

  /// `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`; nil for any other text.
  init?(_ text: RawSpan) {
    guard text.byteCount > 0, text.byteCount <= Self.textByteCountMax else { return nil }
    var offset = 0
    func byte() -> UInt8? {
      offset < text.byteCount ? unsafe text.unsafeLoad(fromByteOffset: offset, as: UInt8.self) : nil
    }
    func digits() -> Bool {
      let start = offset
      while let digit = byte(), digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") { offset += 1 }
      return offset > start
    }
    if byte() == UInt8(ascii: "-") { offset += 1 }
    guard digits() else { return nil }
    var isInteger = true
    if byte() == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      guard digits() else { return nil }
    }
    if let mark = byte(), mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
      isInteger = false
      offset += 1
      if let sign = byte(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { offset += 1 }
      guard digits() else { return nil }
    }
    guard offset == text.byteCount else { return nil }
    let string = unsafe text.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    if isInteger, let value = Int64(string) {
      self = .integer(value)
    } else if let value = Double(string) {
      self = .double(value)
    } else {
      return nil
    }
  }

  var double: Double {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    }
  }

  /// Whether `self` stands in this order to `other`. False for a NaN.
  func isOrdered(_ order: FilterOrder, _ other: FilterNumber) -> Bool {
    if case .integer(let left) = self, case .integer(let right) = other { return order.holds(left, right) }
    return order.holds(double, other.double)
  }

  func equals(_ other: FilterNumber) -> Bool {
    if case .integer(let left) = self, case .integer(let right) = other { return left == right }
    return double == other.double
  }
}

extension FilterOrder {
  func holds<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
    switch self {
    case .below: left < right
    case .atMost: left <= right
    case .atLeast: left >= right
    case .above: left > right
    }
  }
}
