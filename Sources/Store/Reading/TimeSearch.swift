/// A search for an entry by its time, and how far it has come. It is done in turns, each as short as a read's.
struct TimeSearch: Sendable {
  enum Kind: Sendable {
    /// The first entry of this time or a later one.
    case atOrAfter(Int64)
    /// The last entry of this time or an earlier one.
    case atOrBefore(Int64)

    /// Whether a run may hold what is searched for. Of a damaged row the least time may be above the greatest.
    func mayMatch(minTime: Int64, maxTime: Int64) -> Bool {
      switch self {
      case .atOrAfter(let time): maxTime >= time
      case .atOrBefore(let time): minTime <= time
      }
    }
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

  /// Whether it goes from the highest number to the lowest.
  var isReverse: Bool {
    switch kind {
    case .atOrAfter: false
    case .atOrBefore: true
    }
  }

  /// The number at which it goes on; nil when all has been searched.
  var position: UInt64? { isReverse ? rest?.upperBound : rest?.lowerBound }

  /// Notes that these numbers have been searched, and all that came before them in this search.
  mutating func pass(_ numbers: ClosedRange<UInt64>) {
    guard let rest else { return }
    if isReverse {
      let isLeft = numbers.lowerBound > rest.lowerBound
      self.rest = isLeft ? rest.lowerBound...min(rest.upperBound, numbers.lowerBound - 1) : nil
    } else {
      let isLeft = numbers.upperBound < rest.upperBound
      self.rest = isLeft ? max(rest.lowerBound, numbers.upperBound + 1)...rest.upperBound : nil
    }
  }
}
