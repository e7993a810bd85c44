internal import LogsDisk
internal import LogsWire

/// Puts the batches of streams together to larger ones, and these to rows.
///
/// They come stream by stream in ascending order. Those with a gap between them stay apart: a reader must learn why
/// numbers have no entry.
struct BatchCompaction: ~Copyable {
  /// zstd's. On real logs level 12 takes 8 % more space and a sixth of the time, level 19 2 % less and four times the
  /// time.
  private static let level: Int32 = 16
  /// A row ends when it has this many bytes.
  private static let rowByteCountMin = 512 << 10
  /// What has been merged before stays as it is if it has this many entries or bytes.
  private static let mergedEntryCountMin = UInt32(BatchMerger.entryCountMax / 2)
  private static let mergedByteCountMin = UInt32(BatchMerger.payloadByteCountMax / 2)

  private let path: String
  private let merges: Bool
  private let unpacker = BatchUnpacker()
  private var merger = BatchMerger(level: level, seed: .random(in: .min ... .max))
  /// What the merger holds, as it was.
  private var pending: [Batch] = []
  private var stream: StreamInfo?
  private var last: UInt64 = 0
  /// The row in the making, still without its batches, which are in `bytes`.
  private var row: SegmentRow?
  private var bytes = ByteWriter(capacity: 0)

  /// - Parameters:
  ///   - merges: whether batches are put together at all.
  ///   - path: of the file that they are from, for errors.
  init(merges: Bool, path: String) {
    self.merges = merges
    self.path = path
  }

  /// Adds a batch, and returns the rows that are complete.
  ///
  /// - Throws: `damage` if it cannot be read.
  mutating func add(_ batch: Batch, of stream: StreamInfo) throws(SQLiteError) -> [SegmentRow] {
    var rows: [SegmentRow] = []
    if self.stream?.id != stream.id || batch.header.firstSequence != last + 1 {
      rows += finish()
      self.stream = stream
    }
    last = batch.header.lastSequence
    if try isMerged(batch, &rows) { return rows }
    merge(&rows)
    store(batch, &rows)
    return rows
  }

  /// Whether the merger has taken a batch.
  private mutating func isMerged(_ batch: Batch, _ rows: inout [SegmentRow]) throws(SQLiteError) -> Bool {
    if !merges { return false }
    let header = batch.header
    if header.flags.contains(.reencoded),
      header.count >= Self.mergedEntryCountMin || header.rawLength >= Self.mergedByteCountMin
    {
      return false
    }
    do throws(WireDecodingError) {
      let content = BatchRows(batch, unpacker)
      var outcome = try merger.add(content)
      if outcome == .full {
        merge(&rows)
        outcome = try merger.add(content)
      }
      guard outcome == .added else { return false }
      pending.append(batch)
      return true
    } catch {
      throw SQLiteError(damage: "a batch cannot be read: \(error)", path: path)
    }
  }

  /// Makes one batch of what the merger holds, unless that takes more space than it did.
  private mutating func merge(_ rows: inout [SegmentRow]) {
    guard let stream, !merger.isEmpty else { return }
    let batches = pending
    pending = []
    if let merged = merger.finish(seed: stream.serverSeed),
      merged.bytes.count < batches.reduce(0, { $0 + $1.bytes.count })
    {
      return store(merged, &rows)
    }
    for batch in batches { store(batch, &rows) }
  }

  private mutating func store(_ batch: Batch, _ rows: inout [SegmentRow]) {
    guard let stream else { preconditionFailure("a batch has a stream") }
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

  /// What is left.
  mutating func finish() -> [SegmentRow] {
    var rows: [SegmentRow] = []
    merge(&rows)
    endRow(&rows)
    stream = nil
    return rows
  }
}
