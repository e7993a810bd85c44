internal import LogsWire

/// How long to wait between attempts: a random time up to `base * 2^n`, which never rises above `cap`.
///
/// Full jitter: when a server is back, its clients do not all connect at the same moment.
public struct Backoff: Hashable, Sendable {
  /// The longest first wait.
  public var base: Duration
  /// The longest wait.
  public var cap: Duration
  /// How long a connection must last until the next loss counts as the first one again.
  public var healthyDuration: Duration

  public init(
    base: Duration = .milliseconds(100), cap: Duration = .seconds(30), healthyDuration: Duration = .seconds(5)
  ) {
    self.base = base
    self.cap = cap
    self.healthyDuration = healthyDuration
  }

  /// Whether a connection that began at `start` has lasted long enough.
  func isHealthy(since start: MonotonicTime, now: MonotonicTime) -> Bool {
    now.nanoseconds(since: start) >= UInt64(clamping: healthyDuration.nanoseconds)
  }

  /// The longest wait before attempt `attempt`, counted from 0.
  package func bound(attempt: Int) -> Duration {
    let base = base.nanoseconds
    let cap = max(cap.nanoseconds, 0)
    guard base > 0 else { return .zero }
    // A shift that would lose bits is beyond any cap.
    guard attempt < base.leadingZeroBitCount else { return .nanoseconds(cap) }
    return .nanoseconds(min(cap, base << Int64(attempt)))
  }

  /// The wait before attempt `attempt`, counted from 0.
  ///
  /// - Parameters:
  ///   - retryAfter: the least, as the server asked for it.
  ///   - random: draws from 0 to its argument, both included.
  package func delay(attempt: Int, retryAfter: Duration?, random: (UInt64) -> UInt64) -> Duration {
    let drawn = Duration.nanoseconds(Int64(clamping: random(UInt64(bound(attempt: attempt).nanoseconds))))
    return max(drawn, retryAfter ?? .zero)
  }
}
