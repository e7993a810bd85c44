internal import LogsWire

/// Bytes as text (RFC 4648, section 4), with padding and without line breaks.
enum Base64 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  static func encode(_ bytes: ByteString) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      let group = (0..<3).reduce(0) { $0 << 8 | ($1 < count ? Int(bytes[start + $1]) : 0) }
      for place in 0..<4 {
        text.append(place <= count ? digits[group >> (18 - 6 * place) & 63] : padding)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// - Returns: nil for anything that `encode` does not write.
  static func decode(_ text: String) -> ByteString? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 4) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 4 * 3)
    for start in stride(from: 0, to: digits.count, by: 4) {
      let isLast = start + 4 == digits.count
      let count = isLast ? digits[start...].prefix { $0 != padding }.count : 4
      guard count >= 2, digits[(start + count)...].prefix(4 - count).allSatisfy({ $0 == padding }) else { return nil }
      var group = 0
      for place in 0..<4 {
        guard let value = place < count ? value(digits[start + place]) : 0 else { return nil }
        group = group << 6 | value
      }
      // Bits that belong to no byte are zero, so that each text stands for other bytes.
      guard count == 4 || group & (count == 2 ? 0xffff : 0xff) == 0 else { return nil }
      for place in 0..<(count - 1) { bytes.append(UInt8(group >> (16 - 8 * place) & 255)) }
    }
    return ByteString(bytes)
  }

  private static func value(_ digit: UInt8) -> Int? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
