/// The owner of a connection, told what happens on it. All calls come on the loop's thread, none from inside a call on
/// the connection; all may call the connection, also to close it.
package protocol ConnectionHandler: AnyObject {
  /// Bytes came in. They are valid during the call; what is needed later must be copied.
  func received(_ bytes: RawSpan, on connection: Connection)

  /// The peer sends no more, though it may still read. Unless implemented, what is queued is sent and the connection
  /// closed.
  func inputEnded(on connection: Connection)

  /// Output that had reached the high watermark has fallen to the low one.
  func drained(_ connection: Connection)

  /// The connection has closed: the last call, made once, whichever side closed it.
  func closed(_ connection: Connection, reason: CloseReason)
}

extension ConnectionHandler {
  package func inputEnded(on connection: Connection) { connection.closeLingering() }

  package func drained(_ connection: Connection) {}
}
