internal import LogsWire

/// When to connect to which server, and when to give up. A value without clock.
///
/// An outage begins when a connection is wanted and there is none, and ends with a server's WELCOME. The other servers
/// are tried at once; when all have failed, there is a pause. After `deadline` there are no more pauses: the current
/// attempt may still succeed, and every server is tried at least once, however short the deadline.
struct ConnectionPlan {
  enum Step: Hashable {
    /// Connect to `server` now; attempts are counted from 1 since the last connection.
    case connect(attempt: Int)
    /// Call `waited` after `time`. The next attempt is due after `delay`, which may be longer.
    case wait(_ time: Duration, delay: Duration)
    /// Fail everything that waits for a connection.
    case fail(LogError)
  }

  let serverCount: Int
  let backoff: Backoff
  /// How long an outage may last; nil for no limit.
  let deadline: Duration?
  /// Draws from 0 to its argument, both included.
  let random: (UInt64) -> UInt64

  /// The server to try next.
  private(set) var server = 0
  /// Attempts and connections that failed since the last one that was healthy.
  private var failureCount = 0
  /// Attempts in this outage.
  private var attemptCount = 0
  /// When the client gives up.
  private var overdueAt: MonotonicTime?
  private var openSince: MonotonicTime?
  private var lastError: LogError?
  /// Whether the server has said that it will be back.
  private var comesBack = false

  init(
    serverCount: Int, backoff: Backoff, deadline: Duration? = nil, random: @escaping (UInt64) -> UInt64
  ) {
    self.serverCount = serverCount
    self.backoff = backoff
    self.deadline = deadline
    self.random = random
  }

  /// A connection is wanted. Earlier failures are forgotten.
  mutating func begin(now: MonotonicTime) -> Step {
    failureCount = 0
    lastError = nil
    beginOutage(now: now)
    return connect()
  }

  /// The server has answered HELLO.
  mutating func connected(now: MonotonicTime) {
    openSince = now
    overdueAt = nil
    lastError = nil
    comesBack = false
  }

  /// The server is about to stop, and advises where to go.
  mutating func goingAway(_ advice: GoAway.Advice?) { comesBack = advice == .comeBack }

  /// No connection is wanted any more.
  mutating func stop() {
    openSince = nil
    overdueAt = nil
  }

  /// The connection, or the attempt to make one, has failed.
  mutating func lost(_ error: LogError, now: MonotonicTime) -> Step {
    guard error.isRetryable else { return fail(reason(error)) }
    lastError = error
    if let openSince {
      if backoff.isHealthy(since: openSince, now: now) { failureCount = 0 }
      self.openSince = nil
      beginOutage(now: now)
    }
    let round = failureCount / serverCount
    let waitsForServer = comesBack
    comesBack = false
    if !waitsForServer {
      failureCount += 1
      server = (server + 1) % serverCount
    }
    let time = overdueAt.map { Duration.nanoseconds(Int64(clamping: $0.nanoseconds(since: now))) }
    guard time != .zero else { return connectOverdue() }
    let delay =
      failureCount % serverCount != 0 && !waitsForServer
      ? .zero : backoff.delay(attempt: round, retryAfter: error.retryAfter, random: random)
    if let time, time < delay {
      // Timers may fire a little early.
      overdueAt = now
      return .wait(time, delay: delay)
    }
    return .wait(delay, delay: delay)
  }

  /// The wait is over.
  mutating func waited(now: MonotonicTime) -> Step {
    if let overdueAt, now >= overdueAt { return connectOverdue() }
    return connect()
  }

  private mutating func beginOutage(now: MonotonicTime) {
    attemptCount = 0
    overdueAt = deadline.map { now + $0 }
  }

  private mutating func connect() -> Step {
    attemptCount += 1
    return .connect(attempt: attemptCount)
  }

  private mutating func connectOverdue() -> Step {
    if attemptCount < serverCount { return connect() }
    let limit = deadline.map { $0 == .zero ? "" : " for \($0)" } ?? ""
    let reason = lastError.map { ": \($0)" } ?? ""
    return fail(LogError(.gaveUp, "no connection\(limit)\(reason)", isRetryable: true, cause: lastError?.message))
  }

  /// Why a token counts no more is known to the connection that the server ended because of it. The one after it only
  /// learns that it does not.
  private func reason(_ error: LogError) -> LogError {
    guard error.code == .refused(.unauthorized), var reason = lastError, reason.code == error.code else { return error }
    reason.isRetryable = false
    return reason
  }

  private mutating func fail(_ error: LogError) -> Step {
    stop()
    return .fail(error)
  }
}
