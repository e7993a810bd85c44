internal import Glibc
internal import LogsWire

/// Options of TCP sockets. They have no meaning for Unix sockets and are left out there.
package enum TCPOptions {
  /// How long sent bytes may stay unacknowledged by the peer's system before the connection breaks.
  package static let userTimeout = Duration.seconds(30)

  /// Failures are ignored: a connection works without these options, only slower, or breaks later.
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
