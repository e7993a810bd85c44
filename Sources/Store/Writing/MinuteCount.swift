/// How many of something came in the last minute, to the second.
struct MinuteCount: Sendable {
  private static let secondCount = 60

  private var counts = [UInt64](repeating: 0, count: secondCount)
  /// The latest second of the clock that is in `counts`.
  private var second: Int64 = 0

  /// - Parameter time: of a clock that cannot be set, in nanoseconds.
  mutating func add(_ count: UInt64, at time: Int64) {
    advance(to: time / 1_000_000_000)
    counts[Int(second) % Self.secondCount] += count
  }

  func count(at time: Int64) -> UInt64 {
    var later = self
    later.advance(to: time / 1_000_000_000)
    return later.counts.reduce(0, +)
  }

  /// Of the last second that is over.
  func countOfLastSecond(at time: Int64) -> UInt64 {
    var later = self
    later.advance(to: time / 1_000_000_000)
    return later.counts[Int(later.second + Int64(Self.secondCount) - 1) % Self.secondCount]
  }

  private mutating func advance(to now: Int64) {
    guard now > second else { return }
    for passed in 1...min(now - second, Int64(Self.secondCount)) {
      counts[Int(second + passed) % Self.secondCount] = 0
    }
    second = now
  }
}
