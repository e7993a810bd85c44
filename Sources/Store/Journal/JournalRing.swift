internal import LogsWire

/// The records in a journal's file, read in pieces: a ring may be far larger than what a start should take of memory.
struct JournalRing: ~Copyable {
  /// Reads as many bytes of the file as there are at an offset.
  typealias Read = (_ byteCount: Int, _ offset: Int) throws(StoreError) -> [UInt8]

  private struct Record {
    let position: UInt64
    let previousEnd: UInt64
    /// Where it is in the window.
    let bytes: Range<Int>
  }

  private let header: JournalFormat.Header
  private let seed: UInt64
  private let read: Read
  /// What was read last, from this offset of the ring on.
  private var window: [UInt8] = []
  private var windowStart = 0

  /// Two of the largest records.
  private static let windowByteCount = 2 * CommitJournal.recordByteCountMax

  init(_ header: JournalFormat.Header, _ read: @escaping Read) {
    self.header = header
    self.read = read
    seed = header.seed
  }

  /// The record that follows the one that ends at `position`: there, or at the beginning of the ring if it did not fit.
  ///
  /// - Returns: a copy of its content, and the position behind it.
  mutating func next(at position: UInt64) throws(StoreError) -> (body: ByteString, end: UInt64)? {
    let size = UInt64(header.ringByteCount)
    let (wrapped, overflows) = (position / size + 1).multipliedReportingOverflow(by: size)
    for start in overflows ? [position] : [position, wrapped] {
      guard let found = try record(at: Int(start % size)), found.position == start, found.previousEnd == position else {
        continue
      }
      let body = unsafe window.span.bytes.extracting(found.bytes.dropFirst(JournalFormat.recordHeaderByteCount))
      return (ByteString(copying: body), start + header.padded(found.bytes.count))
    }
    return nil
  }

  /// The position of a record behind `end`, anywhere in the ring.
  mutating func position(after end: UInt64) throws(StoreError) -> UInt64? {
    for offset in stride(from: 0, to: header.ringByteCount, by: header.blockByteCount) {
      if let found = try record(at: offset), found.position > end { return found.position }
    }
    return nil
  }

  /// The record at an offset of the ring, if there is a whole one.
  private mutating func record(at offset: Int) throws(StoreError) -> Record? {
    guard let place = try hold(JournalFormat.recordHeaderByteCount, at: offset),
      let head = unsafe JournalFormat.recordHeader(of: window.span.bytes.extracting(droppingFirst: place)),
      head.byteCount <= CommitJournal.recordByteCountMax, let start = try hold(head.byteCount, at: offset)
    else { return nil }
    let bytes = start..<start + head.byteCount
    let check = unsafe XXH3.hash(window.span.bytes.extracting(bytes.dropFirst(8)), seed: seed)
    guard check == head.check else { return nil }
    return Record(position: head.position, previousEnd: head.previousEnd, bytes: bytes)
  }

  /// Has so many bytes from `offset` on in the window.
  ///
  /// - Returns: where in it they begin; nil if the ring ends before.
  private mutating func hold(_ byteCount: Int, at offset: Int) throws(StoreError) -> Int? {
    guard byteCount <= header.ringByteCount - offset else { return nil }
    if offset < windowStart || offset + byteCount > windowStart + window.count {
      window = []
      window = try read(
        min(Self.windowByteCount, header.ringByteCount - offset), JournalFormat.headerByteCount + offset)
      windowStart = offset
    }
    return byteCount <= window.count ? offset - windowStart : nil
  }
}
