/// The fields that filters know, and attributes.
enum FilterField: Hashable {
  case level, source, message, kind, stream, seq, time
  case attribute(AttributePath)

  init(bare name: String) {
    switch name {
    case "level": self = .level
    case "source": self = .source
    case "message": self = .message
    case "kind": self = .kind
    case "stream": self = .stream
    case "seq": self = .seq
    case "time": self = .time
    default: self = .attribute(AttributePath(name))
    }
  }
}

/// What stands between the name of a field and its value.
enum FilterOperator: Hashable {
  case equal(isNegated: Bool)
  case match(isNegated: Bool)
  case order(FilterOrder)
}

/// The beginning of a field as it was read.
struct FilterFieldName {
  let field: FilterField
  /// As written, with quotation marks.
  let place: Range<Int>
  let symbol: FilterOperator
  let symbolPlace: Range<Int>
}

/// Fields: `name:value` and its kin.
extension FilterParser {
  // MARK: Names

  /// The name and operator that begin here; nil if a word begins that is text.
  mutating func bareName() -> FilterFieldName? {
    let start = offset
    guard let first = peek(), Self.beginsName(first) else { return nil }
    var end = start + 1
    while end < scalars.count, Self.continuesName(scalars[end]) { end += 1 }
    guard let (symbol, length) = symbol(at: end) else { return nil }
    if scalars[end] == ":", end + 1 < scalars.count {
      switch scalars[end + 1] {
      case ":", "\\": return nil
      case "/" where end + 2 < scalars.count && scalars[end + 2] == "/": return nil
      default: break
      }
    }
    offset = end + length
    return FilterFieldName(
      field: FilterField(bare: text(start..<end)), place: start..<end, symbol: symbol, symbolPlace: end..<offset)
  }

  /// The same for a name in quotation marks, which were read; checks what follows them if they are none.
  mutating func quotedName(_ text: String, at start: Int) throws(FilterError) -> FilterFieldName? {
    let end = offset
    guard let (symbol, length) = symbol(at: end) else {
      try checkEnd(behind: "the closing quotation mark")
      return nil
    }
    offset = end + length
    return FilterFieldName(
      field: .attribute(AttributePath(text)), place: start..<end, symbol: symbol, symbolPlace: end..<offset)
  }

  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar.value >= 0x80
  }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  static func beginsName(_ scalar: Unicode.Scalar) -> Bool {
    isLetter(scalar) && symbol(scalar) == nil || scalar == "_" || scalar == "@" || scalar == "$"
  }

  private static func continuesName(_ scalar: Unicode.Scalar) -> Bool {
    beginsName(scalar) || isDigit(scalar) || scalar == "." || scalar == "-"
  }

  /// The longest operator here, and its length.
  private func symbol(at place: Int) -> (FilterOperator, Int)? {
    guard place < scalars.count else { return nil }
    let next = place + 1 < scalars.count ? scalars[place + 1] : nil
    switch (scalars[place], next) {
    case ("=", "="): return (.equal(isNegated: false), 2)
    case ("!", "="): return (.equal(isNegated: true), 2)
    case ("!", "~"): return (.match(isNegated: true), 2)
    case (">", "="): return (.order(.atLeast), 2)
    case ("<", "="): return (.order(.atMost), 2)
    case (":", _), ("=", _): return (.equal(isNegated: false), 1)
    case ("~", _): return (.match(isNegated: false), 1)
    case (">", _): return (.order(.above), 1)
    case ("<", _): return (.order(.below), 1)
    default: return nil
    }
  }

  // MARK: A field

  /// What follows the name and operator, which were read.
  mutating func field(_ name: FilterFieldName) throws(FilterError) -> FilterNode {
    try count(termAt: name.place.lowerBound)
    try checkSymbol(name)
    switch name.symbol {
    case .equal(let isNegated):
      if peek() == "(" {
        let items = try set(name)
        return name.field.whole(items, isNegated: isNegated)
      }
      if !isNegated, peek() == "*", wordRange(from: offset).count == 1 {
        offset += 1
        return .test(name.field.exists)
      }
      let value = try value(name)
      let node = try equality(name, value)
      if value.isQuoted { try checkEnd(behind: "the closing quotation mark") }
      return name.field.whole([node], isNegated: isNegated)
    case .match(let isNegated):
      let test: TextTest
      if let regex = try regex() {
        test = .regex(regex)
      } else {
        if peek() == "/" { throw openRegexRefusal(name) }
        let value = try value(name)
        if value.isQuoted { try checkEnd(behind: "the closing quotation mark") }
        test = .contains(name.field == .stream ? FilterText(exactly: value.text) : FilterText(value.text))
      }
      return name.field.whole([name.field.match(test)], isNegated: isNegated)
    case .order(let order):
      let value = try value(name)
      let node = try self.order(name, order, value)
      if value.isQuoted { try checkEnd(behind: "the closing quotation mark") }
      return name.field.whole([node], isNegated: false)
    }
  }

  /// The items of the set that begins here.
  private mutating func set(_ name: FilterFieldName) throws(FilterError) -> [FilterNode] {
    let start = offset
    guard name.field != .time else { throw timeSetRefusal(name) }
    offset += 1
    var nodes: [FilterNode] = []
    while true {
      skipSpace()
      try count(termAt: offset)
      let value = try value(name, isInSet: true)
      nodes.append(try equality(name, value, isInSet: true))
      let end = offset
      skipSpace()
      guard let scalar = peek() else {
        throw error(start, "this '(' is not closed: write ')' behind the last value, or \"(\" in quotes for text")
      }
      if take(")") { break }
      guard take(",") else { throw commaRefusal(name, between: value.place, isSpaced: offset > end, scalar) }
    }
    return nodes
  }

  /// The value that begins here.
  mutating func value(_ name: FilterFieldName, isInSet: Bool = false) throws(FilterError) -> FilterParsedValue {
    let start = offset
    if peek() == "\"" {
      let text = try quoted()
      return FilterParsedValue(text: text, place: start..<offset, isQuoted: true)
    }
    let range = wordRange(from: start, isInSet: isInSet)
    guard !range.isEmpty else { throw missingValue(name, isInSet: isInSet) }
    if let refusal = valueRefusal(name, range) { throw refusal }
    offset = range.upperBound
    return FilterParsedValue(text: text(range), place: range, isQuoted: false)
  }
}

/// A value as it was read.
struct FilterParsedValue {
  let text: String
  /// As written, with quotation marks.
  let place: Range<Int>
  let isQuoted: Bool
}

extension FilterField {
  var exists: FilterTest {
    switch self {
    case .level: .severity(FilterField.levels)
    case .source: .source(.exists)
    case .message: .message(.exists)
    case .kind: .kind(FilterField.kinds)
    case .stream: .stream(.text(.exists))
    case .seq: .sequence(1...Limits.numberMax)
    case .time: .time(.min ... .max)
    case .attribute(let path): .attribute(path, .exists)
    }
  }

  static let levels: UInt32 = 0x1ff_fffe
  static let kinds: UInt8 = 0b111

  /// Text that matches, of a field that has operators for it.
  fileprivate func match(_ test: TextTest) -> FilterNode {
    switch self {
    case .source: .test(.source(test))
    case .message: .test(.message(test))
    case .stream: .test(.stream(.text(test)))
    case .attribute(let path): .test(.attribute(path, .text(test)))
    case .level, .kind, .seq, .time: preconditionFailure("this field has no operator for text")
    }
  }

  /// One of several tests of this field; negated, the field must be there all the same.
  fileprivate func whole(_ tests: [FilterNode], isNegated: Bool) -> FilterNode {
    let node = united(tests)
    if isNegated { return .and([.test(exists), .not(node)]) }
    // Terms test messages, too, and an empty message is no reason for them to be false.
    return self == .message ? .and([.test(exists), node]) : node
  }

  /// Levels and kinds are masks, and several of them one mask.
  private func united(_ tests: [FilterNode]) -> FilterNode {
    if tests.count == 1 { return tests[0] }
    switch self {
    case .level:
      return .test(.severity(tests.reduce(0) { if case .test(.severity(let mask)) = $1 { $0 | mask } else { $0 } }))
    case .kind:
      return .test(.kind(tests.reduce(0) { if case .test(.kind(let mask)) = $1 { $0 | mask } else { $0 } }))
    case .source, .message, .stream, .seq, .time, .attribute: return .or(tests)
    }
  }
}

extension FilterText {
  /// Text whose case counts.
  init(exactly text: String) {
    bytes = Array(text.utf8)
    ignoresCase = false
  }
}
