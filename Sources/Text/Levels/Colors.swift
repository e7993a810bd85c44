/// The sequences that colour text on a terminal (SGR): `ESC [ 3 1 m`.
enum Colors {
  /// The text without colours, except those in quotes; nil if it has none.
  static func removed(from text: RawSpan) -> [UInt8]? {
    guard text.firstIndex(of: 0x1b) != nil else { return nil }
    var scanner = TextScanner(text)
    var plain: [UInt8] = []
    plain.reserveCapacity(text.byteCount)
    var isQuoted = false
    while let byte = scanner.next {
      if !isQuoted, take(&scanner) { continue }
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      plain.append(byte)
      scanner.offset += 1
      if isQuoted, byte == UInt8(ascii: "\\"), let escaped = scanner.next {
        plain.append(escaped)
        scanner.offset += 1
      }
    }
    return plain.count == text.byteCount ? nil : plain
  }

  @_lifetime(scanner: copy scanner)
  private static func take(_ scanner: inout TextScanner) -> Bool {
    guard scanner.next == 0x1b, scanner.byte(ahead: 1) == UInt8(ascii: "[") else { return false }
    var length = 2
    while let byte = scanner.byte(ahead: length), byte.isDigit || byte == UInt8(ascii: ";") { length += 1 }
    guard scanner.byte(ahead: length) == UInt8(ascii: "m") else { return false }
    scanner.offset += length + 1
    return true
  }
}
