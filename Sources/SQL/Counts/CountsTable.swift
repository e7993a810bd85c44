internal import LogsStore
internal import LogsText
internal import LogsWire

/// `counts`: how many entries each stream has of each severity in each minute, mostly from the indexes of segments.
final class CountsTable: VirtualTable {
  private let source: EntrySource

  init(_ source: EntrySource) { self.source = source }

  let name = "counts"
  let declaration = "CREATE TABLE counts(stream TEXT, minute TEXT, level TEXT, severity INTEGER, entries INTEGER)"

  private static let streamColumn = 0
  fileprivate static let minuteColumn = 1

  func plan(_ question: TableQuestion) -> TablePlan? {
    var plan = TablePlan(cost: Double(source.entryCount) / 100 + 100, rowCount: 100_000)
    for (index, condition) in question.conditions.enumerated()
    where condition.isUsable && condition.column == Self.streamColumn
      && [.equal, .glob, .like].contains(condition.operation)
    {
      plan.used.append(index)
      plan.cost /= 10
      plan.rowCount /= 10
    }
    return plan
  }

  func cursor() -> any TableCursor { CountsCursor(source) }
}

/// Goes through the counts, a stream at a time.
private final class CountsCursor: TableCursor {
  private let source: EntrySource
  private var streams: [StreamInfo] = []
  private var streamIndex = -1
  private var isByMinute = true
  private var groups: [(key: EntryCounts.Key, count: UInt64)] = []
  private var index = 0
  private var rowNumber: Int64 = 0
  private var clock = ClockText(.utc)

  init(_ source: EntrySource) { self.source = source }

  var isAtEnd: Bool { streamIndex >= streams.count }

  func begin(_ search: TableSearch) throws(SQLFailure) {
    streams = source.store.streams
    for (condition, value) in search.terms where condition.isBinary || condition.operation != .equal {
      streams = EntrySelection.streams(streams, condition.operation, value)
    }
    isByMinute = search.columns >> UInt64(CountsTable.minuteColumn) & 1 == 1
    (streamIndex, groups, index, rowNumber) = (-1, [], -1, 0)
    try next()
  }

  func next() throws(SQLFailure) {
    index += 1
    rowNumber += 1
    while index >= groups.count {
      streamIndex += 1
      guard streamIndex < streams.count else { return }
      groups = try EntryCounts.groups(of: streams[streamIndex], byMinute: isByMinute, source)
      index = 0
    }
  }

  func rowID() -> Int64 { rowNumber }

  func write(column: Int, to result: borrowing ColumnResult) {
    let (key, count) = groups[index]
    switch column {
    case 0: result.set(streams[streamIndex].name.text)
    case CountsTable.minuteColumn:
      var text: [UInt8] = []
      clock.appendSQL(key.minute, to: &text)
      result.set(Array(text.prefix(Self.minuteByteCount)))
    case 2: result.set(LogSeverity(number: key.severity)?.levelName ?? "")
    case 3: result.set(Int64(key.severity))
    default: result.set(Int64(clamping: count))
    }
  }

  /// `2026-11-28 10:00`
  private static let minuteByteCount = 16
}
