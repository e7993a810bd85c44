internal import LogsWire

extension LogfmtReader {
  /// The value after the `=`.
  @_lifetime(self: copy self)
  mutating func value() -> AttributeValue {
    let start = scanner.offset
    guard scanner.take("\"") else {
      skipWord()
      return Self.typed(scanner.bytes.value(start..<scanner.offset))
    }
    var content: [UInt8] = []
    while let byte = scanner.next {
      scanner.offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let next = scanner.next, !Self.isSpace(next) else { return AttributeValue(text: content) }
        // Not a quoted value after all: `a="b"c`.
        skipWord()
        return scanner.bytes.value(start..<scanner.offset)
      case UInt8(ascii: "\\"): unescape(into: &content)
      default: content.append(byte)
      }
    }
    // The line was cut inside quotes: the rest is the value, and the first quote stays to show that the second is
    // missing.
    isCut = true
    return scanner.bytes.value(start..<scanner.offset)
  }

  @_lifetime(self: copy self)
  private mutating func skipWord() {
    while let byte = scanner.next, !Self.isSpace(byte) { scanner.offset += 1 }
  }

  /// Digits as Swift would write them are a number; others, such as `007`, are text.
  private static func typed(_ value: AttributeValue) -> AttributeValue {
    guard case .string(let text) = value else { return value }
    switch text {
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    default:
      guard let number = Int64(text), text.utf8.elementsEqual(String(number).utf8) else { return value }
      return .integer(number)
    }
  }

  /// Decodes an escape of Go's `strconv.Quote` or of JSON; any other is kept as it is.
  @_lifetime(self: copy self)
  private mutating func unescape(into content: inout [UInt8]) {
    guard let byte = scanner.next else { return content.append(UInt8(ascii: "\\")) }
    scanner.offset += 1
    switch byte {
    case UInt8(ascii: "n"): content.append(0x0a)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "r"): content.append(0x0d)
    case UInt8(ascii: "a"): content.append(0x07)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0c)
    case UInt8(ascii: "v"): content.append(0x0b)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): content.append(byte)
    case UInt8(ascii: "x"):
      if let value = Escape.hexadecimal(2, &scanner) {
        content.append(UInt8(value))
      } else {
        content.append(contentsOf: [UInt8(ascii: "\\"), byte])
      }
    case UInt8(ascii: "u"):
      if let scalar = Escape.unicode(&scanner) {
        content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      } else {
        content.append(contentsOf: [UInt8(ascii: "\\"), byte])
      }
    case UInt8(ascii: "U"):
      let start = scanner.offset
      if let value = Escape.hexadecimal(8, &scanner), let scalar = Unicode.Scalar(value) {
        content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      } else {
        scanner.offset = start
        content.append(contentsOf: [UInt8(ascii: "\\"), byte])
      }
    default: content.append(contentsOf: [UInt8(ascii: "\\"), byte])
    }
  }
}
