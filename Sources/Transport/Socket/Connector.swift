/// Connects to endpoints without blocking the loop.
package enum Connector {
  /// How long one address is tried alone before the next one is tried beside it.
  static let addressDelay = Duration.milliseconds(250)
  /// How long until a Unix socket with a full queue is tried again.
  static let queueDelay = Duration.milliseconds(10)

  /// Connects and calls `completion` once on the loop, never from inside this call, unless the attempt is cancelled.
  ///
  /// Names are looked up on a thread of their own. The addresses of a host are tried in the system's order, the next
  /// one as soon as one fails, or beside it after 250 ms; the first to answer wins.
  ///
  /// - Parameters:
  ///   - timeout: for all of it, the name lookup included.
  ///   - userTimeout: as in `Connection.init(adopting:on:userTimeout:)`.
  /// - Returns: the attempt, which need not be kept.
  @discardableResult
  package static func connect(
    to endpoint: Endpoint, on loop: EventLoop, timeout: Duration, userTimeout: Duration = TCPOptions.userTimeout,
    then completion: @escaping (Result<Connection, TransportError>) -> Void
  ) -> ConnectAttempt {
    ConnectAttempt(endpoint: endpoint, loop: loop, timeout: timeout, userTimeout: userTimeout, completion: completion)
  }
}
