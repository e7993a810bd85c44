/// The tagged fields after the fixed ones of a control part (`spec/wire.md`, section 2).
enum Extensions {
  static let criticalBit: UInt16 = 0x8000

  /// Reads extensions up to the end of the control part; `known` returns whether it knows the tag.
  ///
  /// - Throws: `Refusal`: `protocol_violation` for a repeated tag or a wrong length, `unsupported` for an unknown
  ///   critical tag.
  static func read(
    from reader: inout ByteReader, _ known: (UInt16, RawSpan) throws(WireDecodingError) -> Bool
  ) throws(Refusal) {
    var seen: [UInt16] = []
    var unknownCritical: UInt16?
    do throws(WireDecodingError) {
      while !reader.isAtEnd {
        let start = reader.offset
        let tag = try reader.u16()
        if seen.contains(tag) { throw WireDecodingError("extension \(tag) comes twice", at: start) }
        // Few tags exist; a frame with many is hostile, and the search above would be quadratic.
        if seen.count == tagCountMax { throw WireDecodingError("more than \(tagCountMax) extensions", at: start) }
        seen.append(tag)
        let length = Int(try reader.u16())
        if try !known(tag, reader.span(length)), tag & criticalBit != 0 { unknownCritical = tag }
      }
    } catch { throw Refusal(.protocolViolation, error.description) }
    if let tag = unknownCritical {
      throw Refusal(.unsupported, "extension \(tag & ~criticalBit) is critical and unknown here; use a newer server")
    }
  }

  static let tagCountMax = 64

  /// Reads extensions of a message that defines none.
  static func skip(_ reader: inout ByteReader) throws(Refusal) {
    try read(from: &reader) { _, _ throws(WireDecodingError) in false }
  }

  static func write(_ tag: UInt16, _ content: borrowing ByteWriter, into writer: inout ByteWriter) {
    writer.append(u16: tag)
    writer.append(u16: UInt16(content.count))
    writer.append(content)
  }
}

// MARK: - Strings of control parts

extension ByteReader {
  /// A `u8` length and that many bytes.
  @_lifetime(self: copy self)
  mutating func name() throws(WireDecodingError) -> String {
    let length = Int(try u8())
    return unsafe try span(length).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// A `u16` length and that many bytes, at most `limit`.
  @_lifetime(self: copy self)
  mutating func text(limit: Int) throws(WireDecodingError) -> String {
    let start = offset
    let length = Int(try u16())
    if length > limit { throw WireDecodingError("a text of \(length) bytes; the limit is \(limit)", at: start) }
    return unsafe try span(length).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  @_lifetime(self: copy self)
  mutating func zeros(_ count: Int) throws(WireDecodingError) {
    for _ in 0..<count where try u8() != 0 { throw WireDecodingError("a reserved byte must be zero", at: offset - 1) }
  }
}

extension ByteWriter {
  /// A `u8` length and the text's UTF-8, cut to 255 bytes at a code point's border.
  mutating func append(name: String) {
    let start = count
    append(UInt8(0))
    append(utf8: name, limit: 255)
    overwrite(UInt8(count - start - 1), at: start)
  }

  /// A `u16` length and the text's UTF-8, cut to `limit` bytes at a code point's border.
  mutating func append(text: String, limit: Int) {
    let start = count
    append(u16: 0)
    append(utf8: text, limit: limit)
    overwrite(u16: UInt16(count - start - 2), at: start)
  }

  /// The text's UTF-8, cut to `limit` bytes at a code point's border.
  mutating func append(utf8 text: String, limit: Int) {
    let bytes = text.utf8
    guard var end = bytes.index(bytes.startIndex, offsetBy: limit, limitedBy: bytes.endIndex) else {
      return append(utf8: text)
    }
    // A byte 10xxxxxx continues the code point before it.
    while end > bytes.startIndex, end < bytes.endIndex, bytes[end] & 0xc0 == 0x80 { end = bytes.index(before: end) }
    append(utf8: String(text[..<end]))
  }
}
