/// The limits of the HTTP door (`spec/limits.md`, section 3).
enum HTTPLimits {
  /// A request line.
  static let lineByteCountMax = 8 << 10
  /// All headers of a request, and all trailers.
  static let headersByteCountMax = 32 << 10
  static let headerCountMax = 100
  /// The line with the size of a chunk.
  static let chunkLineByteCountMax = 256
  /// A body: what a batch can hold before it is compressed, and room for what JSON says more.
  static let bodyByteCountMax = 8 << 20
  /// The form of a login: a token, each of its bytes escaped, and its name.
  static let loginByteCountMax = 16 << 10
  /// What is read ahead while a request is answered.
  static let aheadByteCountMax = 64 << 10
  /// Entries of a page.
  static let pageCountMax: UInt64 = 500
  /// Entries that a page looks at to put them in order, and about what they take in memory.
  static let collectedEntryCountMax = 100_000
  static let collectedByteCountMax = 64 << 20
  /// How long a page or follow in the view `container` looks back for the status entries of its streams.
  static let statusLookDuration = Duration.milliseconds(500)
  /// The id of an event: a header has to hold it.
  static let cursorByteCountMax = 4 << 10
  /// Stored bytes that are written as JSON at once.
  static let pieceByteCount = 64 << 10
  /// Output that may wait for one connection while that of all takes more than the server's budget.
  static let shortOutputByteCount = 16 << 10
  /// Requests that are under way on a connection of HTTP/2.
  static let streamCountMax = 100
  /// Output that may wait for one of them.
  static let streamOutputByteCount = 64 << 10
  /// Requests that a client of HTTP/2 may take back before the connection ends; halved with each tick.
  static let resetCountMax = 200
  /// A message of a WebSocket.
  static let messageByteCountMax = 256 << 10
  /// A message of a WebSocket that holds frames of the protocol: some of the largest.
  static let wireMessageByteCountMax = 16 << 20
  /// What a client calls a subscription of a WebSocket.
  static let subscriptionIDByteCountMax = 128
  /// Streams whose cursors the message `live` of a WebSocket names.
  static let liveCursorCountMax = 1_000
  /// An `Idempotency-Key`.
  static let keyByteCountMax = 255
  /// The keys that are remembered, and the bytes of them, their clients and streams.
  static let keyCountMax = 16_384
  static let keysByteCountMax = 4 << 20
  static let keyDuration = Duration.seconds(86_400)
  /// How long a follow may ask to last, in seconds.
  static let timeoutSeconds: ClosedRange<UInt64> = 30...1_800
}
