/// Whether a peer is alive, and when it wants to hear from this side (`spec/session.md`).
///
/// Any byte received proves life. A side that has sent nothing for one heartbeat sends a PING; one that has received nothing
/// for three gives the connection up.
struct Liveness {
  /// Silence, in heartbeats, after which a peer counts as gone.
  static let silentHeartbeatCountMax: UInt64 = 3
  /// A shorter heartbeat counts as this: no setting of the other side makes this one busy.
  static let heartbeatMillisecondsMin: UInt64 = 100

  var heartbeatMilliseconds: UInt64
  private var lastReceived: MonotonicTime
  private var quietSince: MonotonicTime
  private var hasSent = false

  init(heartbeatMilliseconds: UInt64, now: MonotonicTime) {
    self.heartbeatMilliseconds = max(heartbeatMilliseconds, Self.heartbeatMillisecondsMin)
    lastReceived = now
    quietSince = now
  }

  mutating func bytesReceived(now: MonotonicTime) { lastReceived = now }
  mutating func frameSent() { hasSent = true }

  func isPeerGone(now: MonotonicTime) -> Bool {
    now.milliseconds(since: lastReceived) >= heartbeatMilliseconds * Self.silentHeartbeatCountMax
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
