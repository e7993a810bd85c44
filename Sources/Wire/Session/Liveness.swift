/// Whether a peer is alive, and when it wants to hear from this side (`spec/session.md`).
///
/// Any byte received proves life. A side that has sent nothing for one heartbeat sends a PING; one that has received
/// nothing for three gives up the connection. Silence adds up from check to check, and a gap between two checks counts
/// as one heartbeat at most: if this side's process or machine stood still, bytes from the peer may be waiting in the
/// socket.
struct Liveness {
  /// Silence, in heartbeats, after which a peer counts as gone.
  static let silentHeartbeatCountMax: UInt64 = 3

  let heartbeatMilliseconds: UInt64
  /// How long the peer had been silent at the last check, in nanoseconds.
  private var silence: UInt64 = 0
  /// The time of that check, or of a byte received later.
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

  /// Whether the peer has been silent for too long; asking counts as a check.
  mutating func isPeerGone(now: MonotonicTime) -> Bool {
    let heartbeat = heartbeatMilliseconds * 1_000_000
    silence += min(now.nanoseconds(since: lastLook), heartbeat)
    lastLook = max(lastLook, now)
    return silence >= heartbeat * Self.silentHeartbeatCountMax
  }

  /// Whether a PING is due; asking counts as sending it.
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
