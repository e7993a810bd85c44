internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// A shard's view of a client, whatever protocol that speaks. Everything is called on the shard's loop.
protocol ShardClient: AnyObject {
  /// Never used by another client of the shard.
  var id: UInt64 { get }

  /// The outcome of an append (`Appender`), by the number that the client gave it.
  func settle(_ request: UInt32, _ outcome: WriteOutcome)

  /// Does some of the work that may take long (`ShardCore.awaitTurn`).
  ///
  /// - Returns: whether something is left to be done in another turn.
  func takeTurn() -> Bool

  /// Checks the deadlines.
  func tick()

  /// The server is stopping: finishes what has begun, then closes.
  func drain(_ goAway: GoAway)

  /// The time for draining is over: closes at once.
  func abandon()
}

/// A client at the other end of a socket. Its listener determines its kind.
protocol SocketClient: ShardClient, SendableMetatype {
  /// Tells the shard when it is gone (`ShardCore.forget`).
  init(id: UInt64, connection: Connection, core: ShardCore)

  /// Sends a client the reason why it is turned away, and closes.
  static func turnAway(_ connection: Connection, _ refusal: Refusal)
}
