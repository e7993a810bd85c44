/// Forms of other languages that could be read as text here and then find nothing: what to write instead.
extension FilterParser {
  // MARK: Names

  /// Why this name, without quotation marks, is none.
  func nameRefusal(_ name: FilterFieldName) -> FilterError? {
    let written = text(name.place)
    let lower = Self.lower(written)
    let rest = "\(shown(name.symbolPlace))\(valueShown(from: name.symbolPlace.upperBound))"
    let attribute = "\(quoted(name.place))\(rest) for an attribute of this name"
    func refusal(_ field: String) -> FilterError {
      let remedy = field == "message" ? messageRemedy(name) : nil
      return error(
        name.place.lowerBound, "'\(written)' is no field: write \(remedy ?? "\(field)\(rest)"), or \(attribute)")
    }
    switch lower {
    case "severity": return refusal("level")
    case "msg": return refusal("message")
    case "received":
      return error(
        name.place.lowerBound,
        "the time received is compared only where an entry has no time: write time\(rest), or \(attribute)")
    case "has", "_exists_":
      return error(
        name.place.lowerBound,
        "'\(written)' is no operator: write \(valueShown(from: name.symbolPlace.upperBound)):* for entries that have "
          + "it, or \(attribute)")
    case "level", "source", "message", "kind", "stream", "seq", "time":
      return written == lower ? nil : refusal(lower)
    default:
      for prefix in ["attributes.", "attr."] where lower.hasPrefix(prefix) && lower.count > prefix.count {
        let key = String(written.dropFirst(prefix.count))
        let isField = FilterField(bare: key) != .attribute(AttributePath(key))
        return error(
          name.place.lowerBound,
          "attributes are called by their names alone: write \(isField ? Self.quoted(key) : Self.shown(key))\(rest), "
            + "or \(attribute)")
      }
      return nil
    }
  }

  /// What to write for a part of the message where the whole one would be compared; nil where it would not.
  private func messageRemedy(_ name: FilterFieldName) -> String? {
    guard name.symbol == .equal(isNegated: false), name.symbolPlace.upperBound < scalars.count else { return nil }
    let start = name.symbolPlace.upperBound
    let value = valueShown(from: start)
    if scalars[start] == "\"" { return "\(value) alone for this text, message:\(value) for the whole message" }
    let word = wordRange(from: start)
    guard !word.isEmpty, !Self.isForeignMark(scalars[start]), scalars[start] != "/", !scalars[word].contains("*") else {
      return nil
    }
    return "\(value) alone, or message:*\(value)*, as message:\(value) is about the whole message"
  }

  private static func lower(_ text: String) -> String {
    Self.text(text.unicodeScalars.map { ("A"..."Z").contains($0) ? Unicode.Scalar($0.value + 32) ?? $0 : $0 })
  }

  // MARK: Words

  /// `+word`, as one that is required.
  func plusRefusal(_ word: Range<Int>) -> FilterError? {
    let next = word.lowerBound + 1
    guard next < scalars.count, Self.beginsName(scalars[next]) || scalars[next] == "\"" || scalars[next] == "(" else {
      return nil
    }
    let remedy = scalars[next] == "(" ? "(…)" : valueShown(from: next)
    return error(
      word.lowerBound,
      "'+' means nothing here, every term has to be there: write \(remedy)"
        + ", or \(scalars[next] == "\"" ? "\"+\"" : quoted(word)) for text")
  }

  /// `name in (a,b)`.
  func listRefusal(_ word: Range<Int>) -> FilterError? {
    guard Self.lower(text(word)) == "in" else { return nil }
    let open = skippedSpace(from: word.upperBound)
    guard open < scalars.count, scalars[open] == "(" else { return nil }
    var close = open + 1
    while close < scalars.count, scalars[close] != "(", scalars[close] != ")" { close += 1 }
    guard close < scalars.count, scalars[close] == ")", scalars[open..<close].contains(",") else { return nil }
    let previous = previousWord(before: word.lowerBound).map(Self.shown) ?? "name"
    let name = Self.lower(previous) == "not" ? "name" : previous
    return error(
      word.lowerBound,
      "'\(shown(word))' is no operator: write \(name):\(shown(open..<close + 1)), or \(quoted(word)) for text")
  }

  /// The signs of mathematics for what is written `>=`, `<=` and `!=`.
  static func symbol(_ scalar: Unicode.Scalar) -> String? {
    switch scalar {
    case "\u{2265}": ">="
    case "\u{2264}": "<="
    case "\u{2260}": "!="
    default: nil
    }
  }

  func signRefusal(_ word: Range<Int>) -> FilterError? {
    guard let place = scalars[word].firstIndex(where: { Self.symbol($0) != nil }),
      let symbol = Self.symbol(scalars[place])
    else { return nil }
    let before = word.lowerBound < place ? shown(word.lowerBound..<place) : previousWord(before: place).map(Self.shown)
    let rest = place + 1..<word.upperBound
    let value = rest.isEmpty ? valueShown(from: word.upperBound) : shown(rest)
    return error(
      place,
      "'\(Self.shown(String(scalars[place])))' is written \(symbol): write \(before ?? "name")\(symbol)\(value), or "
        + "\(quoted(word)) for text")
  }

  /// Where a word has a `?` and looks as if that stood for a character: there is nothing else in it but letters,
  /// digits, `_`, `-`, `.` and `*`.
  func wildcard(in word: Range<Int>) -> Int? {
    guard let mark = scalars[word].firstIndex(of: "?") else { return nil }
    var hasLetter = false
    for scalar in scalars[word] {
      let isLetter = Self.isLetter(scalar) || Self.isDigit(scalar)
      guard isLetter || "_-.*?".unicodeScalars.contains(scalar) else { return nil }
      if isLetter { hasLetter = true }
    }
    return hasLetter ? mark : nil
  }

  func wildcardRefusal(_ word: Range<Int>) -> FilterError? {
    guard let mark = wildcard(in: word) else { return nil }
    if let refusal = inlineFlagsRefusal(word) { return refusal }
    return error(
      mark,
      "'?' stands for no other character: write /\(asRegex(word))/, or \(quoted(word)) for text with a question mark")
  }

  /// `(?i)word`, as a regular expression begins elsewhere.
  private func inlineFlagsRefusal(_ word: Range<Int>) -> FilterError? {
    let (start, end) = (word.lowerBound, word.upperBound)
    guard start > 0, scalars[start - 1] == "(", scalars[start] == "?", end < scalars.count, scalars[end] == ")" else {
      return nil
    }
    let behind = shown(wordRange(from: end + 1))
    let regex = behind.isEmpty ? "…" : behind
    let flags = text(word.dropFirst(1))
    return error(
      start,
      "a regular expression stands between slashes: write "
        + (flags == "i" ? "/\(regex)/i" : "/(\(shown(word)))\(regex)/") + ", or \(quoted(word)) for text")
  }

  private func asRegex(_ word: Range<Int>) -> String {
    Self.shown(
      scalars[word].reduce(into: "") { regex, scalar in
        regex += scalar == "?" ? "." : scalar == "*" ? ".*" : scalar == "." ? #"\."# : String(scalar)
      })
  }

  // MARK: Values

  /// Why a value without quotation marks is not compared for equality with text.
  func equalityRefusal(
    _ name: FilterFieldName, _ value: FilterParsedValue, isInSet: Bool
  ) -> FilterError? {
    if value.isQuoted { return nil }
    let field = shown(name.place)
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    if let mark = wildcard(in: value.place) {
      return error(
        mark,
        "'?' stands for no other character: write \(field)~/^\(asRegex(value.place))$/, or "
          + "\(written)\(quoted(value.place)) for a question mark")
    }
    guard let end = regexEnd(ofValueAt: value.place.lowerBound, isInSet: isInSet) else { return nil }
    let whole = value.place.lowerBound..<end
    let match = name.symbol == .equal(isNegated: true) ? "!~" : "~"
    return error(
      value.place.lowerBound,
      "'\(shown(name.symbolPlace))' takes no regular expression: write \(field)"
        + "\(match)\(shown(whole)), or \(written)\(quoted(whole)) for text"
    )
  }

  /// The end of what looks like a regular expression, which is not empty.
  private func regexEnd(ofValueAt start: Int, isInSet: Bool) -> Int? {
    guard scalars[start] == "/" else { return nil }
    var close = start + 1
    while close < scalars.count, scalars[close] != "/" {
      if scalars[close] == "\n" || isInSet && scalars[close] == "," { return nil }
      close += scalars[close] == "\\" ? 2 : 1
    }
    guard close > start + 1, close < scalars.count else { return nil }
    return flagsEnd(behind: close, isInSet: isInSet)
  }

  /// `[500 TO 502]` and `[500,502]`.
  func bracketRefusal(_ name: FilterFieldName, at start: Int) -> FilterError {
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    let end = scalars[start...].firstIndex { $0 == "]" || $0 == "}" } ?? wordRange(from: start).upperBound
    let parts = text(start + 1..<end).split { $0 == " " || $0 == "," }.map(String.init)
    let whole = start..<min(end + 1, scalars.count)
    var remedy = "\(written)A..B for a range, \(written)(a,b) for one of several"
    if parts.count == 3, parts[1] == "TO" {
      let bounds = [parts[0], parts[2]].map { $0 == "*" ? "" : $0 }
      let isNumeric = bounds.allSatisfy { $0.isEmpty || FilterValue($0).number != nil }
      if case .attribute = name.field, !isNumeric {
        let field = shown(name.place)
        let parts = zip([">=", "<="], bounds).filter { !$1.isEmpty }.map { "\(field)\($0)\($1)" }
        remedy = Self.shown(parts.joined(separator: " "))
      } else {
        remedy = "\(written)\(Self.shown(bounds.joined(separator: "..")))"
      }
    } else if parts.count > 1 {
      remedy = "\(written)(\(Self.shown(parts.joined(separator: ","))))"
    }
    return error(
      start, "a value without quotes must not begin with '[': write \(remedy), or \(written)\(quoted(whole))")
  }

  // MARK: Regular expressions

  /// The end of the letters behind a regular expression that are flags elsewhere, none of them included; nil if
  /// something else follows.
  func flagsEnd(behind close: Int, isInSet: Bool = false) -> Int? {
    var end = close + 1
    while end < scalars.count, end <= close + 3, "gims".unicodeScalars.contains(scalars[end]) { end += 1 }
    let isEnd = end == scalars.count || Self.isSpace(scalars[end]) || scalars[end] == ")"
    return isEnd || isInSet && scalars[end] == "," ? end : nil
  }

  /// Flags of other languages behind a regular expression; nil if there is none.
  func flagsRefusal(at start: Int) -> FilterError? {
    var close = start + 1
    while close < scalars.count, scalars[close] != "/" {
      if scalars[close] == "\n" { return nil }
      close += scalars[close] == "\\" ? 2 : 1
    }
    guard close < scalars.count, let end = flagsEnd(behind: close) else { return nil }
    let flags = text(close + 1..<end)
    if flags.isEmpty || flags == "i" { return nil }
    let kept = flags.contains("i") ? "i" : ""
    let inner = flags.contains("s") ? "(?s)" : flags.contains("m") ? "(?m)" : ""
    return error(
      close + 1,
      "a regular expression has no flag but i: write /\(inner)\(shown(start + 1..<close))/\(kept)"
        + ", or \(quoted(start..<end)) for text")
  }
}
