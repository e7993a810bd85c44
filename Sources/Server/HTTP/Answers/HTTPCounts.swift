internal import LogsSystem
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// Answered requests of HTTP. There are as many cases as routes and codes, whatever clients ask for.
final class HTTPCounts: Sendable {
  struct Case: Hashable {
    let route: String
    let status: Int
  }

  private let counts = Mutex<[Case: Int]>([:])

  /// Requests whose path or method is none of the server's, or could not be read.
  static let other = "other"

  func add(_ route: String, _ status: Int) {
    counts.withLock { $0[Case(route: route, status: status), default: 0] += 1 }
  }

  /// By route and code.
  var all: [(case: Case, count: Int)] {
    counts.withLock { counts in
      counts.sorted { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }
        .map { (case: $0.key, count: $0.value) }
    }
  }
}

extension HTTPRoute {
  /// Its path, with a placeholder for the name of a stream: names are too many to be counted one by one.
  var template: String {
    switch self {
    case .health: "/healthz"
    case .ready: "/readyz"
    case .metrics: "/metrics"
    case .status: "/api/v1/status"
    case .openAPI: "/api/v1/openapi.json"
    case .streams: "/api/v1/streams"
    case .stream, .delete: "/api/v1/streams/{name}"
    case .complete: "/api/v1/streams/{name}/complete"
    case .query(let query): Self.template(query.kind)
    case .append: "/api/v1/streams/{name}/entries"
    case .entries(let query): Self.template(query)
    case .socket(let route): route.query.map(Self.template) ?? "/api/v1/ws"
    case .wire: WebAddress.wirePath
    case .ticket: "/api/v1/ticket"
    case .loginPage, .login: "/login"
    case .logout: "/logout"
    case .session: "/api/v1/session"
    case .page: "/"
    case .file: "/web/{file}"
    }
  }

  /// The template of a request that was refused before it was carried out; nil if none could be read.
  static func template(_ request: HTTPRequest?, basePath: String) -> String {
    guard let route = try? request.map({ try HTTPRoute($0.below(basePath), now: SystemClock.wall()) }) else {
      return HTTPCounts.other
    }
    return route.template
  }

  private static func template(_ kind: QueryKind) -> String {
    switch kind {
    case .count: "/api/v1/count"
    case .histogram: "/api/v1/histogram"
    case .fields: "/api/v1/fields"
    }
  }

  private static func template(_ query: EntryQuery) -> String {
    if query.isPage { return query.isOfOne ? "/api/v1/streams/{name}/entries" : "/api/v1/entries" }
    return query.isOfOne ? "/api/v1/streams/{name}/follow" : "/api/v1/follow"
  }
}
