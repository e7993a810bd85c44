/// Numbers of a stream, as ranges: ascending, disjoint and not touching.
struct NumberRanges: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt64>] = []

  var first: UInt64? { ranges.first?.lowerBound }
  var last: UInt64? { ranges.last?.upperBound }

  func overlaps(_ numbers: ClosedRange<UInt64>) -> Bool {
    let index = ranges.countBefore { $0.upperBound < numbers.lowerBound }
    return index < ranges.count && ranges[index].lowerBound <= numbers.upperBound
  }

  /// Adds numbers of which it has none.
  mutating func add(_ numbers: ClosedRange<UInt64>) {
    var (merged, index) = (numbers, ranges.countBefore { $0.upperBound < numbers.lowerBound })
    if index > 0, ranges[index - 1].upperBound + 1 == merged.lowerBound {
      index -= 1
      merged = ranges[index].lowerBound...merged.upperBound
      ranges.remove(at: index)
    }
    if index < ranges.count, ranges[index].lowerBound == merged.upperBound + 1 {
      merged = merged.lowerBound...ranges[index].upperBound
      ranges.remove(at: index)
    }
    ranges.insert(merged, at: index)
  }

  /// The parts of `numbers` that it has not, ascending.
  func missing(from numbers: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
    var missing: [ClosedRange<UInt64>] = []
    var next = numbers.lowerBound
    for range in ranges[ranges.countBefore { $0.upperBound < next }...] {
      if range.lowerBound > numbers.upperBound { break }
      if range.lowerBound > next { missing.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
      if next > numbers.upperBound { return missing }
    }
    missing.append(next...numbers.upperBound)
    return missing
  }
}
