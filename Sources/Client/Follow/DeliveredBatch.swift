internal import LogsWire
internal import Synchronization

/// A run of entries of one stream, as received. It is decoded on demand.
public struct DeliveredBatch: Sendable {
  public let stream: StreamName
  public let incarnation: Incarnation
  /// The sequence numbers covered. Each is an entry, unless the batch was filtered.
  public private(set) var range: ClosedRange<UInt64>
  /// Its stored bytes, as counted for credit.
  public let storedByteCount: Int
  /// Whether the subscription goes from the newest to the oldest.
  public let isReverse: Bool
  /// Batches that cover `range`, and maybe more.
  let batches: [Batch]

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
  public func entries() throws(LogError) -> [LogEntry] {
    var entries: [LogEntry] = []
    // Headers are trusted only up to what one batch may hold.
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

  /// The same in pieces, in the order of delivery. Each holds one stored batch, or several small ones that together are
  /// no larger than one may be: decoded entries may be a thousand times larger than what was sent.
  package var parts: [DeliveredBatch] {
    var parts: [DeliveredBatch] = []
    var first = 0
    var (entryCount, rawByteCount) = (0, 0)
    for index in batches.indices {
      let header = batches[index].header
      entryCount += Int(header.count)
      rawByteCount += Int(header.rawLength)
      let isFull = entryCount > Limits.batchEntryCountMax || rawByteCount > Limits.batchRawByteCountMax
      guard isFull, index > first else { continue }
      parts.append(part(first..<index))
      first = index
      (entryCount, rawByteCount) = (Int(header.count), Int(header.rawLength))
    }
    if first == 0 { return [self] }
    parts.append(part(first..<batches.count))
    return isReverse ? parts.reversed() : parts
  }

  private func part(_ indices: Range<Int>) -> DeliveredBatch {
    let batches = batches[indices]
    let lowest = batches.first?.header.firstSequence ?? range.lowerBound
    let highest = batches.last?.header.lastSequence ?? range.upperBound
    return DeliveredBatch(
      stream: stream, incarnation: incarnation,
      range: max(range.lowerBound, lowest)...min(range.upperBound, highest), batches: Array(batches),
      storedByteCount: batches.reduce(0) { $0 + $1.bytes.count }, isReverse: isReverse)
  }

  /// Leaves out all but the first `count` entries; at least one stays.
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
    entriesOf batch: Batch, to entries: inout [LogEntry]
  ) throws(WireDecodingError) {
    let reader = free.withLock { $0.popLast() } ?? BatchReader()
    defer { free.withLock { if $0.count < readerCountMax { $0.append(reader) } } }
    try reader.decoder.append(entriesOf: batch, to: &entries)
  }
}
