internal import LogsWire

/// Collects what a read covers, ascending or descending, without a gap.
struct PieceBuilder: ~Copyable {
  private let request: ReadRequest
  private let head: UInt64
  private let first: UInt64
  private let removals: Removals
  private var pieces: [ReadResult.Piece] = []
  private var byteCount = 0
  /// Adjacent batches, until something else follows them.
  private var batches = ByteWriter(capacity: 0)
  private var batchNumbers: ClosedRange<UInt64> = 0...0
  /// What some of them need.
  private var dictionary: BatchDictionary?
  /// The next number to be covered; descending, 0 when all are.
  private(set) var position: UInt64
  private(set) var isFull = false
  /// How many entries may still be given. What a filter leaves out is not known here: `FilteredRead` counts itself.
  private var countLeft: UInt64

  init(_ request: ReadRequest, of stream: StreamInfo) {
    self.request = request
    head = stream.head
    first = stream.first
    removals = stream.removals
    countLeft = request.filter == nil ? request.countMax ?? .max : .max
    position = request.isReverse ? min(request.to, head) : max(request.from, 1)
    if !request.isReverse, position < first { cover(through: first - 1, .trimmed) }
    passRemoved()
  }

  /// The last number wanted that exists.
  private var upper: UInt64 { min(request.to, head) }
  /// The first number wanted that its segment keeps.
  private var lower: UInt64 { max(request.from, first) }
  var isComplete: Bool { isFull || (request.isReverse ? position < lower : position > upper) }

  /// From `position` up to (or, descending, down to) the end of what is wanted, or where something was removed.
  var wanted: ClosedRange<UInt64> {
    let kept = removals.kept(around: position)
    return request.isReverse ? max(lower, kept.lowerBound)...position : position...min(upper, kept.upperBound)
  }

  /// Which numbers of a batch that covers `position` may be given, if not all of it may.
  func cut(of batch: Run) -> ClosedRange<UInt64>? {
    guard let removal = removals.first(from: batch.first), removal.numbers.lowerBound <= batch.last else { return nil }
    let wanted = wanted
    return max(wanted.lowerBound, batch.first)...min(wanted.upperBound, batch.last)
  }

  /// Covers what was removed at `position`.
  private mutating func passRemoved() {
    while !removals.isEmpty, !isComplete {
      let next = request.isReverse ? removals.last(downTo: position) : removals.first(from: position)
      guard let next, next.numbers.contains(position) else { return }
      cover(through: request.isReverse ? next.numbers.lowerBound : next.numbers.upperBound, next.reason)
    }
  }

  /// Adds a batch that covers `position`, of which nothing was removed but what lies outside of `wanted`.
  ///
  /// - Returns: false when it no longer fits.
  mutating func append(_ batch: Run) -> Bool {
    let bytes = batch.batches
    if byteCount > 0, byteCount + bytes.count > request.byteCountMax {
      isFull = true
      return false
    }
    byteCount += bytes.count
    let given = given(of: batch)
    countLeft -= min(given.upperBound - given.lowerBound + 1, countLeft)
    if request.isReverse {
      pieces.append(.batches(Run(given, bytes, batch.dictionary)))
      position = given.lowerBound - 1
    } else {
      if let other = batch.dictionary {
        if let dictionary, dictionary != other { flush() }
        dictionary = other
      }
      batchNumbers = (batches.count == 0 ? given.lowerBound : batchNumbers.lowerBound)...given.upperBound
      batches.append(bytes)
      position = given.upperBound + 1
    }
    passRemoved()
    if byteCount >= request.byteCountMax || countLeft == 0 { isFull = true }
    return true
  }

  /// From `position` on what is wanted of a batch, as far as the entries are not too many.
  private func given(of batch: Run) -> ClosedRange<UInt64> {
    let wanted = wanted
    if request.isReverse {
      let first = max(batch.first, wanted.lowerBound)
      return (position - first < countLeft ? first : position - (countLeft - 1))...position
    }
    let last = min(batch.last, wanted.upperBound)
    return position...(last - position < countLeft ? last : position + (countLeft - 1))
  }

  /// Ends the read here.
  mutating func stop() { isFull = true }

  /// Covers everything from `position` up to (or, descending, down to) `end` without delivering it: for `reason`, or
  /// because it was removed.
  mutating func skip(through end: UInt64, _ reason: SkipReason) {
    while request.isReverse ? position >= max(end, 1) : position <= end, !isComplete {
      let wanted = wanted
      cover(through: request.isReverse ? max(end, wanted.lowerBound) : min(end, wanted.upperBound), reason)
      passRemoved()
    }
  }

  private mutating func cover(through end: UInt64, _ reason: SkipReason) {
    flush()
    let from = request.isReverse ? max(end, request.from, 1) : position
    let to = request.isReverse ? position : min(end, upper)
    guard from <= to else { return }
    #if PLANTED_BUGS
      if PlantedBug.planted == .skipTooShort, reason == .trimmed || reason == .deleted {
        if from < to { pieces.append(.skip(from...to - 1, reason)) }
        position = request.isReverse ? from - 1 : to + 1
        return
      }
    #endif
    if case .skip(let earlier, reason)? = pieces.last {
      pieces[pieces.count - 1] = .skip(min(earlier.lowerBound, from)...max(earlier.upperBound, to), reason)
    } else {
      pieces.append(.skip(from...to, reason))
    }
    position = request.isReverse ? from - 1 : to + 1
  }

  private mutating func flush() {
    guard batches.count > 0 else { return }
    let bytes = ByteString(copying: batches.span)
    batches.removeAll()
    pieces.append(.batches(Run(batchNumbers, bytes, dictionary)))
    dictionary = nil
  }

  consuming func finish() -> ReadResult {
    if request.isReverse, !isFull, position < first, position >= max(request.from, 1) { cover(through: 1, .trimmed) }
    // The common case: the collected batches are handed over without a copy.
    let (head, position, numbers, dictionary) = (head, position, batchNumbers, dictionary)
    let (request, upper) = (request, upper)
    var pieces = pieces
    if batches.count > 0 { pieces.append(.batches(Run(numbers, batches.finish(), dictionary))) }
    // A batch may reach beyond what was asked for; the numbers beyond do not count.
    let next = request.isReverse ? position : min(position, max(upper + 1, max(request.from, 1)))
    return ReadResult(pieces: pieces, next: next, head: head)
  }
}
