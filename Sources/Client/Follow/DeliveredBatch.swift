internal import LogsWire
internal import Synchronization

/// A run of entries of one stream, as received; decoded when asked.
public struct DeliveredBatch: Sendable {
  public let stream: StreamName
  public let incarnation: Incarnation
  /// The sequence numbers that are delivered, each of them an entry unless the batch was filtered.
  public let range: ClosedRange<UInt64>
  /// What it took to send it.
  public let storedByteCount: Int
  private let batches: [Batch]

  init(
    stream: StreamName, incarnation: Incarnation, range: ClosedRange<UInt64>, batches: [Batch], storedByteCount: Int
  ) {
    self.stream = stream
    self.incarnation = incarnation
    self.range = range
    self.batches = batches
    self.storedByteCount = storedByteCount
  }

  /// The cursor's position after it.
  public var position: CursorPosition {
    CursorPosition(stream: stream, incarnation: incarnation, sequence: range.upperBound)
  }

  /// The entries in ascending order.
  ///
  /// - Throws: `LogError` with `damaged` when the payload breaks a rule of the format.
  /// - Complexity: decompresses each time it is called; messages share the decompressed memory.
  public func entries() throws(LogError) -> [Entry] {
    var entries: [Entry] = []
    for batch in batches {
      let decoded: [Entry]
      do { decoded = try BatchReader.entries(of: batch) } catch {
        throw LogError(
          .damaged, "a batch of stream \(stream) around \(batch.header.firstSequence) cannot be decoded: \(error)",
          cause: error.description)
      }
      let isInside = batch.header.firstSequence >= range.lowerBound && batch.header.lastSequence <= range.upperBound
      entries += isInside ? decoded : decoded.filter { range.contains($0.sequence) }
    }
    return entries
  }

  /// How many entries it holds.
  ///
  /// - Complexity: constant for each batch, unless a batch was filtered and lies partly outside the range: then it is decoded.
  func entryCount() throws(LogError) -> UInt64 {
    if batches.contains(where: { $0.header.flags.contains(.sparse) }) { return UInt64(try entries().count) }
    return UInt64(range.count)
  }
}

/// A decoder that is kept for the next batch.
///
/// Invariant behind `@unchecked Sendable`: it is used by one caller at a time, who has taken it out of `free`.
private final class BatchReader: @unchecked Sendable {
  private static let readerCountMax = 4
  private static let free = Mutex<[BatchReader]>([])

  private var decoder = BatchDecoder()

  static func entries(of batch: Batch) throws(LogsWire.DecodingError) -> [Entry] {
    let reader = free.withLock { $0.popLast() } ?? BatchReader()
    defer { free.withLock { if $0.count < readerCountMax { $0.append(reader) } } }
    return try reader.decoder.entries(of: batch)
  }
}
