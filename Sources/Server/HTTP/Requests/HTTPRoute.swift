internal import LogsText
internal import LogsTransport
internal import LogsWire

/// What a request asks for.
enum HTTPRoute {
  /// Whether the server runs, and whether it takes requests.
  case health
  case ready
  case metrics
  case streams(ListRequest)
  case entries(EntryQuery)
  case append(HTTPAppend)
  case socket(WebSocketRoute)
  /// Frames of the protocol in a WebSocket.
  case wire(WebSocketRoute)
  case ticket

  /// - Parameter now: for times like `1h`.
  init(_ request: HTTPRequest, now: Int64) throws(HTTPProblem) {
    let target = try HTTPTarget(request.target)
    switch target.path {
    case "/healthz": self = .health
    case "/readyz": self = .ready
    case "/metrics": self = .metrics
    case "/api/v1/streams":
      try Self.check(request, ["GET", "HEAD"])
      self = .streams(try ListRequest(target))
      return
    case "/api/v1/follow":
      try Self.check(request, ["GET"])
      self = try Self.follow(try EntryQuery(following: target, request, now: now), request)
      return
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
    default:
      guard let (name, isFollow) = try Self.stream(target.path) else {
        throw HTTPProblem(404, "there is nothing at \(target.path); docs/http.md lists what there is")
      }
      if isFollow {
        try Self.check(request, ["GET"])
        self = try Self.follow(try EntryQuery(following: name, target, request, now: now), request)
      } else if request.method == "POST" {
        self = .append(try HTTPAppend(name, target, request))
      } else {
        try Self.check(request, ["GET", "POST"])
        self = .entries(try EntryQuery(page: name, target, now: now))
      }
      return
    }
    try target.allow([])
    try Self.check(request, ["GET", "HEAD"])
  }

  private static func follow(_ query: EntryQuery, _ request: HTTPRequest) throws(HTTPProblem) -> HTTPRoute {
    request.wantsWebSocket ? .socket(try WebSocketRoute(request, query: query)) : .entries(query)
  }

  /// Whether the client says later, in the protocol's own way, who it is.
  var isWire: Bool { if case .wire = self { true } else { false } }

  /// Whether everybody may ask: the answer says nothing of what is stored.
  var isOpen: Bool {
    switch self {
    case .health, .ready: true
    case .metrics, .streams, .entries, .append, .socket, .wire, .ticket: false
    }
  }

  /// The stream of `/api/v1/streams/{name}/entries` or `.../follow`. Names have slashes, so the last word counts.
  private static func stream(_ path: Substring) throws(HTTPProblem) -> (name: String, isFollow: Bool)? {
    let prefix = "/api/v1/streams/"
    guard path.hasPrefix(prefix), let slash = path.lastIndex(of: "/") else { return nil }
    let start = path.index(path.startIndex, offsetBy: prefix.count)
    guard start < slash else { return nil }
    let name = try HTTPTarget.decode(path[start..<slash])
    switch path[slash...] {
    case "/entries": return (name, false)
    case "/follow": return (name, true)
    default: return nil
    }
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
  fileprivate func write(to json: inout JSONWriter) {
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
