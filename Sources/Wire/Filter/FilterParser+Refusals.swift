/// What means something elsewhere and nothing here, and what to write instead.
extension FilterParser {
  // MARK: Words

  /// Why this word is no text.
  func wordRefusal(_ word: Range<Int>) -> FilterError? {
    let start = word.lowerBound
    guard let first = peek() else { return nil }
    let shown = shown(word)
    guard first != ":" || isOnlyOperator(word) else { return nil }
    if let remedy = spacedOperatorRemedy(at: start) {
      return error(start, "an operator stands without spaces between a name and a value: \(remedy)")
    }
    switch first {
    case ":":
      return error(start, "'\(shown)' stands behind a name: write name:value, or \(quoted(word)) for text")
    case "!":
      let rest = wordRange(from: start + 1)
      if rest.isEmpty || scalars[rest.lowerBound] == "=" || scalars[rest.lowerBound] == "~" {
        let value = valueShown(from: word.upperBound)
        return error(
          start,
          "'\(shown)' is no operator for terms: write -\(value) for entries without it, or \(quoted(word)) for text")
      }
      return error(
        start,
        "'!' negates nothing here: write -\(self.shown(rest)) or NOT \(self.shown(rest)), or \(quoted(word)) for text")
    case "|": return pipeRefusal(word)
    case "&": return error(start, "'\(shown)' is no operator: write AND, or just a space, or \(quoted(word)) for text")
    case "{", "}":
      return error(
        start, "braces select nothing here: write fields like source:nginx, or \(quoted(word)) for text")
    case "~":
      let value = word.count > 1 ? self.shown(start + 1..<word.upperBound) : valueShown(from: word.upperBound)
      return error(
        start, "'~' stands behind a name: write message~\(value), /\(value)/, or \(quoted(word)) for text")
    case ">", "<":
      return error(
        start,
        "'\(Self.shown(String(first)))' compares a field: write a name before it, name\(shown), or \(quoted(word)) "
          + "for text")
    case "+": return plusRefusal(word)
    default:
      guard Self.isForeignMark(first) else { return nil }
      return error(
        start,
        "this kind of quotation mark means nothing here: write \(doubleQuoted(from: start)); for the mark itself "
          + quoted(word))
    }
  }

  private func pipeRefusal(_ word: Range<Int>) -> FilterError {
    let start = word.lowerBound
    let rest = text(word.dropFirst(1))
    let value = valueShown(from: word.upperBound)
    switch rest.unicodeScalars.first {
    case "|": return error(start, "'||' is no operator: write OR, or \(quoted(word)) for text")
    case "=":
      return error(
        start, "'|=' is no operator: write the text alone, \(value), or \(quoted(word)) for these characters")
    case "~":
      return error(
        start,
        "'|~' is no operator: write a regular expression between slashes, /\(unquoted(value))/, or "
          + "\(quoted(word)) for text")
    default:
      return error(
        start, "there are no pipes: write OR for either of two terms, a space for both, or \(quoted(word)) for text")
    }
  }

  /// Why `=` does not begin a whole word here.
  func equalsRefusal(at start: Int) -> FilterError? {
    let word = wordRange(from: start)
    let isDouble = word.count > 1 && scalars[start + 1] == "="
    let isAlone = word.count == 1 || isDouble
    // Only `:` may begin a whole word.
    let isOperator = symbolRun(from: start).count > 1 && scalars[start + 1] != ":"
    if isAlone || isOperator, let remedy = spacedOperatorRemedy(at: start) {
      return error(
        isDouble ? start : start + 1, "an operator stands without spaces between a name and a value: \(remedy)")
    }
    // A word behind `=` is one like others.
    guard isAlone else { return beginningRefusal(start + 1..<word.upperBound) }
    let rest = isDouble ? shown(start + 2..<word.upperBound) : valueShown(from: word.upperBound)
    return isDouble
      ? error(
        start, "'==' stands behind a name: write name==\(rest), =\(rest) for a whole word, or \(quoted(word)) for text")
      : error(start + 1, "a word was expected right behind '=': write =\(rest), or \"=\" in quotes for text")
  }

  /// What a word must not begin with, wherever it stands.
  private func beginningRefusal(_ word: Range<Int>) -> FilterError? {
    guard let first = scalars[word].first else { return nil }
    let isQuote = Self.isForeignMark(first)
    guard isQuote || Self.foreign.contains(first) else { return nil }
    return error(
      word.lowerBound,
      "a word must not begin with '\(first)': write \(isQuote ? doubleQuoted(from: word.lowerBound) : quoted(word)) "
        + "for text")
  }

  private static let foreign: Set<Unicode.Scalar> = ["!", "|", "&", "{", "}", "~", ">", "<"]

  /// Whether it is a quotation mark elsewhere.
  static func isForeignMark(_ scalar: Unicode.Scalar) -> Bool { scalar == "`" || scalar == "'" || isCurly(scalar) }

  /// U+2018 and U+2019, and the double ones U+201C to U+201E.
  private static func isCurly(_ scalar: Unicode.Scalar) -> Bool {
    (0x2018...0x2019).contains(scalar.value) || (0x201c...0x201e).contains(scalar.value)
  }

  /// What to write where a name, an operator and a value have spaces between them, as in `status >= 500`.
  private func spacedOperatorRemedy(at start: Int) -> String? {
    guard start > 0, Self.isSpace(scalars[start - 1]), let name = previousWord(before: start),
      let first = name.unicodeScalars.first, Self.beginsName(first), !["AND", "OR", "NOT"].contains(name),
      name.unicodeScalars.allSatisfy({ Self.beginsName($0) || Self.isDigit($0) || $0 == "." || $0 == "-" })
    else { return nil }
    let symbols = symbolRun(from: start)
    guard !symbols.isEmpty, text(symbols) != "!" else { return nil }
    let word = wordRange(from: symbols.upperBound)
    let value = word.isEmpty ? valueShown(from: symbols.upperBound) : shown(word)
    let meaning = Self.meaning(of: text(symbols))
    let remedy = "write \(Self.shown(name))\(meaning)\(value)"
    // Other languages have the text of lines on the right of these.
    switch meaning {
    case "!=": return "\(remedy), or -\(value) for messages without it"
    case "!~": return "\(remedy), or -/\(unslashed(value))/ for messages without it"
    default: return remedy
    }
  }

  private func isOnlyOperator(_ word: Range<Int>) -> Bool { symbolRun(from: word.lowerBound) == word }

  func starRefusal(at star: Int, in word: Range<Int>) -> FilterError {
    let pieces = scalars[word].split(separator: "*").map { Self.text($0) }.filter { $0 != ":" }
    switch pieces.count {
    case 0:
      return error(star, "'*' alone finds everything, as no term at all does: leave it out, or write name:* or \"*\"")
    case 1:
      return error(
        star,
        "a word is found inside of words anyway: write \(Self.shown(pieces[0])) without '*', or "
          + "\(quoted(word)) for text")
    case _ where text(word).contains(".*") && scalars[word.lowerBound] != "/":
      return error(
        star,
        "a word has no '*', and a regular expression stands between slashes: write "
          + "/\(Self.shown(text(word).replacingSlashes))/, or \(quoted(word)) for text")
    default:
      let isOpen = scalars[word.lowerBound] == "/"
      return error(
        star,
        isOpen
          ? "a word has no '*', and this is no regular expression, since no '/' ends it: write /…/, or "
            + "\(quoted(word)) for text"
          : "a word has no '*': write \(Self.shown(pieces.joined(separator: " "))) for all of the words, "
            + "/\(Self.shown(pieces.joined(separator: ".*")))/, or \(quoted(word)) for text")
    }
  }

  // MARK: Showing

  static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  /// In quotation marks, as it would have to be written.
  func quoted(_ range: Range<Int>) -> String { Self.quoted(text(range)) }

  static func quoted(_ text: String) -> String {
    var quoted = ""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
      quoted.unicodeScalars.append(scalar)
    }
    return "\"\(shown(quoted))\""
  }

  /// The text from a mark to the next one of its kind, in the marks that count here.
  func doubleQuoted(from start: Int) -> String {
    let mark = scalars[start]
    let end =
      scalars[(start + 1)...].firstIndex { $0 == mark || Self.isCurly(mark) && Self.isCurly($0) }
      ?? wordRange(from: start).upperBound
    return quoted(start + 1..<max(end, start + 1))
  }

  /// The word or the text in quotation marks that comes next, for a remedy.
  func valueShown(from start: Int) -> String {
    let first = skippedSpace(from: start)
    guard first < scalars.count else { return "text" }
    if scalars[first] == "\"" {
      var end = first + 1
      while end < scalars.count, scalars[end] != "\"" { end += scalars[end] == "\\" ? 2 : 1 }
      return shown(first..<min(end + 1, scalars.count))
    }
    if Self.isForeignMark(scalars[first]) { return doubleQuoted(from: first) }
    let word = wordRange(from: first)
    return word.isEmpty ? "text" : shown(word)
  }

  private func unslashed(_ text: String) -> String {
    text.count > 1 && text.hasPrefix("/") && text.hasSuffix("/") ? String(text.dropFirst().dropLast()) : unquoted(text)
  }

  private func unquoted(_ text: String) -> String {
    text.count > 1 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
  }

  // MARK: Operators

  static func isSymbol(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case ":", "=", "!", "~", ">", "<": true
    default: false
    }
  }

  func symbolRun(from start: Int) -> Range<Int> {
    var end = start
    while end < scalars.count, Self.isSymbol(scalars[end]) { end += 1 }
    return start..<end
  }

  /// The operator that people mean who write it so.
  static func meaning(of symbols: String) -> String {
    let has = { (symbol: Unicode.Scalar) in symbols.unicodeScalars.contains(symbol) }
    if has("~") { return has("!") ? "!~" : "~" }
    if has("!") || has("<") && has(">") { return "!=" }
    if has(">") { return has("=") ? ">=" : ">" }
    if has("<") { return has("=") ? "<=" : "<" }
    return symbols == "==" || symbols == "=" ? symbols : ":"
  }
}
