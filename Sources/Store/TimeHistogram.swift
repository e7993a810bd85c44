/// How long something took, counted in steps.
package struct TimeHistogram: Hashable, Sendable {
  /// Each step has the times up to this, in nanoseconds, that the step before has not. One more has the longer ones.
  package static let bounds: [Int64] = [
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
  ]

  package private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
  /// Of all times, in nanoseconds.
  package private(set) var sum: Int64 = 0

  package init() {}

  package mutating func add(_ time: Int64) {
    counts[Self.bounds.firstIndex { time <= $0 } ?? Self.bounds.count] += 1
    sum += time
  }
}
