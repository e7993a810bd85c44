internal import LogsTransport
internal import LogsWire

/// Turns away a client for which there is no room: it gets a refusal, and the close does not cut that off.
extension ServerConnection {
  static func turnAway(_ connection: Connection, _ refusal: Refusal) {
    connection.handler = Leaving()
    connection.send(Message.error(refusal).frame(id: 0).head)
    connection.closeLingering(for: lingerDuration, discarding: Limits.handshakeByteCountMax * 2)
  }

  final class Leaving: ConnectionHandler {
    func received(_ bytes: RawSpan, on connection: Connection) {}
    func closed(_ connection: Connection, reason: CloseReason) {}
  }
}
