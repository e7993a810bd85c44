internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// What a shard has of a client, whatever that speaks. Everything is called on the shard's loop.
protocol ShardClient: AnyObject {
  /// No other client of the shard has had it.
  var id: UInt64 { get }

  /// The outcome of an append (`Appender`), by the number that the client gave it.
  func settle(_ request: UInt32, _ outcome: WriteOutcome)

  /// Does some of what may take long (`ShardCore.awaitTurn`).
  ///
  /// - Returns: whether something is left to be done in another turn.
  func takeTurn() -> Bool

  /// Looks at the deadlines.
  func tick()

  /// The server stops: finishes what has begun, then closes.
  func drain(_ goAway: GoAway)

  /// The time for draining is over: closes at once.
  func abandon()
}

/// A client at the other end of a socket. Of which kind it is, its listener says.
protocol SocketClient: ShardClient, SendableMetatype {
  /// Tells the shard when it is gone (`ShardCore.forget`).
  init(id: UInt64, connection: Connection, core: ShardCore)

  /// Tells a client why it is not taken, and closes.
  static func turnAway(_ connection: Connection, _ refusal: Refusal)
}
