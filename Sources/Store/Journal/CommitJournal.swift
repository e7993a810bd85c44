internal import LogsSystem
internal import LogsWire

/// The log in front of the segments as a file: a ring of records, each written at once and durable with that one write.
///
/// Invariant behind `@unchecked Sendable`: the writer is used by one thread at a time, and only it calls methods.
final class CommitJournal: CommitLog, @unchecked Sendable {
  let header: JournalFormat.Header
  let path: String
  private(set) var end: UInt64
  private let file: any DurableFile
  private let seed: UInt64
  private let buffer: AlignedBytes
  private var record = ByteWriter(capacity: 4096)

  /// The largest record, which bounds what is copied here.
  static let recordByteCountMax = 256 << 10

  /// - Parameter end: the position behind the last record.
  init(
    _ path: String, _ header: JournalFormat.Header, end: UInt64, _ files: any FileSystem
  ) throws(FileError) {
    self.path = path
    self.header = header
    self.end = end
    file = try files.openDurable(path)
    seed = header.seed
    buffer = AlignedBytes(byteCount: Self.recordByteCountMax + JournalFormat.headerByteCount)
  }

  var isDirect: Bool { file.isDirect }

  /// Whether the device takes blocks of the size that the journal was made with.
  var fitsDevice: Bool { header.blockByteCount % file.blockByteCount == 0 }

  func place(of byteCount: Int, keeping kept: UInt64) -> Range<UInt64>? {
    guard byteCount <= Self.recordByteCountMax else { return nil }
    let ring = UInt64(header.ringByteCount)
    let size = header.padded(byteCount)
    // A record does not go on at the beginning of the ring.
    let rest = ring - end % ring
    let start = size <= rest ? end : end + rest
    return start + size - kept <= ring ? start..<start + size : nil
  }

  func append(_ rows: GroupRows, at place: Range<UInt64>) throws(StoreError) {
    record.removeAll()
    record.append(zeros: JournalFormat.recordHeaderByteCount)
    rows.encode(into: &record)
    JournalFormat.seal(&record, position: place.lowerBound, seed: seed)
    buffer.copy(record.span, to: 0)
    buffer.clear(record.count..<place.count)
    #if PLANTED_BUGS
      if PlantedBug.planted == .journalUnwritten { return end = place.upperBound }
    #endif
    do throws(FileError) {
      try file.write(
        buffer, byteCount: place.count,
        at: JournalFormat.headerByteCount + Int(place.lowerBound % UInt64(header.ringByteCount)))
    } catch {
      throw StoreError(failedSync: error, while: "write to the journal")
    }
    end = place.upperBound
  }

  /// What a record of these rows takes, with its header.
  static func byteCount(of rows: GroupRows) -> Int { JournalFormat.recordHeaderByteCount + rows.encodedByteCount }
}
