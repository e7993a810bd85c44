internal import LogsText
internal import LogsTransport
internal import LogsWire

/// What a request asks for.
enum HTTPRoute {
  /// Whether the server runs, and whether it takes requests.
  case health
  case ready
  case metrics
  /// What the routes are, for programs.
  case openAPI
  case status
  case streams(ListRequest)
  case stream(StreamName)
  case delete(DeleteRequest)
  case complete(StreamName)
  case query(Query)
  case entries(EntryQuery)
  case append(HTTPAppend)
  case socket(WebSocketRoute)
  /// Frames of the protocol in a WebSocket.
  case wire(WebSocketRoute)
  case ticket
  /// A browser's session: its page, its beginning, its end, and what there is to know of it.
  case loginPage
  case login
  case logout
  case session
  /// The viewer, and what it consists of.
  case page
  case file(WebFile)

  /// - Parameter now: for times like `1h`.
  init(_ request: HTTPRequest, now: Int64) throws(HTTPProblem) {
    let target = try HTTPTarget(request.target)
    switch target.path {
    case "/healthz": self = .health
    case "/readyz": self = .ready
    case "/metrics": self = .metrics
    case "/api/v1/status": self = .status
    case "/api/v1/openapi.json": self = .openAPI
    case "/api/v1/streams":
      try Self.check(request, ["GET", "HEAD"])
      self = .streams(try ListRequest(target))
      return
    case "/api/v1/follow":
      try Self.check(request, ["GET"])
      self = try Self.follow(try EntryQuery(following: target, request, now: now), request)
      return
    case "/login":
      try target.allow([])
      try Self.check(request, ["GET", "HEAD", "POST"])
      self = request.method == "POST" ? .login : .loginPage
      return
    case "/logout":
      try target.allow([])
      try Self.check(request, ["POST"])
      self = .logout
      return
    case "/api/v1/session": self = .session
    case "/api/v1/ticket":
      try target.allow([])
      try Self.check(request, ["POST"])
      self = .ticket
      return
    case "/api/v1/ws":
      try target.allow(["ticket"])
      try Self.check(request, ["GET"])
      self = .socket(try WebSocketRoute(request, query: nil))
      return
    case WebAddress.wirePath[...]:
      try target.allow([])
      try Self.check(request, ["GET"])
      self = .wire(try WebSocketRoute(request, query: nil))
      return
    case "/" where request.wantsWebSocket:
      self = .socket(try WebSocketRoute(request, query: try EntryQuery(everything: target, now: now)))
      return
    case "/", "/q":
      try Self.check(request, ["GET", "HEAD"])
      self = .page
      return
    case "/api/v1/entries":
      try Self.check(request, ["GET"])
      self = .entries(try EntryQuery(pageOf: target, now: now))
      return
    case "/api/logs/stream":
      try Self.check(request, ["GET"])
      self = .entries(try EntryQuery(lines: target, now: now))
      return
    default:
      self = try Self.other(target, request, now)
      return
    }
    try target.allow([])
    try Self.check(request, ["GET", "HEAD"])
  }

  /// Paths with names in them, and those that queries know.
  private static func other(
    _ target: HTTPTarget, _ request: HTTPRequest, _ now: Int64
  ) throws(HTTPProblem) -> HTTPRoute {
    if target.path.hasPrefix(pagePrefix) {
      try check(request, ["GET", "HEAD"])
      return .page
    }
    // Browsers ask for an icon where a page names none.
    let path = target.path == "/favicon.ico" ? "\(filePrefix)icon.svg" : target.path
    if path.hasPrefix(filePrefix), let file = WebFile.named(path.dropFirst(filePrefix.count)) {
      try check(request, ["GET", "HEAD"])
      return .file(file)
    }
    if let kind = HTTPQuery.Kind(rawValue: String(target.path)) {
      try check(request, ["GET"])
      return .query(try HTTPQuery(kind, target, now: now).query)
    }
    if let (id, isFollow) = try task(target.path) {
      try check(request, ["GET"])
      return .entries(
        try isFollow
          ? EntryQuery(followingTask: id, target, request, now: now) : EntryQuery(task: id, target, now: now))
    }
    guard let (name, part) = try stream(target.path) else {
      throw HTTPProblem(404, "there is nothing at \(target.path); docs/http.md lists what there is")
    }
    switch part {
    case .follow:
      try check(request, ["GET"])
      return try follow(try EntryQuery(following: name, target, request, now: now), request)
    case .entries where request.method == "POST": return .append(try HTTPAppend(name, target, request))
    case .entries:
      try check(request, ["GET", "POST"])
      return .entries(try EntryQuery(page: name, target, now: now))
    case .context:
      try check(request, ["GET"])
      return .entries(try EntryQuery(around: name, target))
    case .complete:
      try check(request, ["POST"])
      try target.allow([])
      do throws(LogError) { return .complete(try StreamName(name)) } catch { throw HTTPProblem(400, error.message) }
    case nil where request.method == "DELETE": return .delete(try DeleteRequest(name, target))
    case nil:
      try check(request, ["GET", "DELETE"])
      try target.allow([])
      return .stream(try EntryQuery.name(name))
    }
  }

  /// A stream in the viewer: its parameters are the page's own matter.
  static let pagePrefix = "/s/"
  static let filePrefix = "/web/"

  private static func follow(_ query: EntryQuery, _ request: HTTPRequest) throws(HTTPProblem) -> HTTPRoute {
    request.wantsWebSocket ? .socket(try WebSocketRoute(request, query: query)) : .entries(query)
  }

  /// Whether the client says later, in the protocol's own way, who it is.
  var isWire: Bool { if case .wire = self { true } else { false } }

  /// Whether everybody may ask: the answer says nothing of what is stored.
  var isOpen: Bool {
    switch self {
    case .health, .ready, .openAPI, .loginPage, .login, .page, .file: true
    case .metrics, .status, .streams, .stream, .delete, .complete, .query, .entries, .append, .socket, .wire, .ticket,
      .logout, .session:
      false
    }
  }

  /// Whether the answer goes on with what comes.
  var isFollow: Bool {
    switch self {
    case .entries(let query): !query.isPage
    case .socket, .wire: true
    default: false
    }
  }

  /// What is asked of a stream; nil for the stream itself.
  private enum StreamPart: String {
    case entries, follow, context, complete
  }

  /// The stream of `/api/v1/streams/{name}` and of what lies below. Names have slashes, so the last word counts; a name
  /// that ends with such a word has its slash as `%2F`.
  private static func stream(_ path: Substring) throws(HTTPProblem) -> (name: String, part: StreamPart?)? {
    let prefix = "/api/v1/streams/"
    guard path.hasPrefix(prefix) else { return nil }
    let rest = path.dropFirst(prefix.count)
    guard !rest.isEmpty else { return nil }
    if let slash = rest.lastIndex(of: "/"), slash > rest.startIndex,
      let part = StreamPart(rawValue: String(rest[rest.index(after: slash)...]))
    {
      return (try HTTPTarget.decode(rest[..<slash]), part)
    }
    return (try HTTPTarget.decode(rest), nil)
  }

  /// The task of `/codespace/task/{id}/logs` and `.../logs/stream`.
  private static func task(_ path: Substring) throws(HTTPProblem) -> (id: String, isFollow: Bool)? {
    let prefix = "/codespace/task/"
    guard path.hasPrefix(prefix) else { return nil }
    for (suffix, isFollow) in [("/logs", false), ("/logs/stream", true)] where path.hasSuffix(suffix) {
      let id = path.dropFirst(prefix.count).dropLast(suffix.count)
      if !id.isEmpty, !id.contains("/") { return (try HTTPTarget.decode(id), isFollow) }
    }
    return nil
  }

  private static func check(_ request: HTTPRequest, _ methods: [String]) throws(HTTPProblem) {
    guard !methods.contains(request.method) else { return }
    let list = methods.joined(separator: ", ")
    var problem = HTTPProblem(405, "\(request.method) is not for this path; use \(list)")
    problem.headers = [HTTPHeader("Allow", list)]
    throw problem
  }
}

extension ListRequest {
  init(_ target: HTTPTarget) throws(HTTPProblem) {
    try target.allow(["pattern", "limit", "after"])
    self.init()
    if let limit = try target.number("limit", in: 1...UInt64(Limits.listingStreamCountMax)) {
      self.limit = UInt16(limit)
    }
    do throws(LogError) {
      pattern = try target["pattern"].map { text throws(LogError) in try StreamPattern(text) }
      after = try target["after"].map { text throws(LogError) in try StreamName.readable(text) }
    } catch { throw HTTPProblem(400, error.message) }
  }
}

extension StreamName {
  /// A name that a client may read: its own, or one of the server's.
  static func readable(_ text: String) throws(LogError) -> StreamName {
    text.hasPrefix("$") ? try StreamName(server: text) : try StreamName(text)
  }
}

extension Listing {
  /// As an object with the names that `logs streams -o json` has.
  var json: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.key("streams")
      json.array { json in for stream in streams { stream.write(to: &json) } }
      json.key("more")
      json.boolean(hasMore)
    }
    json.newline()
    return json.bytes
  }
}

extension StreamSummary {
  func write(to json: inout JSONWriter) {
    json.object { json in
      json.key("name")
      json.string(stream.text)
      json.key("incarnation")
      json.string(incarnation.description)
      for (key, value) in [("first", first), ("last", head), ("entries", entryCount), ("bytes", byteCount)] {
        json.key(key)
        json.number(value)
      }
      json.key("last_received")
      if lastReceived > 0 { json.time(lastReceived) } else { json.null() }
      json.key("state")
      json.string(isSealed ? "sealed" : "open")
    }
  }
}
