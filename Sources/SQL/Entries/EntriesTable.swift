internal import LogsStore
internal import LogsWire

/// `entries`: a row for each entry, by stream and number.
final class EntriesTable: VirtualTable {
  private let source: EntrySource

  init(_ source: EntrySource) { self.source = source }

  let name = "entries"
  let declaration = """
    CREATE TABLE entries(
      stream TEXT, seq INTEGER, time TEXT, time_ns INTEGER, received TEXT, received_ns INTEGER, level TEXT,
      severity INTEGER, source TEXT, kind TEXT, message TEXT, attributes TEXT, entries HIDDEN)
    """

  /// About how many entries a condition leaves of a hundred.
  private static func share(_ condition: TableCondition) -> Double {
    switch (EntryColumn(rawValue: condition.column), condition.operation) {
    case (.seq, .equal): 0.000_01
    case (.stream, .equal): 5
    case (.time, .equal), (.timeNanoseconds, .equal): 0.001
    case (.stream, _): 20
    case (.level, .equal), (.severity, .equal): 10
    case (.message, _), (.entries, _): 10
    default: 40
    }
  }

  /// Whether a condition narrows what is read.
  private static func isUseful(_ condition: TableCondition) -> Bool {
    switch (EntryColumn(rawValue: condition.column), condition.operation) {
    case (.stream, .equal), (.stream, .glob), (.stream, .like), (.level, .equal), (.message, .glob), (.message, .like),
      (.entries, .match):
      true
    case (.time, let operation): operation != .match
    case (.seq, let operation), (.timeNanoseconds, let operation), (.severity, let operation):
      ![.glob, .like, .match].contains(operation)
    default: false
    }
  }

  func plan(_ question: TableQuestion) -> TablePlan? {
    let all = Double(max(source.entryCount, 1))
    var plan = TablePlan(cost: all, rowCount: 0)
    var share = 1.0
    for (index, condition) in question.conditions.enumerated() {
      let isMatch = condition.operation == .match
      guard condition.isUsable else {
        // Nothing but this table can carry it out.
        if isMatch { return nil }
        continue
      }
      guard Self.isUseful(condition) else { continue }
      plan.used.append(index)
      if isMatch { plan.settled.insert(index) }
      share *= Self.share(condition) / 100
    }
    plan.rowCount = Int64(max(all * share, 1))
    // To find where to begin takes about as long as to read a thousand entries.
    plan.cost = all * share + 1_000
    plan.isOrdered = Self.isOrdered(question, isReverse: false)
    if !plan.isOrdered, Self.isOrdered(question, isReverse: true) { (plan.isOrdered, plan.isReverse) = (true, true) }
    return plan
  }

  /// Whether rows come in the order that is asked for.
  private static func isOrdered(_ question: TableQuestion, isReverse: Bool) -> Bool {
    guard !question.order.isEmpty, question.order.allSatisfy({ $0.isDescending == isReverse }) else { return false }
    let columns = question.order.map { EntryColumn(rawValue: $0.column) }
    let isOneStream = question.conditions.contains {
      $0.isUsable && $0.isBinary && $0.operation == .equal && EntryColumn(rawValue: $0.column) == .stream
    }
    return columns == [.stream, .seq] || columns == [.stream] || isOneStream && columns == [.seq]
  }

  func cursor() -> any TableCursor { EntriesCursor(source) }

  /// An entry as MATCH gets it.
  final class Row {
    let entries: BatchRows
    let number: UInt64
    let stream: StreamName

    init(_ entries: BatchRows, number: UInt64, of stream: StreamName) {
      (self.entries, self.number, self.stream) = (entries, number, stream)
    }
  }

  /// What passes a filter of the batch that was last asked for.
  private struct Passing {
    let filter: Filter
    var entries: BatchRows?
    var numbers: Set<UInt64> = []
    var undecided: Set<UInt64> = []
  }

  private let evaluator = FilterEvaluator()
  private var known: [SQLValue: Passing] = [:]

  /// A query with more filters makes them anew.
  private static let filterCountMax = 16

  private func passing(_ pattern: SQLValue) throws(SQLFailure) -> Passing {
    if let known = known[pattern] { return known }
    return Passing(filter: try EntrySelection.filter(of: pattern, now: source.now))
  }

  func matches(_ row: AnyObject, _ pattern: SQLValue) throws(SQLFailure) -> Bool {
    guard let row = row as? Row else { throw SQLFailure(.query, "MATCH takes entries") }
    var passing = try passing(pattern)
    if passing.entries !== row.entries {
      do throws(FilterFailure) {
        let header = row.entries.header
        let (numbers, undecided) = try evaluator.numbers(
          of: row.entries.batch, passing.filter, stream: row.stream, in: header.firstSequence...header.lastSequence)
        (passing.numbers, passing.undecided) = (numbers, Set(undecided))
      } catch {
        throw SQLFailure(.limit, "a filter of MATCH cannot be evaluated on '\(row.stream)'")
      }
      passing.entries = row.entries
      if known.count >= Self.filterCountMax { known = [:] }
      known[pattern] = passing
    }
    guard !passing.undecided.contains(row.number) else { throw EntrySource.undecided(row.number, row.stream) }
    return passing.numbers.contains(row.number)
  }
}
