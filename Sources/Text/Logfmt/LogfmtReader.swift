internal import LogsWire

/// Reads a line of `key=value` pairs as Go's loggers write them: values with spaces are in double quotes.
struct LogfmtReader: ~Escapable {
  var scanner: TextScanner
  var isCut = false

  @_lifetime(copy bytes)
  private init(_ bytes: RawSpan) { scanner = TextScanner(bytes) }

  /// The content of the line.
  struct Line {
    var content: StructuredLine
    /// The indexes of members that are words without a value, and not pairs.
    var bareWords: [Int]
    /// Whether the line begins with a pair.
    var beginsWithPair: Bool
    /// Whether the line ends inside quotes.
    var isCut: Bool
  }

  /// The pairs of the line, and the words between them; nil if there are no pairs.
  static func line(_ line: RawSpan) -> Line? {
    guard let plain = Colors.removed(from: line) else { return read(line) }
    return read(unsafe plain.span.bytes)
  }

  private static func read(_ line: RawSpan) -> Line? {
    var reader = LogfmtReader(line)
    return reader.line()
  }

  @_lifetime(self: copy self)
  private mutating func line() -> Line? {
    var members: [LogAttribute] = []
    var keys = KeyPlaces()
    var bareWords: Set<Int> = []
    var beginsWithPair = false
    var fits = true
    var keepsLine = false
    while true {
      while let byte = scanner.next, Self.isSpace(byte) { scanner.offset += 1 }
      if scanner.isAtEnd { break }
      let start = scanner.offset
      while let byte = scanner.next, Self.isKey(byte) { scanner.offset += 1 }
      let hasKey = scanner.offset > start && scanner.next == UInt8(ascii: "=")
      if !hasKey { while let byte = scanner.next, !Self.isSpace(byte) { scanner.offset += 1 } }
      let word = start..<scanner.offset
      if hasKey { scanner.offset += 1 }
      let value: AttributeValue = hasKey ? value() : .empty
      guard let key = scanner.bytes.string(word) else {
        // A key is text. One that is not is only in the line itself.
        keepsLine = true
        continue
      }
      if key.utf8.count > Limits.attributeKeyByteCountMax { fits = false }
      if hasKey {
        if members.isEmpty { beginsWithPair = true }
        bareWords.remove(keys.insert(LogAttribute(key, value), into: &members))
      } else if keys.place(of: key, in: members) == nil {
        // A word does not replace a pair with the same name.
        bareWords.insert(keys.insert(LogAttribute(key, value), into: &members))
      }
    }
    guard bareWords.count < members.count else { return nil }
    var content = StructuredLine(members: members)
    content.fitsSurely = fits && members.count <= Limits.attributeCountMax
    content.keepsLine = keepsLine
    return Line(content: content, bareWords: bareWords.sorted(), beginsWithPair: beginsWithPair, isCut: isCut)
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }

  private static func isKey(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\"") && byte != 0x7f
  }
}
