package import LogsWire

/// A range of a stream's numbers that are not kept, though their segment may be.
package struct Removal: Hashable, Sendable {
  package var numbers: ClosedRange<UInt64>
  /// `trimmed` or `deleted`.
  package var reason: SkipReason
  /// Of a deleted range about what its batches took. Of a trimmed one, which is the first of its stream, what all
  /// batches up to its end took since the stream was created.
  package var byteCount: UInt64

  /// The part of it within `numbers`, with its share of the bytes.
  func part(_ part: ClosedRange<UInt64>) -> Removal {
    if reason == .trimmed { return Removal(numbers: part, reason: reason, byteCount: byteCount) }
    let share = Double(part.size) / Double(numbers.size)
    return Removal(numbers: part, reason: reason, byteCount: UInt64(Double(byteCount) * share))
  }
}

extension ClosedRange<UInt64> {
  /// How many numbers it has. Sequence numbers have 63 bits, so there is no range that has too many.
  var size: UInt64 { upperBound - lowerBound + 1 }
}

/// What was removed of a stream number by number, not with whole segments.
///
/// Ascending and disjoint; ranges of one reason that touch are one range.
package struct Removals: Hashable, Sendable {
  package private(set) var ranges: [Removal] = []

  package init() {}

  package var isEmpty: Bool { ranges.isEmpty }
  var deletedByteCount: UInt64 { ranges.reduce(0) { $0 + ($1.reason == .deleted ? $1.byteCount : 0) } }
  /// The range that retention has trimmed.
  var trimmed: Removal? { ranges.first.flatMap { $0.reason == .trimmed ? $0 : nil } }

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
    return numbers.size - kept(of: numbers).reduce(0) { $0 + $1.size }
  }

  /// Adds what no range has yet of a range.
  mutating func add(_ removal: Removal) {
    for numbers in kept(of: removal.numbers) { insert(removal.part(numbers)) }
  }

  /// Makes a range deleted, also where it was trimmed.
  mutating func delete(_ numbers: ClosedRange<UInt64>, byteCount: UInt64) {
    var trimmed: [Removal] = []
    var index = ranges.countBefore { $0.numbers.upperBound < numbers.lowerBound }
    while index < ranges.count, ranges[index].numbers.lowerBound <= numbers.upperBound {
      if ranges[index].reason == .trimmed { trimmed.append(ranges.remove(at: index)) } else { index += 1 }
    }
    add(Removal(numbers: numbers, reason: .deleted, byteCount: byteCount))
    for range in trimmed { add(range) }
  }

  /// Adds a range of which no other one has anything.
  private mutating func insert(_ removal: Removal) {
    let index = ranges.countBefore { $0.numbers.upperBound < removal.numbers.lowerBound }
    ranges.insert(removal, at: index)
    merge(at: index)
    if index > 0 { merge(at: index - 1) }
  }

  /// Makes a range and the next one a single range if they touch, and are removed for the same reason.
  private mutating func merge(at index: Int) {
    guard index + 1 < ranges.count else { return }
    let (first, second) = (ranges[index], ranges[index + 1])
    guard first.reason == second.reason, first.numbers.upperBound + 1 == second.numbers.lowerBound else { return }
    ranges[index].numbers = first.numbers.lowerBound...second.numbers.upperBound
    let isTrimmed = first.reason == .trimmed
    ranges[index].byteCount =
      isTrimmed ? max(first.byteCount, second.byteCount) : first.byteCount + second.byteCount
    ranges.remove(at: index + 1)
  }

  /// Forgets what is below `number`.
  mutating func drop(below number: UInt64) {
    guard let first = ranges.first, first.numbers.lowerBound < number else { return }
    ranges.removeAll { $0.numbers.upperBound < number }
    if let first = ranges.first, first.numbers.lowerBound < number {
      ranges[0] = first.part(number...first.numbers.upperBound)
    }
  }

  /// Makes one trimmed range of `numbers`, which begin where the stream does, whatever was removed of them before.
  ///
  /// - Parameter byteCount: what all batches up to their end took since the stream was created.
  mutating func trim(_ numbers: ClosedRange<UInt64>, byteCount: UInt64) {
    drop(below: numbers.upperBound + 1)
    add(Removal(numbers: numbers, reason: .trimmed, byteCount: byteCount))
  }
}
