/// The cookie that a session has in a browser.
///
/// Over TLS its name begins with a prefix that has browsers refuse it from other hosts and from plain connections:
/// `__Host-`, or `__Secure-` below a base path, since the other one is for `/` only.
struct SessionCookie {
  private let name: String
  private let attributes: String

  init(isSecure: Bool, basePath: String) {
    let prefix = isSecure ? basePath.isEmpty ? "__Host-" : "__Secure-" : ""
    name = "\(prefix)logs"
    attributes = "Path=\(basePath.isEmpty ? "/" : basePath); HttpOnly; SameSite=Strict\(isSecure ? "; Secure" : "")"
  }

  /// Its value in a request.
  func value(in request: HTTPRequest) -> String? {
    for header in request.headers where header.name == "cookie" {
      for pair in header.value.split(separator: ";") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, parts[0].trimmed == name { return parts[1].trimmed }
      }
    }
    return nil
  }

  func setting(_ value: String, for duration: Duration) -> HTTPHeader {
    HTTPHeader("Set-Cookie", "\(name)=\(value); Max-Age=\(duration.components.seconds); \(attributes)")
  }

  var removing: HTTPHeader { setting("", for: .zero) }
}
