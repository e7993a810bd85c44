internal import LogsWire

/// Cuts runs of batches to what one frame should carry. Batches stay whole: from and to of BATCH name what is delivered.
enum BatchCut {
  /// A part of a run that goes into one frame.
  struct Piece {
    let from: UInt64
    let to: UInt64
    let batches: Bytes
  }

  /// The batches of `run` that `from` to `to` lie in, in pieces of about `byteCountMax`; one batch at least in each.
  ///
  /// - Throws: `DecodingError` when the run is damaged.
  static func pieces(
    of run: Bytes, from: UInt64, to: UInt64, byteCountMax: Int
  ) throws(DecodingError) -> [Piece] {
    var pieces: [Piece] = []
    var start = 0
    var end = 0
    var pieceFrom = from
    var pieceTo = from
    while end < run.count {
      let header = try BatchHeader(decoding: run[end..<run.count].span)
      if header.lastSequence < from {
        end += header.batchByteCount
        start = end
        continue
      }
      if header.firstSequence > to { break }
      if end > start, end + header.batchByteCount - start > byteCountMax {
        pieces.append(Piece(from: pieceFrom, to: pieceTo, batches: run[start..<end]))
        start = end
        pieceFrom = header.firstSequence
      }
      end += header.batchByteCount
      pieceTo = min(to, header.lastSequence)
    }
    if end > start { pieces.append(Piece(from: pieceFrom, to: pieceTo, batches: run[start..<end])) }
    return pieces
  }

  /// The last number of `from` to `to` before the first entry later than `time`.
  ///
  /// - Returns: nil when the entry `from` is later itself; `isCut` tells whether a later entry was found.
  /// - Complexity: only a batch that holds both is decoded.
  static func last(
    of run: Bytes, from: UInt64, to: UInt64, notAfter time: Int64, decoder: inout BatchDecoder
  ) throws(DecodingError) -> (to: UInt64?, isCut: Bool) {
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
