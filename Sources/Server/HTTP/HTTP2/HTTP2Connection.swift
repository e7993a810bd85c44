internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// A client that speaks HTTP/2: each of its requests has a stream of its own.
///
/// Lives on its shard's loop, like everything it owns.
final class HTTP2Connection: ShardClient, ConnectionHandler {
  let id: UInt64
  let connection: Connection
  let reads = ReadSlots()
  fileprivate unowned let core: ShardCore
  fileprivate let session = HTTP2Session()
  private let siteCheck: HTTPSiteCheck
  private var streams: [Int32: HTTP2Stream] = [:]
  private var waitingForTurn = UniqueQueue<Int32>()
  /// Bytes of bodies that are not complete.
  private var bodyByteCount = 0
  /// Streams that the client reset lately.
  private var resetCount = 0
  private var lastActive: MonotonicTime
  private var isFlushing = false
  private var isLeaving = false
  private var isClosing = false

  fileprivate static let lingerDuration = Duration.seconds(2)
  /// How long a connection may be without a request.
  private static let idleDurationMax = Duration.seconds(75)

  init(id: UInt64, connection: Connection, core: ShardCore) {
    self.id = id
    self.connection = connection
    self.core = core
    lastActive = connection.loop.now
    siteCheck = HTTPSiteCheck(names: core.configuration.httpHosts)
  }

  // MARK: Requests

  private func perform(_ events: [HTTP2Session.Event]) {
    for event in events {
      switch event {
      case .request(let number, let request):
        let stream = HTTP2Stream(number, request, self)
        streams[number] = stream
        if let name = request.repeatedHeader {
          stream.exchange.refuseUnread(HTTPProblem(400, "the header \(name) comes twice"))
        } else {
          stream.exchange.begin(siteCheck)
        }
      case .refused(let number, let request, let problem):
        let stream = HTTP2Stream(number, request, self)
        streams[number] = stream
        stream.exchange.refuseUnread(problem)
      case .broken: core.counters.http.add(HTTPCounts.other, 400)
      case .body(let number, let bytes): take(bytes, of: number)
      case .ended(let number):
        guard let stream = streams[number] else { continue }
        bodyByteCount -= stream.body.count
        stream.isComplete = true
        let body = stream.body
        stream.body = []
        stream.exchange.perform(body)
      case .closed(let number, let isReset):
        guard let stream = streams.removeValue(forKey: number) else { continue }
        bodyByteCount -= stream.body.count
        if isReset, !stream.exchange.isOver { resetCount += 1 }
        stream.exchange.abandon()
        lastActive = connection.loop.now
      }
    }
    // Requests that are reset at once cost the server more than the client.
    if resetCount > HTTPLimits.resetCountMax { session.refuse() }
  }

  private func take(_ bytes: [UInt8], of number: Int32) {
    guard let stream = streams[number] else { return }
    guard !stream.exchange.isOver else {
      // Many clients take an answer for a failure if they cannot send all of the request.
      stream.unwantedByteCount += bytes.count
      if stream.unwantedByteCount > HTTPLimits.bodyByteCountMax { session.stopReading(number) }
      return
    }
    stream.body += bytes
    bodyByteCount += bytes.count
    let limit = HTTPLimits.bodyByteCountMax
    if stream.body.count > limit {
      stream.exchange.respond(HTTPResponse(HTTPRequestParser.tooLarge))
    } else if bodyByteCount > 2 * limit {
      stream.exchange.respond(
        HTTPResponse(
          HTTPProblem(
            Refusal(
              .overloaded, "the bodies of this connection have more than \(2 * limit) bytes; send one after the other",
              isRetryable: true))))
    }
  }

  // MARK: Output

  /// Sends what streams have, as far as the socket has room.
  fileprivate func flush() {
    guard !isFlushing, !isClosing else { return }
    isFlushing = true
    while !connection.isAboveHighWatermark, let bytes = session.output() { connection.send(bytes) }
    isFlushing = false
    perform(session.takeEvents())
    for stream in streams.values where stream.hasRoomAgain { awaitTurn(stream) }
    if session.isOver || (isLeaving && streams.isEmpty) { finish() }
  }

  fileprivate func awaitTurn(_ stream: HTTP2Stream) {
    waitingForTurn.append(stream.number)
    core.awaitTurn(self)
  }

  private func finish() {
    guard !isClosing else { return }
    isClosing = true
    abandonAll()
    connection.closeLingering(for: Self.lingerDuration)
  }

  private func abandonAll() {
    for stream in streams.values { stream.exchange.abandon() }
    streams.removeAll()
  }
}

// MARK: - What the shard and the socket tell

extension HTTP2Connection {
  func received(_ bytes: RawSpan, on connection: Connection) {
    guard !isClosing else { return }
    lastActive = connection.loop.now
    if let events = session.receive(bytes) {
      perform(events)
      flush()
    } else {
      flush()
      finish()
    }
    // What is asked for has to wait until answers are taken.
    if connection.isAboveHighWatermark { connection.pauseReading() }
  }

  func inputEnded(on connection: Connection) { finish() }

  func drained(_ connection: Connection) {
    connection.resumeReading()
    flush()
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    isClosing = true
    abandonAll()
    core.forget(self)
  }

  func settle(_ request: UInt32, _ outcome: WriteOutcome) {
    streams[Int32(bitPattern: request)]?.exchange.settle(outcome)
    flush()
  }

  func takeTurn() -> Bool {
    var turn = Turn()
    while !turn.isOver, let number = waitingForTurn.popFirst() {
      turn.spend(.begin)
      guard let stream = streams[number] else { continue }
      if stream.exchange.takeTurn(&turn) { waitingForTurn.append(number) }
    }
    flush()
    return !waitingForTurn.isEmpty
  }

  /// Checks the deadlines.
  func tick() {
    let now = connection.loop.now
    if connection.pendingByteCount > 0, now >= connection.lastProgress + core.configuration.outputStallDurationMax {
      return connection.close()
    }
    resetCount /= 2
    for number in streams.keys.sorted() {
      guard let stream = streams[number] else { continue }
      stream.exchange.tick()
      if stream.isUnwanted(now) { session.stopReading(number) }
    }
    if streams.isEmpty, now >= lastActive + Self.idleDurationMax, !isClosing {
      isLeaving = true
      session.goAway()
    }
    flush()
  }

  /// The server is stopping.
  func drain(_ goAway: GoAway) {
    isLeaving = true
    session.goAway()
    for number in streams.keys.sorted() { streams[number]?.exchange.drain(goAway) }
    flush()
  }

  func abandon() { connection.close() }
}

/// A request of HTTP/2 and its answer.
final class HTTP2Stream: HTTPCarrier {
  let number: Int32
  private unowned let owner: HTTP2Connection
  private(set) lazy var exchange = HTTPExchange(
    UInt32(bitPattern: number), request, core: owner.core, carrier: self)
  private let request: HTTPRequest
  var body: [UInt8] = []
  /// Whether all of the request has come.
  fileprivate var isComplete = false
  /// What came of it after its answer.
  var unwantedByteCount = 0
  /// When a request whose answer is complete is to be complete, too.
  fileprivate var deadline: MonotonicTime?
  private var isWaiting = false

  init(_ number: Int32, _ request: HTTPRequest, _ owner: HTTP2Connection) {
    self.number = number
    self.request = request
    self.owner = owner
  }

  var clientID: UInt64 { owner.id }
  var connection: Connection { owner.connection }
  var reads: ReadSlots { owner.reads }
  var windowByteCount: Int {
    owner.core.isOutputShort ? HTTPLimits.shortOutputByteCount : HTTPLimits.streamOutputByteCount
  }

  func isFull(for exchange: HTTPExchange) -> Bool {
    isWaiting = owner.session.waitingByteCount(number) >= windowByteCount
    return isWaiting
  }

  /// Whether it was full and is not any more; true once.
  var hasRoomAgain: Bool {
    guard isWaiting, owner.session.waitingByteCount(number) <= windowByteCount / 4 else { return false }
    isWaiting = false
    return true
  }

  /// Whether the answer is sent, and the request still not complete.
  fileprivate func isUnwanted(_ now: MonotonicTime) -> Bool {
    guard let deadline, !isComplete, owner.session.waitingByteCount(number) == 0 else { return false }
    return now >= deadline
  }

  func awaitTurn(_ exchange: HTTPExchange) { owner.awaitTurn(self) }

  /// Clients send bodies without being asked.
  func invite(_ exchange: HTTPExchange) {}

  func answer(_ exchange: HTTPExchange, _ response: HTTPResponse) {
    let hasBody = request.method != "HEAD" && !response.body.isEmpty
    owner.session.respond(number, response.sizedHead, date: owner.core.httpDate, hasBody: hasBody)
    if hasBody { owner.session.write(number, ByteString(response.body)) }
    end(exchange)
  }

  func begin(_ exchange: HTTPExchange, _ head: HTTPHead) {
    owner.session.respond(number, head, date: owner.core.httpDate, hasBody: true)
  }

  func write(_ exchange: HTTPExchange, _ bytes: ByteString) {
    owner.session.write(number, bytes)
    owner.awaitTurn(self)
  }

  func end(_ exchange: HTTPExchange) {
    deadline = connection.loop.now + HTTP2Connection.lingerDuration
    owner.session.end(number)
    owner.awaitTurn(self)
  }

  func cut(_ exchange: HTTPExchange) {
    owner.session.cut(number)
    owner.awaitTurn(self)
  }

  func leaveAfter(_ exchange: HTTPExchange) {}

  func upgrade(_ exchange: HTTPExchange, _ head: HTTPHead, to make: WebSocketMaker) -> HTTPProblem? {
    HTTPProblem(426, "a WebSocket begins over HTTP/1.1")
  }
}
