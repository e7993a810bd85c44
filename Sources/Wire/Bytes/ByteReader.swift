/// Reads little-endian fields from untrusted bytes, and checks every length against the bytes that exist.
package struct ByteReader: ~Escapable {
  private let bytes: RawSpan
  /// Where the next field starts.
  package private(set) var offset = 0

  @_lifetime(copy bytes)
  package init(_ bytes: RawSpan) { self.bytes = bytes }

  package var remaining: Int { bytes.byteCount - offset }
  package var isAtEnd: Bool { remaining == 0 }

  @inline(__always)
  @_lifetime(self: copy self)
  private mutating func take(_ size: Int) throws(WireDecodingError) -> Int {
    guard size >= 0, remaining >= size else { throw missing(size) }
    defer { offset += size }
    return offset
  }

  /// Separate, so that the check before every field is small enough to be inlined.
  @inline(never)
  private func missing(_ size: Int) -> WireDecodingError {
    WireDecodingError("\(size) bytes are needed, \(remaining) are left", at: offset)
  }

  @_lifetime(self: copy self)
  package mutating func u8() throws(WireDecodingError) -> UInt8 {
    let at = try take(1)
    return unsafe bytes.unsafeLoad(fromByteOffset: at, as: UInt8.self)
  }

  @_lifetime(self: copy self)
  package mutating func u16() throws(WireDecodingError) -> UInt16 {
    let at = try take(2)
    return UInt16(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt16.self))
  }

  @_lifetime(self: copy self)
  package mutating func u32() throws(WireDecodingError) -> UInt32 {
    let at = try take(4)
    return UInt32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self))
  }

  @_lifetime(self: copy self)
  package mutating func u64() throws(WireDecodingError) -> UInt64 {
    let at = try take(8)
    return UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
  }

  @_lifetime(self: copy self)
  package mutating func i64() throws(WireDecodingError) -> Int64 { Int64(bitPattern: try u64()) }

  /// LEB128 of at most ten bytes, in its shortest form.
  @_lifetime(self: copy self)
  package mutating func varint() throws(WireDecodingError) -> UInt64 {
    // Eight bytes at once: a branch for each byte would be mispredicted at every other length.
    guard remaining >= 8 else { return try varintByBytes() }
    let word = UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    let ends = ~word & 0x8080_8080_8080_8080
    guard ends != 0 else { return try varintByBytes() }
    let lastShift = UInt64(ends.trailingZeroBitCount & ~7)
    // Up to the first byte that ends a varint, without the continuation bits.
    var value = word & (ends ^ (ends &- 1)) & 0x7f7f_7f7f_7f7f_7f7f
    if lastShift > 0, value >> lastShift == 0 { return try varintByBytes() }
    value = (value & 0x007f_007f_007f_007f) | (value & 0x7f00_7f00_7f00_7f00) >> 1
    value = (value & 0x0000_3fff_0000_3fff) | (value & 0x3fff_0000_3fff_0000) >> 2
    value = (value & 0x0000_0000_0fff_ffff) | (value & 0x0fff_ffff_0000_0000) >> 4
    offset += Int(lastShift / 8) + 1
    return value
  }

  /// Varints that are long, at the end, or malformed.
  @inline(never)
  @_lifetime(self: copy self)
  private mutating func varintByBytes() throws(WireDecodingError) -> UInt64 {
    let start = offset
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try u8()
      if shift == 63, byte > 1 { throw WireDecodingError("a varint is larger than 64 bits", at: start) }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 {
        if byte == 0, shift > 0 { throw WireDecodingError("a varint is longer than it needs to be", at: start) }
        return value
      }
      shift += 7
      if shift > 63 { throw WireDecodingError("a varint is larger than 64 bits", at: start) }
    }
  }

  @_lifetime(self: copy self)
  package mutating func zigzag() throws(WireDecodingError) -> Int64 {
    let value = try varint()
    return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
  }

  /// A length that must fit in the remaining bytes.
  @_lifetime(self: copy self)
  package mutating func length() throws(WireDecodingError) -> Int {
    let start = offset
    let value = try varint()
    guard value <= UInt64(remaining) else {
      throw WireDecodingError("a length of \(value) bytes exceeds the \(remaining) that are left", at: start)
    }
    return Int(value)
  }

  /// The next `count` bytes, in place.
  @_lifetime(copy self)
  package mutating func span(_ count: Int) throws(WireDecodingError) -> RawSpan {
    let at = try take(count)
    return bytes.extracting(at..<at + count)
  }

  /// Skips the next `count` bytes and returns their range.
  @_lifetime(self: copy self)
  package mutating func range(_ count: Int) throws(WireDecodingError) -> Range<Int> {
    let at = try take(count)
    return at..<at + count
  }

  /// All remaining bytes, in place.
  @_lifetime(copy self)
  package mutating func rest() throws(WireDecodingError) -> RawSpan { try span(remaining) }
}
