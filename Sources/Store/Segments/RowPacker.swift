internal import LogsDisk
internal import LogsWire

/// Packs the rows of a segment, one at a time, and gives a segment that grows the dictionary for it (`spec/storage.md`,
/// section 3.4).
///
/// Used by one thread at a time, like the connection that it belongs to.
final class RowPacker {
  /// Without a dictionary, rows with fewer batches are not packed: there is little to gain.
  private static let batchCountMin = 8
  /// Nor are rows of larger batches, which repeat themselves.
  private static let meanByteCountMax = 512
  /// A row is packed if that saves an eighth at least.
  private static let savingDivisor = 8
  /// A large row has in itself what a dictionary would give it.
  private static let dictionaryRowByteCountMax = 32 << 10

  private static let sampleByteCountMax = 1 << 10
  private static let sampleCountMin = 64
  private static let dictionaryByteCountMax = 16 << 10
  private static let dictionaryPageCountMax = dictionaryByteCountMax / SegmentSchema.pageByteCount + 1

  private enum Stage {
    /// There is no dictionary and will be none.
    case plain
    /// One is made when there is enough to make it of.
    case sampling
    /// One is in the segment once, within its first so many pages.
    case single(BatchDictionary, pageCount: Int)
    /// It is there twice, so that rows may depend on it.
    case packing(Dictionary)
  }

  /// A dictionary to compress with.
  private final class Dictionary {
    let compressor: Compressor
    init(_ dictionary: BatchDictionary) { compressor = Compressor(dictionary: dictionary, hasCheck: true) }
  }

  private var stage: Stage
  /// What a dictionary will be made of, while there is none, and what the transaction adds to it.
  private var samples = ByteWriter(capacity: 0)
  private var newSamples = ByteWriter(capacity: 0)
  private let samplesByteCount: Int
  /// How many pages lie between a dictionary and its copy, or more: what damages one does not damage both.
  private let copyDistancePageCount: Int
  /// What the stage is once the transaction is committed.
  private var nextStage: Stage?
  private let compressor = Compressor(hasCheck: true)

  /// For a segment that gets no dictionary.
  init() {
    stage = .plain
    (samplesByteCount, copyDistancePageCount) = (0, 0)
  }

  /// For a segment that grows.
  ///
  /// - Parameters:
  ///   - pageCount: how many it has.
  ///   - samplesByteCount: how much a dictionary is made of.
  init(of database: borrowing Database, pageCount: Int, samplesByteCount: Int) throws(SQLiteError) {
    self.samplesByteCount = samplesByteCount
    copyDistancePageCount = samplesByteCount / SegmentSchema.pageByteCount
    switch try SegmentDictionaries.rowDictionary(in: database) {
    case .impossible: stage = .plain
    case .none: stage = .sampling
    case .single(let dictionary): stage = .single(dictionary, pageCount: pageCount)
    case .copied(let dictionary): stage = .packing(Dictionary(dictionary))
    }
  }

  /// Begins a transaction that adds rows.
  ///
  /// - Parameter pageCount: how many the segment has.
  func begin(_ database: borrowing Database, pageCount: Int) throws(SQLiteError) {
    nextStage = nil
    newSamples.removeAll()
    switch stage {
    case .plain, .packing: break
    case .sampling:
      guard samples.count >= max(samplesByteCount, Self.sampleCountMin) else { return }
      let trained = BatchDictionary.train(
        ByteString(copying: samples.span),
        sampleByteCount: min(Self.sampleByteCountMax, samples.count / Self.sampleCountMin),
        byteCountMax: Self.dictionaryByteCountMax)
      guard let trained else {
        nextStage = .plain
        return
      }
      try SegmentDictionaries.insert(
        trained, of: SegmentDictionaries.rowsKey, into: SegmentDictionaries.tables[0], database)
      nextStage = .single(trained, pageCount: pageCount + Self.dictionaryPageCountMax)
    case .single(let dictionary, let first):
      // What is free lies before, and would be taken first.
      guard pageCount >= first + copyDistancePageCount, try database.integer("PRAGMA freelist_count") == 0 else {
        return
      }
      let table = SegmentDictionaries.tables[1]
      try database.execute(SegmentDictionaries.schema(of: table))
      try SegmentDictionaries.insert(dictionary, of: SegmentDictionaries.rowsKey, into: table, database)
      nextStage = .packing(Dictionary(dictionary))
    }
  }

  /// The transaction is committed.
  func noteCommitted() {
    samples.append(newSamples)
    newSamples.removeAll()
    guard let nextStage else { return }
    stage = nextStage
    self.nextStage = nil
    samples = ByteWriter(capacity: 0)
    newSamples = ByteWriter(capacity: 0)
  }

  /// The row's senders and batches as one frame, if that is worth it.
  func pack(_ row: SegmentRow, pace: WorkPace? = nil) -> ByteString? {
    let byteCount = row.producers.count + row.batches.count
    guard byteCount <= RowPacking.byteCountMax, let count = Batch.count(in: row.batches),
      row.batches.count <= count * Self.meanByteCountMax
    else { return nil }
    sample(row)
    let frame: ByteString
    if case .packing(let dictionary) = stage, byteCount <= Self.dictionaryRowByteCountMax {
      frame = dictionary.compressor.frame(Self.content(row))
    } else if count >= Self.batchCountMin {
      frame = self.frame(Self.content(row), pace)
    } else {
      return nil
    }
    return frame.count <= byteCount - byteCount / Self.savingDivisor ? frame : nil
  }

  private func frame(_ content: ByteString, _ pace: WorkPace?) -> ByteString {
    guard let pace, content.count > WorkPace.stepByteCount else { return compressor.frame(content) }
    return compressor.frame(content, each: WorkPace.stepByteCount) { pace.note(WorkPace.stepByteCount) }
  }

  private static func content(_ row: SegmentRow) -> ByteString {
    var writer = ByteWriter(capacity: row.producers.count + row.batches.count)
    writer.append(row.producers)
    writer.append(row.batches)
    return writer.finish()
  }

  /// Takes the beginning of the row's batches.
  private func sample(_ row: SegmentRow) {
    guard case .sampling = stage, samples.count + newSamples.count < samplesByteCount else { return }
    newSamples.append(row.batches[0..<min(row.batches.count, Self.sampleByteCountMax)])
  }
}
