/// Gets the events of a connection. All calls are made on the loop's thread, and none from inside a call to the
/// connection; all may call the connection, even to close it.
package protocol ConnectionHandler: AnyObject {
  /// Bytes have arrived. They are valid only during the call.
  func received(_ bytes: RawSpan, on connection: Connection)

  /// The peer sends no more, though it may still read. By default, what is queued is sent and the connection is closed.
  func inputEnded(on connection: Connection)

  /// Queued output had reached the high watermark and has fallen to the low one.
  func drained(_ connection: Connection)

  /// The connection has closed: the last call, made once, whichever side closed it.
  func closed(_ connection: Connection, reason: CloseReason)
}

extension ConnectionHandler {
  package func inputEnded(on connection: Connection) { connection.closeLingering() }

  package func drained(_ connection: Connection) {}
}
