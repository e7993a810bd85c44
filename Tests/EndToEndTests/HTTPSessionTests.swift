import Foundation
import Testing

/// Sessions of browsers: a cookie for a token, and what keeps other sites from using it.
@Suite(.ownThread) struct HTTPSessionTests {
  private static let site = "Origin: http://localhost"
  private static let form = "Content-Type: application/x-www-form-urlencoded"

  /// A server with a token that may append to and read `web/*`.
  private static func play(_ flags: [String] = [], _ body: (TestServer, _ token: String) throws -> Void) throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      let token = try scene.makeToken("web", ["append:web/*", "read:web/*"], data: data)
      try body(try TestServer(scene, TestServer.listensForHTTP + ["--heartbeat", "400ms"] + flags), token)
    }
  }

  /// - Returns: the header with the new cookie, as a browser sends it back.
  private static func logIn(_ server: TestServer, _ token: String, path: String = "") throws -> String {
    let answer = try HTTPPeer(server).ask("POST", "\(path)/login", [form, site], body: "token=\(token)")
    guard answer.status == 303, let cookie = answer.headers["set-cookie"]?.split(separator: ";").first else {
      throw Failure("no session: \(answer.status) \(answer.text)")
    }
    return "Cookie: theme=dark; \(cookie)"
  }

  private static func csrf(_ server: TestServer, _ cookie: String) throws -> String {
    let answer = try HTTPPeer(server).get("/api/v1/session", [cookie])
    guard let object = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any],
      object["name"] as? String == "token 'web'", let csrf = object["csrf"] as? String
    else { throw Failure("no csrf: \(answer.status) \(answer.text)") }
    return "X-CSRF-Token: \(csrf)"
  }

  @Test func `the page loads nothing and runs nothing`() throws {
    try Self.play { server, _ in
      let page = try HTTPPeer(server).get("/login")
      #expect(page.status == 200 && page.headers["content-type"] == "text/html; charset=utf-8")
      let policy = try #require(page.headers["content-security-policy"])
      #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
      #expect(page.text.contains(#"<form method="post" action="login">"#))
      for word in ["<script", "src=", "http://", "https://", "style"] { #expect(!page.text.contains(word), "\(word)") }
    }
  }

  @Test func `a cookie stands for the token, and is for no script and no other site`() throws {
    try Self.play { server, token in
      let answer = try HTTPPeer(server).ask("POST", "/login", [Self.form, Self.site], body: "token=\(token)")
      #expect(answer.status == 303 && answer.headers["location"] == "/")
      let cookie = try #require(answer.headers["set-cookie"])
      #expect(cookie.hasPrefix("logs="))
      #expect(cookie.hasSuffix("; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict"))
      #expect(!cookie.contains(token))
      let header = try Self.logIn(server, token)
      #expect(try HTTPPeer(server).get("/api/v1/streams", [header]).status == 200)
      let forbidden = try HTTPPeer(server).get("/api/v1/streams/other/entries", [header])
      #expect(forbidden.status == 403 && forbidden.text.contains("token 'web' has no right"))
      #expect(try HTTPPeer(server).get("/api/v1/streams", ["Cookie: logs=wrong"]).status == 401)
      #expect(try HTTPPeer(server).get("/api/v1/streams", [header + "x"]).status == 401)
    }
  }

  @Test func `a wrong token begins no session, and slows the next one down`() throws {
    try Self.play { server, token in
      let peer = try HTTPPeer(server)
      func wrong(_ body: String, _ headers: [String] = [Self.form, Self.site]) throws -> HTTPPeer.Answer {
        try HTTPPeer(server).ask("POST", "/login", headers, body: body)
      }
      let refused = try wrong("token=lgs_%3Cb%3E")
      #expect(refused.status == 401 && refused.headers["set-cookie"] == nil)
      #expect(refused.text.contains("this is no token") && !refused.text.contains("<b>"))
      let start = ContinuousClock.now
      #expect(try wrong("token=lgs_wrong").status == 401)
      #expect(ContinuousClock.now - start >= .milliseconds(200))
      #expect(try wrong("token=").status == 400)
      #expect(try wrong("x=1").status == 400)
      #expect(try wrong("token=\(token)", [Self.site]).status == 415)
      #expect(try wrong("token=\(String(repeating: "x", count: 16 << 10))").status == 413)
      // Nor does a form on a page of another site.
      #expect(try wrong("token=\(token)", [Self.form, "Origin: http://evil.example"]).status == 403)
      #expect(try wrong("token=\(token)", [Self.form, "Origin: null"]).status == 403)
      #expect(try wrong("token=\(token)", [Self.form, "Sec-Fetch-Site: cross-site"]).status == 403)
      #expect(try peer.get("/healthz").status == 200)
    }
  }

  @Test func `what changes something needs a page of the same host and its CSRF token`() throws {
    try Self.play { server, token in
      let cookie = try Self.logIn(server, token)
      let csrf = try Self.csrf(server, cookie)
      func append(_ headers: [String], host: String = "localhost") throws -> Int {
        try HTTPPeer(server).ask(
          "POST", "/api/v1/streams/web/a/entries", [cookie, "Content-Type: text/plain"] + headers, host: host,
          body: "one"
        ).status
      }
      #expect(try append([Self.site, csrf]) == 200)
      #expect(try append(["Sec-Fetch-Site: same-origin", csrf]) == 200)
      #expect(try append([Self.site]) == 403)
      #expect(try append([csrf]) == 403)
      #expect(try append([Self.site, csrf + "0"]) == 403)
      #expect(try append(["Origin: http://evil.example", csrf]) == 403)
      #expect(try append(["Origin: null", csrf]) == 403)
      #expect(try append(["Sec-Fetch-Site: same-site", csrf]) == 403)
      #expect(try append([Self.site, "Sec-Fetch-Site: cross-site", csrf]) == 403)
      // Another name that leads to this machine is another site.
      #expect(try append(["Origin: http://evil.example", csrf], host: "evil.example") == 403)
      #expect(try HTTPPeer(server).ask("GET", "/api/v1/streams", [cookie], host: "evil.example").status == 403)
      // The CSRF token of one session is none of another one.
      let other = try Self.logIn(server, token)
      #expect(
        try HTTPPeer(server).ask("POST", "/api/v1/ticket", [other, Self.site, csrf]).status == 403)
    }
  }

  @Test func `events and WebSockets need a page of the same host`() throws {
    try Self.play { server, token in
      let cookie = try Self.logIn(server, token)
      let csrf = try Self.csrf(server, cookie)
      let appended = try HTTPPeer(server).ask(
        "POST", "/api/v1/streams/web/a/entries", [cookie, Self.site, csrf, "Content-Type: text/plain"], body: "one")
      #expect(appended.status == 200)
      let follow = "/api/v1/streams/web/a/follow?limit=1"
      for allowed in [Self.site, "Sec-Fetch-Site: same-origin"] {
        #expect(try HTTPPeer(server).get(follow, [cookie, allowed]).status == 200, "\(allowed)")
        #expect(try WebSocketPeer(server, "/api/v1/ws", [cookie, allowed]).head.status == 101, "\(allowed)")
      }
      for refused in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "X-Nothing: 1"] {
        #expect(try HTTPPeer(server).get(follow, [cookie, refused]).status == 403, "\(refused)")
        #expect(try WebSocketPeer(server, "/api/v1/ws", [cookie, refused]).head.status == 403, "\(refused)")
      }
      let rebound = try WebSocketPeer(
        server, "/api/v1/ws", [cookie, "Origin: http://evil.example"], host: "evil.example")
      #expect(rebound.head.status == 403)
    }
  }

  @Test func `a session ends with a logout, and so does all that was begun with it`() throws {
    try Self.play { server, token in
      let (cookie, other) = (try Self.logIn(server, token), try Self.logIn(server, token))
      let csrf = try Self.csrf(server, cookie)
      let socket = try WebSocketPeer(server, "/api/v1/ws", [cookie, Self.site])
      #expect(socket.head.status == 101)
      #expect(try HTTPPeer(server).ask("POST", "/logout", [cookie]).status == 403)
      let answer = try HTTPPeer(server).ask("POST", "/logout", [cookie, Self.site, csrf])
      #expect(answer.status == 200 && answer.headers["set-cookie"]?.hasPrefix("logs=; Max-Age=0; ") == true)
      #expect(try HTTPPeer(server).get("/api/v1/streams", [cookie]).status == 401)
      #expect(try HTTPPeer(server).get("/api/v1/streams", [other]).status == 200)
      #expect(try socket.object()["type"] as? String == "error")
      #expect(try socket.next() == .closed(1008))
      let bearer = try HTTPPeer(server).ask("POST", "/logout", ["Authorization: Bearer \(token)"])
      #expect(bearer.status == 400)
    }
  }

  @Test func `a session ends with its token`() throws {
    try Self.play { server, token in
      let cookie = try Self.logIn(server, token)
      let revoked = try server.scene.run(Binaries.logsd, ["token", "revoke", "web", "--data", server.data])
      #expect(revoked.exit == .code(0))
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("tokens were read again: 0 tokens")
      let answer = try HTTPPeer(server).get("/api/v1/streams", [cookie])
      #expect(answer.status == 401 && answer.text.contains("token 'web' was revoked"))
    }
  }

  @Test func `without tokens there is nothing to log in for`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      let answer = try HTTPPeer(server).ask("POST", "/login", [Self.form, Self.site], body: "token=x")
      #expect(answer.status == 404 && answer.text.contains("this server has no tokens"))
      let session = try HTTPPeer(server).get("/api/v1/session")
      #expect(session.status == 200 && session.text.contains(#""csrf":null"#))
    }
  }

  @Test func `behind a proxy the cookie is for its host, path and TLS`() throws {
    try Self.play(["--base-path", "/logs", "--trusted-proxy", "127.0.0.1"]) { server, token in
      func logIn(_ headers: [String]) throws -> HTTPPeer.Answer {
        try HTTPPeer(server).ask("POST", "/logs/login", [Self.form] + headers, body: "token=\(token)")
      }
      let far = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: logs.example", "Origin: https://logs.example"]
      let answer = try logIn(far + ["X-Forwarded-Proto: https"])
      #expect(answer.status == 303 && answer.headers["location"] == "/logs/")
      let cookie = try #require(answer.headers["set-cookie"])
      #expect(cookie.hasPrefix("__Secure-logs="))
      #expect(cookie.hasSuffix("; Path=/logs; HttpOnly; SameSite=Strict; Secure"))
      // Its client has sent the token over a network in plain text.
      let plain = try logIn(Array(far.prefix(2)) + ["Origin: http://logs.example"])
      #expect(plain.status == 403 && plain.text.contains("https://"))
      let header = "Cookie: \(cookie.split(separator: ";")[0])"
      let forwarded = ["X-Forwarded-Proto: https", "X-Forwarded-Host: logs.example", header]
      #expect(try HTTPPeer(server).get("/logs/api/v1/streams", forwarded).status == 200)
      #expect(try HTTPPeer(server).get("/logs/api/v1/streams", [header]).status == 401)
      for path in ["/api/v1/streams", "/logsx/api/v1/streams", "/", "/healthz"] {
        #expect(try HTTPPeer(server).get(path).status == 404, "\(path)")
      }
      #expect(try HTTPPeer(server).get("/logs/healthz").status == 200)
    }
  }

  @Test func `wrong tokens are logged with the address that a proxy names`() throws {
    try Self.play(["--trusted-proxy", "127.0.0.1"]) { server, _ in
      let header = "Authorization: Bearer lgs_wrong"
      let answer = try HTTPPeer(server).get("/metrics", [header, "X-Forwarded-For: 10.9.8.7, 2001:db8::1"])
      #expect(answer.status == 401)
      try server.process.errors.waitForText("HTTP request refused: this is no token, or it was revoked; ask for a")
      #expect(server.process.errors.text.contains("(2001:db8::1)"))
      #expect(try server.fact("refused_tokens_total") == 1)
    }
  }

  @Test func `what others say of having forwarded is not believed`() throws {
    try Self.play(["--trusted-proxy", "192.0.2.0/24"]) { server, token in
      let lies = ["X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "X-Forwarded-For: 203.0.113.9"]
      let refused = try HTTPPeer(server).ask(
        "POST", "/login", [Self.form, "Origin: http://evil.example"] + lies, body: "token=\(token)")
      #expect(refused.status == 403)
      let answer = try HTTPPeer(server).ask("POST", "/login", [Self.form, Self.site] + lies, body: "token=\(token)")
      #expect(answer.status == 303 && answer.headers["set-cookie"]?.hasPrefix("logs=") == true)
    }
  }
}
