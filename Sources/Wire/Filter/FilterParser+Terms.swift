/// Terms: words, phrases, regular expressions, and the beginnings of fields.
extension FilterParser {
  mutating func term() throws(FilterError) -> FilterNode {
    let start = offset
    if peek() == "\"" {
      let text = try quoted()
      if let name = try quotedName(text, at: start) { return try field(name) }
      try count(termAt: start)
      return .test(.message(.contains(FilterText(text))))
    }
    if let name = bareName() {
      if let refusal = nameRefusal(name) { throw refusal }
      return try field(name)
    }
    try count(termAt: start)
    if let regex = try regex() { return .test(.message(.regex(regex))) }
    guard peek() == "=" else { return .test(.message(.contains(FilterText(try termWord(what: "text"))))) }
    if let refusal = equalsRefusal(at: start) { throw refusal }
    offset += 1
    if peek() == "\"" {
      let text = try quoted()
      try checkEnd(behind: "the closing quotation mark")
      return .test(.message(.word(FilterText(text))))
    }
    return .test(.message(.word(FilterText(try termWord(what: "a word")))))
  }

  /// A word that is no field.
  private mutating func termWord(what: String) throws(FilterError) -> String {
    let range = wordRange(from: offset)
    if let refusal = wordRefusal(range) { throw refusal }
    if let star = scalars[range].firstIndex(of: "*") { throw starRefusal(at: star, in: range) }
    if let refusal = listRefusal(range) ?? signRefusal(range) ?? wildcardRefusal(range) { throw refusal }
    offset = range.upperBound
    return text(range)
  }

  // MARK: Quotation marks

  /// The text in quotation marks that begins here.
  mutating func quoted() throws(FilterError) -> String {
    let start = offset
    offset += 1
    var text = String.UnicodeScalarView()
    while let scalar = peek() {
      offset += 1
      switch scalar {
      case "\"": return String(text)
      case "\\":
        let shown = peek().map { Self.shown(String($0)) } ?? ""
        guard let escaped = peek(), let character = Self.escapes[escaped] else {
          throw error(
            offset - 1,
            #"'\\#(shown)' is no escape in quotation marks; there are \" \\ \n \r \t: write \\\#(shown) for a "#
              + "backslash")
        }
        text.append(character)
        offset += 1
      default: text.append(scalar)
      }
    }
    throw error(start, #"these quotation marks do not close: write another ", or \" for one inside of them"#)
  }

  private static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
    "\"": "\"", "\\": "\\", "n": "\n", "r": "\r", "t": "\t",
  ]

  /// Checks that nothing follows directly but space, `)` or the end.
  func checkEnd(behind what: String) throws(FilterError) {
    guard let scalar = peek(), !Self.isSpace(scalar), scalar != ")" else { return }
    throw error(
      offset,
      "a space was expected behind \(what), not '\(Self.shown(String(scalar)))': write one, or \\\" for a mark inside")
  }

  // MARK: Regular expressions

  /// The regular expression that begins here, if one does.
  mutating func regex() throws(FilterError) -> FilterRegex? {
    let start = offset
    guard peek() == "/" else { return nil }
    if let refusal = flagsRefusal(at: start) { throw refusal }
    guard let close = regexEnd(from: start + 1) else { return nil }
    try count(regexAt: start)
    let ignoresCase = close + 1 < scalars.count && scalars[close + 1] == "i"
    let pattern = start + 1..<close
    try check(pattern)
    offset = close + (ignoresCase ? 2 : 1)
    do {
      return try FilterRegex(text(pattern), ignoresCase: ignoresCase)
    } catch {
      throw self.error(
        place(ofByte: error.offset, in: pattern),
        "the regular expression is wrong here: \(error.reason); write \\ before a character that stands for itself")
    }
  }

  private func place(ofByte offset: Int, in range: Range<Int>) -> Int {
    var place = range.lowerBound
    var byteCount = 0
    while place < range.upperBound, byteCount < offset {
      byteCount += UTF8.width(scalars[place])
      place += 1
    }
    return place
  }

  /// The `/` that ends an expression; nil if the next one does not end the term.
  private func regexEnd(from start: Int) -> Int? {
    var close = start
    while close < scalars.count, scalars[close] != "/" {
      if scalars[close] == "\n" { return nil }
      close += scalars[close] == "\\" ? 2 : 1
    }
    guard close < scalars.count else { return nil }
    func ends(_ place: Int) -> Bool {
      place == scalars.count || Self.isSpace(scalars[place]) || scalars[place] == ")"
    }
    return ends(close + 1) || scalars[close + 1] == "i" && ends(close + 2) ? close : nil
  }

  private func check(_ range: Range<Int>) throws(FilterError) {
    if scalars[range].starts(with: ["(", "*"]) {
      throw error(
        range.lowerBound, #"an expression must not begin with a verb, '(*': write \(\* for these two characters"#)
    }
    var place = range.lowerBound
    while place + 1 < range.upperBound {
      guard scalars[place] == "\\" else {
        place += 1
        continue
      }
      if scalars[place + 1] == "C" {
        throw error(place, #"\C matches a part of a character: write . for a character, or (?s:.) for any"#)
      }
      place += 2
    }
  }
}
