internal import LogsSystem
package import LogsWire
internal import Synchronization

/// Evaluators that no read is using.
final class FilterEvaluators: Sendable {
  private let free = Mutex<[Loan]>([])

  /// Invariant behind `@unchecked Sendable`: who has taken it out of `free` is the only one to use it.
  private struct Loan: @unchecked Sendable { let evaluator: FilterEvaluator }

  func with<Result, Failure: Error>(
    _ body: (FilterEvaluator) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let loan = free.withLock { $0.popLast() } ?? Loan(evaluator: FilterEvaluator())
    defer { free.withLock { $0.append(loan) } }
    return try body(loan.evaluator)
  }
}

/// What one read of a stream needs to leave out what a filter does not let through.
struct FilteredRead {
  private let evaluator: FilterEvaluator
  private let deadline: Int64
  private let isCancelled: () -> Bool
  private let name: StreamName
  private let seed: UInt64
  private let filter: Filter
  /// As in `ReadRequest`.
  var takesDictionaries = false
  let shared: SharedFilter
  /// Entries that are still wanted.
  private var countLeft: Int
  private(set) var tally: Tally?
  private(set) var evaluatedByteCount = 0
  private(set) var evaluatedTime: Int64?

  /// - Parameters:
  ///   - deadline: when the read ends, after one batch at least.
  ///   - isCancelled: whether nobody waits for the answer any more.
  init(
    _ shared: SharedFilter, _ request: ReadRequest, _ stream: StreamInfo, _ evaluator: FilterEvaluator, deadline: Int64,
    isCancelled: @escaping () -> Bool
  ) {
    self.shared = shared
    filter = shared.filter
    self.evaluator = evaluator
    self.deadline = deadline
    self.isCancelled = isCancelled
    name = stream.name
    seed = stream.serverSeed
    countLeft = Int(clamping: request.countMax ?? .max)
    tally = request.tally.map { Tally($0) }
  }

  /// Adds what passes of a batch that covers the builder's position.
  ///
  /// - Returns: false when the read ends.
  mutating func add(_ run: Run, to builder: inout PieceBuilder, isReverse: Bool) throws(StoreError) -> Bool {
    let batch: Batch
    do throws(WireDecodingError) { batch = try run.firstBatch() } catch { throw .undecodable(error, name) }
    let wanted = builder.wanted
    var numbers = max(run.first, wanted.lowerBound)...min(run.last, wanted.upperBound)
    while true {
      let outcome = try outcome(of: batch, numbers, isReverse: isReverse)
      guard case .undecided(let undecided, let before) = outcome else {
        guard try add(outcome, of: run, count: batch.header.count, numbers, to: &builder, isReverse: isReverse) else {
          return false
        }
        break
      }
      if undecided != (isReverse ? numbers.upperBound : numbers.lowerBound) {
        let decided = isReverse ? undecided + 1...numbers.upperBound : numbers.lowerBound...undecided - 1
        guard try add(before, of: run, count: batch.header.count, decided, to: &builder, isReverse: isReverse) else {
          return false
        }
      }
      if countLeft > 0 { builder.skip(through: undecided, .undecided) }
      let isLast = undecided == (isReverse ? numbers.lowerBound : numbers.upperBound)
      if isLast || endsHere || builder.isComplete { break }
      numbers = isReverse ? numbers.lowerBound...undecided - 1 : undecided + 1...numbers.upperBound
    }
    if endsHere { builder.stop() }
    return !builder.isComplete
  }

  /// Whether all has been found, or the time of this read is over.
  private var endsHere: Bool { countLeft <= 0 || SystemClock.monotonic() >= deadline }

  private mutating func outcome(
    of batch: Batch, _ numbers: ClosedRange<UInt64>, isReverse: Bool
  ) throws(StoreError) -> FilterEvaluator.Outcome {
    do throws(FilterFailure) {
      let request = FilterEvaluator.Request(
        filter: filter, stream: name, seed: seed, numbers: numbers, countMax: countLeft, isReverse: isReverse)
      let isCancelled = isCancelled
      evaluatedByteCount += batch.bytes.count
      evaluatedTime = batch.header.effectiveTimes.upperBound
      guard tally == nil else {
        try count(batch, request)
        return .nothing
      }
      return try evaluator.evaluate(batch, request, while: { !isCancelled() })
    } catch {
      throw StoreError(error, name)
    }
  }

  /// Adds what passes of some numbers, all of which are decided.
  ///
  /// - Parameter count: of the batch's entries.
  /// - Returns: false when it no longer fits.
  private mutating func add(
    _ outcome: FilterEvaluator.Outcome, of run: Run, count: UInt32, _ numbers: ClosedRange<UInt64>,
    to builder: inout PieceBuilder, isReverse: Bool
  ) throws(StoreError) -> Bool {
    switch outcome {
    case .undecided: preconditionFailure("these numbers are decided")
    case .nothing:
      builder.skip(through: isReverse ? numbers.lowerBound : numbers.upperBound, .filtered)
    case .everything:
      guard builder.append(try given(run)) else { return false }
      countLeft -= Int(count)
    case .part(let part, let count, let last):
      guard builder.append(Run(isReverse ? last...run.last : run.first...last, part.bytes)) else { return false }
      countLeft -= count
    }
    return true
  }

  /// A batch as the reader takes it.
  private func given(_ run: Run) throws(StoreError) -> Run {
    if takesDictionaries || run.dictionary == nil { return run }
    do throws(FilterFailure) { return try evaluator.plain(run, seed: seed) } catch { throw StoreError(error, name) }
  }

  // MARK: What an index knows

  /// Whether an index may know something of what this filter lets through.
  var canUseIndex: Bool { shared.need != .anything || tally != nil || shared.filter.readsHeaders }

  /// Whether nothing in a group of blocks passes, by times, severities, numbers and the stream alone.
  func rulesOut(_ group: BlockGroup) -> Bool {
    forecast(severities: group.severities, group.times, group.numbers) == FilterForecast.none
  }

  /// What is known of a block whose messages may have what they must.
  func verdict(of block: Block) -> JudgedBlock.Verdict {
    switch forecast(severities: block.severities, block.times, block.numbers) {
    case .none: return .nothing
    case .all: return .counted(block.levels, times: block.times)
    case .some:
      var levels: [Block.Level] = []
      for level in block.levels {
        switch forecast(severities: 1 << UInt32(level.severity), block.times, block.numbers) {
        case .none: break
        case .all: levels.append(level)
        case .some: return .unknown
        }
      }
      return levels.isEmpty ? .nothing : .counted(levels, times: block.times)
    }
  }

  private func forecast(
    severities: UInt32, _ times: ClosedRange<Int64>, _ numbers: ClosedRange<UInt64>
  ) -> FilterForecast {
    do throws(FilterFailure) {
      return try evaluator.forecast(filter, severities: severities, times: times, numbers: numbers, stream: name)
    } catch {
      // An expression for the stream's name that costs too much: who looks at entries meets it again.
      return .some
    }
  }

  /// Whether nothing of a block has to be looked at.
  func isAnswered(_ block: JudgedBlock, isWhole: Bool) -> Bool {
    switch block.verdict {
    case .nothing: true
    case .unknown: false
    case .counted(_, let times): isWhole && tally?.canCount(times) ?? false
    }
  }

  /// Counts a block of which nothing has to be looked at.
  ///
  /// - Returns: whether it is one.
  mutating func count(_ block: JudgedBlock, isWhole: Bool) -> Bool {
    guard isAnswered(block, isWhole: isWhole) else { return false }
    if case .counted(let levels, let times) = block.verdict {
      evaluatedTime = times.upperBound
      for level in levels { tally?.add(severity: level.severity, count: level.count, time: times.lowerBound) }
    }
    return true
  }

  // MARK: Counting

  private mutating func count(_ batch: Batch, _ request: FilterEvaluator.Request) throws(FilterFailure) {
    guard var tally else { return }
    self.tally = nil
    let isCancelled = isCancelled
    try evaluator.tally(batch, request, into: &tally, while: { !isCancelled() })
    self.tally = tally
  }
}

extension FilterEvaluator {
  /// A single batch without its dictionary.
  func plain(_ run: Run, seed: UInt64) throws(FilterFailure) -> Run {
    let batch = try FilterFailure.wrapping { () throws(WireDecodingError) in try run.firstBatch() }
    return Run(run.numbers, try plain(batch, seed: seed).bytes)
  }
}

extension StoreError {
  package static func undecodable(_ error: WireDecodingError, _ stream: StreamName) -> StoreError {
    StoreError(.undecodable, "stream '\(stream)' holds a batch that cannot be read: \(error)")
  }

  init(_ failure: FilterFailure, _ stream: StreamName) {
    switch failure {
    case .damaged(let error): self = .undecodable(error, stream)
    case .cancelled: self = .unwanted
    case .undecided(let number, let pattern):
      self.init(
        .filterTooCostly,
        """
        the regular expression /\(pattern)/ takes more than \(Limits.regexMatchMax) steps on entry \(number) of \
        stream '\(stream)'; give its repetitions a limit, like .{0,80} instead of .*
        """)
    case .tooCostly(let pattern):
      self.init(
        .filterTooCostly,
        """
        the regular expression /\(pattern)/ takes more than \(Limits.regexMatchMax) steps on the name of stream \
        '\(stream)'; give its repetitions a limit, like .{0,80} instead of .*
        """)
    }
  }
}
