internal import LogsTransport
internal import LogsWire

/// Tells a client that there is no room for it, and closes without cutting the answer off.
enum Turnstile {
  static func refuse(_ connection: Connection, limit: Int) {
    let refusal = Refusal(
      .tooManyConnections,
      "the server has \(limit) connections, which is its limit; try later, or raise --connections",
      isRetryable: true, retryAfterMilliseconds: 1_000, limit: .init("connections", UInt64(limit)))
    connection.handler = Leaving()
    connection.send(Message.error(refusal).frame(id: 0).head)
    connection.closeLingering(for: .seconds(2), discarding: Limits.greetingByteCountMax * 2)
  }

  private final class Leaving: ConnectionHandler {
    func received(_ bytes: RawSpan, on connection: Connection) {}
    func closed(_ connection: Connection, reason: CloseReason) {}
  }
}
