internal import LogsDisk
internal import LogsSystem
internal import LogsWire

extension Reader {
  /// Where a number is.
  enum Location {
    /// In this segment, if anywhere; the range is all that it can hold of the stream, unless later segments are lost.
    case segment(Segment, ClosedRange<UInt64>)
    /// Nowhere, like the whole range.
    case nowhere(ClosedRange<UInt64>, SkipReason)
  }

  /// Finds the segment that holds a number: the last one whose stream table has a next number at or below it.
  func locate(
    _ position: UInt64, in stream: StreamInfo, _ listing: inout SegmentListing, _ lease: ConnectionLease
  ) throws(StoreError) -> Location {
    while true {
      // The oldest are trimmed first.
      if listing.segments.first?.isGone == true { listing = segments.current }
      // A segment that cannot be read at all counts as missing: its numbers are then found in none of the others.
      listing.segments.removeAll { $0.state == .damaged }
      var unreadable: Segment?
      if let location = try locate(position, in: stream, listing, &unreadable, lease) {
        if case .segment(let segment, _) = location, segment.isGone {
          listing = segments.current
          continue
        }
        return location
      }
      if unreadable?.isGone == true {
        listing = segments.current
      } else {
        listing.segments.removeAll { $0 == unreadable }
      }
    }
  }

  /// - Returns: nil when a segment turned out to be unreadable.
  private func locate(
    _ position: UInt64, in stream: StreamInfo, _ listing: SegmentListing, _ unreadable: inout Segment?,
    _ lease: ConnectionLease
  ) throws(StoreError) -> Location? {
    let segments = listing.segments
    // The newest first, since most reads want what is recent; then a binary search. A segment made before the stream
    // counts as holding it.
    var low = 0
    var high = segments.count
    var first: UInt64 = 1
    var last = max(stream.head, position)
    var probe = segments.count - 1
    while low < high {
      switch try next(of: stream, in: segments[probe], lease) {
      case .unreadable:
        unreadable = segments[probe]
        return nil
      case .number(let next) where next > position:
        high = probe
        last = next - 1
      case .number(let next):
        low = probe + 1
        first = next
      case .beforeStream:
        low = probe + 1
        first = 1
      }
      probe = (low + high) / 2
    }
    guard low > 0 else {
      // Older than everything that is there.
      let oldest = segments.first?.number ?? 1
      return .nowhere(1...last, oldest == listing.trimmedBelow && oldest > 1 ? .trimmed : .lost)
    }
    return .segment(segments[low - 1], first...last)
  }

  private enum Next {
    /// The stream's next number when the segment was made.
    case number(UInt64)
    /// The segment was complete before the stream was created.
    case beforeStream
    case unreadable
  }

  private func next(of stream: StreamInfo, in segment: Segment, _ lease: ConnectionLease) throws(StoreError) -> Next {
    do throws(SQLiteError) {
      let next = try lease.read(segment) { connection throws(SQLiteError) in try connection.next(of: stream.id) }
      return next.map { .number($0) } ?? .beforeStream
    } catch {
      try noteLoss(error, of: segment)
      return .unreadable
    }
  }

  /// Whether an error means that stored bytes are gone, not only out of reach for a moment.
  func isLoss(_ error: SQLiteError, of segment: Segment) -> Bool {
    if error.isLoss { return true }
    guard error.isFailedOpen else { return false }
    do throws(FileError) {
      return try files.byteCount(segment.path) == nil
    } catch {
      return false
    }
  }

  /// Notes that a segment cannot be read at all: it does not open, or its table of streams is gone.
  ///
  /// If the disk failed to read, the segment stays as it is: the next read may succeed.
  ///
  /// - Throws: when the error is no damage, or the segment cannot be done without.
  func noteLoss(_ error: SQLiteError, of segment: Segment) throws(StoreError) {
    try noteDamage(error, in: segment)
    if !error.isFailedRead { segment.state = .damaged }
  }

  /// Notes that a part of a segment cannot be read.
  ///
  /// - Throws: when the error is no damage, or the segment cannot be done without.
  func noteDamage(_ error: SQLiteError, in segment: Segment) throws(StoreError) {
    if segment.isGone { return }
    let failure = StoreError(error, while: "read")
    guard isLoss(error, of: segment), segment.state != .active else {
      if error.isDamage { damaged(failure) }
      throw failure
    }
    if segment.noteDamage() { log(.error("\(failure); what it held there is reported as lost")) }
  }
}
