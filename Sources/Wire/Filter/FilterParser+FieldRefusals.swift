/// What fields do not understand, and what to write instead.
extension FilterParser {
  // MARK: Operators

  /// Checks that one operator stands behind the name, and that the field has it.
  func checkSymbol(_ name: FilterFieldName) throws(FilterError) {
    let start = name.symbolPlace.lowerBound
    var end = name.symbolPlace.upperBound
    while end < scalars.count, scalars[end] != ":", Self.isSymbol(scalars[end]) { end += 1 }
    if end > name.symbolPlace.upperBound {
      let run = start..<end
      let meaning = Self.meaning(of: text(run))
      let value = valueBehind(end)
      throw error(
        name.symbolPlace.upperBound,
        "'\(shown(run))' is no operator: write \(remedy(for: name, meaning, value)); a value that begins like an "
          + "operator stands in quotes")
    }
    let spelled = shown(name.symbolPlace)
    switch (name.field, name.symbol) {
    case (.level, .match):
      throw error(
        start, "level has no operator '\(spelled)': write level:error, level>=warn or level:(warn,error)")
    case (.seq, .match): throw error(start, "seq has no operator '\(spelled)': write seq:100..200 or seq>=100")
    case (.time, .match):
      throw error(
        start, "time has no operator '\(spelled)': write time>=2026-11-28T10:00:00Z or a range, time:A..B")
    case (.time, .equal(isNegated: true)):
      throw error(start, "time has no operator '\(spelled)': write -time:A..B for entries outside of a range")
    case (.kind, .match), (.kind, .order):
      throw error(start, "kind has no operator '\(spelled)': write kind:log, kind:status or kind:complete")
    case (.stream, .order):
      throw error(start, "stream has no operator '\(spelled)': write stream:docker/* or stream~docker")
    case (.level, _), (.seq, _), (.time, _), (.kind, _), (.stream, _), (.source, _), (.message, _), (.attribute, _):
      return
    }
  }

  /// What to write for an operator of another language that means `symbol`.
  private func remedy(for name: FilterFieldName, _ symbol: String, _ value: String) -> String {
    let field = shown(name.place)
    guard symbol.hasSuffix("~"), !value.hasPrefix("/") else { return "\(field)\(symbol)\(value)" }
    let inner = value.hasPrefix("\"") ? String(value.dropFirst().prefix { $0 != "\"" }) : value
    switch name.field {
    case .level, .seq, .time, .kind:
      let items = inner.split(separator: "|")
      let negation = symbol == "!~" ? "!=" : ":"
      return "\(field)\(negation)\(items.count > 1 ? "(\(items.joined(separator: ",")))" : inner)"
    case .source, .message, .stream, .attribute:
      let regex =
        "\(field)\(symbol)/\(inner.split(separator: "/", omittingEmptySubsequences: false).joined(separator: #"\/"#))/"
      let isText = !inner.unicodeScalars.contains { #".*+?|^$()[]{}\"#.unicodeScalars.contains($0) }
      return isText ? "\(field)\(symbol)\(value), or \(regex) for a regular expression" : regex
    }
  }

  /// What follows directly, else next.
  private func valueBehind(_ start: Int) -> String {
    guard start < scalars.count, !Self.isSpace(scalars[start]) else { return valueShown(from: start) }
    if scalars[start] == "/" {
      var end = start + 1
      while end < scalars.count, scalars[end] != "/", scalars[end] != "\n" { end += scalars[end] == "\\" ? 2 : 1 }
      let close = min(end, scalars.count)
      if close < scalars.count { return shown(start..<wordRange(from: close).upperBound) }
    }
    return valueShown(from: start)
  }

  // MARK: Missing values

  func missingValue(_ name: FilterFieldName, isInSet: Bool) -> FilterError {
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    let field = shown(name.place)
    if peek() == "(" {
      if isInSet { return error(offset, "a set has no parentheses inside: write \(written)(a,b)") }
      return switch name.symbol {
      case .match: error(offset, "'\(written)' takes one text: write (\(written)x OR \(written)y), or \(written)/a|b/")
      case .order, .equal: error(offset, "'\(written)' compares with one value: write \(written)5, or \(field):(1,2)")
      }
    }
    if isInSet { return error(offset, "a value was expected here: write one, or \"\" for the empty value") }
    let next = skippedSpace(from: offset)
    let hint =
      next > offset && next < scalars.count && scalars[next] != ")"
      ? "\(written)\(valueShown(from: next)) without the space" : "\(written)value"
    let empty =
      switch name.field {
      case .source, .message, .attribute: ", \(written)\"\" for the empty value"
      case .level, .kind, .stream, .seq, .time: ""
      }
    return error(
      offset,
      "a value was expected right behind '\(written)': write \(hint)\(empty), or "
        + "\(quoted(name.place.lowerBound..<name.symbolPlace.upperBound)) for text")
  }

  // MARK: Values

  /// Why this word is no value.
  func valueRefusal(_ name: FilterFieldName, _ word: Range<Int>) -> FilterError? {
    let start = word.lowerBound
    let first = scalars[start]
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    if Self.isForeignMark(first) {
      return error(
        start,
        "this kind of quotation mark means nothing here: write \(written)\(doubleQuoted(from: start)); with the "
          + "mark itself \(written)\(quoted(word))")
    }
    switch first {
    case "[":
      if case .match = name.symbol { return nil }
      return bracketRefusal(name, at: start)
    case "|", "&", "{", "}":
      return error(start, "a value without quotes must not begin with '\(first)': write \(written)\(quoted(word))")
    case "!", "~", ">", "<":
      let run = symbolRun(from: start)
      return error(
        start,
        "there are no operators inside of a set: write \(shown(name.place))\(Self.meaning(of: text(run)))"
          + "\(valueShown(from: run.upperBound)) outside of it, or \(quoted(word)) for text")
    default: return nil
    }
  }

  func openRegexRefusal(_ name: FilterFieldName) -> FilterError {
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    let word = wordRange(from: offset)
    let inner = Self.text(scalars[word].dropFirst())
    let escaped = inner.replacingSlashes
    return error(
      offset,
      #"no '/' ends this regular expression before a space, ')' or the end: write \#(written)/"#
        + #"\#(Self.shown(escaped))/ with \/ for slashes inside, or \#(written)\#(quoted(word)) for text"#)
  }

  func unitRefusal(_ name: FilterFieldName, _ value: FilterParsedValue, at start: Int) -> FilterError {
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    let remedy =
      name.symbol == .equal(isNegated: false) || name.symbol == .equal(isNegated: true)
      ? "write numbers alone, \(written)1..5"
      : "write \(written)N with a number in the attribute's own unit"
    return error(
      start,
      "the unit of \(shown(name.place)) is not known: \(remedy), or \(written)\(Self.quoted(value.text)) for text")
  }

  func reversedRange(_ name: FilterFieldName, _ value: FilterParsedValue) -> FilterError {
    let pieces = text(value.place).splitAtDots
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    return error(
      value.place.lowerBound,
      "this range ends before it begins: write \(written)\(Self.shown("\(pieces.1)..\(pieces.0)"))")
  }

  func boundlessRefusal(_ value: FilterParsedValue, of field: String) -> FilterError {
    error(value.place.lowerBound, "a range has at least one bound: write \(field):A.., \(field):..B or \(field):A..B")
  }

  func commaRefusal(
    _ name: FilterFieldName, between value: Range<Int>, isSpaced: Bool, _ scalar: Unicode.Scalar
  ) -> FilterError {
    if scalar == "(" { return error(offset, "a set has no parentheses inside: write its values with commas, (a,b)") }
    if !isSpaced {
      return error(offset, "',' or ')' was expected behind the closing quotation mark: write ',' before the next value")
    }
    var next = wordRange(from: offset, isInSet: true)
    let word = text(next).lowercased()
    let written = shown(name.place.lowerBound..<name.symbolPlace.upperBound)
    if word == "or" || word == "and" {
      next = wordRange(from: skippedSpace(from: next.upperBound), isInSet: true)
      if word == "and" {
        let both = [value, next].map { "\(written)\($0.isEmpty ? "…" : shown($0))" }.joined(separator: " ")
        return error(offset, "a set holds if one of its values does: write \(both) for both of them")
      }
    }
    return error(
      offset,
      "',' or ')' was expected here: write \(written)(\(shown(value)),\(next.isEmpty ? "…" : shown(next))), or "
        + "quotes around a value with spaces")
  }

  // MARK: Fields of their own

  func levelRefusal(_ text: String, at start: Int) -> FilterError {
    let shown = Self.shown(text)
    let parts = text.unicodeScalars.split { "|,[]".unicodeScalars.contains($0) }.map { Self.text($0) }
    if ["0", "", "none", "null", "unset", "unspecified"].contains(text.lowercased()) {
      return error(start, "'\(shown)' is no level, levels are 1 to 24: write -level:* for entries without a level")
    }
    if parts.count > 1 {
      return error(start, "'\(shown)' is no level: write level:(\(Self.shown(parts.joined(separator: ","))))")
    }
    return error(
      start, "'\(shown)' is no level: write a number from 1 to 24, or trace, debug, info, notice, warn, error or fatal")
  }

  func sequenceRefusal(_ text: String, at start: Int) -> FilterError {
    error(
      start,
      "'\(Self.shown(text))' is no sequence number: write a whole number up to \(Limits.numberMax), like seq>=100 "
        + "or seq:100..200")
  }

  func kindRefusal(_ value: FilterParsedValue) -> FilterError {
    let lower = value.text.lowercased()
    let isKnown = ["log", "status", "complete"].contains(lower)
    return error(
      value.place.lowerBound,
      "'\(Self.shown(value.text))' is no kind of entry: write "
        + (isKnown ? lower : "log, status or complete"))
  }

  func timeEqualityRefusal(_ name: FilterFieldName, _ value: FilterParsedValue) -> FilterError {
    let written = shown(value.place)
    return error(
      value.place.lowerBound,
      "a time is compared by order or with a range: write time>=\(written), or "
        + "time:\(value.isQuoted ? "A" : written)..B"
    )
  }

  func timeSetRefusal(_ name: FilterFieldName) -> FilterError {
    error(offset, "time has no sets: write (time:A..B OR time:C..D)")
  }

  func timeRefusal(_ text: String, at start: Int) -> FilterError {
    let shown = Self.shown(text)
    if let absence = times.absence(text) { return error(start, "'\(shown)': \(absence)") }
    let candidates = ["\(text)Z", "\(text)T00:00:00Z", text.uppercased(), text.dated, "\(text.dated)Z"]
    if let candidate = candidates.first(where: { AbsoluteTime.nanoseconds($0) != nil }) {
      let lacksZone = candidate.hasSuffix("Z") && !text.hasSuffix("Z") && !text.hasSuffix("z")
      return error(
        start,
        "'\(shown)' \(lacksZone ? "has no zone" : "is not in the form of times"): write \(candidate)"
          + (lacksZone ? ", or another zone like +01:00" : ""))
    }
    return error(start, "'\(shown)' is no time here: \(times.remedy)\(times.suggestion(text))")
  }

  func distantTimeRefusal(_ text: String, at start: Int) -> FilterError {
    error(start, "'\(Self.shown(text))' is not in the years 1970 to 2261: write a time that is")
  }
}

extension String {
  /// With `\/` for each slash that has no backslash before it.
  var replacingSlashes: String {
    var result = String.UnicodeScalarView()
    var isEscaped = false
    for scalar in unicodeScalars {
      if scalar == "/", !isEscaped { result.append("\\") }
      result.append(scalar)
      isEscaped = scalar == "\\" && !isEscaped
    }
    return String(result)
  }

  /// What is before and behind the first `..`.
  fileprivate var splitAtDots: (String, String) {
    guard let dots = firstRange(of: "..") else { return (self, "") }
    return (String(self[..<dots.lowerBound]), String(self[dots.upperBound...]))
  }

  /// With `T` for a space between a date and a clock.
  fileprivate var dated: String {
    FilterParser.text(unicodeScalars.map { $0 == " " ? "T" : $0 })
  }
}
