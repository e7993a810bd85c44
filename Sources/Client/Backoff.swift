internal import LogsWire

/// How long to wait between attempts: a random time up to `base * 2^n`, which never rises above `cap`.
///
/// Full jitter: when a server comes back, its clients do not all come at the same moment.
public struct Backoff: Hashable, Sendable {
  /// The most that the first wait can take.
  public var base: Duration
  /// The most that any wait can take.
  public var cap: Duration
  /// How long a connection must last before the next loss counts as the first again.
  public var healthyDuration: Duration

  public init(
    base: Duration = .milliseconds(100), cap: Duration = .seconds(30), healthyDuration: Duration = .seconds(5)
  ) {
    self.base = base
    self.cap = cap
    self.healthyDuration = healthyDuration
  }

  /// Whether what began then has lasted long enough.
  func isHealthy(since start: MonotonicTime, now: MonotonicTime) -> Bool {
    now.nanoseconds(since: start) >= healthyDuration.wholeNanoseconds
  }

  /// The longest wait before attempt `attempt`, counted from 0.
  package func bound(attempt: Int) -> Duration {
    let base = base.wholeNanoseconds
    let cap = cap.wholeNanoseconds
    guard base > 0 else { return .zero }
    // A shift that loses bits has long passed any cap.
    guard attempt < base.leadingZeroBitCount else { return .nanoseconds(Int64(clamping: cap)) }
    return .nanoseconds(Int64(clamping: min(cap, base << UInt64(attempt))))
  }

  /// The wait before attempt `attempt`, counted from 0.
  ///
  /// - Parameters:
  ///   - retryAfter: what the server asked for: never less.
  ///   - random: draws from 0 to its argument, both included.
  package func delay(attempt: Int, retryAfter: Duration?, random: (UInt64) -> UInt64) -> Duration {
    let drawn = Duration.nanoseconds(Int64(clamping: random(bound(attempt: attempt).wholeNanoseconds)))
    return max(drawn, retryAfter ?? .zero)
  }
}
