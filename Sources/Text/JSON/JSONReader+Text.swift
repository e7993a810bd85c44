internal import LogsWire

extension JSONReader {
  /// A string in quotes; bytes if it is not UTF-8.
  @_lifetime(self: copy self)
  mutating func text() -> AttributeValue? {
    scanner.offset += 1
    let start = scanner.offset
    skipPlain()
    guard scanner.next == UInt8(ascii: "\\") else {
      let end = scanner.offset
      return scanner.take("\"") ? scanner.bytes.value(start..<end) : nil
    }
    var content: [UInt8] = []
    append(start, to: &content)
    while scanner.take("\\") {
      guard unescape(into: &content) else { return nil }
      let plain = scanner.offset
      skipPlain()
      append(plain, to: &content)
    }
    return scanner.take("\"") ? AttributeValue(text: content) : nil
  }

  /// Stops at a quote, a backslash, and control characters, which JSON allows only as escapes.
  @_lifetime(self: copy self)
  private mutating func skipPlain() {
    let bytes = scanner.bytes
    var offset = scanner.offset
    while offset < bytes.byteCount {
      let byte = bytes[offset]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      offset += 1
    }
    scanner.offset = offset
  }

  private func append(_ start: Int, to content: inout [UInt8]) {
    unsafe scanner.bytes.extracting(start..<scanner.offset).withUnsafeBytes { unsafe content.append(contentsOf: $0) }
  }

  @_lifetime(self: copy self)
  private mutating func unescape(into content: inout [UInt8]) -> Bool {
    guard let byte = scanner.next else { return false }
    scanner.offset += 1
    switch byte {
    case UInt8(ascii: "n"): content.append(0x0a)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "r"): content.append(0x0d)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0c)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "u"):
      let start = scanner.offset
      guard let scalar = Escape.unicode(&scanner) else { return false }
      if scalar == "\u{FFFD}", !isReplacement(at: start) { note("it has half of a character, like \\ud800") }
      content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: return false
    }
    return true
  }

  /// Whether U+FFFD is written there, in digits.
  private func isReplacement(at offset: Int) -> Bool {
    var digits = TextScanner(scanner.bytes)
    digits.offset = offset
    return Escape.hexadecimal(4, &digits) == 0xfffd
  }
}
