internal import CSQLite
internal import LogsStore
internal import LogsText
internal import LogsWire

/// What the conditions of a search leave of the entries: everything that meets them, and perhaps more.
struct EntrySelection {
  /// In the order of their names.
  private(set) var streams: [StreamInfo]
  private(set) var numbers = NumberBounds()
  private var times = NumberBounds()
  /// Bit n for severity n.
  private var severities = Self.allSeverities
  private var texts: [String] = []
  private var matches: [Filter] = []

  private static let allSeverities: UInt32 = 1 << 25 - 1

  /// - Parameter now: what times in filters are relative to.
  init(
    _ terms: [(condition: TableCondition, value: SQLValue)], of streams: [StreamInfo], now: Int64
  ) throws(SQLFailure) {
    self.streams = streams
    for (condition, value) in terms { try keep(condition, value, now: now) }
    // Numbers begin at 1.
    numbers.keep(from: 1)
    if times.range == nil || numbers.range == nil || severities == 0 { self.streams = [] }
  }

  private mutating func keep(_ condition: TableCondition, _ value: SQLValue, now: Int64) throws(SQLFailure) {
    let operation = condition.operation
    switch EntryColumn(rawValue: condition.column) {
    case .stream:
      // With another collation, names are equal that differ.
      if condition.isBinary || operation != .equal { streams = Self.streams(streams, operation, value) }
    case .seq: numbers.keep(operation, value)
    case .timeNanoseconds: times.keep(operation, value)
    case .time:
      guard condition.isBinary || operation == .glob || operation == .like else { return }
      var bounds = TimeTextBounds()
      bounds.keep(operation, value, in: &times)
    case .severity:
      var bounds = NumberBounds()
      bounds.keep(operation, value)
      severities &= Self.mask { bounds.range?.contains(Int64($0)) ?? false }
    case .level: keep(levels: operation, value, isBinary: condition.isBinary)
    case .message where operation == .glob || operation == .like:
      texts += PatternText.pieces(of: value, operation)
    case .entries: try keep(matches: value, now: now)
    case .message, .received, .receivedNanoseconds, .source, .kind, .attributes, nil: break
    }
  }

  static func streams(
    _ streams: [StreamInfo], _ operation: TableCondition.Operation, _ value: SQLValue
  ) -> [StreamInfo] {
    guard value != .null else { return [] }
    guard case .text(let text) = value else { return streams }
    // SQLite's own patterns end at a NUL, and names have none.
    let pattern = text.text
    switch operation {
    case .equal: return streams.filter { $0.name.text == pattern }
    case .glob: return streams.filter { unsafe sqlite3_strglob(pattern, $0.name.text) == 0 }
    case .like: return streams.filter { unsafe sqlite3_strlike(pattern, $0.name.text, 0) == 0 }
    case .above, .atLeast, .below, .atMost, .match: return streams
    }
  }

  private mutating func keep(levels operation: TableCondition.Operation, _ value: SQLValue, isBinary: Bool) {
    switch (operation, value) {
    case (.equal, .null): severities = 0
    case (.equal, .text(let text)) where isBinary:
      let name = text.text
      severities &= Self.mask { LogSeverity(number: $0)?.levelName.description == name }
    default: break
    }
  }

  private static func mask(_ isKept: (UInt8) -> Bool) -> UInt32 {
    (0...24 as ClosedRange<UInt8>).reduce(0) { isKept($1) ? $0 | 1 << UInt32($1) : $0 }
  }

  private mutating func keep(matches value: SQLValue, now: Int64) throws(SQLFailure) {
    if value == .null { severities = 0 } else { matches.append(try Self.filter(of: value, now: now)) }
  }

  /// The filter on the right of MATCH.
  static func filter(of value: SQLValue, now: Int64) throws(SQLFailure) -> Filter {
    guard case .text(let text) = value else {
      throw SQLFailure(.query, "MATCH takes the text of a filter, like entries MATCH 'level>=warn timeout'")
    }
    do throws(FilterError) { return try Filter(text.text, times: .local(now: now)) } catch {
      throw SQLFailure(.query, "MATCH: \(error)")
    }
  }

  /// What all entries that are wanted pass; nil if it is not known of any that it does not.
  func filter() throws(SQLFailure) -> Filter? {
    var filter = Filter.all
    do throws(FilterError) {
      for match in matches { filter = try filter.and(match) }
    } catch {
      throw SQLFailure(.query, "MATCH, all filters together: \(error)")
    }
    // These only save work: where they do not fit beside the others, SQLite's own check is enough.
    for text in [severityText].compactMap({ $0 }) + texts.map({ "\"\($0)\"" }) {
      if let narrower = Self.both(filter, { () throws(FilterError) in try Filter(text) }) { filter = narrower }
    }
    if let times = times.range, let narrower = Self.both(filter, { () throws(FilterError) in try Self.filter(times) }) {
      filter = narrower
    }
    return filter == .all ? nil : filter
  }

  private static func both(_ filter: Filter, _ other: () throws(FilterError) -> Filter) -> Filter? {
    do throws(FilterError) { return try filter.and(try other()) } catch { return nil }
  }

  /// Filters know times from 1970 to 2261.
  private static func filter(_ times: ClosedRange<Int64>) throws(FilterError) -> Filter {
    try Filter(
      since: times.lowerBound > 0 ? times.lowerBound : nil, until: times.upperBound < .max ? times.upperBound : nil)
  }

  private var severityText: String? {
    guard severities != Self.allSeverities else { return nil }
    let numbers = (1...24).filter { severities >> UInt32($0) & 1 == 1 }
    let named = numbers.isEmpty ? nil : "level:(\(numbers.map(String.init).joined(separator: ",")))"
    let hasUnnamed = severities & 1 == 1
    return switch named {
    case nil: hasUnnamed ? "-level:*" : nil
    case let named?: hasUnnamed ? "(-level:* OR \(named))" : named
    }
  }
}
