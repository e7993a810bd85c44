internal import LogsDisk
internal import LogsWire

/// How the rows of a segment keep their batches: many small ones together in a zstd frame, since they say much the same
/// (`spec/storage.md`, section 3.4).
struct RowPacking {
  /// Whether the segment's format has packed rows.
  let isKnown: Bool

  /// Rows with fewer batches, or larger ones, are not packed: there is little to gain.
  private static let batchCountMin = 8
  private static let meanByteCountMax = 512
  /// A row is packed if that saves an eighth at least.
  private static let savingDivisor = 8
  /// What a packed row holds at most: 1 MiB of batches, and their senders, which are smaller.
  private static let byteCountMax = 2 * RunDraft.byteCountMax

  init(of database: borrowing Database) throws(SQLiteError) {
    isKnown = try Self.isKnown(try database.prepare(Self.text))
  }

  init(of database: any SQLRunner) throws(SQLiteError) { isKnown = try Self.isKnown(try database.prepare(Self.text)) }

  private static let text = "SELECT 1 FROM pragma_table_info('runs') WHERE name = 'unpacked_length'"

  private static func isKnown(_ statement: borrowing Statement) throws(SQLiteError) -> Bool { try statement.step() }

  /// What packs the rows of a segment; nil if it has no packed rows.
  func packer() -> Packer? { isKnown ? Packer() : nil }

  // MARK: SQL

  /// The column of `runs` that says how many bytes the batches have unpacked; 0 if they are not packed.
  var unpackedLength: String { isKnown ? "unpacked_length" : "0" }

  /// How many bytes the batches of a row have, whatever damage has made of it.
  var byteCount: String {
    isKnown
      ? "iif(unpacked_length BETWEEN 1 AND \(Self.byteCountMax), unpacked_length, length(batches))" : "length(batches)"
  }

  // MARK: rows

  /// What a row holds of its batches; empty if that cannot be unpacked.
  struct Content {
    var producers = ByteString()
    var batches = ByteString()
  }

  /// - Parameters:
  ///   - statement: at a row.
  ///   - column: the one of `unpackedLength`; `producers` and `batches` follow.
  static func content(_ statement: borrowing Statement, _ column: Int32) -> Content {
    content(
      producers: statement.bytes(column + 1), batches: statement.bytes(column + 2),
      unpackedLength: statement.integer(column))
  }

  /// - Parameters:
  ///   - statement: at a row.
  ///   - column: the one of `unpackedLength`; `batches` follows.
  static func batches(_ statement: borrowing Statement, _ column: Int32) -> ByteString {
    content(
      producers: ByteString(), batches: statement.bytes(column + 1), unpackedLength: statement.integer(column)
    ).batches
  }

  static func content(producers: ByteString, batches: ByteString, unpackedLength: Int64) -> Content {
    if unpackedLength == 0 { return Content(producers: producers, batches: batches) }
    guard let bytes = unpack(batches), unpackedLength > 0, unpackedLength <= bytes.count else { return Content() }
    return content(bytes, senders: bytes.count - Int(unpackedLength))
  }

  /// The same for a repair, which believes neither the column nor that there is one. The batches begin where one passes
  /// its check, and there are as many senders as batches, or none. Where that does not hold, batches may be anywhere.
  static func salvagedContent(producers: ByteString, batches: ByteString) -> Content {
    guard let bytes = unpack(batches) else { return Content(producers: producers, batches: batches) }
    for end in stride(from: 0, through: bytes.count, by: Sender.byteCount) {
      let rest = bytes[end..<bytes.count]
      guard WholeBatches.first(in: rest) != nil, let count = Batch.count(in: rest) else { continue }
      if end == 0 || end == count * Sender.byteCount { return content(bytes, senders: end) }
    }
    return content(bytes, senders: 0)
  }

  private static func content(_ bytes: ByteString, senders end: Int) -> Content {
    Content(producers: bytes[0..<end], batches: bytes[end..<bytes.count])
  }

  private static func unpack(_ frame: ByteString) -> ByteString? {
    guard let byteCount = Decompressor.contentByteCount(of: frame), byteCount <= byteCountMax else { return nil }
    return Decompressor().content(of: frame, count: byteCount)
  }

  /// Packs rows, one at a time.
  final class Packer {
    private let compressor = Compressor(hasCheck: true)

    /// The row's senders and batches as one frame, if that is worth it.
    func pack(_ row: SegmentRow) -> ByteString? {
      let byteCount = row.producers.count + row.batches.count
      guard byteCount <= RowPacking.byteCountMax, let count = Batch.count(in: row.batches),
        count >= RowPacking.batchCountMin, row.batches.count <= count * RowPacking.meanByteCountMax
      else { return nil }
      var writer = ByteWriter(capacity: byteCount)
      writer.append(row.producers)
      writer.append(row.batches)
      let packed = compressor.frame(writer.finish())
      return packed.count <= byteCount - byteCount / RowPacking.savingDivisor ? packed : nil
    }
  }
}
