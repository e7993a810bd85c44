internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// A request and its answer, whatever carries them.
///
/// Lives on its shard's loop, like everything it owns.
final class HTTPExchange {
  /// The connection's number for it.
  let id: UInt32
  let request: HTTPRequest
  unowned let core: ShardCore
  unowned let carrier: any HTTPCarrier
  /// What the client may do.
  var access = AccessControl.Access.none
  var stage = Stage.deciding
  /// The form of its path, for the metrics.
  private var template = HTTPCounts.other
  /// Whether it was refused before its body had come.
  private var isRefused = false
  private var bodyDeadline: MonotonicTime?
  /// Kept to the end: its subscription may still be on the stack when it is over.
  private var look: StatusLook?

  enum Stage {
    /// Who asks, and whether they may.
    case deciding
    /// The request's body comes.
    case body(HTTPRoute)
    case list(ListSearch)
    case append(StreamName)
    case query(RunningQuery)
    /// The store deletes.
    case deleting
    /// The containers of the streams are looked for.
    case looking(StatusLook, EntryQuery)
    case entries(EntryDelivery)
    case over
  }

  private static let bodyDurationMax = Duration.seconds(120)

  init(_ id: UInt32, _ request: HTTPRequest, core: ShardCore, carrier: any HTTPCarrier) {
    self.id = id
    self.request = request
    self.core = core
    self.carrier = carrier
  }

  var connection: Connection { carrier.connection }
  var isOver: Bool { if case .over = stage { true } else { false } }
  var awaitsBody: Bool { if case .body = stage { true } else { false } }

  /// Where the request comes from.
  private(set) lazy var sender = HTTPSender(
    request, address: ConnectionEnds.address(of: connection.peer), isSecure: connection.isTLS,
    proxies: core.configuration.httpProxies)

  // MARK: Whether it is carried out

  func begin(_ siteCheck: HTTPSiteCheck) {
    let route: HTTPRoute
    do throws(HTTPProblem) {
      if let response = try crossOrigin?.preflight(request) {
        if request.hasBody { carrier.leaveAfter(self) }
        return respond(response)
      }
      route = try HTTPRoute(request.below(core.configuration.httpBasePath), now: SystemClock.wall())
      template = route.template
      if route.isOpen { return admit(route) }
      if route.isWire, core.access.checksTokens { return admit(route) }
      if token.isEmpty, ticket == nil, let access = try sessionAccess(route) {
        self.access = access
        return admit(route)
      }
    } catch { return refuse(error) }
    switch decide() {
    case .accepted(let access):
      self.access = access
      do throws(HTTPProblem) {
        // A token is sent by programs, not by browsers on behalf of any page.
        if access.hash == nil { try siteCheck.check(request, from: sender) }
        admit(route)
      } catch { refuse(error) }
    case .refused(var refusal, let delay):
      noteWrongToken(refusal)
      if token.isEmpty, ticket == nil {
        refusal.text = "this server wants a token; send the header 'Authorization: Bearer TOKEN'"
      }
      connection.loop.schedule(after: delay) { [weak self] in
        guard let self, case .deciding = stage else { return }
        refuse(HTTPProblem(refusal))
      }
    }
  }

  /// Who asks: the first thing shown that proves it counts.
  private func decide() -> AccessControl.Verdict {
    if token.isEmpty, let ticket { return decide(ticket: ticket) }
    return core.access.decide(claim, now: connection.loop.now)
  }

  private var claim: AccessControl.Claim {
    AccessControl.Claim(
      token: token, address: sender.address, process: connection.peerProcess,
      certificate: connection.peerName)
  }

  func noteWrongToken(_ refusal: Refusal) {
    core.counters.refusedTokens.add(1)
    core.connectionEnds.note(
      .wrongToken, peer: connection.peer, address: sender.address, "HTTP request refused: \(refusal.text)",
      now: connection.loop.now)
  }

  private var token: String {
    guard let value = request["authorization"], value.lowercased().hasPrefix("bearer ") else { return "" }
    return value.dropFirst("bearer ".count).trimmed
  }

  /// The client may ask: its body is wanted.
  private func admit(_ route: HTTPRoute) {
    if case .append(let append) = route, let refusal = access.refusal(.append, append.stream) {
      return refuse(HTTPProblem(refusal))
    }
    stage = .body(route)
    bodyDeadline = connection.loop.now + Self.bodyDurationMax
    carrier.invite(self)
  }

  /// Refuses it before its body has come.
  private func refuse(_ problem: HTTPProblem) {
    isRefused = true
    // The body would have to be read for nothing.
    if request.hasBody { carrier.leaveAfter(self) }
    respond(HTTPResponse(problem))
  }

  /// Refuses what its carrier found wrong with it.
  func refuseUnread(_ problem: HTTPProblem) {
    template = HTTPRoute.template(request, basePath: core.configuration.httpBasePath)
    refuse(problem)
  }

  // MARK: Whose the entries are

  /// Looks for the containers of the streams before the answer begins.
  func look(for query: EntryQuery) {
    let look = StatusLook(id, for: self, core: core, rights: access.rights)
    self.look = look
    stage = .looking(look, query)
    look.begin(query.follow.selectors)
  }

  func awaitTurn(of look: StatusLook) { carrier.awaitTurn(self) }

  func looked(_ look: StatusLook) {
    guard case .looking(let current, let query) = stage, current === look else { return }
    guard !core.isDraining || query.follow.end.atHead else {
      return respond(HTTPResponse(HTTPProblem(Refusal(.goingAway, "the server is stopping", isRetryable: true))))
    }
    deliver(query, containers: look.containers)
  }

  private var crossOrigin: HTTPCrossOrigin? { HTTPCrossOrigin(origins: core.configuration.httpOrigins) }

  /// What every answer needs for pages of other origins.
  var crossOriginHeaders: [HTTPHeader] {
    guard let crossOrigin else { return [] }
    let isShown = !token.isEmpty || ticket != nil
    // Where a token was shown and does not count, since there are none, anybody may do it.
    return crossOrigin.headers(request, showsToken: isShown && (isRefused || access.hash != nil))
  }

  // MARK: The answer

  /// Carries it out, now that its body is complete.
  func perform(_ body: [UInt8]) {
    guard case .body(let route) = stage else { return }
    switch route {
    case .health: respond(HTTPResponse("ok\n"))
    case .ready: respond(unreadiness.map { HTTPResponse(HTTPProblem(503, $0)) } ?? HTTPResponse("ready\n"))
    case .metrics:
      respond(HTTPResponse(core.metrics(for: access.rights), contentType: MetricsText.contentType))
    case .streams(let request):
      stage = .list(ListSearch(request, source: core.hub.source, rights: access.rights))
      carrier.awaitTurn(self)
    case .stream(let name): begin(name)
    case .delete(let request): begin(request)
    case .complete(let name): complete(name, body)
    case .status: respond(statusResponse())
    case .openAPI: respond(HTTPResponse(OpenAPIDocument.text, contentType: "application/json"))
    case .query(let query): begin(query)
    case .entries(let query): begin(query)
    case .append(let append): begin(append, body)
    case .socket(let route): begin(route)
    case .wire(let route): beginWire(route)
    case .ticket: respond(ticketResponse())
    case .loginPage: respond(LoginPage.response())
    case .login: logIn(body)
    case .logout: logOut()
    case .session: respond(sessionResponse)
    case .page: respond(WebFile.page(basePath: core.configuration.httpBasePath).response(to: request))
    case .file(let file): respond(file.response(to: request))
    }
  }

  /// Why the server takes no requests, or no appends.
  private var unreadiness: Refusal? {
    if core.isDraining { return Refusal(.goingAway, "the server is stopping", isRetryable: true) }
    guard core.store.statistics.isDiskLow else { return nil }
    return Refusal(
      .diskFull, "the disk has less free space than --disk-min-free; appends are refused", isRetryable: true)
  }

  func respond(_ response: HTTPResponse) {
    guard !isOver else { return }
    stage = .over
    note(response.head.status)
    var response = response.encoded(for: request)
    response.head.headers += crossOriginHeaders
    carrier.answer(self, response)
  }

  /// Counts the answer.
  func note(_ status: Int) { core.counters.http.add(template, status) }

  /// Does some of the work that may take long.
  ///
  /// - Returns: whether something is left to be done in another turn.
  func takeTurn(_ turn: inout Turn) -> Bool {
    switch stage {
    case .list(var search):
      guard let listing = search.step(&turn) else {
        stage = .list(search)
        return true
      }
      respond(HTTPResponse("application/json", listing.json))
    case .looking(let look, _): look.subscription?.takeTurn(&turn)
    case .entries(let delivery): delivery.subscription.takeTurn(&turn)
    case .query(let query): return query.takeTurn(&turn)
    case .deciding, .body, .append, .deleting, .over: break
    }
    return false
  }

  /// Checks the deadlines.
  func tick() {
    switch stage {
    case .body:
      guard let bodyDeadline, connection.loop.now >= bodyDeadline else { return }
      carrier.leaveAfter(self)
      respond(HTTPResponse(HTTPProblem(408, .timedOut, "the request's body did not come in time")))
    case .entries(let delivery): tick(delivery)
    case .query(let query):
      guard let refusal = core.access.refusal(of: &access) else { return }
      query.cancel()
      carrier.leaveAfter(self)
      respond(HTTPResponse(HTTPProblem(refusal)))
    // A look back is soon over.
    case .deciding, .list, .append, .deleting, .looking, .over: break
    }
  }

  /// The server is stopping: what has no end of its own ends.
  func drain(_ goAway: GoAway) {
    guard case .entries(let delivery) = stage, !delivery.subscription.follow.end.atHead else { return }
    abandon(delivery, because: HTTPProblem(Refusal(.goingAway, goAway.text, isRetryable: true)))
  }

  /// Nobody waits for the answer any more.
  func abandon() {
    switch stage {
    case .looking(let look, _): look.abandon()
    case .entries(let delivery): delivery.subscription.abandon()
    case .query(let query): query.cancel()
    case .deciding, .body, .list, .append, .deleting, .over: break
    }
    stage = .over
  }

  /// Whether it goes on for somebody who may be gone: who follows and has died looks like one who sends no more.
  var isDelivering: Bool {
    switch stage {
    case .looking, .entries, .query: true
    case .deciding, .body, .list, .append, .deleting, .over: false
    }
  }
}
