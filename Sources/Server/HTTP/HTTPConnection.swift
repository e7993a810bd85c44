internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// A client that speaks HTTP: one request after the other, each answered before the next one is read.
///
/// Lives on its shard's loop, like everything it owns.
final class HTTPConnection {
  let id: UInt64
  let connection: Connection
  unowned let core: ShardCore
  var stage = Stage.idle
  /// The request under way, or the last one.
  var request: HTTPRequest?
  /// The last append's or subscription's.
  var lastID: UInt32 = 0
  let reads = ReadSlots()
  /// Output that may be queued before the subscription has to wait.
  private var highWatermark = 0
  /// What the client may do with this request.
  var access = AccessControl.Access.none
  private var parser = HTTPRequestParser()
  private let siteCheck: HTTPSiteCheck
  /// When the request under way began, or the wait for one.
  private var begun: MonotonicTime
  private var isAdvancing = false
  /// The server is stopping, or the client sends no more: closes after the answer.
  private var isLeaving = false

  enum Stage {
    /// A request may come, or has begun to.
    case idle
    /// Nothing can be done before somebody else is ready.
    case waiting
    /// The request's body comes; nil to drop it.
    case body(HTTPRoute?)
    case list(ListSearch)
    case append(StreamName)
    case entries(EntryDelivery)
    case closing
  }

  private static let lingerDuration = Duration.seconds(2)
  /// How long a connection may wait for its next request, and a body take.
  private static let idleDurationMax = Duration.seconds(75)
  private static let bodyDurationMax = Duration.seconds(120)

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
  var isFull: Bool {
    setWatermarks()
    return connection.isAboveHighWatermark
  }

  // MARK: Requests

  /// Whether the next part of a request can be taken.
  private var isReady: Bool {
    switch stage {
    case .idle, .body: !isFull
    case .waiting, .list, .append, .entries, .closing: false
    }
  }

  /// Takes what has come of requests, as far as each is answered.
  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    while isReady, let event = parser.next() {
      switch event {
      case .head(let request): begin(request)
      case .body(let body): if case .body(let route) = stage { perform(route, body) }
      case .refused(let problem):
        request = nil
        note(problem.refusal)
        respond(HTTPResponse(problem))
      }
    }
    isAdvancing = false
    if parser.heldByteCount > HTTPLimits.aheadByteCountMax, !isReady {
      connection.pauseReading()
    } else {
      connection.resumeReading()
    }
  }

  private func begin(_ request: HTTPRequest) {
    self.request = request
    access = .none
    let route: HTTPRoute
    do throws(HTTPProblem) {
      route = try HTTPRoute(request, now: SystemClock.wall())
      if route.isOpen { return admit(route) }
    } catch { return refuse(error) }
    switch core.access.decide(claim(request), now: connection.loop.now) {
    case .accepted(let access):
      self.access = access
      do throws(HTTPProblem) {
        // A token is sent by programs, not by browsers on behalf of any page.
        if access.hash == nil { try siteCheck.check(request) }
        admit(route)
      } catch { refuse(error) }
    case .refused(var refusal, let delay):
      core.counters.refusedTokens.add(1)
      if token(of: request).isEmpty {
        refusal.text = "this server wants a token; send the header 'Authorization: Bearer TOKEN'"
      }
      stage = .waiting
      connection.loop.schedule(after: delay) { [weak self] in
        guard let self, case .waiting = stage else { return }
        refuse(HTTPProblem(refusal))
        advance()
      }
    }
  }

  private func claim(_ request: HTTPRequest) -> AccessControl.Claim {
    AccessControl.Claim(
      token: token(of: request), address: ConnectionEnds.address(of: connection.peer),
      process: connection.peerProcess, certificate: connection.peerName)
  }

  private func token(of request: HTTPRequest) -> String {
    guard let value = request["authorization"], value.lowercased().hasPrefix("bearer ") else { return "" }
    return value.dropFirst("bearer ".count).trimmed
  }

  /// The client may ask: its body is wanted.
  private func admit(_ route: HTTPRoute) {
    if case .append(let append) = route, let refusal = access.refusal(.append, append.stream) {
      return refuse(HTTPProblem(refusal))
    }
    stage = .body(route)
    if request?.expectsContinue == true { connection.send(ByteString("HTTP/1.1 100 Continue\r\n\r\n")) }
  }

  private func perform(_ route: HTTPRoute?, _ body: [UInt8]) {
    switch route {
    case nil: stage = .idle
    case .health: respond(HTTPResponse("ok\n"))
    case .ready: respond(HTTPResponse("ready\n"))
    case .metrics:
      respond(HTTPResponse(MetricsText.text(core.facts(for: access.rights)), contentType: MetricsText.contentType))
    case .streams(let request):
      stage = .list(ListSearch(request, source: core.hub.source, rights: access.rights))
      core.awaitTurn(self)
    case .entries(let query): begin(query)
    case .append(let append): begin(append, body)
    }
  }

  // MARK: Answers

  /// Refuses a request whose body may not have come yet.
  private func refuse(_ problem: HTTPProblem) {
    let hasBody = request?["content-length"].map { $0 != "0" } ?? false || request?["transfer-encoding"] != nil
    // The body would have to be read for nothing.
    if hasBody { isLeaving = true }
    respond(HTTPResponse(problem))
    if case .idle = stage { stage = .body(nil) }
  }

  /// Answers the request; the next one may come.
  func respond(_ response: HTTPResponse) {
    connection.send(ByteString(response.bytes(isLast: isLastAnswer, hasBody: request?.method != "HEAD")))
    answered()
  }

  /// Whether the connection closes after the answer.
  var isLastAnswer: Bool { isLeaving || request?.isKeptAlive != true }

  func leaveAfterAnswer() { isLeaving = true }

  /// All of the answer is queued.
  func answered() {
    begun = connection.loop.now
    if isLastAnswer { finish() } else { stage = .idle }
  }

  /// Sends what is queued and closes.
  private func finish() {
    if case .entries(let delivery) = stage { delivery.subscription.abandon() }
    stage = .closing
    connection.closeLingering(for: Self.lingerDuration)
  }

  private func note(_ refusal: Refusal) {
    core.connectionEnds.note(
      .refused(refusal.code), peer: connection.peer, "HTTP connection \(id) ends: \(refusal.text)",
      now: connection.loop.now)
  }
}

// MARK: - What the shard and the socket tell

extension HTTPConnection: SocketClient, ConnectionHandler {
  static func turnAway(_ connection: Connection, _ refusal: Refusal) {
    connection.handler = ServerConnection.Leaving()
    connection.send(ByteString(HTTPResponse(HTTPProblem(refusal)).bytes(isLast: true)))
    connection.closeLingering(for: lingerDuration, discarding: HTTPLimits.headersByteCountMax)
  }

  func received(_ bytes: RawSpan, on connection: Connection) {
    if case .closing = stage { return }
    if case .idle = stage, !parser.isInsideRequest { begun = connection.loop.now }
    parser.append(bytes)
    advance()
  }

  func inputEnded(on connection: Connection) {
    isLeaving = true
    switch stage {
    // Who follows and has died looks the same.
    case .idle, .body, .entries: finish()
    case .waiting, .list, .append, .closing: break
    }
  }

  func drained(_ connection: Connection) { core.awaitTurn(self) }

  func closed(_ connection: Connection, reason: CloseReason) {
    if case .failed(let error) = reason, error.code == .tls {
      core.connectionEnds.note(.tls, peer: connection.peer, error.message, now: connection.loop.now)
    }
    if case .entries(let delivery) = stage { delivery.subscription.abandon() }
    stage = .closing
    core.forget(self)
  }

  func takeTurn() -> Bool {
    var turn = Turn()
    switch stage {
    case .idle, .body: advance()
    case .list(var search):
      guard let listing = search.step(&turn) else {
        stage = .list(search)
        return true
      }
      respond(HTTPResponse("application/json", listing.json))
      advance()
    case .entries(let delivery): delivery.subscription.takeTurn(&turn)
    case .waiting, .append, .closing: break
    }
    return false
  }

  /// Checks the deadlines.
  func tick() {
    let now = connection.loop.now
    if connection.pendingByteCount > 0, now >= connection.lastProgress + core.configuration.outputStallDurationMax {
      return connection.close()
    }
    switch stage {
    case .idle where parser.isInsideRequest:
      if now >= begun + core.configuration.handshakeDurationMax { timeOut("the request's headers") }
    case .idle: if now >= begun + Self.idleDurationMax { finish() }
    case .body: if now >= begun + Self.bodyDurationMax { timeOut("the request's body") }
    case .entries(let delivery): tick(delivery)
    case .waiting, .list, .append, .closing: break
    }
  }

  private func timeOut(_ what: String) {
    isLeaving = true
    respond(HTTPResponse(HTTPProblem(408, .timedOut, "\(what) did not come in time")))
  }

  /// The server is stopping.
  func drain(_ goAway: GoAway) {
    isLeaving = true
    switch stage {
    case .idle: finish()
    case .entries(let delivery) where !delivery.subscription.follow.end.atHead:
      abandon(delivery, because: HTTPProblem(Refusal(.goingAway, goAway.text, isRetryable: true)))
    case .waiting, .body, .list, .append, .entries, .closing: break
    }
  }

  func abandon() { connection.close() }
}
