/// The escapes that JSON and Go share.
enum Escape {
  /// Reads the digits after `\u`, and the second half of a character above U+FFFF; a lone half becomes U+FFFD.
  ///
  /// - Returns: nil if there are not four hexadecimal digits; then nothing is taken.
  @_lifetime(scanner: copy scanner)
  static func unicode(_ scanner: inout TextScanner) -> Unicode.Scalar? {
    guard let first = hexadecimal(4, &scanner) else { return nil }
    guard (0xd800..<0xdc00).contains(first) else { return Unicode.Scalar(first) ?? "\u{FFFD}" }
    let behind = scanner.offset
    guard scanner.take("\\"), scanner.take("u"), let second = hexadecimal(4, &scanner),
      (0xdc00..<0xe000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    else {
      // What follows is read by itself.
      scanner.offset = behind
      return "\u{FFFD}"
    }
    return scalar
  }

  /// Reads exactly `count` hexadecimal digits, at most 8; takes nothing if there are fewer.
  @_lifetime(scanner: copy scanner)
  static func hexadecimal(_ count: Int, _ scanner: inout TextScanner) -> UInt32? {
    var value: UInt32 = 0
    for index in 0..<count {
      guard let digit = scanner.byte(ahead: index)?.hexadecimal else { return nil }
      value = value << 4 | digit
    }
    scanner.offset += count
    return value
  }
}
