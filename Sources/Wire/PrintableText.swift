/// Makes text and bytes from anywhere safe for a terminal or a file of lines. The result is always one line, and
/// nothing in it moves the cursor, changes the direction of the surrounding text, or ends the line.
///
/// | what | becomes |
/// |---|---|
/// | newline, carriage return | `\n`, `\r` |
/// | other control characters of ASCII, and DEL | `\x1b` |
/// | U+0080 to U+009F, U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 | `\u{202e}` |
/// | bytes that are not UTF-8 | `\x9b`, each of them: 9B begins an escape sequence on terminals of 8 bits |
///
/// Tabs stay. The form is for people: a backslash in the text looks like the beginning of an escape.
package enum PrintableText {
  /// Whether a scalar is shown as it is.
  package static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09: true
    case 0..<0x20, 0x7f..<0xa0, 0x61c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: false
    default: true
    }
  }

  package static func escaped(_ text: String) -> String {
    if text.unicodeScalars.allSatisfy(isHarmless) { return text }
    var output: [UInt8] = []
    append(text, to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  package static func append(_ bytes: ByteString, to output: inout [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe append($0, to: &output) }
  }

  package static func append(_ text: String, to output: inout [UInt8]) {
    var text = text
    text.withUTF8 { unsafe append(UnsafeRawBufferPointer($0), to: &output) }
  }

  private static func append(_ buffer: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    if unsafe isPlain(buffer) { return unsafe output.append(contentsOf: buffer) }
    var plainStart = 0
    var index = 0
    while index < buffer.count {
      let byte = unsafe buffer[index]
      if (0x20..<0x7f).contains(byte) || byte == 0x09 {
        index += 1
        continue
      }
      let (scalar, length) = unsafe scalar(in: buffer, at: index)
      if scalar.map(isHarmless) != true {
        unsafe output.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[plainStart..<index]))
        output.append(contentsOf: escape(scalar, byte).utf8)
        plainStart = index + length
      }
      index += length
    }
    unsafe output.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[plainStart...]))
  }

  /// Whether it is printable ASCII, as most text. Looks at eight bytes at a time.
  package static func isPlain(_ buffer: UnsafeRawBufferPointer) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var index = 0
    while index + 8 <= buffer.count {
      let bytes = unsafe buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      // The highest bit of a byte is set by 80 and more, by less than 20 minus 20, and by 7F plus 1. What is carried or
      // borrowed comes from bytes that are found anyway.
      if (bytes | (bytes &- 0x20 &* ones) | (bytes &+ ones)) & (0x80 &* ones) != 0 { return false }
      index += 8
    }
    while index < buffer.count {
      if unsafe !(0x20..<0x7f).contains(buffer[index]) { return false }
      index += 1
    }
    return true
  }

  /// How a scalar is shown that is not harmless: `\n`, `\x1b`, `\u{202e}`.
  package static func escape(_ scalar: Unicode.Scalar) -> String {
    escape(scalar, UInt8(truncatingIfNeeded: scalar.value))
  }

  private static func escape(_ scalar: Unicode.Scalar?, _ byte: UInt8) -> String {
    switch scalar {
    case "\n": #"\n"#
    case "\r": #"\r"#
    case let scalar? where scalar.value >= 0x80: #"\u{"# + String(scalar.value, radix: 16) + "}"
    default: #"\x"# + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }

  /// The scalar that begins at `index` and its length; nil and 1 if none does (RFC 3629).
  package static func scalar(
    in buffer: UnsafeRawBufferPointer, at index: Int
  ) -> (scalar: Unicode.Scalar?, length: Int) {
    let first = unsafe buffer[index]
    let length: Int
    switch first {
    case 0..<0x80: return (Unicode.Scalar(first), 1)
    case 0xc2..<0xe0: length = 2
    case 0xe0..<0xf0: length = 3
    case 0xf0..<0xf5: length = 4
    default: return (nil, 1)
    }
    guard index + length <= buffer.count else { return (nil, 1) }
    var value = UInt32(first) & (0x7f >> UInt32(length))
    for offset in 1..<length {
      let byte = unsafe buffer[index + offset]
      guard byte & 0xc0 == 0x80 else { return (nil, 1) }
      value = value << 6 | UInt32(byte & 0x3f)
    }
    // Overlong forms, surrogates and values above U+10FFFF are not scalars.
    let least: UInt32 = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000
    guard value >= least, let scalar = Unicode.Scalar(value) else { return (nil, 1) }
    return (scalar, length)
  }
}
