internal import LogsStore
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
    of run: Run, from: UInt64, to: UInt64, notAfter time: Int64, decoder: inout BatchDecoder
  ) throws(WireDecodingError) -> (to: UInt64?, isCut: Bool) {
    for batch in try run.list() where batch.header.lastSequence >= from && batch.header.firstSequence <= to {
      if batch.header.effectiveTimes.upperBound <= time { continue }
      let times = try decoder.effectiveTimes(of: batch)
      let numbers = try decoder.sequences(of: batch)
      for (index, entryTime) in times.enumerated() where entryTime > time {
        let sequence = numbers[index]
        if sequence > to { break }
        if sequence >= from { return (sequence == from ? nil : sequence - 1, true) }
      }
    }
    return (to, false)
  }

  /// How many entries of `run` have its numbers, beyond which its first and last batch may reach.
  ///
  /// - Complexity: constant for each batch, unless a sparse one is cut: that is decoded.
  static func entryCount(
    of run: Run, decoder: inout BatchDecoder
  ) throws(WireDecodingError) -> UInt64 {
    let batches = run.batches
    var count: UInt64 = 0
    var offset = 0
    while offset < batches.count {
      let header = try BatchHeader(decoding: batches[offset..<batches.count].span)
      let (first, last) = (max(run.first, header.firstSequence), min(run.last, header.lastSequence))
      if first <= last {
        if !header.flags.contains(.sparse) {
          count += last - first + 1
        } else if first == header.firstSequence, last == header.lastSequence {
          count += UInt64(header.count)
        } else {
          let numbers = try decoder.sequences(of: try Batch(startOf: batches[offset..<batches.count], run.dictionary))
          count += UInt64(numbers.count { (first...last).contains($0) })
        }
      }
      offset += header.batchByteCount
    }
    return count
  }

  /// The part of `numbers` that holds the first `countMax` entries of `run` in it, in reverse the last ones; all of it
  /// if there are no more. At least one.
  static func limit(
    _ run: Run, to numbers: ClosedRange<UInt64>, countMax: UInt64, isReverse: Bool, decoder: inout BatchDecoder
  ) throws(WireDecodingError) -> ClosedRange<UInt64> {
    // No sparse batch has more entries than numbers.
    if numbers.upperBound - numbers.lowerBound < countMax { return numbers }
    let batches = try run.list()
    guard batches.contains(where: { $0.header.flags.contains(.sparse) }) else {
      return isReverse
        ? numbers.upperBound - (countMax - 1)...numbers.upperBound
        : numbers.lowerBound...numbers.lowerBound + (countMax - 1)
    }
    var left = countMax
    for batch in isReverse ? batches.reversed() : batches {
      let wanted = try decoder.sequences(of: batch).filter { numbers.contains($0) }
      if UInt64(wanted.count) < left {
        left -= UInt64(wanted.count)
      } else if isReverse {
        return wanted[wanted.count - Int(left)]...numbers.upperBound
      } else {
        return numbers.lowerBound...wanted[Int(left) - 1]
      }
    }
    return numbers
  }
}
