internal import Glibc
internal import LogsWire

/// Settings of TCP sockets. On Unix sockets they have no meaning and are left out.
package enum TCPOptions {
  /// How long sent bytes may stay without an answer from the peer's system before the connection breaks.
  package static let userTimeout = Duration.seconds(30)

  /// Failing is no reason to give up a connection: it works without, only slower or for longer.
  static func set(on descriptor: Int32, userTimeout: Duration) {
    guard SocketAddress.family(of: descriptor) != AF_UNIX else { return }
    // Output is written once a turn, so waiting for more to put into a packet only adds delay.
    _ = set(descriptor, TCP_NODELAY, to: 1)
    let milliseconds = Int32(clamping: userTimeout.nanoseconds / 1_000_000)
    _ = set(descriptor, TCP_USER_TIMEOUT, to: milliseconds)
  }

  private static func set(_ descriptor: Int32, _ option: Int32, to value: Int32) -> Bool {
    var value = value
    return unsafe setsockopt(
      descriptor, Int32(IPPROTO_TCP), option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
  }
}
