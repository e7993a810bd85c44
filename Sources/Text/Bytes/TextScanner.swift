internal import LogsWire

/// Reads a text byte by byte, trusting nothing in it.
struct TextScanner: ~Escapable {
  let bytes: RawSpan
  /// Where the next byte is read.
  var offset = 0

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) { self.bytes = bytes }

  var isAtEnd: Bool { offset >= bytes.byteCount }

  var next: UInt8? { offset < bytes.byteCount ? bytes[offset] : nil }

  /// The byte `count` places after the next one.
  func byte(ahead count: Int) -> UInt8? { count < bytes.byteCount - offset ? bytes[offset + count] : nil }

  @_lifetime(self: copy self)
  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  @_lifetime(self: copy self)
  mutating func take(word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.byteCount - offset >= length else { return false }
    for index in 0..<length where unsafe bytes[offset + index] != word.utf8Start[index] { return false }
    offset += length
    return true
  }

  /// Takes spaces.
  ///
  /// - Returns: how many.
  @_lifetime(self: copy self)
  @discardableResult
  mutating func takeSpaces() -> Int {
    let start = offset
    while next == 0x20 { offset += 1 }
    return offset - start
  }

  /// Exactly `count` digits, at most 18.
  @_lifetime(self: copy self)
  mutating func digits(_ count: Int) -> Int? {
    guard bytes.byteCount - offset >= count else { return nil }
    var value = 0
    for index in offset..<offset + count {
      guard bytes[index].isDigit else { return nil }
      value = value * 10 + Int(bytes[index] - UInt8(ascii: "0"))
    }
    offset += count
    return value
  }

  /// One to `most` digits, and at most 18.
  @_lifetime(self: copy self)
  mutating func number(most: Int) -> Int? {
    var end = offset
    while end < bytes.byteCount, bytes[end].isDigit { end += 1 }
    guard (1...most).contains(end - offset) else { return nil }
    return digits(end - offset)
  }

  /// Everything before the next `byte`, which is taken as well; nil if there is no such byte.
  @_lifetime(self: copy self)
  mutating func range(before byte: Unicode.Scalar) -> Range<Int>? {
    guard let end = bytes.firstIndex(of: UInt8(ascii: byte), from: offset) else { return nil }
    defer { offset = end + 1 }
    return offset..<end
  }

  /// Everything before the next space, which is taken as well; nil if that is empty.
  @_lifetime(self: copy self)
  mutating func word() -> Range<Int>? {
    let start = offset
    guard let word = range(before: " "), !word.isEmpty else {
      offset = start
      return nil
    }
    return word
  }

  /// Everything that is left.
  var rest: Range<Int> { min(offset, bytes.byteCount)..<bytes.byteCount }

  func isEqual(_ range: Range<Int>, _ word: StaticString) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    for index in 0..<range.count where unsafe bytes[range.lowerBound + index] != word.utf8Start[index] { return false }
    return true
  }
}

extension RawSpan {
  subscript(index: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) }

  func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
    var index = start
    while index < byteCount {
      if self[index] == byte { return index }
      index += 1
    }
    return nil
  }

  /// The bytes of `range` as text; nil if they are not UTF-8.
  func string(_ range: Range<Int>) -> String? {
    unsafe extracting(range).withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
  }

  /// The bytes of `range`: text if they are UTF-8, else bytes, which must stay as they are.
  func value(_ range: Range<Int>) -> AttributeValue {
    string(range).map { .string($0) } ?? .bytes(ByteString(copying: extracting(range)))
  }
}

extension UInt8 {
  var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

  var isUppercase: Bool { self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") }

  var isLetter: Bool { isUppercase || (self >= UInt8(ascii: "a") && self <= UInt8(ascii: "z")) }

  /// The value of a hexadecimal digit.
  var hexadecimal: UInt32? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(self - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(self - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(self - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}

extension AttributeValue {
  /// Text if the bytes are UTF-8.
  init(text bytes: [UInt8]) {
    self = String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .bytes(ByteString(bytes))
  }
}
