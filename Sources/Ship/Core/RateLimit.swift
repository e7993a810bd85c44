package import LogsWire

/// How many lines a second a source may ship, and what becomes of those beyond.
///
/// A token bucket that holds one second's worth. Held back, lines wait in the source, where nothing is lost; dropped,
/// they are counted, and a status entry of their stream says how many.
package struct RateLimit: Sendable {
  package enum Excess: String, CaseIterable, Sendable {
    /// The source is not read until its rate allows it.
    case wait
    case drop
  }

  package let linesPerSecond: Int
  package let excess: Excess
  private var left: Double
  private var refilled = MonotonicTime(nanoseconds: 0)

  package init(linesPerSecond: Int, excess: Excess) {
    self.linesPerSecond = linesPerSecond
    self.excess = excess
    left = Double(linesPerSecond)
  }

  private mutating func refill(_ now: MonotonicTime) {
    let gained = Double(now.nanoseconds(since: refilled)) / 1e9 * Double(linesPerSecond)
    left = min(Double(linesPerSecond), left + gained)
    refilled = now
  }

  /// How long the source is to wait before it is read on; nil if it may be read now.
  package mutating func wait(_ now: MonotonicTime) -> Duration? {
    guard excess == .wait else { return nil }
    refill(now)
    guard left < least else { return nil }
    let seconds = (least - left) / Double(linesPerSecond)
    return .milliseconds(min(Int64(seconds * 1_000) + 1, Self.waitMillisecondsMax))
  }

  /// How many lines may be read now: beyond them the source waits. nil if it may read on.
  package func lineCountMax() -> Int? { excess == .wait ? max(1, Int(left)) : nil }

  /// Lines are let through by the twentieth of a second, so that not each is a turn of its own.
  private var least: Double { max(1, Double(linesPerSecond) / 20) }
  private static let waitMillisecondsMax: Int64 = 1_000

  /// Takes one line; false if it is to be dropped. What a turn takes beyond the rate, the next one waits for.
  package mutating func take(_ now: MonotonicTime) -> Bool {
    if excess == .drop {
      refill(now)
      guard left >= 1 else { return false }
    }
    left -= 1
    return true
  }
}
