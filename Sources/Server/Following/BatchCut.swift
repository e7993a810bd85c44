internal import LogsWire

/// Cuts runs of batches to what one frame should carry. Batches stay whole: `from` and `to` of BATCH say what is
/// delivered.
enum BatchCut {
  /// A part of a run that goes into one frame.
  struct Piece {
    let from: UInt64
    let to: UInt64
    let batches: ByteString
  }

  /// The next piece of `run` for `from` to `to`: as many batches as fit `byteCountMax`, but at least one.
  ///
  /// - Parameter offset: where in the run to begin; moved past the piece.
  /// - Returns: nil when no batch of the rest lies in the range.
  /// - Throws: `WireDecodingError` when the run is damaged.
  static func next(
    of run: ByteString, at offset: inout Int, from: UInt64, to: UInt64, byteCountMax: Int
  ) throws(WireDecodingError) -> Piece? {
    var start = offset
    var last: UInt64?
    while offset < run.count {
      let header = try BatchHeader(decoding: run[offset..<run.count].span)
      if header.firstSequence > to { break }
      let end = offset + header.batchByteCount
      if header.lastSequence < from {
        start = end
      } else {
        if last != nil, end - start > byteCountMax { break }
        last = min(to, header.lastSequence)
      }
      offset = end
    }
    guard let last else { return nil }
    return Piece(from: from, to: last, batches: run[start..<offset])
  }

  /// The last number of `from` to `to` before the first entry later than `time`.
  ///
  /// - Returns: nil when the entry `from` is itself later; `isCut` says whether a later entry was found.
  /// - Complexity: only a batch that holds both is decoded.
  static func last(
    of run: ByteString, from: UInt64, to: UInt64, notAfter time: Int64, decoder: inout BatchDecoder
  ) throws(WireDecodingError) -> (to: UInt64?, isCut: Bool) {
    for batch in try Batch.run(run) where batch.header.lastSequence >= from && batch.header.firstSequence <= to {
      if batch.header.effectiveTimes.upperBound <= time { continue }
      let times = try decoder.effectiveTimes(of: batch)
      for (index, entryTime) in times.enumerated() where entryTime > time {
        let sequence = batch.header.firstSequence + UInt64(index)
        if sequence > to { break }
        if sequence >= from { return (sequence == from ? nil : sequence - 1, true) }
      }
    }
    return (to, false)
  }
}
