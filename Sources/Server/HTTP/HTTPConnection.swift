internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// A client that speaks HTTP/1: one request after the other, each answered before the next one is read.
///
/// Lives on its shard's loop, like everything it owns.
final class HTTPConnection {
  let id: UInt64
  let connection: Connection
  let reads = ReadSlots()
  private unowned let core: ShardCore
  private let siteCheck: HTTPSiteCheck
  /// The request under way, or the last one, which may still be on the stack.
  private var exchange: HTTPExchange?
  private var lastID: UInt32 = 0
  /// The parser will tell of the body of the last request.
  private var isBodyDue = false
  private var parser = HTTPRequestParser()
  /// Output that may be queued before an answer has to wait.
  private var highWatermark = 0
  /// When the request under way began, or the wait for one.
  private var begun: MonotonicTime
  private var isAdvancing = false
  /// The server is stopping, or the client sends no more: closes after the answer.
  private var isLeaving = false
  private var isClosing = false

  private static let lingerDuration = Duration.seconds(2)
  /// How long a connection may wait for its next request.
  private static let idleDurationMax = Duration.seconds(75)

  init(id: UInt64, connection: Connection, core: ShardCore) {
    self.id = id
    self.connection = connection
    self.core = core
    begun = connection.loop.now
    siteCheck = HTTPSiteCheck(names: core.configuration.httpHosts)
    setWatermarks()
    connection.handler = self
  }

  private func setWatermarks() {
    guard windowByteCount != highWatermark else { return }
    highWatermark = windowByteCount
    connection.setWatermarks(low: highWatermark / 4, high: highWatermark)
  }

  /// Whether its queue of output is full. When it has room again, what waits has a turn.
  private var isFull: Bool {
    setWatermarks()
    return connection.isAboveHighWatermark
  }

  // MARK: Requests

  private var isIdle: Bool { exchange?.isOver ?? true }

  /// Whether the next part of a request can be taken.
  private var isReady: Bool {
    guard !isClosing, !isFull else { return false }
    return isIdle || exchange?.awaitsBody == true
  }

  /// Takes what has come of requests, as far as each is answered.
  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    while isReady, let event = parser.next() {
      switch event {
      case .head(let request):
        lastID &+= 1
        isBodyDue = true
        let exchange = HTTPExchange(lastID, request, core: core, carrier: self)
        self.exchange = exchange
        exchange.begin(siteCheck)
      case .body(let body):
        isBodyDue = false
        exchange?.perform(body)
      case .refused(let problem):
        note(problem.refusal)
        refuseUnread(problem)
      }
    }
    isAdvancing = false
    if parser.heldByteCount > HTTPLimits.aheadByteCountMax, !isReady {
      connection.pauseReading()
    } else {
      connection.resumeReading()
    }
  }

  /// Answers a request of which not all can be read, and closes.
  private func refuseUnread(_ problem: HTTPProblem) {
    if isBodyDue {
      exchange?.note(problem.status)
    } else {
      core.counters.http.add(
        HTTPRoute.template(parser.request, basePath: core.configuration.httpBasePath), problem.status)
    }
    isLeaving = true
    exchange = nil
    send(HTTPResponse(problem))
  }

  // MARK: Answers

  private var request: HTTPRequest? { exchange?.request }

  /// Whether the connection closes after the answer.
  private var isLastAnswer: Bool { isLeaving || request?.isKeptAlive != true }

  private func send(_ response: HTTPResponse) {
    let hasBody = request?.method != "HEAD"
    connection.send(ByteString(response.bytes(date: core.httpDate, isLast: isLastAnswer, hasBody: hasBody)))
    answered()
  }

  /// All of the answer is queued; the next request may come.
  private func answered() {
    begun = connection.loop.now
    if isLastAnswer { finish() } else if !isAdvancing { core.awaitTurn(self) }
  }

  /// Sends what is queued and closes.
  private func finish() {
    exchange?.abandon()
    isClosing = true
    connection.closeLingering(for: Self.lingerDuration)
  }

  private func note(_ refusal: Refusal) {
    core.connectionEnds.note(
      .refused(refusal.code), peer: connection.peer, "HTTP connection \(id) ends: \(refusal.text)",
      now: connection.loop.now)
  }
}

// MARK: - Other protocols

extension HTTPConnection {
  /// The client has begun with the preface of HTTP/2.
  private func speakHTTP2() {
    hand(to: HTTP2Connection(id: id, connection: connection, core: core))
  }

  /// Another client goes on with the connection.
  private func hand(to client: any ShardClient & ConnectionHandler) {
    isClosing = true
    let rest = parser.takeRest()
    core.replace(self, with: client)
    connection.handler = client
    connection.resumeReading()
    if !rest.isEmpty { connection.deliver(unsafe rest.span.bytes) }
  }
}

// MARK: - What a request needs

extension HTTPConnection: HTTPCarrier {
  var clientID: UInt64 { id }

  var windowByteCount: Int {
    core.isOutputShort ? HTTPLimits.shortOutputByteCount : core.configuration.outputByteCountMax
  }

  func isFull(for exchange: HTTPExchange) -> Bool { isFull }

  func awaitTurn(_ exchange: HTTPExchange) { if !isFull { core.awaitTurn(self) } }

  func invite(_ exchange: HTTPExchange) {
    if exchange.request.expectsContinue { connection.send(ByteString("HTTP/1.1 100 Continue\r\n\r\n")) }
  }

  func answer(_ exchange: HTTPExchange, _ response: HTTPResponse) { send(response) }

  func begin(_ exchange: HTTPExchange, _ head: HTTPHead) {
    var head = head
    if isChunked { head.headers.insert(HTTPHeader("Transfer-Encoding", "chunked"), at: 0) }
    connection.send(ByteString(head.bytes(date: core.httpDate, isLast: isLastAnswer)))
  }

  /// HTTP/1.0 ends an answer of unknown length by closing.
  private var isChunked: Bool { request?.isVersion10 == false }

  func write(_ exchange: HTTPExchange, _ bytes: ByteString) {
    guard isChunked else { return connection.send(bytes) }
    connection.send(ByteString("\(String(bytes.count, radix: 16))\r\n"), sharing: bytes)
    connection.send(Self.chunkEnd)
  }

  private static let chunkEnd = ByteString("\r\n")
  private static let lastChunk = ByteString("0\r\n\r\n")

  func end(_ exchange: HTTPExchange) {
    if isChunked { connection.send(Self.lastChunk) }
    answered()
  }

  func cut(_ exchange: HTTPExchange) { connection.close() }

  func leaveAfter(_ exchange: HTTPExchange) { isLeaving = true }

  func upgrade(_ exchange: HTTPExchange, _ head: HTTPHead, to make: WebSocketMaker) -> HTTPProblem? {
    guard !isLeaving else { return HTTPProblem(Refusal(.goingAway, "the server is stopping", isRetryable: true)) }
    var head = head
    head.headers.insert(HTTPHeader("Connection", "Upgrade"), at: 0)
    connection.send(ByteString(head.bytes(date: core.httpDate, isLast: false)))
    hand(to: make(id, connection, core))
    return nil
  }
}

// MARK: - What the shard and the socket tell

extension HTTPConnection: SocketClient, ConnectionHandler {
  static func turnAway(_ connection: Connection, _ refusal: Refusal) {
    connection.handler = ServerConnection.Leaving()
    let date = HTTPDate.text(at: SystemClock.wall())
    connection.send(ByteString(HTTPResponse(HTTPProblem(refusal)).bytes(date: date, isLast: true)))
    connection.closeLingering(for: lingerDuration, discarding: HTTPLimits.headersByteCountMax)
  }

  func received(_ bytes: RawSpan, on connection: Connection) {
    guard !isClosing else { return }
    if isIdle, !parser.isInsideRequest { begun = connection.loop.now }
    parser.append(bytes)
    switch (parser.matches(HTTP2Session.preface), exchange == nil) {
    case (.whole, true): speakHTTP2()
    case (.beginning, true): break
    default: advance()
    }
  }

  func inputEnded(on connection: Connection) {
    isLeaving = true
    if isIdle || exchange?.awaitsBody == true || exchange?.isDelivering == true { finish() }
  }

  func drained(_ connection: Connection) { core.awaitTurn(self) }

  func closed(_ connection: Connection, reason: CloseReason) {
    if case .failed(let error) = reason, error.code == .tls {
      core.connectionEnds.note(.tls, peer: connection.peer, error.message, now: connection.loop.now)
    }
    exchange?.abandon()
    isClosing = true
    core.forget(self)
  }

  func settle(_ request: UInt32, _ outcome: WriteOutcome) {
    if let exchange, exchange.id == request { exchange.settle(outcome) }
  }

  func takeTurn() -> Bool {
    var turn = Turn()
    if let exchange, !exchange.isOver, exchange.takeTurn(&turn) { return true }
    advance()
    return false
  }

  /// Checks the deadlines.
  func tick() {
    let now = connection.loop.now
    if connection.pendingByteCount > 0, now >= connection.lastProgress + core.configuration.outputStallDurationMax {
      return connection.close()
    }
    if !isIdle {
      exchange?.tick()
    } else if isBodyDue || parser.isInsideRequest {
      guard now >= begun + core.configuration.handshakeDurationMax, !isClosing else { return }
      refuseUnread(HTTPProblem(408, .timedOut, "the request's headers did not come in time"))
    } else if now >= begun + Self.idleDurationMax, !isClosing {
      finish()
    }
  }

  /// The server is stopping.
  func drain(_ goAway: GoAway) {
    isLeaving = true
    if isIdle { finish() } else { exchange?.drain(goAway) }
  }

  func abandon() { connection.close() }
}
