/// Whether a peer is alive, and when it wants to hear from this side (`spec/session.md`).
///
/// Any byte received proves life. A side that has sent nothing for one heartbeat sends a PING; one that has received nothing
/// for three gives the connection up. Silence is counted from look to look, and of a gap between two looks one heartbeat counts at most:
/// while this side's process or machine stood still, what the peer has sent waits in the socket.
struct Liveness {
  /// Silence, in heartbeats, after which a peer counts as gone.
  static let silentHeartbeatCountMax: UInt64 = 3

  let heartbeatMilliseconds: UInt64
  /// What the peer's silence came to at the last look, in nanoseconds.
  private var silence: UInt64 = 0
  /// When that was, or a byte came in later.
  private var lastLook: MonotonicTime
  private var quietSince: MonotonicTime
  private var hasSent = false

  init(heartbeatMilliseconds: UInt64, now: MonotonicTime) {
    self.heartbeatMilliseconds = min(
      max(heartbeatMilliseconds, Limits.heartbeatMillisecondsMin), Limits.heartbeatMillisecondsMax)
    lastLook = now
    quietSince = now
  }

  mutating func bytesReceived(now: MonotonicTime) {
    silence = 0
    lastLook = now
  }

  mutating func frameSent() { hasSent = true }

  /// Whether the peer has been silent for too long; asking counts as a look.
  mutating func isPeerGone(now: MonotonicTime) -> Bool {
    let heartbeat = heartbeatMilliseconds * 1_000_000
    silence += min(now.nanoseconds(since: lastLook), heartbeat)
    lastLook = max(lastLook, now)
    return silence >= heartbeat * Self.silentHeartbeatCountMax
  }

  /// Whether a PING is due; asking counts it as sent.
  mutating func isPingDue(now: MonotonicTime) -> Bool {
    if hasSent {
      hasSent = false
      quietSince = now
    }
    guard now.milliseconds(since: quietSince) >= heartbeatMilliseconds else { return false }
    quietSince = now
    return true
  }
}
