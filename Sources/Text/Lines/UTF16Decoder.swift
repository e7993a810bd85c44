/// Converts UTF-16 to UTF-8, in pieces of any size. Surrogates without their other half become U+FFFD.
struct UTF16Decoder {
  let isBigEndian: Bool
  /// The first byte of a unit whose second byte has not arrived.
  private var half: UInt8?
  /// A surrogate that waits for its other half.
  private var high: UInt16?

  init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

  mutating func append(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) {
    for byte in bytes {
      guard let first = half else {
        half = byte
        continue
      }
      half = nil
      append(isBigEndian ? UInt16(first) << 8 | UInt16(byte) : UInt16(byte) << 8 | UInt16(first), to: &output)
    }
  }

  /// The end: an incomplete unit or surrogate gets no other half.
  mutating func finish(to output: inout [UInt8]) {
    if half != nil || high != nil { output.append(contentsOf: UTF8.encodedReplacementCharacter) }
    (half, high) = (nil, nil)
  }

  private mutating func append(_ unit: UInt16, to output: inout [UInt8]) {
    if let first = high {
      high = nil
      if UTF16.isTrailSurrogate(unit) {
        let value = 0x10000 + (UInt32(first) - 0xd800) << 10 + (UInt32(unit) - 0xdc00)
        return append(Unicode.Scalar(value), to: &output)
      }
      append(nil, to: &output)
    }
    if UTF16.isLeadSurrogate(unit) {
      high = unit
    } else {
      append(Unicode.Scalar(unit), to: &output)
    }
  }

  private func append(_ scalar: Unicode.Scalar?, to output: inout [UInt8]) {
    output.append(contentsOf: scalar.flatMap(UTF8.encode) ?? UTF8.encodedReplacementCharacter)
  }
}
