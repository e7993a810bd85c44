/// Entries of one stream that are shown one after the other: those found, and those around them.
struct QueryGroup {
  /// In the order of the query.
  var matches: [StreamEntry]
  /// What is shown.
  var range: ClosedRange<UInt64>
}

/// Puts what is found in one stream into groups: two entries are in one if no entry between them stays hidden.
///
/// A value without I/O. It takes what is found in the order of the query.
struct QueryGroups {
  private let before: UInt64
  private let after: UInt64
  private let isReverse: Bool
  private var matches: [StreamEntry] = []
  /// The first one behind the group.
  private var following: StreamEntry?
  private var isOver = false
  /// The last number that was shown.
  private var shown: UInt64?

  /// A group that is longer goes on in the next one.
  private static let matchCountMax = 1_000

  init(before: UInt64, after: UInt64, isReverse: Bool) {
    self.before = before
    self.after = after
    self.isReverse = isReverse
  }

  /// Whether the group may go on.
  var needsMatch: Bool { following == nil && !isOver }

  /// The time by which the group is merged with those of other streams; nil when there is none.
  var time: Int64? { matches.first?.entry.effectiveTime }

  /// What was found next; nil when there is no more.
  mutating func take(_ match: StreamEntry?) {
    guard let match else {
      isOver = true
      return
    }
    if let last = matches.last, distance(last, match) > before + after + 1 || matches.count == Self.matchCountMax {
      following = match
    } else {
      matches.append(match)
    }
  }

  private func distance(_ left: StreamEntry, _ right: StreamEntry) -> UInt64 {
    let (left, right) = (left.entry.sequence, right.entry.sequence)
    return left < right ? right - left : left - right
  }

  /// The group, once it needs no more; nil when there is none.
  ///
  /// - Parameter matchCountMax: the first ones that it may have, at least 1. What is left out does not come any more.
  mutating func next(matchCountMax: UInt64) -> QueryGroup? {
    let kept = Array(matches.prefix(Int(clamping: matchCountMax)))
    guard let first = kept.first?.entry.sequence, let last = kept.last?.entry.sequence else { return nil }
    // What comes next is not shown twice.
    let next = following?.entry.sequence
    var lower = min(first, last)
    var upper = max(first, last)
    lower = lower > before ? lower - before : 1
    upper += after
    if isReverse {
      if let next { lower = max(lower, next + 1) }
      if let shown { upper = min(upper, shown - 1) }
      shown = lower
    } else {
      if let next { upper = min(upper, next - 1) }
      if let shown { lower = max(lower, shown + 1) }
      shown = upper
    }
    matches = following.map { [$0] } ?? []
    following = nil
    return QueryGroup(matches: kept, range: lower...upper)
  }
}
