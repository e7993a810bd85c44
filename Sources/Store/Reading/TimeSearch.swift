/// A search for an entry by its time, and how far it has come: it is done in turns, each as short as a read's.
struct TimeSearch: Sendable {
  enum Kind: Sendable {
    /// The first entry of this time or a later one.
    case atOrAfter(Int64)
    /// The last entry of this time or an earlier one.
    case atOrBefore(Int64)
  }

  let stream: Int64
  let kind: Kind
  /// The numbers not looked at yet; what is stored later is not looked for.
  var rest: ClosedRange<UInt64>?
  /// The segment that is being looked through from its beginning, and the latest time in it so far.
  var latest: (segment: Int64, time: Int64)?

  /// What a turn has brought.
  enum Progress {
    case found(UInt64)
    /// Everything has been looked at.
    case nothing
    /// The turn is over.
    case unfinished
  }

  /// Takes note of a time in the segment that is being looked through.
  mutating func note(_ time: Int64) {
    if let latest, latest.time < time { self.latest = (latest.segment, time) }
  }

  /// Takes note that all numbers up to `last` have been looked at.
  mutating func pass(upTo last: UInt64) {
    rest = rest.flatMap { last < $0.upperBound ? max($0.lowerBound, last + 1)...$0.upperBound : nil }
  }

  /// Takes note that all numbers from `first` on have been looked at.
  mutating func pass(downTo first: UInt64) {
    rest = rest.flatMap { first > $0.lowerBound ? $0.lowerBound...min($0.upperBound, first - 1) : nil }
  }
}
