/// Lower case as filters know it (`spec/filter.md`, section 3.1): ASCII by itself, other characters by their simple
/// mapping, bytes that are not UTF-8 unchanged. A folded text may be of another length.
enum CaseFolding {
  /// Whether folding changes the text.
  static func changes(_ bytes: [UInt8]) -> Bool { unsafe folded(bytes.span.bytes) != bytes }

  static func folded(_ text: RawSpan) -> [UInt8] {
    var folded: [UInt8] = []
    folded.reserveCapacity(text.byteCount)
    appendFolded(text, to: &folded)
    return folded
  }

  static func appendFolded(_ text: RawSpan, to folded: inout [UInt8]) {
    var offset = 0
    while offset < text.byteCount {
      let byte = unsafe text.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      if byte < 0x80 {
        folded.append(lower(byte))
        offset += 1
      } else if let (scalar, count) = scalar(in: text, at: offset) {
        if let lower = lower(scalar) {
          folded.append(contentsOf: UTF8.encode(lower) ?? UTF8.encodedReplacementCharacter)
        } else {
          for index in offset..<offset + count {
            folded.append(unsafe text.unsafeLoad(fromByteOffset: index, as: UInt8.self))
          }
        }
        offset += count
      } else {
        folded.append(byte)
        offset += 1
      }
    }
  }

  /// Whether all of it is UTF-8.
  static func isUTF8(_ text: RawSpan) -> Bool {
    var offset = 0
    while offset < text.byteCount {
      if text.byteCount - offset >= 8,
        unsafe text.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
      {
        offset += 8
      } else if unsafe text.unsafeLoad(fromByteOffset: offset, as: UInt8.self) < 0x80 {
        offset += 1
      } else if let (_, count) = scalar(in: text, at: offset) {
        offset += count
      } else {
        return false
      }
    }
    return true
  }

  @inline(__always)
  static func lower(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }

  /// The lower case of a character beyond ASCII; nil if it stays what it is.
  private static func lower(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    let mapping = scalar.properties.lowercaseMapping.unicodeScalars
    guard mapping.count == 1, let lower = mapping.first, lower.value >= 0x80, lower != scalar else { return nil }
    return lower
  }

  /// The character beyond ASCII at `offset` and its length; nil if the bytes there are not UTF-8.
  private static func scalar(in text: RawSpan, at offset: Int) -> (Unicode.Scalar, Int)? {
    func byte(_ index: Int) -> UInt32? {
      let place = offset + index
      return place < text.byteCount ? UInt32(unsafe text.unsafeLoad(fromByteOffset: place, as: UInt8.self)) : nil
    }
    guard let first = byte(0) else { return nil }
    let (count, leading, least): (Int, UInt32, UInt32)
    switch first {
    case 0xc2...0xdf: (count, leading, least) = (2, first & 0x1f, 0x80)
    case 0xe0...0xef: (count, leading, least) = (3, first & 0x0f, 0x800)
    case 0xf0...0xf4: (count, leading, least) = (4, first & 0x07, 0x1_0000)
    default: return nil
    }
    var value = leading
    for index in 1..<count {
      guard let next = byte(index), next & 0xc0 == 0x80 else { return nil }
      value = value << 6 | next & 0x3f
    }
    guard value >= least, let scalar = Unicode.Scalar(value) else { return nil }
    return (scalar, count)
  }
}
