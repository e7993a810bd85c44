internal import LogsDisk
internal import LogsWire

/// Leaving out what a segment's index of text rules out.
extension Reader {
  /// Skips what cannot pass at the builder's position, and cuts `wanted` where the next such range begins.
  ///
  /// - Returns: whether anything is left to be read.
  func leaveOut(
    _ filter: SharedFilter, _ segment: Segment, _ stream: StreamInfo, _ wanted: inout ClosedRange<UInt64>,
    isReverse: Bool, _ builder: inout PieceBuilder, _ lease: ConnectionLease
  ) throws(StoreError) -> Bool {
    guard segment.state == .sealed, filter.need != .anything else { return true }
    let ruledOut: RuledOut
    do throws(SQLiteError) {
      ruledOut = try filter.ruledOut(SharedFilter.Place(segment: segment.number, stream: stream.id)) {
        () throws(SQLiteError) in
        try lease.read(segment) { connection throws(SQLiteError) in
          try connection.ruledOut(of: stream.id, by: filter.need)
        }
      }
    } catch {
      // The index only saves work.
      try noteDamage(error, in: segment)
      return true
    }
    if isReverse {
      guard let range = ruledOut.range(downFrom: wanted.upperBound), range.upperBound >= wanted.lowerBound else {
        return true
      }
      if range.contains(wanted.upperBound) {
        builder.skip(through: max(range.lowerBound, wanted.lowerBound), .filtered)
        guard range.lowerBound > wanted.lowerBound else { return false }
        wanted = wanted.lowerBound...range.lowerBound - 1
        return try leaveOut(filter, segment, stream, &wanted, isReverse: true, &builder, lease)
      }
      wanted = range.upperBound + 1...wanted.upperBound
    } else {
      guard let range = ruledOut.range(from: wanted.lowerBound), range.lowerBound <= wanted.upperBound else {
        return true
      }
      if range.contains(wanted.lowerBound) {
        builder.skip(through: min(range.upperBound, wanted.upperBound), .filtered)
        guard range.upperBound < wanted.upperBound else { return false }
        wanted = range.upperBound + 1...wanted.upperBound
        return try leaveOut(filter, segment, stream, &wanted, isReverse: false, &builder, lease)
      }
      wanted = wanted.lowerBound...range.lowerBound - 1
    }
    return true
  }
}
