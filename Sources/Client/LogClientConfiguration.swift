/// Which servers to connect to, and how.
public struct LogClientConfiguration: Sendable {
  /// URLs, `logs://host[:port]` or `logs+unix:///path`, of servers with the same data; they are tried in turn.
  public var servers: [String]
  /// What the server knows the client's rights by; nil for none. At most 4,096 bytes.
  public var token: String?
  /// The client's name and version, for the server's log. At most 255 bytes.
  public var name: String
  public var backoff: Backoff
  /// How long one attempt may take, from the name lookup to the end of the handshake.
  public var connectTimeout: Duration
  /// How long to go on without a connection before everything that waits for one fails with `gaveUp`; nil: no limit.
  ///
  /// It ends the waiting between attempts. An attempt that is under way when it passes may finish within
  /// `connectTimeout`, and every server is tried once in any case: with zero, each of them exactly once.
  public var reconnectDeadline: Duration?
  /// Stored bytes of batches that a subscription may hold for an application that has not taken them yet, plus one
  /// frame: a subscription of so many streams that it takes several requests, plus one for each of them.
  ///
  /// A larger window keeps a link of high latency busy; a smaller one saves memory. At least 64 KiB.
  public var followCreditByteCount: Int

  /// Draws from 0 to its argument, both included.
  package var random: @Sendable (UInt64) -> UInt64 = { UInt64.random(in: 0...$0) }

  /// When subscriptions are divided.
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
