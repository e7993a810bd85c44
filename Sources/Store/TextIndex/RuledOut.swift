/// Numbers of a stream that cannot pass a filter: ranges that do not touch, ascending.
struct RuledOut: Sendable {
  private var ranges: [ClosedRange<UInt64>] = []

  /// Adds a range behind those before.
  mutating func append(_ range: ClosedRange<UInt64>) {
    if let last = ranges.last, last.upperBound >= range.lowerBound - 1 {
      ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    } else {
      ranges.append(range)
    }
  }

  /// The range that holds `number`, or else the first one behind it.
  func range(from number: UInt64) -> ClosedRange<UInt64>? {
    let index = ranges.countBefore { $0.upperBound < number }
    return index < ranges.count ? ranges[index] : nil
  }

  /// The range that holds `number`, or else the last one before it.
  func range(downFrom number: UInt64) -> ClosedRange<UInt64>? {
    let index = ranges.countBefore { $0.lowerBound <= number }
    return index > 0 ? ranges[index - 1] : nil
  }
}

extension [ClosedRange<UInt64>] {
  /// How many elements come before the first one for which `isBefore` is false.
  fileprivate func countBefore(_ isBefore: (ClosedRange<UInt64>) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
