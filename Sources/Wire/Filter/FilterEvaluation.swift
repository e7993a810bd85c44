/// Evaluates filters on one thread: what expressions need to match, and how an evaluation is cancelled.
final class FilterEvaluation {
  let matcher = RegexMatcher()
  /// Asked now and then; an evaluation ends when it says no.
  var mayGoOn: () -> Bool = { true }
  private var untilAsked = askEvery

  /// Whether the entries of a batch are looked at from the last one to the first.
  private var isReverse = false
  /// The entry, by its place in the batch, on which an expression took more than its limits allow: the first one in the
  /// order of looking. Only those before it in that order are decided.
  private(set) var undecided: Int?
  /// The expression.
  private(set) var costlyPattern: String?

  /// Texts looked at before `mayGoOn` is asked again.
  private static let askEvery = 64

  init() {}

  /// Forgets about the batch before.
  func begin(isReverse: Bool) {
    self.isReverse = isReverse
    (undecided, costlyPattern) = (nil, nil)
  }

  func isDecided(_ entry: Int) -> Bool { undecided.map { isReverse ? entry > $0 : entry < $0 } ?? true }

  /// Looks at entries in order, up to the first one that is too costly.
  func forEach(
    _ candidates: RowSet, _ body: (Int) throws(FilterFailure) -> Void
  ) throws(FilterFailure) {
    var entry = isReverse ? candidates.count : -1
    while let next = isReverse ? candidates.previous(before: entry) : candidates.next(after: entry), isDecided(next) {
      entry = next
      try checkpoint()
      do throws(FilterFailure) { try body(next) } catch {
        guard case .tooCostly(let pattern) = error else { throw error }
        (undecided, costlyPattern) = (next, pattern)
      }
    }
  }

  /// - Throws: `FilterFailure.cancelled`.
  func checkpoint() throws(FilterFailure) {
    untilAsked -= 1
    guard untilAsked == 0 else { return }
    untilAsked = Self.askEvery
    if !mayGoOn() { throw .cancelled }
  }
}

// MARK: - A batch's columns

extension FilterNode {
  /// The entries of a batch that pass, of those that are candidates.
  func matches(
    in candidates: RowSet, _ columns: BatchColumns, stream: StreamName, _ evaluation: FilterEvaluation
  ) throws(FilterFailure) -> RowSet {
    if candidates.isEmpty { return candidates }
    try evaluation.checkpoint()
    switch self {
    case .all: return candidates
    case .and(let nodes):
      // What is cheap leaves less to what is not.
      var left = candidates
      for node in nodes.sorted(by: { $0.cost < $1.cost }) {
        left = try node.matches(in: left, columns, stream: stream, evaluation)
      }
      return left
    case .or(let nodes):
      var matching = RowSet(false, count: candidates.count)
      var left = candidates
      for node in nodes.sorted(by: { $0.cost < $1.cost }) {
        let found = try node.matches(in: left, columns, stream: stream, evaluation)
        matching.formUnion(found)
        left.subtract(found)
      }
      return matching
    case .not(let node):
      var left = candidates
      left.subtract(try node.matches(in: candidates, columns, stream: stream, evaluation))
      return left
    case .test(let test): return try test.matches(in: candidates, columns, stream: stream, evaluation)
    }
  }

  /// How long it takes beside others, roughly.
  private var cost: Int {
    switch self {
    case .all: 0
    case .and(let nodes), .or(let nodes): nodes.reduce(0) { max($0, $1.cost) }
    case .not(let node): node.cost
    case .test(let test): test.cost
    }
  }
}

extension FilterTest {
  fileprivate var cost: Int {
    switch self {
    case .severity, .kind, .stream, .sequence, .time: 0
    case .source: 1
    case .message(.contains), .message(.word), .message(.exists): 2
    case .attribute: 3
    case .message: 4
    }
  }

  fileprivate func matches(
    in candidates: RowSet, _ columns: BatchColumns, stream: StreamName, _ evaluation: FilterEvaluation
  ) throws(FilterFailure) -> RowSet {
    switch self {
    case .severity(let mask):
      let severities = try columns.severities()
      return candidates.filter { mask >> UInt32(severities[$0]) & 1 == 1 }
    case .kind(let mask):
      let kinds = try columns.kinds()
      // Unknown kinds are read as logs.
      return candidates.filter { mask >> (LogEntry.Kind(rawValue: kinds[$0]) ?? .log).rawValue & 1 == 1 }
    case .sequence(let range):
      let offsets = try columns.offsets()
      let first = columns.header.firstSequence
      return candidates.filter { range.contains(first &+ UInt64(bitPattern: offsets[$0])) }
    case .time(let range):
      let times = try columns.times()
      return candidates.filter { range.contains(times[$0]) }
    case .stream(let test):
      return try test.holds(for: stream, evaluation) ? candidates : RowSet(false, count: candidates.count)
    case .source(let test):
      return try columns.sources().matching(test, needsText: true, in: candidates, evaluation) {
        () throws(FilterFailure) in try columns.sourcesInLowerCase()
      }
    case .message(let test):
      return try columns.messages().matching(test, needsText: false, in: candidates, evaluation) {
        () throws(FilterFailure) in try columns.messagesInLowerCase()
      }
    case .attribute(let path, let test):
      return try AttributeSearch(path: path, test: test, evaluation: evaluation).matches(in: candidates, columns)
    }
  }
}

extension TextColumn {
  /// - Parameter needsText: whether empty text passes no test.
  fileprivate func matching(
    _ test: TextTest, needsText: Bool, in candidates: RowSet, _ evaluation: FilterEvaluation,
    folded: () throws(FilterFailure) -> TextColumn
  ) throws(FilterFailure) -> RowSet {
    var wanted = rows(of: candidates)
    let isExistence = if case .exists = test { true } else { false }
    if needsText || isExistence { wanted = wanted.filter { !rows[$0].isEmpty } }
    if case .regex(let regex) = test {
      return try matching(regex, in: wanted, of: candidates, evaluation, folded: folded)
    }
    var matching = entries(of: try test.matches(in: wanted, self, folded: folded, evaluation), count: candidates.count)
    matching.formIntersection(candidates)
    return matching
  }

  /// By entry, since one that is too costly ends it. Rows that several entries have are matched once.
  private func matching(
    _ regex: FilterRegex, in wanted: RowSet, of candidates: RowSet, _ evaluation: FilterEvaluation,
    folded: () throws(FilterFailure) -> TextColumn
  ) throws(FilterFailure) -> RowSet {
    let rows = try regex.candidates(in: wanted, self, folded: folded, evaluation)
    var left = entries(of: rows, count: candidates.count)
    left.formIntersection(candidates)
    var matching = RowSet(false, count: candidates.count)
    var known: [Int: Bool] = [:]
    try evaluation.forEach(left) { entry throws(FilterFailure) in
      let row = indices?[entry] ?? entry
      if let isMatch = known[row] {
        if isMatch { matching.insert(entry) }
        return
      }
      let isMatch = try evaluation.matcher.matches(regex, bytes.span.extracting(self.rows[row]))
      if indices != nil { known[row] = isMatch }
      if isMatch { matching.insert(entry) }
    }
    return matching
  }
}

extension StreamTest {
  func holds(for stream: StreamName, _ evaluation: FilterEvaluation) throws(FilterFailure) -> Bool {
    switch self {
    case .matches(let pattern): return pattern.matches(stream)
    case .text(let test):
      let name = Array(stream.text.utf8)
      return try test.holds(for: unsafe name.span.bytes, evaluation.matcher)
    }
  }
}

extension RowSet {
  func filter(_ isWanted: (Int) -> Bool) -> RowSet {
    var result = RowSet(false, count: count)
    forEach { if isWanted($0) { result.insert($0) } }
    return result
  }
}

// MARK: - What a header says

/// What is known of entries that are not looked at one by one.
package enum FilterForecast: Hashable, Sendable { case none, some, all }

extension FilterNode {
  /// What a batch's header and stream say of its entries, or the sum of several headers.
  func forecast(
    severities: UInt32, times: ClosedRange<Int64>, numbers: ClosedRange<UInt64>, stream: StreamName,
    _ evaluation: FilterEvaluation
  ) throws(FilterFailure) -> FilterForecast {
    func forecast(_ node: FilterNode) throws(FilterFailure) -> FilterForecast {
      try node.forecast(severities: severities, times: times, numbers: numbers, stream: stream, evaluation)
    }
    switch self {
    case .all: return .all
    case .and(let nodes):
      var sum = FilterForecast.all
      for node in nodes {
        switch try forecast(node) {
        case .none: return .none
        case .some: sum = .some
        case .all: break
        }
      }
      return sum
    case .or(let nodes):
      var sum = FilterForecast.none
      for node in nodes {
        switch try forecast(node) {
        case .none: break
        case .some: sum = .some
        case .all: return .all
        }
      }
      return sum
    case .not(let node):
      switch try forecast(node) {
      case .none: return .all
      case .some: return .some
      case .all: return .none
      }
    case .test(.severity(let mask)):
      return severities & mask == 0 ? .none : severities & ~mask == 0 ? .all : .some
    case .test(.time(let range)): return FilterForecast(times, in: range)
    case .test(.sequence(let range)): return FilterForecast(numbers, in: range)
    case .test(.stream(let test)): return try test.holds(for: stream, evaluation) ? .all : .none
    case .test(.kind), .test(.source), .test(.message), .test(.attribute): return .some
    }
  }
}

extension FilterForecast {
  fileprivate init<Bound>(_ values: ClosedRange<Bound>, in wanted: ClosedRange<Bound>) {
    self =
      !wanted.overlaps(values)
      ? .none : wanted.contains(values.lowerBound) && wanted.contains(values.upperBound) ? .all : .some
  }
}
