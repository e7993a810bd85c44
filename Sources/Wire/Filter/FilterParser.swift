/// Reads a filter (`spec/filter.md`, section 2): recursive descent over its characters, with every limit checked before
/// anything is kept or entered.
struct FilterParser {
  let scalars: [Unicode.Scalar]
  let times: FilterTimes
  var offset = 0
  /// Of parentheses, NOT and `-` around this place.
  private var depth = 0
  private var termCount = 0
  private var regexCount = 0
  /// Times that were not absolute, with their places in order.
  var resolvedTimes: [(place: Range<Int>, text: String)] = []

  init(_ text: String, times: FilterTimes) throws(FilterError) {
    guard text.utf8.count <= Limits.filterByteCountMax else {
      throw FilterError(
        column: 1,
        "the filter has \(text.utf8.count) bytes; at most \(Limits.filterByteCountMax) are read: write a shorter one")
    }
    scalars = Array(text.unicodeScalars)
    self.times = times
  }

  mutating func parse() throws(FilterError) -> FilterNode {
    for (index, scalar) in scalars.enumerated() where Self.isControl(scalar) {
      throw error(index, "there is the control character \(Self.name(scalar)): leave it out")
    }
    skipSpace()
    if offset == scalars.count { return .all }
    let root = try or()
    guard offset == scalars.count else { throw strayParenthesis }
    return root
  }

  private var strayParenthesis: FilterError {
    error(offset, "this ')' closes nothing: leave it out, write '(' where it opens, or \")\" in quotes for text")
  }

  // MARK: Operators in capitals

  private mutating func or() throws(FilterError) -> FilterNode {
    var nodes = [try and()]
    while takeOperator("OR") { nodes.append(try and()) }
    return nodes.count == 1 ? nodes[0] : .or(nodes)
  }

  private mutating func and() throws(FilterError) -> FilterNode {
    var nodes = [try not()]
    skipSpace()
    while let scalar = peek(), scalar != ")", !isOperator("OR") {
      _ = takeOperator("AND")
      nodes.append(try not())
      skipSpace()
    }
    return nodes.count == 1 ? nodes[0] : .and(nodes)
  }

  private mutating func not() throws(FilterError) -> FilterNode {
    skipSpace()
    let start = offset
    if takeOperator("NOT") {
      try enter(at: start)
      let node = try not()
      depth -= 1
      return .not(node)
    }
    guard peek() == "-" else { return try primary(behind: nil) }
    try enter(at: start)
    offset += 1
    let node = try primary(behind: start)
    depth -= 1
    return .not(node)
  }

  /// - Parameter minus: where the `-` before it is.
  private mutating func primary(behind minus: Int?) throws(FilterError) -> FilterNode {
    guard let scalar = peek(), !Self.isSpace(scalar), scalar != ")", !(scalar == "-" && minus != nil), keyword() == nil
    else { throw missingTerm(behind: minus) }
    guard scalar == "(" else { return try term() }
    let start = offset
    try enter(at: start)
    offset += 1
    skipSpace()
    if peek() == ")" {
      throw error(offset, "there is nothing in these parentheses: write a term into them, or \"()\" in quotes for text")
    }
    let node = try or()
    skipSpace()
    guard take(")") else {
      throw error(start, "this '(' is not closed: write ')' where it ends, or \"(\" in quotes for text")
    }
    depth -= 1
    return node
  }

  private mutating func enter(at start: Int) throws(FilterError) {
    depth += 1
    guard depth <= Limits.filterDepthMax else {
      throw error(
        start,
        "parentheses, NOT and '-' are inside each other more than \(Limits.filterDepthMax) times: write fewer of them")
    }
  }

  mutating func count(termAt start: Int) throws(FilterError) {
    termCount += 1
    guard termCount <= Limits.filterTermCountMax else {
      throw error(
        start,
        "there are more than \(Limits.filterTermCountMax) terms, fields and items of sets: write fewer of them")
    }
  }

  mutating func count(regexAt start: Int) throws(FilterError) {
    regexCount += 1
    guard regexCount <= Limits.filterRegexCountMax else {
      throw error(
        start, "there are more than \(Limits.filterRegexCountMax) regular expressions: write one for several, /a|b/")
    }
  }

  private func missingTerm(behind minus: Int?) -> FilterError {
    guard let minus else {
      let last = previousWord(before: offset)
      switch (keyword(), last) {
      case (let word?, _):
        return error(
          offset, "a term was expected before \(word), as in a \(word) b: write one, or \"\(word)\" in quotes for text")
      case (nil, let last?) where Self.keywords.contains(last):
        return error(
          offset, "a term was expected behind \(last): write one, or \"\(last)\" in quotes for text")
      case (nil, _) where offset == scalars.count:
        return error(offset, "a term was expected behind '(': write one and ')', or \"(\" in quotes for text")
      case (nil, _): return strayParenthesis
      }
    }
    if peek() == "-" {
      let word = shown(wordRange(from: offset + 1))
      return error(
        offset, "one '-' is enough: write -\(word.isEmpty ? "word" : word), or \"-\(dashes)\(word)\" in quotes for text"
      )
    }
    if let word = keyword() {
      return error(offset, "'-' negates a term, not \(word): write -\"\(word)\" for the text, or NOT without '-'")
    }
    let next = minus + 1
    let behind = skippedSpace(from: next)
    let word = shown(wordRange(from: behind))
    return error(
      next,
      word.isEmpty || behind == next
        ? "'-' negates nothing here: write a term right behind it, or \"-\" in quotes for text"
        : "'-' stands right before what it negates: write -\(word), or \"-\" in quotes for text")
  }

  /// The `-` from here on.
  private var dashes: String {
    var end = offset
    while end < scalars.count, scalars[end] == "-", end - offset < 8 { end += 1 }
    return String(repeating: "-", count: end - offset)
  }

  // MARK: Characters

  func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
    offset + ahead < scalars.count ? scalars[offset + ahead] : nil
  }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    offset += 1
    return true
  }

  mutating func skipSpace() { offset = skippedSpace(from: offset) }

  func skippedSpace(from start: Int) -> Int {
    var end = start
    while end < scalars.count, Self.isSpace(scalars[end]) { end += 1 }
    return end
  }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" || scalar == "\n" }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0a: false
    case 0..<0x20, 0x7f..<0xa0: true
    default: false
    }
  }

  private static func name(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }

  private static let keywords = ["AND", "OR", "NOT"]

  /// The operator in capitals that is the whole word here.
  private func keyword() -> String? { Self.keywords.first { isOperator($0) } }

  private func isOperator(_ word: String) -> Bool {
    let count = word.unicodeScalars.count
    guard offset + count <= scalars.count, zip(scalars[offset...], word.unicodeScalars).allSatisfy(==) else {
      return false
    }
    return offset + count == scalars.count || Self.endsWord(scalars[offset + count], isInSet: false)
  }

  private mutating func takeOperator(_ word: String) -> Bool {
    skipSpace()
    guard isOperator(word) else { return false }
    offset += word.unicodeScalars.count
    return true
  }

  static func endsWord(_ scalar: Unicode.Scalar, isInSet: Bool) -> Bool {
    isSpace(scalar) || scalar == "(" || scalar == ")" || isInSet && scalar == ","
  }

  func wordRange(from start: Int, isInSet: Bool = false) -> Range<Int> {
    var end = start
    while end < scalars.count, !Self.endsWord(scalars[end], isInSet: isInSet) { end += 1 }
    return start..<end
  }

  /// What stands before `end`, up to a space or parenthesis before it.
  func previousWord(before end: Int) -> String? {
    var last = end
    while last > 0, Self.isSpace(scalars[last - 1]) { last -= 1 }
    var first = last
    while first > 0, !Self.endsWord(scalars[first - 1], isInSet: false) { first -= 1 }
    return first == last ? nil : text(first..<last)
  }

  func text(_ range: Range<Int>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars[range])
    return String(text)
  }

  /// A part of the filter as errors show it: on one line, and not too long.
  func shown(_ range: Range<Int>) -> String { Self.shown(text(range)) }

  static func shown(_ text: String) -> String {
    let limit = 60
    let head = text.unicodeScalars.prefix(limit)
    let isWhole = head.endIndex == text.unicodeScalars.endIndex
    return PrintableText.escaped(String(head)) + (isWhole ? "" : "…")
  }

  func error(_ offset: Int, _ reason: String) -> FilterError { FilterError(column: offset + 1, reason) }
}
