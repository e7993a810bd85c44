/// Confirms that entries are durable, with their sequence numbers.
public struct AppendReceipt: Hashable, Sendable {
  public var stream: StreamName
  public var incarnation: Incarnation
  /// Mostly the only one, so it has a place of its own: an array would be allocated for each receipt.
  private var rangeFirst: ClosedRange<UInt64>?
  private var rangesAfter: [ClosedRange<UInt64>] = []
  /// Whether some of it had been stored by an earlier attempt whose acknowledgement was lost. Nothing is stored twice.
  public var isDuplicate = false
  /// How many of the entries were not stored whole: a message was cut at 1 MiB (the entry's attribute `logs.truncated`
  /// has its length), a source at 255 bytes.
  public var truncatedCount: UInt64 = 0

  /// For no entries yet.
  init(stream: StreamName) {
    self.stream = stream
    incarnation = .any
  }

  /// The numbers of the entries, in order. One range, unless the entries took several batches and other producers'
  /// entries came in between.
  public var ranges: [ClosedRange<UInt64>] {
    get { rangeFirst.map { [$0] + rangesAfter } ?? [] }
    set {
      rangeFirst = newValue.first
      rangesAfter = Array(newValue.dropFirst())
    }
  }

  /// From the first entry's number to the last one's.
  public var sequences: ClosedRange<UInt64> {
    guard let first = rangeFirst, let last = rangesAfter.last ?? rangeFirst else {
      preconditionFailure("a receipt names an entry")
    }
    return first.lowerBound...last.upperBound
  }

  /// How many entries it is for.
  public var entryCount: UInt64 { ranges.reduce(0) { $0 + UInt64($1.count) } }

  /// Whether it is for no entries yet.
  var isEmpty: Bool { rangeFirst == nil }

  /// Adds the numbers of the next batch.
  mutating func append(_ range: ClosedRange<UInt64>) {
    guard let last = rangesAfter.last ?? rangeFirst else {
      rangeFirst = range
      return
    }
    guard last.upperBound + 1 == range.lowerBound else { return rangesAfter.append(range) }
    let joined = last.lowerBound...range.upperBound
    if rangesAfter.isEmpty { rangeFirst = joined } else { rangesAfter[rangesAfter.count - 1] = joined }
  }
}
