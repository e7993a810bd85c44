internal import LogsWire

/// A page of a section's dictionary: tokens in the order of their bytes, each written as what differs from the one
/// before.
struct TokenPage {
  struct Entry: Hashable {
    var token: [UInt8]
    /// In more than half of the section's blocks: their filters do not have it.
    var isCommon: Bool
  }

  /// What a page may take before it is compressed.
  static let byteCountMax = 16 << 10

  static func write(_ entries: ArraySlice<Entry>) -> ByteString {
    var writer = ByteWriter(capacity: byteCountMax)
    var last: [UInt8] = []
    for entry in entries {
      let shared = zip(last, entry.token).prefix { $0 == $1 }.count
      writer.append(varint: UInt64(shared) << 1 | (entry.isCommon ? 1 : 0))
      writer.append(varint: UInt64(entry.token.count - shared))
      writer.append(unsafe entry.token.span.bytes.extracting(shared..<entry.token.count))
      last = entry.token
    }
    return writer.finish()
  }

  /// Calls `body` with each token, until it returns false.
  ///
  /// - Throws: `WireDecodingError` when the page breaks a rule.
  static func forEach(
    in page: ByteString, _ body: (_ token: [UInt8], _ isCommon: Bool) -> Bool
  ) throws(WireDecodingError) {
    let bytes = page
    let span = bytes.span
    var reader = ByteReader(span)
    var token: [UInt8] = []
    while !reader.isAtEnd {
      let head = try reader.varint()
      let shared = head >> 1
      guard shared <= UInt64(token.count) else {
        throw WireDecodingError("a token shares more than the one before has", at: reader.offset)
      }
      let rest = try reader.range(try reader.length())
      token.removeLast(token.count - Int(shared))
      for offset in rest { token.append(unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
      if !body(token, head & 1 == 1) { return }
    }
  }
}
