/// Confirms that entries are durable, with their sequence numbers.
public struct AppendReceipt: Hashable, Sendable {
  public var stream: StreamName
  public var incarnation: Incarnation
  /// The numbers of the entries, in order. One range, unless the entries took several batches and other producers'
  /// entries came in between.
  public var ranges: [ClosedRange<UInt64>]
  /// Whether some of it had been stored by an earlier attempt whose acknowledgement was lost. Nothing is stored twice.
  public var isDuplicate: Bool
  /// How many of the entries were not stored whole: a message was cut at 1 MiB (the entry's attribute `logs.truncated`
  /// has its length), a source at 255 bytes.
  public var truncatedCount: UInt64

  /// From the first entry's number to the last one's.
  public var sequences: ClosedRange<UInt64> {
    guard let first = ranges.first, let last = ranges.last else { preconditionFailure("a receipt names an entry") }
    return first.lowerBound...last.upperBound
  }

  /// How many entries it is for.
  public var entryCount: UInt64 { ranges.reduce(0) { $0 + UInt64($1.count) } }
}
