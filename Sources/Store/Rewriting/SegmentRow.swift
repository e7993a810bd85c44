internal import LogsDisk
internal import LogsWire

/// A row of `runs` and what of it is kept.
struct SegmentRow {
  var stream: Int64
  var numbers: ClosedRange<UInt64>
  var entryCount: Int64
  var minTime: Int64
  var maxTime: Int64
  var severities: Int64
  var received: Int64
  var rawLength: Int64
  var producers: ByteString
  var batches: ByteString

  init(
    stream: Int64, numbers: ClosedRange<UInt64>, entryCount: Int64, minTime: Int64, maxTime: Int64, severities: Int64,
    received: Int64, rawLength: Int64, producers: ByteString, batches: ByteString
  ) {
    self.stream = stream
    self.numbers = numbers
    self.entryCount = entryCount
    (self.minTime, self.maxTime) = (minTime, maxTime)
    self.severities = severities
    self.received = received
    self.rawLength = rawLength
    self.producers = producers
    self.batches = batches
  }

  private static let columnsBefore =
    "stream, first_seq, span, count, min_time, max_time, severities, received, raw_length"

  /// What a row is read from: `columnCount` columns.
  static func columns(_ packing: RowPacking) -> String {
    "\(columnsBefore), \(packing.unpackedLength), producers, batches"
  }
  static let columnCount: Int32 = 12
  /// The first of those that `RowUnpacker` takes.
  static let contentColumn: Int32 = 9

  /// What `insert` works with.
  static func insertText(_ packing: RowPacking) -> String {
    let (column, place) = packing.isKnown ? ("unpacked_length, ", "?10, ") : ("", "")
    return """
      INSERT INTO runs(\(columnsBefore), \(column)producers, batches)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \(place)?11, ?12)
      """
  }

  /// - Parameter statement: at a row of `columns`.
  init(_ statement: borrowing Statement, _ unpacker: RowUnpacker) throws(SQLiteError) {
    stream = statement.integer(0)
    numbers = try statement.numbers(first: 1, span: 2)
    entryCount = statement.integer(3)
    (minTime, maxTime) = (statement.integer(4), statement.integer(5))
    severities = statement.integer(6)
    received = statement.integer(7)
    rawLength = statement.integer(8)
    let content = try unpacker.content(statement, Self.contentColumn)
    (producers, batches) = (content.producers, content.batches)
  }

  /// A row of one batch, still without its bytes.
  init(_ batch: Batch, of stream: Int64) {
    let header = batch.header
    self.init(
      stream: stream, numbers: header.firstSequence...header.lastSequence, entryCount: Int64(header.count),
      minTime: header.effectiveTimes.lowerBound, maxTime: header.effectiveTimes.upperBound,
      severities: Int64(header.severities), received: header.received, rawLength: Int64(header.rawLength),
      producers: ByteString(), batches: ByteString())
  }

  /// The batches of the row that are kept, cut where only a part of one is.
  ///
  /// - Parameters:
  ///   - signer: of the stream.
  ///   - dictionary: what the batches may need.
  /// - Throws: `damage` for what cannot be read.
  func keptBatches(
    _ stream: StreamInfo, _ signer: inout BatchSigner, _ dictionary: BatchDictionary?, _ evaluator: FilterEvaluator,
    path: String,
    incarnations: () throws(SQLiteError) -> [Incarnation]
  ) throws(SQLiteError) -> [Batch] {
    var batches: [Batch] = []
    for part in try signer.parts(of: Run(numbers, self.batches, dictionary), incarnations: incarnations) {
      guard case .batch(let run) = part else {
        throw SQLiteError(damage: "a batch does not pass its check", path: path)
      }
      let kept = stream.removals.kept(of: run.numbers)
      if kept.isEmpty { continue }
      do {
        let batch = try run.firstBatch()
        let isWhole = kept == [run.numbers]
        if let part = isWhole ? batch : try evaluator.extract(kept, of: batch, seed: stream.serverSeed) {
          batches.append(part)
        }
      } catch {
        throw SQLiteError(damage: "a batch cannot be cut: \(error)", path: path)
      }
    }
    return batches
  }

  /// Makes the row of another one that follows it a part of this one, but for its batches.
  mutating func add(_ row: SegmentRow) {
    numbers = numbers.lowerBound...row.numbers.upperBound
    entryCount += row.entryCount
    minTime = min(minTime, row.minTime)
    maxTime = max(maxTime, row.maxTime)
    severities |= row.severities
    received = row.received
    rawLength += row.rawLength
  }

  /// Whether it says the same of its batches as another row.
  func says(_ other: SegmentRow) -> Bool {
    stream == other.stream && numbers == other.numbers && entryCount == other.entryCount && minTime == other.minTime
      && maxTime == other.maxTime && severities == other.severities && received == other.received
      && rawLength == other.rawLength
  }

  /// - Parameters:
  ///   - statement: of `insertText`.
  ///   - packer: nil if the segment's format has no packed rows.
  func insert(with statement: borrowing Statement, _ packer: RowPacker?, pace: WorkPace? = nil) throws(SQLiteError) {
    statement.bind(1, stream)
    statement.bind(2, bits: numbers.lowerBound)
    statement.bind(3, bits: numbers.upperBound - numbers.lowerBound + 1)
    statement.bind(4, entryCount)
    statement.bind(5, minTime)
    statement.bind(6, maxTime)
    statement.bind(7, severities)
    statement.bind(8, received)
    statement.bind(9, rawLength)
    let packed = packer?.pack(self, pace: pace)
    statement.bind(10, packed == nil ? 0 : Int64(batches.count))
    statement.bind(11, copying: packed == nil ? producers : ByteString())
    try statement.run(12, packed ?? batches)
    pace?.note(batches.count)
  }
}
