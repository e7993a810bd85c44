internal import LogsWire

/// The words of a filter as they were written, for what is said about them. The filter itself is read by `Filter`.
struct FilterWords {
  enum Token: Hashable {
    case open
    case close
    case word(Word)
  }

  struct Word: Hashable {
    /// Without the `-` before it.
    let text: String
    let isNegated: Bool
    /// Whether a part of it is a regular expression, a set, or in quotation marks.
    let hasDelimiters: Bool
    /// Whether `(` follows directly, and so begins a group.
    var isBeforeGroup = false

    /// Whether it is a word to look for, with no operator in it.
    var isPlain: Bool { !hasDelimiters && !text.unicodeScalars.contains(where: FilterWords.isSymbol) }

    /// The name of the field that is asked for; nil if it has quotation marks around it, or there is no field.
    var fieldName: String? {
      guard !text.hasPrefix("\""), !text.hasPrefix("/") else { return nil }
      guard let end = text.unicodeScalars.firstIndex(where: FilterWords.isSymbol), end > text.startIndex else {
        return nil
      }
      return String(text[..<end])
    }
  }

  private(set) var tokens: [Token] = []
  private let scalars: [Unicode.Scalar]
  private var offset = 0

  /// - Parameter filter: one that `Filter` understands.
  init(_ filter: String) {
    scalars = Array(filter.unicodeScalars)
    while offset < scalars.count {
      switch scalars[offset] {
      case "(":
        if case .word(var word)? = tokens.last, offset > 0, !Self.endsWord(scalars[offset - 1]) {
          word.isBeforeGroup = true
          tokens[tokens.count - 1] = .word(word)
        }
        tokens.append(.open)
        offset += 1
      case ")":
        tokens.append(.close)
        offset += 1
      case let scalar where Self.endsWord(scalar): offset += 1
      default: tokens.append(.word(word()))
      }
    }
  }

  var words: [Word] { tokens.compactMap { if case .word(let word) = $0 { word } else { nil } } }

  private mutating func word() -> Word {
    let isNegated = scalars[offset] == "-"
    if isNegated { offset += 1 }
    let start = offset
    var hasDelimiters = false
    while offset < scalars.count {
      let mayDelimit = offset == start || Self.isSymbol(scalars[offset - 1])
      if mayDelimit, let end = delimitedEnd(isFirst: offset == start) {
        hasDelimiters = true
        offset = end
      } else if Self.endsWord(scalars[offset]) {
        break
      } else {
        offset += 1
      }
    }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars[start..<offset])
    return Word(text: String(text), isNegated: isNegated, hasDelimiters: hasDelimiters)
  }

  /// Where the quotation marks, the regular expression or the set ends that begins here; nil if none does.
  private func delimitedEnd(isFirst: Bool) -> Int? {
    switch scalars[offset] {
    case "\"": return quotedEnd(from: offset)
    case "/":
      var end = offset + 1
      while end < scalars.count, scalars[end] != "/" { end += scalars[end] == "\\" ? 2 : 1 }
      guard end < scalars.count else { return nil }
      end += 1
      if end < scalars.count, scalars[end] == "i" { end += 1 }
      return end == scalars.count || Self.endsWord(scalars[end]) ? end : nil
    case "(" where !isFirst:
      var end = offset + 1
      while end < scalars.count, scalars[end] != ")" {
        end = scalars[end] == "\"" ? quotedEnd(from: end) : end + 1
      }
      return min(end + 1, scalars.count)
    default: return nil
    }
  }

  private func quotedEnd(from start: Int) -> Int {
    var end = start + 1
    while end < scalars.count, scalars[end] != "\"" { end += scalars[end] == "\\" ? 2 : 1 }
    return min(end + 1, scalars.count)
  }

  private static func endsWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case " ", "\t", "\n", "(", ")": true
    default: false
    }
  }

  private static func isSymbol(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case ":", "=", "!", "~", ">", "<": true
    default: false
    }
  }
}

extension FilterWords {
  /// What to say about the first `or`, `and` or `not` that stands where an operator would; nil if there is none.
  var operatorNote: String? {
    for index in tokens.indices {
      guard case .word(let word) = tokens[index], !word.isNegated, !word.hasDelimiters else { continue }
      let previous = index > 0 ? tokens[index - 1] : .open
      let next = index + 1 < tokens.count ? tokens[index + 1] : .close
      if next == .close { continue }
      switch word.text {
      case "or" where previous != .open: return "'or' is looked for as text; OR in capitals joins terms"
      case "and" where previous != .open:
        return "'and' is looked for as text; AND in capitals joins terms, as a space does"
      case "not" where Self.beginsTerm(behind: previous) || !Self.isPlainWord(next):
        return "'not' is looked for as text; NOT in capitals, or -, is for what must not be there"
      default: continue
      }
    }
    return nil
  }

  /// Whether a term begins behind this, rather than one of several words of a phrase.
  private static func beginsTerm(behind token: Token) -> Bool {
    switch token {
    case .open: true
    case .close: false
    case .word(let word): ["and", "or"].contains(word.text.lowercased())
    }
  }

  private static func isPlainWord(_ token: Token) -> Bool {
    if case .word(let word) = token { word.isPlain && !word.isNegated } else { false }
  }
}
