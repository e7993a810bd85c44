internal import LogsWire

extension Reader {
  /// Where a number is.
  enum Place {
    /// In `segment`, if anywhere; it holds no number beyond `last`, unless the segments behind it are lost.
    case segment(Segment, first: UInt64, last: UInt64)
    /// Nowhere, like all numbers from `first` to `last`.
    case nowhere(first: UInt64, last: UInt64, SkipReason)
  }

  /// Finds the segment that holds a number: the last one whose stream table has a next number at or below it.
  func place(of position: UInt64, in stream: StreamInfo, _ listing: SegmentListing) throws(StoreError) -> Place {
    while true {
      // What is damaged as a whole counts as missing: its numbers are then found to be in none of the others.
      let segments = listing.segments.filter { $0.state != .damaged }
      if let place = try place(of: position, in: stream, segments, trimmedBelow: listing.trimmedBelow) { return place }
    }
  }

  /// - Returns: nil when a segment turned out to be damaged.
  private func place(
    of position: UInt64, in stream: StreamInfo, _ segments: [Segment], trimmedBelow: Int64
  ) throws(StoreError) -> Place? {
    // The newest first: most reads want what is recent. Then halves: a segment made before the stream counts as holding it.
    var low = 0
    var high = segments.count
    var first: UInt64 = 1
    var last = max(stream.head, position)
    var probe = segments.count - 1
    while low < high {
      switch try next(of: stream, in: segments[probe]) {
      case .damaged: return nil
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
      return .nowhere(first: 1, last: last, oldest == trimmedBelow && oldest > 1 ? .trimmed : .lost)
    }
    return .segment(segments[low - 1], first: first, last: last)
  }

  private enum Next {
    /// The stream's next number when the segment was made.
    case number(UInt64)
    /// The segment was complete before the stream came into being.
    case beforeStream
    case damaged
  }

  private func next(of stream: StreamInfo, in segment: Segment) throws(StoreError) -> Next {
    do throws(SQLiteError) {
      let next = try pool.withConnection(to: segment) { connection throws(SQLiteError) in
        try connection.next(of: stream.id)
      }
      return next.map { .number($0) } ?? .beforeStream
    } catch {
      try noteLoss(error, of: segment)
      return .damaged
    }
  }

  /// Whether an error means that stored bytes are gone, and not that they cannot be reached for a moment.
  func isLoss(_ error: SQLiteError, of segment: Segment) -> Bool {
    if error.isLoss { return true }
    guard error.isFailedOpen else { return false }
    do throws(FileError) {
      return try files.byteCount(segment.path) == nil
    } catch {
      return false
    }
  }

  /// Takes note that nothing can be read from a segment.
  ///
  /// - Throws: when the error is no damage, or the segment cannot be done without.
  func noteLoss(_ error: SQLiteError, of segment: Segment) throws(StoreError) {
    let failure = StoreError(error, while: "read")
    guard isLoss(error, of: segment), segment.state != .active else {
      if error.isDamage { damaged(failure) }
      throw failure
    }
    if segment.noteDamage() { log("\(failure); what it held is reported as lost") }
    segment.state = .damaged
  }
}
