package import LogsWire

/// A range of a stream's numbers that are not kept, though their segment may be.
package struct Removal: Hashable, Sendable {
  package var numbers: ClosedRange<UInt64>
  /// `trimmed` or `deleted`.
  package var reason: SkipReason
}

/// What was removed of a stream number by number, not with whole segments.
///
/// Ascending and disjoint; ranges of one reason that touch are one range.
package struct Removals: Hashable, Sendable {
  package private(set) var ranges: [Removal] = []

  package init() {}

  package var isEmpty: Bool { ranges.isEmpty }

  /// The range that holds `number`, or else the first one behind it.
  func first(from number: UInt64) -> Removal? {
    let index = ranges.countBefore { $0.numbers.upperBound < number }
    return index < ranges.count ? ranges[index] : nil
  }

  /// The range that holds `number`, or else the last one before it.
  func last(downTo number: UInt64) -> Removal? {
    let index = ranges.countBefore { $0.numbers.lowerBound <= number }
    return index > 0 ? ranges[index - 1] : nil
  }

  func contains(_ number: UInt64) -> Bool { first(from: number)?.numbers.contains(number) ?? false }

  /// The numbers around `number`, which is in no range, up to the next ranges.
  func kept(around number: UInt64) -> ClosedRange<UInt64> {
    let before = last(downTo: number)?.numbers.upperBound ?? 0
    return before + 1...(first(from: number).map { $0.numbers.lowerBound - 1 } ?? .max)
  }

  /// The parts of `numbers` that are in no range, ascending.
  func kept(of numbers: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
    if ranges.isEmpty { return [numbers] }
    var kept: [ClosedRange<UInt64>] = []
    var next = numbers.lowerBound
    for index in ranges.countBefore({ $0.numbers.upperBound < next })..<ranges.count {
      let range = ranges[index].numbers
      if range.lowerBound > numbers.upperBound { break }
      if range.lowerBound > next { kept.append(next...range.lowerBound - 1) }
      // The highest number there is ends the search.
      guard range.upperBound < numbers.upperBound else { return kept }
      next = range.upperBound + 1
    }
    kept.append(next...numbers.upperBound)
    return kept
  }

  /// How many of `numbers` are in a range.
  func count(in numbers: ClosedRange<UInt64>) -> UInt64 {
    if ranges.isEmpty { return 0 }
    return numbers.upperBound - numbers.lowerBound + 1
      - kept(of: numbers).reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }
  }

  /// Adds what no range has yet of `numbers`.
  mutating func add(_ numbers: ClosedRange<UInt64>, _ reason: SkipReason) {
    let added = kept(of: numbers).map { Removal(numbers: $0, reason: reason) }
    var merged: [Removal] = []
    for range in (ranges + added).sorted(by: { $0.numbers.lowerBound < $1.numbers.lowerBound }) {
      if let last = merged.last, last.reason == range.reason, last.numbers.upperBound + 1 == range.numbers.lowerBound {
        merged[merged.count - 1].numbers = last.numbers.lowerBound...range.numbers.upperBound
      } else {
        merged.append(range)
      }
    }
    ranges = merged
  }

  /// Forgets what is below `number`.
  mutating func drop(below number: UInt64) {
    guard let first = ranges.first, first.numbers.lowerBound < number else { return }
    ranges.removeAll { $0.numbers.upperBound < number }
    if let first = ranges.first, first.numbers.lowerBound < number {
      ranges[0].numbers = number...first.numbers.upperBound
    }
  }
}
