internal import CEvent

/// The process at the other end of a Unix socket, as the system knows it from when it connected (unix(7), SO_PEERCRED).
///
/// The socket may have been handed on to another process since, which the system does not report.
package struct PeerProcess: Hashable, Sendable {
  package let number: Int32
  /// Its effective user id.
  package let user: UInt32

  /// - Parameter descriptor: a connected Unix socket.
  init?(of descriptor: Int32) {
    var peer = logs_peer()
    guard unsafe logs_peer_of(descriptor, &peer) == 0 else { return nil }
    (number, user) = (peer.process, peer.user)
  }
}
