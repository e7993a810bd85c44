internal import LogsWire

/// Terms that are text here and mean something in other languages: why such a filter found nothing.
enum ForeignTerms {
  /// - Parameters:
  ///   - filters: as they were written.
  ///   - patterns: those of `-g`.
  /// - Returns: about the first such term; nil if there is none.
  static func hint(_ filters: [String], patterns: [String] = []) -> String? {
    for pattern in patterns { if let hint = escapeHint(pattern, "-g \(ShellWord.quoted(pattern))") { return hint } }
    for filter in filters {
      let words = FilterWords(filter)
      for (index, token) in words.tokens.enumerated() {
        guard case .word(let word) = token else { continue }
        if index > 0, words.tokens[index - 1] == .open, word.text.hasPrefix("?") { return groupHint }
        if word.isBeforeGroup { return functionHint(word, words.tokens[(index + 1)...]) }
        if let hint = regexHint(word) ?? escapeHint(word) ?? networkHint(word) ?? ValueHints.hint(word) { return hint }
      }
    }
    return nil
  }

  // MARK: Regular expressions

  private static func regexHint(_ word: FilterWords.Word) -> String? {
    guard word.isPlain, looksLikeRegex(word.text) else { return nil }
    let regex = slashed(word.text)
    guard isFilter(regex) else { return nil }
    return "'\(word.text)' is looked for as text; a regular expression is written \(regex)"
  }

  private static func looksLikeRegex(_ text: String) -> Bool {
    text.count > 1
      && (text.contains("|") || text.hasPrefix("^") || text.hasSuffix("$") || signs.contains(where: text.contains))
  }

  /// What regular expressions have and messages hardly ever.
  private static let signs = [
    #"\b"#, #"\d"#, #"\w"#, #"\s"#, #"\B"#, #"\D"#, #"\W"#, #"\S"#, "[0-9", "[a-z", "[A-Z", "[^", ".+",
  ]

  /// An expression between slashes.
  static func slashed(_ pattern: String) -> String {
    var text = String.UnicodeScalarView("/".unicodeScalars)
    var isEscaped = false
    for scalar in pattern.unicodeScalars {
      if scalar == "/", !isEscaped { text.append("\\") }
      text.append(scalar)
      isEscaped = scalar == "\\" && !isEscaped
    }
    text.append("/")
    return String(text)
  }

  static func isFilter(_ text: String) -> Bool {
    do throws(FilterError) { _ = try Filter(text) } catch { return false }
    return true
  }

  /// A regular expression of a filter.
  private static func escapeHint(_ word: FilterWords.Word) -> String? {
    guard word.hasDelimiters, let start = word.text.firstIndex(of: "/") else { return nil }
    return escapeHint(String(word.text[start...]), "'\(word.text)'")
  }

  /// `a\|b` and `\<word\>`, as they are written for grep.
  private static func escapeHint(_ pattern: String, _ shown: String) -> String? {
    for (sign, meaning, remedy) in [
      (#"\|"#, "the character |", "| alone for either"), (#"\<"#, "the character <", #"\b where a word begins"#),
      (#"\>"#, "the character >", #"\b where a word ends"#),
    ] where pattern.replacing(#"\\"#, with: "").contains(sign) {
      return "in \(shown), \(sign) is \(meaning); write \(remedy)"
    }
    return nil
  }

  private static let groupHint =
    "'(?' begins no regular expression, and what follows is looked for as text; write it between slashes, /(?:…)/"

  // MARK: Functions and networks

  /// `status:in(500,502)` and `isnull(user)`.
  private static func functionHint(
    _ word: FilterWords.Word, _ group: ArraySlice<FilterWords.Token>
  ) -> String {
    if let name = word.fieldName, word.text.lowercased().hasSuffix(":in"),
      case .word(let values)? = group.dropFirst().first, group.dropFirst(2).first == .close
    {
      return "'\(word.text)(' begins no set; one of several values is written \(name):(\(values.text))"
    }
    return "'\(word.text)(' begins no function: filters have none, and what follows is a term of its own; "
      + "see logs help filters"
  }

  /// `ip:10.2.0.0/16`.
  private static func networkHint(_ word: FilterWords.Word) -> String? {
    guard !word.hasDelimiters, let name = word.fieldName else { return nil }
    let value = word.text.dropFirst(name.count)
    guard let symbol = value.first, symbol == ":" || symbol == "=" else { return nil }
    let parts = value.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let width = Int(parts[1]), (1...32).contains(width) else { return nil }
    let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 4, numbers.allSatisfy({ UInt8($0) != nil }) else { return nil }
    let count = max(1, min(3, width / 8))
    let prefix = numbers.prefix(count).joined(separator: ".")
    return "'\(value.dropFirst())' is compared as text; addresses that begin alike are written \(name):\(prefix).*"
  }
}
