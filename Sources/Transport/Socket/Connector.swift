/// Connects to endpoints without blocking the loop.
package enum Connector {
  /// How long an address is tried before the next one is tried in parallel.
  static let addressDelay = Duration.milliseconds(250)
  /// How long until a Unix socket with a full queue is tried again.
  static let queueDelay = Duration.milliseconds(10)

  /// Connects and calls `completion` once on the loop, never from inside this call, unless the attempt is cancelled.
  ///
  /// Names are looked up on a separate thread. The addresses of a host are tried in the system's order: the next one as
  /// soon as one fails, or in parallel after 250 ms. The first to connect wins.
  ///
  /// - Parameters:
  ///   - tls: needed for an endpoint with TLS. The handshake comes with the first bytes, after the completion.
  ///   - timeout: for everything, including the name lookup.
  ///   - userTimeout: as in `Connection.init(adopting:on:userTimeout:)`.
  /// - Returns: the attempt, which need not be kept.
  @discardableResult
  package static func connect(
    to endpoint: Endpoint, on loop: EventLoop, tls: TLSContext? = nil, timeout: Duration,
    userTimeout: Duration = TCPOptions.userTimeout,
    then completion: @escaping (Result<Connection, TransportError>) -> Void
  ) -> ConnectAttempt {
    ConnectAttempt(
      endpoint: endpoint, loop: loop, tls: tls, timeout: timeout, userTimeout: userTimeout, completion: completion)
  }
}
