/// Values: what each field makes of them.
extension FilterParser {
  /// That the field equals the value, or is in its range.
  mutating func equality(
    _ name: FilterFieldName, _ value: FilterParsedValue, isInSet: Bool = false
  ) throws(FilterError) -> FilterNode {
    switch name.field {
    case .source, .message, .attribute:
      if let refusal = equalityRefusal(name, value, isInSet: isInSet) { throw refusal }
    case .level, .kind, .stream, .seq, .time: break
    }
    switch name.field {
    case .level:
      let levels = try ends(value, of: "level").map { (place) throws(FilterError) in try level(place, value) }
      let lowest = levels.lower?.lowerBound ?? 1
      let highest = levels.upper?.upperBound ?? LogSeverity.highest
      guard lowest <= highest else { throw reversedRange(name, value) }
      return .test(.severity(Self.mask(lowest...highest)))
    case .source: return .test(.source(Self.text(value)))
    case .message: return .test(.message(Self.text(value)))
    case .kind: return .test(.kind(1 << (try kind(value)).rawValue))
    case .stream: return .test(.stream(.matches(try pattern(value))))
    case .seq:
      let numbers = try ends(value, of: "seq").map { (place) throws(FilterError) in try sequence(place, value) }
      guard numbers.lower ?? 0 <= numbers.upper ?? Limits.numberMax else { throw reversedRange(name, value) }
      return Self.sequences(from: numbers.lower ?? 0, to: numbers.upper ?? Limits.numberMax)
    case .time:
      guard !value.isQuoted, value.text.contains("..") else { throw timeEqualityRefusal(name, value) }
      let moments = try ends(value, of: "time").map { (place) throws(FilterError) in try time(place, value) }
      let (from, to) = (moments.lower ?? .min, moments.upper ?? .max)
      guard from <= to else { throw reversedRange(name, value) }
      return .test(.time(from...to))
    case .attribute(let path):
      if let range = try numberRange(name, value) { return .test(.attribute(path, range)) }
      if Self.isGlob(value) { return .test(.attribute(path, .text(Self.text(value)))) }
      return .test(.attribute(path, .equals(FilterValue(value.text))))
    }
  }

  mutating func order(
    _ name: FilterFieldName, _ order: FilterOrder, _ value: FilterParsedValue
  ) throws(FilterError) -> FilterNode {
    switch name.field {
    case .level:
      let level = try level(value.place, value)
      switch order {
      case .below: return Self.levels(from: 1, to: level.lowerBound - 1)
      case .atMost: return Self.levels(from: 1, to: level.upperBound)
      case .atLeast: return Self.levels(from: level.lowerBound, to: LogSeverity.highest)
      case .above: return Self.levels(from: level.upperBound + 1, to: LogSeverity.highest)
      }
    case .seq:
      let number = try sequence(value.place, value)
      switch order {
      case .below: return number == 0 ? .or([]) : Self.sequences(from: 0, to: number - 1)
      case .atMost: return Self.sequences(from: 0, to: number)
      case .atLeast: return Self.sequences(from: number, to: Limits.numberMax)
      case .above: return Self.sequences(from: number + 1, to: Limits.numberMax)
      }
    case .time:
      // A time that filters can say is years away from both ends of Int64.
      let time = try time(value.place, value)
      switch order {
      case .below: return .test(.time(.min...time - 1))
      case .atMost: return .test(.time(.min...time))
      case .atLeast: return .test(.time(time ... .max))
      case .above: return .test(.time(time + 1 ... .max))
      }
    case .source: return .test(.source(.order(order, Array(value.text.utf8))))
    case .message: return .test(.message(.order(order, Array(value.text.utf8))))
    case .attribute(let path):
      if !value.isQuoted, hasUnit(value.place) { throw unitRefusal(name, value, at: value.place.lowerBound) }
      return .test(.attribute(path, .order(order, FilterValue(value.text))))
    case .kind, .stream: preconditionFailure("the operator was checked")
    }
  }

  // MARK: Ranges

  private struct Ends<Bound> {
    var lower: Bound?
    var upper: Bound?

    func map<Other>(_ transform: (Bound) throws(FilterError) -> Other) throws(FilterError) -> Ends<Other> {
      var ends = Ends<Other>()
      if let lower { ends.lower = try transform(lower) }
      if let upper { ends.upper = try transform(upper) }
      return ends
    }
  }

  /// The bounds of a range; a value that is none is both.
  private func ends(_ value: FilterParsedValue, of field: String) throws(FilterError) -> Ends<Range<Int>> {
    guard !value.isQuoted, let (lower, upper) = bounds(value.place) else {
      return Ends(lower: value.place, upper: value.place)
    }
    if lower.isEmpty, upper.isEmpty { throw boundlessRefusal(value, of: field) }
    return Ends(lower: lower.isEmpty ? nil : lower, upper: upper.isEmpty ? nil : upper)
  }

  /// What is before and behind the first `..`.
  private func bounds(_ place: Range<Int>) -> (Range<Int>, Range<Int>)? {
    for dot in place.dropLast() where scalars[dot] == "." && scalars[dot + 1] == "." {
      return (place.lowerBound..<dot, dot + 2..<place.upperBound)
    }
    return nil
  }

  /// nil if the value is no range of numbers.
  private func numberRange(
    _ name: FilterFieldName, _ value: FilterParsedValue
  ) throws(FilterError) -> AttributeTest? {
    guard !value.isQuoted, let (lower, upper) = bounds(value.place), !(lower.isEmpty && upper.isEmpty) else {
      return nil
    }
    let isMeasured = [lower, upper].contains { hasUnit($0) }
    if isMeasured, [lower, upper].allSatisfy({ $0.isEmpty || hasUnit($0) || number($0) != nil }) {
      throw unitRefusal(name, value, at: hasUnit(lower) ? lower.lowerBound : upper.lowerBound)
    }
    guard lower.isEmpty || number(lower) != nil, upper.isEmpty || number(upper) != nil else { return nil }
    let (from, to) = (number(lower), number(upper))
    if let from, let to, from.isOrdered(.above, to) { throw reversedRange(name, value) }
    return .range(from, to)
  }

  private func number(_ place: Range<Int>) -> FilterNumber? { FilterValue(text(place)).number }

  /// Whether a number begins here and nothing but letters follows it.
  func hasUnit(_ place: Range<Int>) -> Bool {
    let end = numberEnd(place)
    return end > place.lowerBound && end < place.upperBound && scalars[end..<place.upperBound].allSatisfy(Self.isLetter)
  }

  /// The end of the longest number here; its beginning if there is none.
  func numberEnd(_ place: Range<Int>) -> Int {
    func digits(_ start: Int) -> Int {
      var end = start
      while end < place.upperBound, Self.isDigit(scalars[end]) { end += 1 }
      return end
    }
    func has(_ place: Int, _ characters: Unicode.Scalar...) -> Bool {
      place < scalars.count && characters.contains(scalars[place])
    }
    let start = has(place.lowerBound, "-") ? place.lowerBound + 1 : place.lowerBound
    var end = digits(start)
    guard end > start else { return place.lowerBound }
    if end < place.upperBound, has(end, "."), digits(end + 1) > end + 1 { end = digits(end + 1) }
    if end < place.upperBound, has(end, "e", "E") {
      let exponent = has(end + 1, "+", "-") ? end + 2 : end + 1
      if exponent < place.upperBound, digits(exponent) > exponent { end = digits(exponent) }
    }
    return end
  }

  // MARK: Levels

  static func mask(_ levels: ClosedRange<UInt8>) -> UInt32 {
    levels.reduce(0) { $0 | 1 << UInt32($1) }
  }

  /// An empty range is true for nothing.
  private static func levels(from lowest: UInt8, to highest: UInt8) -> FilterNode {
    lowest <= highest ? .test(.severity(mask(lowest...highest))) : .or([])
  }

  private func level(
    _ place: Range<Int>, _ value: FilterParsedValue
  ) throws(FilterError) -> ClosedRange<UInt8> {
    let text = value.isQuoted ? value.text : self.text(place)
    if Self.isWhole(text), let number = UInt8(text), (1...LogSeverity.highest).contains(number) {
      return number...number
    }
    switch text.lowercased() {
    case "trace", "verbose", "finest": return 1...4
    case "debug", "dbg", "fine", "finer": return 5...8
    case "info", "information", "informational": return 9...12
    case "notice": return 10...10
    case "warn", "warning": return 13...16
    case "error", "err", "severe": return 17...20
    case "critical", "crit": return 18...18
    case "alert": return 19...19
    case "fatal", "emerg", "emergency", "panic": return 21...24
    default: throw levelRefusal(text, at: place.lowerBound)
    }
  }

  // MARK: Other fields

  /// Digits alone: the language's own readers take signs, too.
  private static func isWhole(_ text: String) -> Bool {
    !text.isEmpty && text.unicodeScalars.allSatisfy(isDigit)
  }

  private func sequence(_ place: Range<Int>, _ value: FilterParsedValue) throws(FilterError) -> UInt64 {
    let text = value.isQuoted ? value.text : self.text(place)
    guard Self.isWhole(text), let number = UInt64(text), number <= Limits.numberMax else {
      throw sequenceRefusal(text, at: place.lowerBound)
    }
    return number
  }

  /// Sequence numbers count from 1.
  private static func sequences(from first: UInt64, to last: UInt64) -> FilterNode {
    let first = max(first, 1)
    return first <= min(last, Limits.numberMax) ? .test(.sequence(first...last)) : .or([])
  }

  private func kind(_ value: FilterParsedValue) throws(FilterError) -> LogEntry.Kind {
    switch value.text {
    case "log": .log
    case "status": .status
    case "complete": .complete
    default: throw kindRefusal(value)
    }
  }

  private func pattern(_ value: FilterParsedValue) throws(FilterError) -> StreamPattern {
    do {
      return try StreamPattern(value.text)
    } catch {
      let remedy =
        error.message.contains("; write ") ? "" : ": write a stream's name, or a pattern like docker/* or docker/**"
      throw self.error(value.place.lowerBound, error.message + remedy)
    }
  }

  private mutating func time(_ place: Range<Int>, _ value: FilterParsedValue) throws(FilterError) -> Int64 {
    let text = value.isQuoted ? value.text : self.text(place)
    // A client's reader may know more forms, but no other meaning of this one.
    if let time = AbsoluteTime.nanoseconds(text) { return time }
    guard let time = times.read(text) else { throw timeRefusal(text, at: place.lowerBound) }
    guard let absolute = AbsoluteTime.text(time) else { throw distantTimeRefusal(text, at: place.lowerBound) }
    resolvedTimes.append((place, absolute))
    return time
  }

  static func isGlob(_ value: FilterParsedValue) -> Bool {
    !value.isQuoted && value.text.unicodeScalars.contains("*")
  }

  private static func text(_ value: FilterParsedValue) -> TextTest {
    let whole = FilterText(value.text)
    guard isGlob(value) else { return .equals(whole) }
    let pieces = whole.bytes.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map { Array($0) }
    // Stars side by side are one: only the first and the last piece may be empty.
    let inner = pieces.dropFirst().dropLast().filter { !$0.isEmpty }
    return .glob([pieces[0]] + inner + [pieces[pieces.count - 1]], ignoresCase: whole.ignoresCase)
  }

  // MARK: The text that means the same anywhere

  func textWithAbsoluteTimes() throws(FilterError) -> String {
    var result = String.UnicodeScalarView()
    var copied = 0
    for (place, absolute) in resolvedTimes {
      result.append(contentsOf: scalars[copied..<place.lowerBound])
      result.append(contentsOf: absolute.unicodeScalars)
      copied = place.upperBound
    }
    result.append(contentsOf: scalars[copied...])
    let text = String(result)
    guard text.utf8.count <= Limits.filterByteCountMax else {
      throw error(
        resolvedTimes.last?.place.lowerBound ?? 0,
        "with its times written out, the filter has \(text.utf8.count) bytes; at most \(Limits.filterByteCountMax) "
          + "are read: write a shorter one")
    }
    return text
  }
}
