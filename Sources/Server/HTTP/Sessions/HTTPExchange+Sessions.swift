internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Sessions: a browser exchanges a token for a cookie, which no script can read.
extension HTTPExchange {
  private var sessions: PassTable { core.access.sessions }
  private var basePath: String { core.configuration.httpBasePath }
  private var cookie: SessionCookie { SessionCookie(isSecure: sender.isSecure, basePath: basePath) }
  private var check: HTTPSessionCheck { HTTPSessionCheck(request: request, sender: sender) }

  /// Follows from the secret, so that nothing of it has to be kept.
  private func csrf(_ secret: String) -> String { TokenHash(of: "csrf \(secret)").hexadecimal }

  /// What a session allows; nil without one.
  ///
  /// - Throws: what the request needs besides the cookie.
  func sessionAccess(_ route: HTTPRoute) throws(HTTPProblem) -> AccessControl.Access? {
    guard let secret = cookie.value(in: request) else { return nil }
    let hash = TokenHash(of: secret)
    guard let pass = sessions.find(hash, now: connection.loop.now) else { return nil }
    var access = pass.access
    access.session = hash
    if let refusal = core.access.refusal(of: &access) { throw HTTPProblem(refusal) }
    try check.check(host: pass.host, csrf: csrf(secret), follows: route.isFollow)
    return access
  }

  /// Begins a session for the token of a form.
  func logIn(_ body: [UInt8]) {
    let token: String
    do throws(HTTPProblem) {
      try check.checkLogin()
      token = try Self.token(ofForm: body, request)
      guard core.access.checksTokens else {
        throw HTTPProblem(404, .badRequest, "this server has no tokens, so there is nothing to log in for")
      }
    } catch { return respond(LoginPage.response(error)) }
    let claim = AccessControl.Claim(token: token, address: sender.address)
    switch core.access.decide(claim, now: connection.loop.now) {
    case .accepted(let access): respond(beginSession(access))
    case .refused(let refusal, let delay):
      noteWrongToken(refusal)
      stage = .deciding
      connection.loop.schedule(after: delay) { [weak self] in
        guard let self, case .deciding = stage else { return }
        respond(LoginPage.response(HTTPProblem(refusal)))
      }
    }
  }

  private func beginSession(_ access: AccessControl.Access) -> HTTPResponse {
    let now = connection.loop.now
    if let secret = cookie.value(in: request) { _ = sessions.take(TokenHash(of: secret), now: now) }
    guard let secret = sessions.make(for: access, host: sender.host?.lowercased(), now: now) else {
      return LoginPage.response(HTTPProblem(sessions.fullRefusal("sessions")))
    }
    var response = HTTPResponse("text/plain; charset=utf-8", Array("logged in\n".utf8), status: 303)
    response.head.headers += [HTTPHeader("Location", "\(basePath)/"), cookie.setting(secret, for: sessions.duration)]
    return response
  }

  private static func token(ofForm body: [UInt8], _ request: HTTPRequest) throws(HTTPProblem) -> String {
    guard
      request["content-type"]?.split(separator: ";").first?.trimmed.lowercased()
        == "application/x-www-form-urlencoded"
    else { throw HTTPProblem(415, .unsupported, "a login is a form: application/x-www-form-urlencoded") }
    guard body.count <= HTTPLimits.loginByteCountMax else {
      throw HTTPProblem(413, .frameTooLarge, "a login has at most \(HTTPLimits.loginByteCountMax) bytes")
    }
    let form = try HTTPTarget("?\(String(decoding: body, as: UTF8.self))")
    try form.allow(["token"])
    guard let token = form["token"]?.trimmed, !token.isEmpty else { throw HTTPProblem(400, "enter a token") }
    return token
  }

  /// Ends the session, and with it all that was begun with it.
  func logOut() {
    guard let session = access.session else {
      return respond(HTTPResponse(HTTPProblem(400, "this request has no session that could end")))
    }
    _ = sessions.take(session, now: connection.loop.now)
    var response = HTTPResponse("logged out\n")
    response.head.headers.append(cookie.removing)
    respond(response)
  }

  /// Who asks, and what requests that change something have to bring along.
  var sessionResponse: HTTPResponse {
    var json = JSONWriter()
    json.object { json in
      json.key("name")
      json.string(access.name)
      json.key("csrf")
      if access.session != nil, let secret = cookie.value(in: request) {
        json.string(csrf(secret))
      } else {
        json.null()
      }
    }
    json.newline()
    return HTTPResponse("application/json", json.bytes)
  }
}
