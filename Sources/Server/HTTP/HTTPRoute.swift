/// What a request asks for.
enum HTTPRoute {
  /// Whether the server runs, and whether it takes requests.
  case health
  case ready
  case metrics

  init(_ request: HTTPRequest) throws(HTTPProblem) {
    let target = try HTTPTarget(request.target)
    switch target.path {
    case "/healthz": self = .health
    case "/readyz": self = .ready
    case "/metrics": self = .metrics
    default: throw HTTPProblem(404, "there is nothing at \(target.path); docs/http.md lists what there is")
    }
    try target.allow([])
    try Self.check(request, ["GET", "HEAD"])
  }

  /// Whether everybody may ask: the answer says nothing of what is stored.
  var isOpen: Bool {
    switch self {
    case .health, .ready: true
    case .metrics: false
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
