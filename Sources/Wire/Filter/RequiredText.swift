/// Finds text that every match of a regular expression contains, so that a search for it can go first.
///
/// Understands the plain part of the syntax and gives up where there is any doubt: text that is not in every match
/// would hide entries.
enum RequiredText {
  /// Shorter text is in most lines.
  private static let byteCountMin = 2

  static func longest(in pattern: String, ignoresCase: Bool) -> FilterText? {
    var scan = Scan(bytes: Array(pattern.utf8), ignoresCase: ignoresCase)
    guard scan.run() else { return nil }
    let best = scan.best
    guard best.count >= byteCountMin else { return nil }
    return FilterText(required: ignoresCase ? best.map(CaseFolding.lower) : best, ignoresCase: ignoresCase)
  }

  private struct Scan {
    let bytes: [UInt8]
    let ignoresCase: Bool
    var offset = 0
    var literal: [UInt8] = []
    var best: [UInt8] = []

    /// - Returns: false if nothing may be concluded.
    mutating func run() -> Bool {
      while offset < bytes.count {
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "|"): return false
        case UInt8(ascii: "("):
          end()
          guard skipGroup(), skipQuantifier() else { return false }
        case UInt8(ascii: "["):
          end()
          guard skipClass(), skipQuantifier() else { return false }
        case UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "$"):
          end()
          guard skipQuantifier() else { return false }
        case UInt8(ascii: "\\"):
          guard offset < bytes.count else { return false }
          let escaped = bytes[offset]
          offset += 1
          if Self.isPunctuation(escaped) {
            guard take(escaped) else { return false }
          } else if Self.simpleEscapes.contains(escaped) {
            end()
            guard skipQuantifier() else { return false }
          } else {
            return false
          }
        case UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"): return false
        default: guard take(byte) else { return false }
        }
      }
      end()
      return true
    }

    /// A literal byte, which the quantifier behind it may make optional.
    ///
    /// - Returns: as `skipQuantifier`.
    private mutating func take(_ byte: UInt8) -> Bool {
      // Ignoring case, K and S also match characters beyond ASCII, and those match others than their folding.
      let isPlain = !ignoresCase || byte < 0x80 && !"kKsS".utf8.contains(byte)
      if offset < bytes.count, Self.quantifiers.contains(bytes[offset]) {
        if bytes[offset] == UInt8(ascii: "+"), isPlain { literal.append(byte) }
        // A character of several bytes is repeated as a whole: all of its bytes are optional.
        if byte >= 0x80 { while let last = literal.last, last >= 0x80 { literal.removeLast() } }
        end()
        return skipQuantifier()
      }
      if isPlain { literal.append(byte) } else { end() }
      return true
    }

    private mutating func end() {
      if literal.count > best.count { best = literal }
      literal = []
    }

    /// - Returns: false for a `{` that may begin no quantifier: PCRE2's versions differ in what `{,3}` and `{ 1 }` are.
    private mutating func skipQuantifier() -> Bool {
      guard offset < bytes.count, Self.quantifiers.contains(bytes[offset]) else { return true }
      if bytes[offset] == UInt8(ascii: "{") {
        offset += 1
        guard skipDigits() else { return false }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ",") {
          offset += 1
          _ = skipDigits()
        }
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "}") else { return false }
      }
      offset += 1
      // Lazy or possessive.
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "?") || bytes[offset] == UInt8(ascii: "+") { offset += 1 }
      return true
    }

    /// - Returns: whether there is one at least.
    private mutating func skipDigits() -> Bool {
      let first = offset
      while offset < bytes.count, bytes[offset] >= UInt8(ascii: "0"), bytes[offset] <= UInt8(ascii: "9") { offset += 1 }
      return offset > first
    }

    /// Past the `)` of a group whose `(` was read. Groups that are more than groups (`(?`, `(*`) end the scan: they
    /// may change options or look around.
    private mutating func skipGroup() -> Bool {
      var depth = 1
      if !isPlainGroup() { return false }
      while offset < bytes.count {
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\\"):
          guard skipEscape() else { return false }
        case UInt8(ascii: "["): guard skipClass() else { return false }
        case UInt8(ascii: "("):
          if !isPlainGroup() { return false }
          depth += 1
        case UInt8(ascii: ")"):
          depth -= 1
          if depth == 0 { return true }
        default: break
        }
      }
      return false
    }

    /// Past what is behind a `\` in a group or class. `\Q` and `\c` take brackets and parentheses along.
    private mutating func skipEscape() -> Bool {
      guard offset < bytes.count, bytes[offset] != UInt8(ascii: "Q"), bytes[offset] != UInt8(ascii: "c") else {
        return false
      }
      offset += 1
      return true
    }

    private func isPlainGroup() -> Bool {
      guard offset < bytes.count else { return false }
      if bytes[offset] == UInt8(ascii: "*") { return false }
      guard bytes[offset] == UInt8(ascii: "?") else { return true }
      return offset + 1 < bytes.count && bytes[offset + 1] == UInt8(ascii: ":")
    }

    /// Past the `]` of a class whose `[` was read.
    private mutating func skipClass() -> Bool {
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "^") { offset += 1 }
      // A `]` that comes first is a member.
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "]") { offset += 1 }
      while offset < bytes.count {
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\\"):
          guard skipEscape() else { return false }
        // `[:alpha:]` and its kin.
        case UInt8(ascii: "["): return false
        case UInt8(ascii: "]"): return true
        default: break
        }
      }
      return false
    }

    private static let quantifiers = Array("*+?{".utf8)
    /// Classes and assertions of one letter.
    private static let simpleEscapes = Array("dDwWsSbBAzZ".utf8)

    private static func isPunctuation(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"), 0...0x20, 0x7f...:
        false
      default: true
      }
    }
  }
}
