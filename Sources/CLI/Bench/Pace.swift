internal import LogsWire

/// When each entry of a run is due: batch after batch, at even intervals, whatever becomes of those before.
///
/// A latency counts from the moment when its entry was due. Counted from when it was really handed over, a server that
/// stalls would hold up the hand-over as well, and nobody would have waited for long ("coordinated omission").
struct Pace: Sendable {
  let start: MonotonicTime
  /// The sequence number of the first entry.
  let firstSequence: UInt64
  let batchEntryCount: UInt64
  let batchCount: UInt64
  /// Entries a second.
  let rate: UInt64

  var entryCount: UInt64 { batchCount * batchEntryCount }

  /// - Parameter batch: counted from 0.
  func due(batch: UInt64) -> MonotonicTime {
    start.advanced(byNanoseconds: UInt64((Double(batch * batchEntryCount) * 1e9 / Double(rate)).rounded()))
  }

  /// Entries that were due by then.
  func dueCount(at time: MonotonicTime) -> UInt64 {
    guard time >= start else { return 0 }
    let batches = UInt64(Double(time.nanoseconds(since: start)) * Double(rate) / 1e9 / Double(batchEntryCount)) + 1
    return min(batches, batchCount) * batchEntryCount
  }

  /// The batches that entries of `range` belong to, and how many entries of each are in it.
  func batches(in range: ClosedRange<UInt64>, _ body: (_ batch: UInt64, _ entryCount: UInt64) -> Void) {
    var sequence = max(range.lowerBound, firstSequence)
    let last = min(range.upperBound, firstSequence + entryCount - 1)
    while sequence <= last {
      let batch = (sequence - firstSequence) / batchEntryCount
      let end = min(firstSequence + (batch + 1) * batchEntryCount - 1, last)
      body(batch, end - sequence + 1)
      sequence = end + 1
    }
  }
}
