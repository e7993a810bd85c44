internal import LogsWire
internal import Synchronization

/// What the index of a segment says of a stream for one filter, found out group by group.
final class BlockPlan: Sendable {
  /// Ascending; what is between them is in no block.
  let groups: [BlockGroup]
  private let judged: Mutex<[[JudgedBlock]?]>

  init(_ groups: [BlockGroup]) {
    self.groups = groups
    judged = Mutex(Array(repeating: nil, count: groups.count))
  }

  /// The blocks of a group: judged by `judge` the first time.
  func blocks<Failure: Error>(
    of group: Int, judge: (BlockGroup) throws(Failure) -> [JudgedBlock]
  ) throws(Failure) -> [JudgedBlock] {
    if let known = judged.withLock({ $0[group] }) { return known }
    let found = try judge(groups[group])
    judged.withLock { $0[group] = found }
    return found
  }

  /// The group that holds `number`, or else the first one behind it.
  func group(from number: UInt64) -> Int? {
    let index = groups.countBefore { $0.numbers.upperBound < number }
    return index < groups.count ? index : nil
  }

  /// The group that holds `number`, or else the last one before it.
  func group(downFrom number: UInt64) -> Int? {
    let index = groups.countBefore { $0.numbers.lowerBound <= number }
    return index > 0 ? index - 1 : nil
  }
}

/// What an index says of numbers of a stream.
struct JudgedBlock: Sendable {
  var numbers: ClosedRange<UInt64>
  var verdict: Verdict

  enum Verdict: Sendable {
    /// Nothing passes.
    case nothing
    /// These pass, and no others; their times are in that range.
    case counted([Block.Level], times: ClosedRange<Int64>)
    /// It has to be looked at.
    case unknown
  }
}

extension Array {
  /// How many elements come before the first one for which `isBefore` is false.
  func countBefore(_ isBefore: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
