internal import LogsWire

/// The text that a message must contain for a pattern of SQL to match it, as a filter looks for it.
///
/// A filter compares messages without SGR sequences, and SQL as they are. Of a text that may begin inside of such a
/// sequence only what follows is certain to be there in both.
enum PatternText {
  /// More than this rules out nothing else.
  private static let countMax = 8
  private static let byteCountMax = 200

  /// The pieces between the special characters of a pattern.
  static func pieces(of value: SQLValue, _ operation: TableCondition.Operation) -> [String] {
    guard case .text(let text) = value else { return [] }
    // SQL's patterns end at a NUL.
    let bytes = Array(text.array.prefix { $0 != 0 })
    let raw = operation == .glob ? globPieces(bytes) : likePieces(bytes)
    let sure = raw.flatMap { wellFormed($0, isFolded: operation == .like) }.map(withoutSequence).filter { !$0.isEmpty }
    // Long ones are rare.
    return sure.sorted { $0.utf8.count > $1.utf8.count }.prefix(countMax).map { String($0) }
  }

  /// What stands between `*`, `?` and `[...]`.
  private static func globPieces(_ bytes: [UInt8]) -> [[UInt8]] {
    var pieces: [[UInt8]] = [[]]
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "*"), UInt8(ascii: "?"): pieces.append([])
      case UInt8(ascii: "["):
        pieces.append([])
        // A `]` that comes first belongs to the set.
        index += 1
        if index < bytes.count, bytes[index] == UInt8(ascii: "^") { index += 1 }
        if index < bytes.count, bytes[index] == UInt8(ascii: "]") { index += 1 }
        while index < bytes.count, bytes[index] != UInt8(ascii: "]") { index += 1 }
      case let byte: pieces[pieces.count - 1].append(byte)
      }
      index += 1
    }
    return pieces
  }

  /// What stands between `%` and `_`.
  private static func likePieces(_ bytes: [UInt8]) -> [[UInt8]] {
    bytes.split(omittingEmptySubsequences: true) { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "_") }.map(Array.init)
  }

  /// The parts of a piece that can be looked for: without control characters, quotation marks and backslashes, which a
  /// filter would have to escape, and without U+FFFD, which may stand for bytes that are not UTF-8.
  ///
  /// - Parameter isFolded: the letters of ASCII have no case, as LIKE compares. Those beyond ASCII do, and a filter
  ///   compares either with case or without: so they are left out.
  private static func wellFormed(_ piece: [UInt8], isFolded: Bool) -> [String] {
    let text =
      isFolded ? String(decoding: piece, as: UTF8.self).lowercasedASCII : String(decoding: piece, as: UTF8.self)
    let parts = text.unicodeScalars.split { scalar in
      switch scalar {
      case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\"", "\\", "\u{fffd}": true
      default: isFolded && !scalar.isASCII
      }
    }
    return parts.map { part in
      var (kept, count) = (String.UnicodeScalarView(), 0)
      for scalar in part {
        count += String(scalar).utf8.count
        if count > byteCountMax { break }
        kept.append(scalar)
      }
      return String(kept)
    }
  }

  /// Without what may be the end of `ESC [ 1 ; 31 m`.
  private static func withoutSequence(_ text: String) -> Substring {
    var rest = text.unicodeScalars[...]
    if rest.first == "[" { rest.removeFirst() }
    while let first = rest.first, ("0"..."9").contains(first) || first == ";" || first == ":" { rest.removeFirst() }
    if rest.first == "m" { rest.removeFirst() }
    return Substring(rest)
  }
}

extension String {
  fileprivate var lowercasedASCII: String {
    String(decoding: utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}
