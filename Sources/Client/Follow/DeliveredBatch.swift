internal import LogsWire
internal import Synchronization

/// A run of entries of one stream, as received; decoded when asked.
public struct DeliveredBatch: Sendable {
  public let stream: StreamName
  public let incarnation: Incarnation
  /// The sequence numbers that are delivered, each of them an entry unless the batch was filtered.
  public private(set) var range: ClosedRange<UInt64>
  /// What it took to send it.
  public let storedByteCount: Int
  /// Whether the subscription goes from the newest to the oldest.
  public let isReverse: Bool
  private let batches: [Batch]

  init(
    stream: StreamName, incarnation: Incarnation, range: ClosedRange<UInt64>, batches: [Batch], storedByteCount: Int,
    isReverse: Bool = false
  ) {
    self.stream = stream
    self.incarnation = incarnation
    self.range = range
    self.batches = batches
    self.storedByteCount = storedByteCount
    self.isReverse = isReverse
  }

  /// The cursor's position after it.
  public var position: CursorPosition {
    CursorPosition(stream: stream, incarnation: incarnation, sequence: range.upperBound)
  }

  /// The entries: in ascending order, those of a reverse subscription in descending order.
  ///
  /// - Throws: `LogError` with `damaged` when the payload breaks a rule of the format.
  /// - Complexity: decompresses each time it is called; messages share the decompressed memory.
  public func entries() throws(LogError) -> [Entry] {
    var entries: [Entry] = []
    // What headers say is not believed further than one batch may go.
    entries.reserveCapacity(min(batches.reduce(0) { $0 + Int($1.header.count) }, Limits.batchEntryCountMax))
    for batch in batches {
      let first = entries.count
      do { try BatchReader.append(entriesOf: batch, to: &entries) } catch {
        throw LogError(
          .damaged, "a batch of stream \(stream) around \(batch.header.firstSequence) cannot be decoded: \(error)",
          cause: error.description)
      }
      let isInside = batch.header.firstSequence >= range.lowerBound && batch.header.lastSequence <= range.upperBound
      if !isInside {
        let wanted = entries[first...].filter { range.contains($0.sequence) }
        entries.replaceSubrange(first..., with: wanted)
      }
    }
    // Frames descend, what is inside them ascends (`spec/session.md`, section 5.7).
    return isReverse ? entries.reversed() : entries
  }

  /// Leaves out what comes after so many entries, at least 1.
  ///
  /// - Returns: how many are left.
  /// - Complexity: constant for each batch, unless one was filtered: then all are decoded.
  mutating func limit(to countMax: UInt64) throws(LogError) -> UInt64 {
    let last: UInt64
    if batches.contains(where: { $0.header.flags.contains(.sparse) }) {
      let entries = try entries()
      guard entries.count > countMax else { return UInt64(entries.count) }
      last = entries[Int(countMax) - 1].sequence
    } else {
      guard range.upperBound - range.lowerBound >= countMax else { return range.upperBound - range.lowerBound + 1 }
      last = isReverse ? range.upperBound - (countMax - 1) : range.lowerBound + (countMax - 1)
    }
    range = isReverse ? last...range.upperBound : range.lowerBound...last
    return countMax
  }
}

/// A decoder that is kept for the next batch.
///
/// Invariant behind `@unchecked Sendable`: it is used by one caller at a time, who has taken it out of `free`.
private final class BatchReader: @unchecked Sendable {
  private static let readerCountMax = 4
  private static let free = Mutex<[BatchReader]>([])

  private var decoder = BatchDecoder()

  static func append(
    entriesOf batch: Batch, to entries: inout [Entry]
  ) throws(LogsWire.DecodingError) {
    let reader = free.withLock { $0.popLast() } ?? BatchReader()
    defer { free.withLock { if $0.count < readerCountMax { $0.append(reader) } } }
    try reader.decoder.append(entriesOf: batch, to: &entries)
  }
}
