internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The log in front of the segments as a file: a ring of records, each written at once and durable with that one write.
///
/// Invariant behind `@unchecked Sendable`: the writer, which one thread at a time has, alone appends.
final class CommitJournal: CommitLog, @unchecked Sendable {
  let header: JournalFormat.Header
  let path: String
  private let position: Atomic<UInt64>
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
    position = Atomic(end)
    file = try files.openDurable(path)
    seed = header.seed
    buffer = AlignedBytes(byteCount: Self.recordByteCountMax + JournalFormat.headerByteCount)
  }

  var isDirect: Bool { file.isDirect }

  /// Whether the device takes blocks of the size that the journal was made with.
  var fitsDevice: Bool { header.blockByteCount % file.blockByteCount == 0 }

  var end: UInt64 { position.load(ordering: .relaxed) }

  func hasRoom(for byteCount: Int, keeping kept: UInt64) -> Bool { place(of: byteCount, keeping: kept) != nil }

  /// Where a record of this many bytes begins and ends.
  private func place(of byteCount: Int, keeping kept: UInt64) -> Range<UInt64>? {
    let (end, size) = (end, header.padded(byteCount))
    let ring = UInt64(header.ringByteCount)
    // A record does not go on at the beginning of the ring.
    let rest = ring - end % ring
    let start = size <= rest ? end : end + rest
    return kept <= start && start + size - kept <= ring ? start..<start + size : nil
  }

  func append(_ rows: GroupRows, keeping kept: UInt64) throws(StoreError) -> Bool {
    guard rows.byteCount <= Self.recordByteCountMax else { return false }
    record.removeAll()
    record.append(zeros: JournalFormat.recordHeaderByteCount)
    rows.encode(into: &record)
    guard record.count <= Self.recordByteCountMax, let place = place(of: record.count, keeping: kept) else {
      return false
    }
    JournalFormat.seal(&record, position: place.lowerBound, previousEnd: end, seed: seed)
    buffer.copy(record.span, to: 0)
    buffer.clear(record.count..<place.count)
    #if PLANTED_BUGS
      if PlantedBug.planted == .journalUnwritten {
        position.store(place.upperBound, ordering: .relaxed)
        return true
      }
    #endif
    do throws(FileError) {
      try file.write(
        buffer, byteCount: place.count,
        at: JournalFormat.headerByteCount + Int(place.lowerBound % UInt64(header.ringByteCount)))
    } catch {
      throw StoreError(failedSync: error, while: "write to the journal")
    }
    position.store(place.upperBound, ordering: .relaxed)
    return true
  }
}
