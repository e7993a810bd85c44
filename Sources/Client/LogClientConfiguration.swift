/// Which servers to connect to, and how.
public struct LogClientConfiguration: Sendable {
  /// URLs, `logs://host[:port]`, `logs+tls://host[:port]` or `logs+unix:///path`, of servers with the same data;
  /// they are tried in turn.
  public var servers: [String]
  /// The token that proves the client's rights to the server; nil for none. At most 4,096 bytes.
  public var token: String?
  /// Returns a token, instead of `token`; nil for none. It is asked at each attempt to connect, and when the server
  /// wants another token for a connection, which then goes on without a cut: shortly before a token expires, and when
  /// it was revoked; then a few times a heartbeat until there is another one.
  ///
  /// It is waited for up to `connectTimeout`. Then, and when nobody needs the token any more, its task is cancelled,
  /// and what it still returns is ignored. An error, or no answer in time, counts as an attempt to connect that has
  /// failed; on an open connection it is asked again a while later.
  public var tokenProvider: (@concurrent @Sendable () async throws -> String?)?
  /// For servers with TLS: PEM files of the CAs to trust instead of the system's, and of the client's own certificate
  /// and its key; nil for none.
  public var caCertificateFile: String?
  public var certificateFile: String?
  public var keyFile: String?
  /// The client's name and version, for the server's log. At most 255 bytes.
  public var name: String
  public var backoff: Backoff
  /// How long one attempt may take, from the name lookup to the end of the handshake, and how long `tokenProvider` may
  /// take each time.
  public var connectTimeout: Duration
  /// How long an outage may last before everything that waits for a connection fails with `gaveUp`; nil: no limit.
  ///
  /// When it has passed, there are no more pauses between attempts. The current attempt may still take up to
  /// `connectTimeout`, and every server is tried at least once: with zero, exactly once.
  public var reconnectDeadline: Duration?
  /// How many stored bytes a subscription may hold until the application takes them, plus one frame. A subscription
  /// with so many streams that it takes several requests may hold one frame more for each of them.
  ///
  /// A larger window keeps a connection with high latency busy; a smaller one saves memory. At least 64 KiB.
  public var followCreditByteCount: Int

  /// Draws from 0 to its argument, both included.
  package var random: @Sendable (UInt64) -> UInt64 = { UInt64.random(in: 0...$0) }

  /// What one FOLLOW can hold. Set by tests.
  package var followLimits = FollowLimits()

  /// The server on this machine, on the protocol's own port.
  public static let defaultServer = "logs://127.0.0.1:5647"

  public init(
    servers: [String] = [defaultServer], token: String? = nil, name: String = "LogsClient",
    backoff: Backoff = Backoff(), connectTimeout: Duration = .seconds(10), reconnectDeadline: Duration? = nil,
    followCreditByteCount: Int = 1 << 20
  ) {
    self.servers = servers
    self.token = token
    self.name = name
    self.backoff = backoff
    self.connectTimeout = connectTimeout
    self.reconnectDeadline = reconnectDeadline
    self.followCreditByteCount = followCreditByteCount
  }

  static let followCreditByteCountMin = 64 << 10
}
