/// Why a connection has closed.
package enum CloseReason: Hashable, Sendable {
  /// This side closed it.
  case closedHere
  /// The peer closed it, or at least its sending side, cleanly.
  case closedByPeer
  /// The connection broke.
  case failed(TransportError)
  /// Its loop was stopped.
  case loopStopped
}
