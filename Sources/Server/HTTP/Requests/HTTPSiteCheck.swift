internal import Glibc
internal import LogsWire

/// Keeps web pages of other sites out where no token does: a browser lets them send requests to this machine.
///
/// A page can have its own name lead to this machine, but not choose the `Host` that the browser then sends; and it
/// cannot hide its `Origin` from requests that change something.
struct HTTPSiteCheck {
  /// Besides localhost and addresses, in lower case.
  let names: [String]

  /// - Throws: 403, and what to do.
  func check(_ request: HTTPRequest, from sender: HTTPSender) throws(HTTPProblem) {
    // HTTP/1.0 may leave it out, which no browser does.
    if let host = sender.host, !isKnown(host) {
      throw HTTPProblem(
        403, .forbidden,
        """
        without a token the server has to be reached as localhost, by an address or by a name of --http-host, not as \
        '\(host)'
        """)
    }
    let isRead = (request.method == "GET" || request.method == "HEAD") && !request.wantsWebSocket
    // Browsers keep pages of other sites from reading answers, but not from reading a WebSocket.
    guard !isRead, let origin = request["origin"] else { return }
    guard Self.isSame(origin, sender)
    else {
      throw HTTPProblem(
        403, .forbidden, "a page of '\(origin)' may neither change nor follow anything here without a token")
    }
  }

  /// Whether an `Origin` is where the request was sent: a page of this host.
  static func isSame(_ origin: String, _ sender: HTTPSender) -> Bool {
    guard let scheme = origin.firstRange(of: "://"), let host = sender.host else { return false }
    // What comes over TLS comes from no page that somebody could have changed on its way.
    if sender.isSecure, origin[..<scheme.lowerBound].lowercased() != "https" { return false }
    return origin[scheme.upperBound...].lowercased() == host.lowercased()
  }

  private func isKnown(_ host: String) -> Bool {
    if host.hasPrefix("[") {
      let parts = host.dropFirst().split(separator: "]", maxSplits: 1, omittingEmptySubsequences: false)
      var address = in6_addr()
      let isAddress = unsafe inet_pton(AF_INET6, String(parts[0]), &address) == 1
      return isAddress && parts.count == 2
    }
    let name = String(host.prefix { $0 != ":" }).lowercased()
    var address = in_addr()
    let isAddress = unsafe inet_pton(AF_INET, name, &address) == 1
    return isAddress || name == "localhost" || names.contains(name)
  }
}
