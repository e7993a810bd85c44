internal import LogsWire

/// When each entry of a run is due: batches at even intervals, no matter how long earlier ones take.
///
/// Latency counts from the moment an entry was due. If it counted from when the entry was actually handed over, a
/// server that stalls would delay that as well, and the stall would not show ("coordinated omission").
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

  /// How many entries were due by then.
  func dueCount(at time: MonotonicTime) -> UInt64 {
    guard time >= start else { return 0 }
    let batches = UInt64(Double(time.nanoseconds(since: start)) * Double(rate) / 1e9 / Double(batchEntryCount)) + 1
    return min(batches, batchCount) * batchEntryCount
  }

  /// The batches that `range` touches, with how many of its entries are in each.
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
