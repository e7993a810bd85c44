internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Finding runs by the numbers that they hold, between `beginSnapshot` and `endSnapshot`.
extension ReaderConnection {
  /// The run that covers `bounds.lowerBound` and those after it that begin within the bounds.
  func runs(of stream: Int64, upFrom bounds: ClosedRange<UInt64>, _ budget: Budget) throws(SQLiteError) -> Runs {
    var found = FoundRuns(bounds, budget, isDescending: false)
    for statements in runStatements {
      statements.forward.bind(1, stream)
      statements.forward.bind(2, bits: bounds.lowerBound)
      statements.forward.bind(3, bits: bounds.upperBound)
      guard try found.take(from: statements.forward, unpacker) else {
        return try withDictionary(found.runs, of: stream)
      }
    }
    if found.take(unapplied.rows(of: stream, in: bounds)) { found.runs.isEnd = true }
    return try withDictionary(found.runs, of: stream)
  }

  /// The run that covers `bounds.upperBound` and those before it that end within the bounds, descending.
  func runs(of stream: Int64, downFrom bounds: ClosedRange<UInt64>, _ budget: Budget) throws(SQLiteError) -> Runs {
    var found = FoundRuns(bounds, budget, isDescending: true)
    guard found.take(unapplied.rows(of: stream, in: bounds).reversed()) else { return found.runs }
    let last = found.runs.runs.last.map { $0.first - 1 } ?? bounds.upperBound
    for statements in runStatements.reversed() {
      statements.backward.bind(1, stream)
      statements.backward.bind(2, bits: last)
      guard try found.take(from: statements.backward, unpacker) else {
        return try withDictionary(found.runs, of: stream)
      }
    }
    found.runs.isEnd = true
    return try withDictionary(found.runs, of: stream)
  }

  /// The runs with what their batches need.
  private func withDictionary(_ runs: Runs, of stream: Int64) throws(SQLiteError) -> Runs {
    guard let dictionaries, !runs.runs.isEmpty, let dictionary = try dictionaries.dictionary(of: stream) else {
      return runs
    }
    var runs = runs
    for index in runs.runs.indices { runs.runs[index].dictionary = dictionary }
    return runs
  }

  /// The runs of one read so far.
  private struct FoundRuns {
    var runs = Runs()
    private let bounds: ClosedRange<UInt64>
    private let budget: Budget
    private let isDescending: Bool
    private let deadline: Int64
    private var byteCount = 0

    init(_ bounds: ClosedRange<UInt64>, _ budget: Budget, isDescending: Bool) {
      self.bounds = bounds
      self.budget = budget
      self.isDescending = isDescending
      deadline = SystemClock.monotonic() &+ budget.time.nanoseconds
    }

    /// Takes the rows of a statement, which is reset.
    ///
    /// - Returns: whether the rows of another part of the segment are wanted.
    mutating func take(
      from statement: borrowing Statement, _ unpacker: RowUnpacker
    ) throws(SQLiteError) -> Bool {
      defer { statement.reset() }
      while byteCount < budget.byteCount, runs.runs.isEmpty || SystemClock.monotonic() < deadline {
        do throws(SQLiteError) {
          guard try statement.step() else { return true }
          let numbers = try statement.numbers(first: 0, span: 1)
          // The row before a gap does not reach into the bounds. It is not even read, or it would use up the budget
          // again and again.
          if numbers.upperBound < bounds.lowerBound {
            guard isDescending else { continue }
            runs.isEnd = true
            return false
          }
          guard add(Run(numbers, try unpacker.batches(statement, 2))) else { return false }
        } catch {
          // What was read before the error is good; who asks for what comes next meets the error again.
          if runs.runs.isEmpty { throw error }
          return false
        }
      }
      return false
    }

    /// Takes rows that no statement has, as above.
    mutating func take(_ rows: some Sequence<SegmentRow>) -> Bool {
      for row in rows {
        guard byteCount < budget.byteCount, add(Run(row.numbers, row.batches)) else { return false }
      }
      return true
    }

    /// - Returns: whether others are wanted.
    private mutating func add(_ run: Run) -> Bool {
      byteCount += run.batches.count
      runs.runs.append(run)
      guard isDescending ? run.first <= bounds.lowerBound : run.last >= bounds.upperBound else { return true }
      runs.isEnd = true
      return false
    }
  }

  /// Where the first run after `position` begins, from the index alone, which works next to a damaged row.
  func firstOfRun(of stream: Int64, behind position: UInt64) throws(SQLiteError) -> UInt64? {
    for statements in runStatements {
      defer { statements.firstBehind.reset() }
      statements.firstBehind.bind(1, stream)
      statements.firstBehind.bind(2, bits: position)
      if try statements.firstBehind.step() { return statements.firstBehind.bits(0) }
    }
    return unapplied.rows(of: stream, in: position...UInt64.max).map(\.numbers.lowerBound).first { $0 > position }
  }

  /// Where the run that covers `position` begins, from the index alone.
  func firstOfRun(of stream: Int64, covering position: UInt64) throws(SQLiteError) -> UInt64? {
    if let row = unapplied.rows(of: stream, in: 0...position).last { return row.numbers.lowerBound }
    for statements in runStatements.reversed() {
      defer { statements.firstCovering.reset() }
      statements.firstCovering.bind(1, stream)
      statements.firstCovering.bind(2, bits: position)
      if try statements.firstCovering.step() {
        return UInt64(try statements.firstCovering.integer(0, in: 1...Int64.max))
      }
    }
    return nil
  }

  /// The times of the next runs that begin at `position` or later.
  func times(of stream: Int64, from position: UInt64, limit: Int, _ time: Duration) throws(SQLiteError) -> Times {
    let deadline = SystemClock.monotonic() &+ time.nanoseconds
    var times = Times()
    for statements in runStatements {
      statements.times.bind(1, stream)
      statements.times.bind(2, bits: position)
      guard try times.take(from: statements.times, limit: limit, until: deadline) else { return times }
    }
    // The snapshot may have some of it.
    let next = times.rows.last.map { $0.numbers.upperBound + 1 } ?? position
    let rows = unapplied.rows(of: stream, in: next...UInt64.max)
    times.isEnd = times.take(rows.drop { $0.numbers.lowerBound < next }, limit: limit)
    return times
  }

  /// The times of the runs that begin at `position` or before it, descending.
  func times(of stream: Int64, downFrom position: UInt64, limit: Int, _ time: Duration) throws(SQLiteError) -> Times {
    let deadline = SystemClock.monotonic() &+ time.nanoseconds
    var times = Times()
    guard times.take(unapplied.rows(of: stream, in: 0...position).reversed(), limit: limit) else { return times }
    let last = times.rows.last.map { $0.numbers.lowerBound - 1 } ?? position
    for statements in runStatements.reversed() {
      statements.timesBackward.bind(1, stream)
      statements.timesBackward.bind(2, bits: last)
      guard try times.take(from: statements.timesBackward, limit: limit, until: deadline) else { return times }
    }
    times.isEnd = true
    return times
  }
}

extension ReaderConnection.Times {
  /// Takes the rows of a statement, which is reset.
  ///
  /// - Returns: whether the rows of another part of the segment are wanted.
  fileprivate mutating func take(
    from statement: borrowing Statement, limit: Int, until deadline: Int64
  ) throws(SQLiteError) -> Bool {
    defer { statement.reset() }
    while rows.count < limit, rows.isEmpty || SystemClock.monotonic() < deadline {
      do throws(SQLiteError) {
        guard try statement.step() else { return true }
        rows.append(
          ReaderConnection.RunTimes(
            numbers: try statement.numbers(first: 0, span: 1), minTime: statement.integer(2),
            maxTime: statement.integer(3)))
      } catch {
        // What was read before the error is good; who asks for what comes next meets the error again.
        if rows.isEmpty { throw error }
        return false
      }
    }
    return false
  }

  /// Takes rows that no statement has, as above.
  fileprivate mutating func take(_ unapplied: some Sequence<SegmentRow>, limit: Int) -> Bool {
    for row in unapplied {
      guard rows.count < limit else { return false }
      rows.append(ReaderConnection.RunTimes(numbers: row.numbers, minTime: row.minTime, maxTime: row.maxTime))
    }
    return true
  }
}
