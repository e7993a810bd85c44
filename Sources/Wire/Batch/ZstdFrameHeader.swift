/// What a zstd frame states in front of its first block (RFC 8878, section 3.1.1.1).
///
/// Read by hand: libzstd offers it only to programs that link it statically.
struct ZstdFrameHeader {
  /// How much decoded data a decoder must keep, unless it decodes into one buffer.
  let windowByteCount: UInt64
  /// Nil if the frame does not say.
  let contentByteCount: UInt64?
  /// 0: none.
  let dictionaryID: UInt32

  /// The beginning of a zstd frame; skippable frames, and those of zstd before 0.8, begin otherwise.
  private static let magic: UInt32 = 0xfd2f_b528

  private enum Descriptor {
    static let dictionaryIDSize: UInt8 = 0b0000_0011
    static let reserved: UInt8 = 0b0000_1000
    static let isSingleSegment: UInt8 = 0b0010_0000
    static let contentSizeShift: UInt8 = 6
  }

  /// - Throws: `WireDecodingError`, its offset counted from the start of the frame.
  init(decoding frame: RawSpan) throws(WireDecodingError) {
    var reader = ByteReader(frame)
    if try reader.u32() != Self.magic { throw WireDecodingError("the payload is no zstd frame", at: 0) }
    let descriptor = try reader.u8()
    if descriptor & Descriptor.reserved != 0 {
      throw WireDecodingError("the zstd frame's reserved bit must be zero", at: 4)
    }
    let isSingleSegment = descriptor & Descriptor.isSingleSegment != 0
    let window = isSingleSegment ? nil : Self.windowByteCount(try reader.u8())
    switch descriptor & Descriptor.dictionaryIDSize {
    case 0: dictionaryID = 0
    case 1: dictionaryID = UInt32(try reader.u8())
    case 2: dictionaryID = UInt32(try reader.u16())
    default: dictionaryID = try reader.u32()
    }
    switch descriptor >> Descriptor.contentSizeShift {
    case 0: contentByteCount = isSingleSegment ? UInt64(try reader.u8()) : nil
    case 1: contentByteCount = UInt64(try reader.u16()) + 256
    case 2: contentByteCount = UInt64(try reader.u32())
    default: contentByteCount = try reader.u64()
    }
    windowByteCount = window ?? contentByteCount ?? 0
  }

  /// 1 KiB to 3.75 TiB: five bits of exponent, three of mantissa.
  private static func windowByteCount(_ descriptor: UInt8) -> UInt64 {
    let base: UInt64 = 1 << (10 + UInt64(descriptor >> 3))
    return base + base / 8 * UInt64(descriptor & 0b111)
  }
}
