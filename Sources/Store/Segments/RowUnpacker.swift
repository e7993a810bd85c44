internal import LogsDisk
internal import LogsWire

/// Unpacks the rows of a segment (`spec/storage.md`, section 3.4).
///
/// Used by one thread at a time, like the connection that it belongs to.
final class RowUnpacker {
  /// What a row holds of its batches; empty if that cannot be unpacked.
  struct Content {
    var producers = ByteString()
    var batches = ByteString()
  }

  private let dictionaries: SegmentDictionaries?
  /// What rows were packed with, once one was met that needs it. A segment gets one at most, and keeps it.
  private var dictionary: BatchDictionary?
  private var decompressor: Decompressor?

  /// - Parameter dictionaries: of the segment; nil if it has no tables of them.
  init(_ dictionaries: SegmentDictionaries?) { self.dictionaries = dictionaries }

  convenience init(of database: borrowing Database) throws(SQLiteError) { self.init(try SegmentDictionaries(database)) }

  /// - Parameters:
  ///   - statement: at a row.
  ///   - column: the one of `RowPacking.unpackedLength`; `producers` and `batches` follow.
  func content(_ statement: borrowing Statement, _ column: Int32) throws(SQLiteError) -> Content {
    try content(
      producers: statement.bytes(column + 1), batches: statement.bytes(column + 2),
      unpackedLength: statement.integer(column))
  }

  /// - Parameters:
  ///   - statement: at a row.
  ///   - column: the one of `RowPacking.unpackedLength`; `batches` follows.
  func batches(_ statement: borrowing Statement, _ column: Int32) throws(SQLiteError) -> ByteString {
    try content(
      producers: ByteString(), batches: statement.bytes(column + 1), unpackedLength: statement.integer(column)
    ).batches
  }

  func content(
    producers: ByteString, batches: ByteString, unpackedLength: Int64
  ) throws(SQLiteError) -> Content {
    if unpackedLength == 0 { return Content(producers: producers, batches: batches) }
    guard let bytes = try unpack(batches), unpackedLength > 0, unpackedLength <= bytes.count else { return Content() }
    return Self.content(bytes, senders: bytes.count - Int(unpackedLength))
  }

  /// The dictionary is looked for once a frame needs it: rows that do without must not depend on it. Its check tells a
  /// frame that lacks it.
  private func unpack(_ frame: ByteString) throws(SQLiteError) -> ByteString? {
    if let bytes = unpack(frame, dictionary) { return bytes }
    if dictionary != nil { return unpack(frame, nil) }
    guard let found = try dictionaries?.ofRows(), let bytes = unpack(frame, found) else { return nil }
    dictionary = found
    return bytes
  }

  /// Whether a row could only be unpacked with the segment's dictionary.
  var hasUsedDictionary: Bool { dictionary != nil }

  /// The same for a repair, which believes neither the column nor that there is one. The batches begin where one passes
  /// its check, and there are as many senders as batches, or none. Where that does not hold, batches may be anywhere.
  ///
  /// - Parameter candidates: dictionaries that the row may have been packed with.
  func salvagedContent(producers: ByteString, batches: ByteString, _ candidates: [BatchDictionary]) -> Content {
    guard Decompressor.contentByteCount(of: batches) != nil,
      let bytes = unpack(batches, nil) ?? candidates.lazy.compactMap({ self.unpack(batches, $0) }).first
    else { return Content(producers: producers, batches: batches) }
    for end in stride(from: 0, through: bytes.count, by: Sender.byteCount) {
      let rest = bytes[end..<bytes.count]
      guard WholeBatches.first(in: rest) != nil, let count = Batch.count(in: rest) else { continue }
      if end == 0 || end == count * Sender.byteCount { return Self.content(bytes, senders: end) }
    }
    return Self.content(bytes, senders: 0)
  }

  private static func content(_ bytes: ByteString, senders end: Int) -> Content {
    Content(producers: bytes[0..<end], batches: bytes[end..<bytes.count])
  }

  private func unpack(_ frame: ByteString, _ dictionary: BatchDictionary?) -> ByteString? {
    guard let byteCount = Decompressor.contentByteCount(of: frame), byteCount <= RowPacking.byteCountMax else {
      return nil
    }
    if decompressor == nil { decompressor = Decompressor() }
    return decompressor?.content(of: frame, count: byteCount, dictionary: dictionary)
  }
}
