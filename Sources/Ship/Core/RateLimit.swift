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
    guard left < 0 else { return nil }
    return .milliseconds(Int64(-left / Double(linesPerSecond) * 1_000) + 1)
  }

  /// Takes one line; false if it is to be dropped. A turn that is read may take more than there is: the next one waits
  /// for it.
  package mutating func take(_ now: MonotonicTime) -> Bool {
    if excess == .drop {
      refill(now)
      guard left >= 1 else { return false }
    }
    left -= 1
    return true
  }
}
