internal import LogsWire

/// Keeps pages of other sites from using the session that a browser has here.
///
/// `SameSite=Strict` has the browser leave the cookie out of their requests. This does not rely on it.
struct HTTPSessionCheck {
  let request: HTTPRequest
  let sender: HTTPSender

  /// - Parameters:
  ///   - host: where the session was begun.
  ///   - csrf: what a request that changes something has to bring along.
  ///   - follows: whether the answer goes on.
  /// - Throws: 403, and what is missing.
  func check(host: String?, csrf: String, follows: Bool) throws(HTTPProblem) {
    guard sender.host?.lowercased() == host else {
      throw Self.forbidden("the session belongs to '\(host ?? "")'; log in here, too")
    }
    if let site = request["sec-fetch-site"]?.lowercased(), site != "same-origin", site != "none" {
      throw Self.forbidden("a page of another site may not use this session")
    }
    let isRead = request.method == "GET" || request.method == "HEAD"
    if isRead, !follows { return }
    try checkOrigin(isWanted: true)
    guard !isRead else { return }
    let given = TokenHash(of: request["x-csrf-token"] ?? "")
    guard given.isSame(as: TokenHash(of: csrf)) else {
      throw Self.forbidden("the header X-CSRF-Token has to be the 'csrf' that GET /api/v1/session answers")
    }
  }

  /// Before a session is begun: other sites may not log their visitors in.
  func checkLogin() throws(HTTPProblem) {
    if let site = request["sec-fetch-site"]?.lowercased(), site != "same-origin", site != "none" {
      throw Self.forbidden("a page of another site may not log in here")
    }
    try checkOrigin(isWanted: false)
    guard sender.isPrivate else {
      throw Self.forbidden("the token would be readable on its way; log in over https://")
    }
  }

  /// - Parameter isWanted: whether there has to be a sign of the page's site. Programs send none.
  private func checkOrigin(isWanted: Bool) throws(HTTPProblem) {
    if let origin = request["origin"] {
      guard HTTPSiteCheck.isSame(origin, sender) else {
        throw Self.forbidden("a page of '\(origin)' may neither change nor follow anything here")
      }
    } else if isWanted, request["sec-fetch-site"]?.lowercased() != "same-origin" {
      throw Self.forbidden("with a session this needs the header Origin or Sec-Fetch-Site of a page of this host")
    }
  }

  private static func forbidden(_ text: String) -> HTTPProblem { HTTPProblem(403, .forbidden, text) }
}
