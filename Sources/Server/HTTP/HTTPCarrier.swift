internal import LogsTransport
internal import LogsWire

/// What carries a request and its answer: a connection of HTTP/1, or a stream of HTTP/2.
protocol HTTPCarrier: AnyObject {
  /// The client's number on its shard.
  var clientID: UInt64 { get }
  /// Where the request came from.
  var connection: Connection { get }
  /// The reads that its subscriptions have under way.
  var reads: ReadSlots { get }
  /// Output that may be queued before an answer has to wait.
  var windowByteCount: Int { get }

  /// Whether an answer has to wait. When there is room, the exchange gets a turn.
  func isFull(for exchange: HTTPExchange) -> Bool
  func awaitTurn(_ exchange: HTTPExchange)

  /// The body is wanted: the client may have asked whether it is.
  func invite(_ exchange: HTTPExchange)
  /// All of the answer. The exchange is over.
  func answer(_ exchange: HTTPExchange, _ response: HTTPResponse)
  /// The head of an answer that `write` and `end` continue.
  func begin(_ exchange: HTTPExchange, _ head: HTTPHead)
  func write(_ exchange: HTTPExchange, _ bytes: ByteString)
  /// The answer is complete, and the exchange over.
  func end(_ exchange: HTTPExchange)
  /// The answer stays incomplete, which the client must notice.
  func cut(_ exchange: HTTPExchange)
  /// Nothing more is wanted from the client behind this answer.
  func leaveAfter(_ exchange: HTTPExchange)
  /// The connection speaks WebSocket from now on.
  ///
  /// - Returns: why it cannot.
  func upgrade(_ exchange: HTTPExchange, _ head: HTTPHead, to make: WebSocketMaker) -> HTTPProblem?
}

/// Makes the client that takes over a connection.
typealias WebSocketMaker = (_ id: UInt64, _ connection: Connection, _ core: ShardCore) -> any ShardClient
  & ConnectionHandler
