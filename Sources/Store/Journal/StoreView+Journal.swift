internal import Glibc
internal import LogsDisk
internal import LogsSystem

extension StoreView {
  /// How long a reader waits: it then goes on with what is there.
  package static let journalPatience = Duration.seconds(5)
  private static let journalPauseMicroseconds: UInt32 = 5_000

  /// Waits until what the directory's server has acknowledged so far is in the segments.
  ///
  /// - Returns: false if it does not get there in time: no server runs, and a start has to bring it from the journal;
  ///   or the server cannot.
  package func awaitJournal(within patience: Duration = journalPatience) throws(StoreError) -> Bool {
    let number = try newest()
    guard number > 0, var anchor = try anchor(of: number) else { return true }
    var found = try journalEnd(from: anchor)
    while found == nil {
      // There is nothing behind it, or it has been applied and written over.
      guard let now = try self.anchor(of: number), now != anchor, try newest() == number else { return true }
      anchor = now
      found = try journalEnd(from: anchor)
    }
    guard let end = found else { return true }
    let deadline = ContinuousClock.now + patience
    while try isInUse(), ContinuousClock.now < deadline {
      // A segment that is no longer the newest has everything.
      guard try newest() == number, let now = try self.anchor(of: number), now.id == anchor.id, now.position < end
      else {
        return true
      }
      usleep(Self.journalPauseMicroseconds)
    }
    return false
  }

  /// Nil if the segment has no journal in front of it, or is no longer the newest and has everything.
  private func anchor(of number: Int64) throws(StoreError) -> JournalAnchor? {
    do throws(SQLiteError) {
      return try JournalAnchor.find(in: try openSegment(number))
    } catch {
      // The server may have begun the next segment, and be sealing this one.
      if try newest() == number { throw StoreError(error, while: "read") }
      return nil
    }
  }

  /// The position behind the last record, nil if there is none behind `anchor`.
  private func journalEnd(from anchor: JournalAnchor) throws(StoreError) -> UInt64? {
    guard let size = try journalByteCount(), try mayHaveRecord(at: anchor.position, fileByteCount: size) else {
      return nil
    }
    let header: JournalFormat.Header
    let beginning = try journalBytes(JournalFormat.headerByteCount, at: 0)
    do throws(JournalFormat.HeaderProblem) {
      header = try JournalFormat.header(of: beginning, byteCount: size)
    } catch {
      return nil
    }
    guard header.id == anchor.id else { return nil }
    var ring = JournalRing(header) { byteCount, offset throws(StoreError) in try journalBytes(byteCount, at: offset) }
    var end = anchor.position
    while let found = try ring.next(at: end) { end = found.end }
    return end > anchor.position ? end : nil
  }

  /// Whether something there looks like the record: mostly nothing does, and the file need not be read.
  private func mayHaveRecord(at position: UInt64, fileByteCount: Int) throws(StoreError) -> Bool {
    guard fileByteCount > JournalFormat.headerByteCount else { return false }
    let ring = UInt64(fileByteCount - JournalFormat.headerByteCount)
    for start in [position, (position / ring + 1) &* ring] {
      let offset = JournalFormat.headerByteCount + Int(start % ring)
      let bytes = try journalBytes(JournalFormat.recordHeaderByteCount, at: offset)
      if let found = unsafe JournalFormat.recordHeader(of: bytes.span.bytes), found.position == start { return true }
    }
    return false
  }
}
