internal import LogsDisk
internal import LogsWire

/// Makes a dictionary of a stream's entries in a segment, if their batches take less space with it.
struct DictionaryTraining {
  /// Samples come from so many places, evenly spread, and are so large together.
  private static let placeCount = 64
  private static let placeByteCount = 32 << 10
  private static let sampleByteCount = 1 << 10
  /// From each place of a trial comes what makes one large batch.
  private static let trialPlaceCount = 2
  private static let trialByteCount = BatchMerger.Size.large.payloadByteCount

  /// What a segment has of a stream.
  struct Extent {
    var numbers: ClosedRange<UInt64>
    /// Of all payloads before compression.
    var rawByteCount: Int
  }

  private let extent: Extent
  private let batches: (UInt64) throws(SQLiteError) -> (list: [Batch], next: UInt64)?
  private let unpacker = BatchUnpacker()

  /// - Parameter batches: returns those of the stream's first row that begins at a number or behind it, and a number
  ///   behind that row; nil at the end.
  init(
    _ extent: Extent, _ batches: @escaping (UInt64) throws(SQLiteError) -> (list: [Batch], next: UInt64)?
  ) {
    self.extent = extent
    self.batches = batches
  }

  /// A dictionary is this part of what it is for, as long as that is not much.
  private static let divisor = 32

  /// - Parameter isForced: whether it need not save anything.
  func run(isForced: Bool) throws(SQLiteError) -> BatchDictionary? {
    do {
      let byteCountMax = min(extent.rawByteCount / Self.divisor, Limits.dictionaryByteCountMax)
      let trained = BatchDictionary.train(
        try samples(), sampleByteCount: Self.sampleByteCount, byteCountMax: byteCountMax)
      guard let trained else { return nil }
      return try isForced || isWorthIt(trained) ? trained : nil
    } catch let error as SQLiteError {
      throw error
    } catch {
      // The copy meets what cannot be read, and says so.
      return nil
    }
  }

  /// Where a part of the extent begins, of `count` parts; half of one further for those that are held out.
  private func place(_ index: Int, of count: Int, isHeldOut: Bool) -> UInt64 {
    let share = (Double(index) + (isHeldOut ? 0.5 : 0)) / Double(count)
    let size = extent.numbers.upperBound - extent.numbers.lowerBound
    return extent.numbers.lowerBound + min(UInt64(Double(size) * share), size)
  }

  private func samples() throws -> ByteString {
    var samples = ByteWriter(capacity: Self.placeCount * Self.placeByteCount)
    for index in 0..<Self.placeCount {
      var left = Self.placeByteCount
      var position = place(index, of: Self.placeCount, isHeldOut: false)
      while left >= Self.sampleByteCount, let row = try batches(position) {
        position = row.next
        // Of a large row the batches differ from place to place, and of a large batch the columns.
        for batch in row.list.dropFirst(index * 7 % max(row.list.count, 1)) where left >= Self.sampleByteCount {
          let payload = try unpacker.payload(of: batch)
          let count = min(payload.count, left)
          let start = (payload.count - count) * (index % 4) / 3
          samples.append(payload[start..<start + count])
          left -= count
        }
      }
    }
    return samples.finish()
  }

  /// Compresses what it was not trained with, both ways.
  private func isWorthIt(_ dictionary: BatchDictionary) throws -> Bool {
    var plain = BatchCompaction.merger(nil)
    var trained = BatchCompaction.merger(dictionary)
    var (rawByteCount, plainByteCount, trainedByteCount) = (0, 0, 0)
    for index in 0..<Self.trialPlaceCount {
      var left = Self.trialByteCount
      var position = place(index, of: Self.trialPlaceCount, isHeldOut: true)
      while left > 0, let row = try batches(position) {
        position = row.next
        for batch in row.list where left > 0 {
          let rows = BatchRows(batch, unpacker)
          plainByteCount += try Self.add(rows, to: &plain)
          trainedByteCount += try Self.add(rows, to: &trained)
          rawByteCount += Int(batch.header.rawLength)
          left -= Int(batch.header.rawLength)
        }
      }
      plainByteCount += Self.finish(&plain)
      trainedByteCount += Self.finish(&trained)
    }
    guard rawByteCount > 0 else { return false }
    let saved = Double(plainByteCount - trainedByteCount) / Double(rawByteCount) * Double(extent.rawByteCount)
    return saved > Double(2 * dictionary.packed.count)
  }

  /// - Returns: the bytes of the batch that had to be finished for it.
  private static func add(_ rows: BatchRows, to merger: inout BatchMerger) throws -> Int {
    guard merger.isEmpty || rows.header.firstSequence == merger.next else {
      return finish(&merger) + (try add(rows, to: &merger))
    }
    switch try merger.add(rows) {
    case .added: return 0
    case .apart: return rows.batch.bytes.count
    case .full: return finish(&merger) + (try add(rows, to: &merger))
    }
  }

  private static func finish(_ merger: inout BatchMerger) -> Int {
    merger.isEmpty ? 0 : merger.finish(seed: 0)?.bytes.count ?? 0
  }
}
