internal import LogsDisk
internal import LogsWire

/// Puts the batches of streams together to larger ones, and these to rows.
///
/// They come stream by stream in ascending order. Those with a gap between them stay apart: a reader must learn why
/// numbers have no entry.
struct BatchCompaction: ~Copyable {
  /// What puts batches together, at zstd's level 16: on real logs level 12 takes 8 % more space and a sixth of the
  /// time, level 19 2 % less and four times the time. With a dictionary 15 takes as little as 16, and less time.
  static func merger(_ dictionary: BatchDictionary?) -> BatchMerger {
    BatchMerger(level: dictionary == nil ? 16 : 15, dictionary: dictionary, seed: .random(in: .min ... .max))
  }

  /// A row ends when it has this many bytes.
  private static let rowByteCountMin = 512 << 10

  /// What becomes of the batches of a stream.
  struct Plan {
    /// Whether they are put together at all.
    var merges: Bool
    /// The only one that they may refer to in the new file.
    var dictionary: BatchDictionary?

    /// Whether a batch can be read in the new file as it is.
    func allows(_ batch: Batch) -> Bool {
      batch.header.dictionary == 0 || batch.header.dictionary == dictionary?.id
    }
  }

  private let path: String
  private let unpacker = BatchUnpacker()
  private var plan = Plan(merges: false, dictionary: nil)
  private var merger = merger(nil)
  /// Puts batches together that are too large for a dictionary: without it, they might be too large to be stored.
  private var plainMerger = merger(nil)
  /// Whether it has the last ones.
  private var takesPlain = false
  private static let dictionaryByteCountMax = 1 << 20
  /// What the merger holds, as it was.
  private var pending: [Batch] = []
  private var stream: StreamInfo?
  private var last: UInt64 = 0
  /// The row in the making, still without its batches, which are in `bytes`.
  private var row: SegmentRow?
  private var bytes = ByteWriter(capacity: 0)

  /// - Parameter path: of the file that they are from, for errors.
  init(path: String) { self.path = path }

  /// Goes on with another stream.
  ///
  /// - Precondition: nothing of the one before is left.
  mutating func begin(_ stream: StreamInfo, _ plan: Plan) {
    precondition(self.stream == nil, "the stream before is finished")
    self.stream = stream
    last = 0
    if plan.dictionary != self.plan.dictionary {
      merger = Self.merger(plan.dictionary)
    }
    self.plan = plan
  }

  /// Adds a batch, and returns the rows that are complete.
  ///
  /// - Throws: `damage` if it cannot be read.
  mutating func add(_ batch: Batch) throws(SQLiteError) -> [SegmentRow] {
    var rows: [SegmentRow] = []
    if batch.header.firstSequence != last + 1 { try endRows(&rows) }
    last = batch.header.lastSequence
    if try isMerged(batch, &rows) { return rows }
    try merge(&rows)
    try store(batch, &rows)
    return rows
  }

  /// Whether the merger has taken a batch.
  private mutating func isMerged(_ batch: Batch, _ rows: inout [SegmentRow]) throws(SQLiteError) -> Bool {
    if !plan.merges { return false }
    let header = batch.header
    // What has been merged before stays as it is if it is half as large as it could be.
    if header.flags.contains(.reencoded), header.dictionary == plan.dictionary?.id ?? 0,
      Int(header.count) >= merger.size.entryCount / 2 || Int(header.rawLength) >= merger.size.payloadByteCount / 2
    {
      return false
    }
    let isPlain = plan.dictionary != nil && Int(header.rawLength) > Self.dictionaryByteCountMax
    if isPlain != takesPlain {
      try merge(&rows)
      takesPlain = isPlain
    }
    let content = BatchRows(batch, unpacker)
    var outcome = try take(content)
    if outcome == .full {
      try merge(&rows)
      outcome = try take(content)
    }
    guard outcome == .added else { return false }
    pending.append(batch)
    return true
  }

  private mutating func take(_ content: BatchRows) throws(SQLiteError) -> BatchMerger.Outcome {
    do throws(WireDecodingError) { return try takesPlain ? plainMerger.add(content) : merger.add(content) } catch {
      throw SQLiteError(damage: "a batch cannot be read: \(error)", path: path)
    }
  }

  /// Makes one batch of what the merger holds, unless that takes more space than it did.
  private mutating func merge(_ rows: inout [SegmentRow]) throws(SQLiteError) {
    guard let stream, !(takesPlain ? plainMerger.isEmpty : merger.isEmpty) else { return }
    let batches = pending
    pending = []
    let plan = plan
    let mustMerge = !batches.allSatisfy { plan.allows($0) }
    let finished =
      takesPlain ? plainMerger.finish(seed: stream.serverSeed) : merger.finish(seed: stream.serverSeed)
    if let merged = finished,
      merged.bytes.count < batches.reduce(0, { $0 + $1.bytes.count }) || mustMerge
    {
      return try store(merged, &rows)
    }
    for batch in batches { try store(batch, &rows) }
  }

  private mutating func store(_ batch: Batch, _ rows: inout [SegmentRow]) throws(SQLiteError) {
    guard let stream else { preconditionFailure("a batch has a stream") }
    guard plan.allows(batch) else {
      throw SQLiteError(damage: "a batch cannot be stored without its dictionary", path: path)
    }
    let addition = SegmentRow(batch, of: stream.id)
    if row == nil { row = addition } else { row?.add(addition) }
    bytes.append(batch.bytes)
    if bytes.count >= Self.rowByteCountMin { endRow(&rows) }
  }

  private mutating func endRow(_ rows: inout [SegmentRow]) {
    guard var ended = row else { return }
    row = nil
    var collected = ByteWriter(capacity: 0)
    swap(&collected, &bytes)
    ended.batches = collected.finish()
    rows.append(ended)
  }

  private mutating func endRows(_ rows: inout [SegmentRow]) throws(SQLiteError) {
    try merge(&rows)
    endRow(&rows)
  }

  /// What is left of the stream.
  mutating func finish() throws(SQLiteError) -> [SegmentRow] {
    var rows: [SegmentRow] = []
    try endRows(&rows)
    stream = nil
    return rows
  }
}
