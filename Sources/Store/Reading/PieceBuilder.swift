internal import LogsWire

/// Collects what a read covers, ascending or descending, without a gap.
struct PieceBuilder: ~Copyable {
  private let request: ReadRequest
  private let head: UInt64
  private let first: UInt64
  private var pieces: [ReadResult.Piece] = []
  private var byteCount = 0
  /// Adjacent batches, until something else follows them.
  private var batches = ByteWriter(capacity: 0)
  private var batchNumbers: ClosedRange<UInt64> = 0...0
  /// The next number to be covered; descending, 0 when all are.
  private(set) var position: UInt64
  private(set) var isFull = false

  init(_ request: ReadRequest, of stream: StreamInfo) {
    self.request = request
    head = stream.head
    first = stream.first
    position = request.isReverse ? min(request.to, head) : max(request.from, 1)
    if !request.isReverse, position < first { skip(through: first - 1, .trimmed) }
  }

  /// The last number wanted that exists.
  var upper: UInt64 { min(request.to, head) }
  /// The first number wanted that is kept.
  var lower: UInt64 { max(request.from, first) }
  var isComplete: Bool { isFull || (request.isReverse ? position < lower : position > upper) }

  /// Adds a batch that covers `position`.
  ///
  /// - Returns: false when it no longer fits.
  mutating func append(_ batch: Run) -> Bool {
    let bytes = batch.batches
    if byteCount > 0, byteCount + bytes.count > request.byteCountMax {
      isFull = true
      return false
    }
    byteCount += bytes.count
    if request.isReverse {
      pieces.append(.batches(Run(max(batch.first, lower)...position, bytes)))
      position = batch.first - 1
    } else {
      batchNumbers = (batches.count == 0 ? position : batchNumbers.lowerBound)...min(batch.last, upper)
      batches.append(bytes)
      position = batch.last + 1
    }
    if byteCount >= request.byteCountMax { isFull = true }
    return true
  }

  /// Ends the read here.
  mutating func stop() { isFull = true }

  /// Covers everything from `position` up to (or, descending, down to) `end` without delivering it.
  mutating func skip(through end: UInt64, _ reason: SkipReason) {
    flush()
    let from = request.isReverse ? max(end, request.from, 1) : position
    let to = request.isReverse ? position : min(end, upper)
    guard from <= to else { return }
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
    pieces.append(.batches(Run(batchNumbers, bytes)))
  }

  consuming func finish() -> ReadResult {
    if request.isReverse, !isFull, position < first, position >= max(request.from, 1) { skip(through: 1, .trimmed) }
    // The common case: the collected batches are handed over without a copy.
    let (head, position, numbers) = (head, position, batchNumbers)
    let (request, upper) = (request, upper)
    var pieces = pieces
    if batches.count > 0 { pieces.append(.batches(Run(numbers, batches.finish()))) }
    // A batch may reach beyond what was asked for; the numbers beyond do not count.
    let next = request.isReverse ? position : min(position, max(upper + 1, max(request.from, 1)))
    return ReadResult(pieces: pieces, next: next, head: head)
  }
}
