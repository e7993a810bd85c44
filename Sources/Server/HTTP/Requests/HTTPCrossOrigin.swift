internal import LogsWire

/// What pages of other sites may do: those of `http-allow-origin`, with a token or ticket of their own. Cookies are
/// never among it, nor is what anybody may do without a token: a browser would do that for any page.
struct HTTPCrossOrigin {
  /// In lower case; at least one.
  private let origins: [String]

  /// nil if no origin is allowed anything: then there is nothing to be said of origins.
  init?(origins: [String]) {
    if origins.isEmpty { return nil }
    self.origins = origins
  }

  static let methods = ["GET", "HEAD", "POST", "DELETE"]
  /// Headers of a request that mean something here.
  static let requestHeaders = [
    "authorization", "content-type", "content-encoding", "idempotency-key", "last-event-id", "logs-producer",
    "logs-batch",
  ]
  /// Headers of an answer that a page may read besides the common ones.
  private static let answerHeaders = "Logs-Capped, Retry-After"
  /// How long a browser remembers the answer to its question.
  private static let secondsMax = 600

  /// The answer depends on the origin, also where that is not allowed.
  private static let vary = HTTPHeader("Vary", "Origin")

  /// The origin of the request, if its pages are allowed something.
  private func allowed(_ request: HTTPRequest) -> String? {
    request["origin"].flatMap { origins.contains($0.lowercased()) ? $0 : nil }
  }

  /// What an answer needs so that a page of the origin may read it.
  ///
  /// - Parameter showsToken: whether the request came with a token or ticket, and with nothing else that counts.
  func headers(_ request: HTTPRequest, showsToken: Bool) -> [HTTPHeader] {
    guard showsToken, let origin = allowed(request) else { return [Self.vary] }
    return [
      Self.vary, HTTPHeader("Access-Control-Allow-Origin", origin),
      HTTPHeader("Access-Control-Expose-Headers", Self.answerHeaders),
    ]
  }

  /// The answer to a browser that asks whether a page may send a request; nil if it does not ask that.
  ///
  /// - Throws: 403, and what is not allowed.
  func preflight(_ request: HTTPRequest) throws(HTTPProblem) -> HTTPResponse? {
    guard request.method == "OPTIONS", let origin = request["origin"],
      let method = request["access-control-request-method"]
    else { return nil }
    guard allowed(request) != nil else {
      throw HTTPProblem(403, .forbidden, "pages of '\(origin)' are not among those of --http-allow-origin")
    }
    guard Self.methods.contains(method) else {
      throw HTTPProblem(403, .forbidden, "pages of other origins may use \(Self.methods.joined(separator: ", "))")
    }
    let names = (request["access-control-request-headers"] ?? "").split(separator: ",").map { $0.trimmed.lowercased() }
    if let odd = names.first(where: { !$0.isEmpty && !Self.requestHeaders.contains($0) }) {
      throw HTTPProblem(403, .forbidden, "pages of other origins may not send the header '\(odd)'")
    }
    var response = HTTPResponse("")
    response.head.headers += [
      HTTPHeader("Access-Control-Allow-Origin", origin),
      HTTPHeader("Access-Control-Allow-Methods", Self.methods.joined(separator: ", ")),
      HTTPHeader("Access-Control-Allow-Headers", Self.requestHeaders.joined(separator: ", ")),
      HTTPHeader("Access-Control-Max-Age", "\(Self.secondsMax)"),
    ]
    return response
  }

  /// The origin that `text` is, in lower case; nil if it is none.
  static func parse(_ text: String) -> String? {
    let text = text.lowercased()
    guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return nil }
    let rest = text.dropFirst(scheme.count)
    let isPlain = rest.utf8.allSatisfy { byte in
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        || ".-_:[]".utf8.contains(byte)
    }
    let host = rest.hasPrefix("[") ? rest.prefix { $0 != "]" }.dropFirst() : rest.prefix { $0 != ":" }
    let port = rest.hasPrefix("[") ? rest.drop { $0 != "]" }.dropFirst() : rest.dropFirst(host.count)
    // Browsers leave out the port that goes without saying.
    let isUsual = port == (scheme == "https://" ? ":443" : ":80")
    guard isPlain, !host.isEmpty, port.isEmpty || (UInt16(port.dropFirst()) != nil && !isUsual) else { return nil }
    return text
  }
}
