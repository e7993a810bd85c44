/// A search for an entry by its time, and how far it has come. It is done in turns, each as short as a read's.
struct TimeSearch: Sendable {
  enum Kind: Sendable {
    /// The first entry of this time or a later one.
    case atOrAfter(Int64)
    /// The last entry of this time or an earlier one.
    case atOrBefore(Int64)
  }

  let stream: Int64
  let kind: Kind
  /// The numbers not searched yet; what is stored later is not searched.
  var rest: ClosedRange<UInt64>?
  /// The segment that is being searched from its beginning, and the latest time found in it so far.
  var latest: (segment: Int64, time: Int64)?

  /// The outcome of a turn.
  enum Progress {
    case found(UInt64)
    /// Everything has been searched.
    case nothing
    /// The turn is over.
    case unfinished
  }

  /// Notes a time found in the segment that is being searched.
  mutating func note(_ time: Int64) {
    if let latest, latest.time < time { self.latest = (latest.segment, time) }
  }

  /// Notes that all numbers up to `last` have been searched.
  mutating func pass(upTo last: UInt64) {
    rest = rest.flatMap { last < $0.upperBound ? max($0.lowerBound, last + 1)...$0.upperBound : nil }
  }

  /// Notes that all numbers from `first` on have been searched.
  mutating func pass(downTo first: UInt64) {
    rest = rest.flatMap { first > $0.lowerBound ? $0.lowerBound...min($0.upperBound, first - 1) : nil }
  }
}
