import Foundation
import Testing

/// Pages of other sites: what they may do, and that it is nothing unless their origin is allowed.
@Suite(.ownThread) struct HTTPCrossOriginTests {
  private static let origin = "https://app.example"
  private static let flags = TestServer.listensForHTTP + ["--http-allow-origin", "\(origin),http://localhost:5173"]

  /// A server, its token with all rights, and one for a single stream.
  private static func play(_ flags: [String] = flags, _ body: (TestServer, _ token: String) throws -> Void) throws {
    try Scene.play { scene in
      let token = try scene.makeToken(
        "web", ["append:web/*", "read:web/*", "delete:web/*"], data: scene.path("server.data"))
      try body(try TestServer(scene, flags), token)
    }
  }

  private static func preflight(
    _ server: TestServer, _ origin: String = origin, _ method: String = "POST",
    headers: String? = "authorization,content-type", target: String = "/api/v1/streams/web/a/entries"
  ) throws -> HTTPPeer.Answer {
    let names = headers.map { ["Access-Control-Request-Headers: \($0)"] } ?? []
    let lines = ["Origin: \(origin)", "Access-Control-Request-Method: \(method)"] + names
    return try HTTPPeer(server).ask("OPTIONS", target, lines)
  }

  private static func allows(_ answer: HTTPPeer.Answer) -> Bool {
    answer.headers.keys.contains { $0.hasPrefix("access-control-") }
  }

  @Test func `a page of an allowed origin appends, reads, follows and deletes with a token`() throws {
    try Self.play { server, token in
      for method in ["GET", "HEAD", "POST", "DELETE"] {
        let asked = try Self.preflight(server, Self.origin, method)
        #expect(asked.status == 200 && asked.body.isEmpty)
        #expect(asked.headers["access-control-allow-origin"] == Self.origin)
        #expect(asked.headers["access-control-allow-methods"] == "GET, HEAD, POST, DELETE")
        #expect(asked.headers["access-control-allow-headers"]?.contains("authorization") == true)
        #expect(asked.headers["access-control-allow-credentials"] == nil && asked.headers["vary"] == "Origin")
      }
      #expect(try Self.preflight(server, "http://localhost:5173", "GET", headers: nil).status == 200)
      let shown = ["Origin: \(Self.origin)", "Authorization: Bearer \(token)"]
      let peer = try HTTPPeer(server)
      let stream = "/api/v1/streams/web/a"
      for (method, target, body, status) in [
        ("POST", "\(stream)/entries", "one", 200), ("GET", "\(stream)/entries", nil, 200),
        ("GET", "\(stream)/follow?limit=1", nil, 200), ("GET", "/api/v1/streams/other", nil, 403),
        ("GET", "/nothing", nil, 404), ("DELETE", stream, nil, 200),
      ] as [(String, String, String?, Int)] {
        let type = body == nil ? [] : ["Content-Type: text/plain"]
        let answer = try peer.ask(method, target, shown + type, body: body)
        #expect(answer.status == status, "\(method) \(target): \(answer.text)")
        #expect(answer.headers["access-control-allow-origin"] == Self.origin, "\(method) \(target)")
        #expect(answer.headers["access-control-expose-headers"] == "Logs-Capped, Retry-After")
        #expect(answer.headers["access-control-allow-credentials"] == nil)
        // It may stand beside one for compression.
        #expect(answer.headers["vary"] == "Origin", "\(answer.headers)")
      }
      // Why it was refused can be read, too.
      let wrong = try peer.get("/api/v1/streams", ["Origin: \(Self.origin)", "Authorization: Bearer lgs_x"])
      #expect(wrong.status == 401 && wrong.headers["access-control-allow-origin"] == Self.origin)
    }
  }

  @Test func `what is not allowed is refused, or cannot be read`() throws {
    try Self.play { server, token in
      for (origin, method, headers, words) in [
        ("https://evil.example", "GET", nil, "are not among those of --http-allow-origin"),
        ("http://app.example", "GET", nil, "are not among"), ("https://app.example:8443", "GET", nil, "are not among"),
        ("https://app.example.evil.example", "GET", nil, "are not among"), ("null", "GET", nil, "are not among"),
        ("https://x.app.example", "GET", nil, "are not among"),
        (Self.origin, "PUT", nil, "may use GET, HEAD, POST, DELETE"), (Self.origin, "PATCH", nil, "may use"),
        (Self.origin, "POST", "authorization, x-csrf-token", "may not send the header 'x-csrf-token'"),
        (Self.origin, "POST", "cookie", "may not send the header 'cookie'"),
      ] as [(String, String, String?, String)] {
        let answer = try Self.preflight(server, origin, method, headers: headers)
        #expect(answer.status == 403 && answer.text.contains(words), "\(origin) \(method): \(answer.text)")
        #expect(!Self.allows(answer) && answer.headers["vary"] == "Origin", "\(origin) \(method)")
      }
      // Another origin, and a request without a token: a cookie, or nothing, is no token of the page's.
      let peer = try HTTPPeer(server)
      for (headers, status) in [
        (["Origin: https://evil.example", "Authorization: Bearer \(token)"], 200), (["Origin: \(Self.origin)"], 401),
        (["Origin: \(Self.origin)", "Cookie: logs=x"], 401), (["Authorization: Bearer \(token)"], 200),
      ] {
        let answer = try peer.get("/api/v1/streams", headers)
        #expect(answer.status == status && !Self.allows(answer), "\(headers)")
        #expect(answer.headers["vary"] == "Origin", "\(headers)")
      }
      #expect(try !Self.allows(peer.get("/healthz", ["Origin: \(Self.origin)"])))
      // A question that is none.
      #expect(try peer.ask("OPTIONS", "/api/v1/streams", ["Origin: \(Self.origin)"]).status == 405)
    }
  }

  @Test func `a session is no token, for whatever page`() throws {
    try Self.play { server, token in
      let peer = try HTTPPeer(server)
      let login = try peer.ask(
        "POST", "/login", ["Content-Type: application/x-www-form-urlencoded"], body: "token=\(token)")
      let cookie = try #require(login.headers["set-cookie"]?.split(separator: ";").first)
      let own = try peer.get("/api/v1/session", ["Cookie: \(cookie)"])
      #expect(own.status == 200 && !Self.allows(own))
      let other = try peer.get("/api/v1/session", ["Cookie: \(cookie)", "Origin: \(Self.origin)"])
      #expect(!Self.allows(other))
      let follow = try peer.get("/api/v1/streams/web/a/follow", ["Cookie: \(cookie)", "Origin: \(Self.origin)"])
      #expect(follow.status == 403 && !Self.allows(follow))
      let socket = try WebSocketPeer(server, "/api/v1/ws", ["Cookie: \(cookie)", "Origin: \(Self.origin)"])
      #expect(socket.head.status == 403)
    }
  }

  @Test func `a ticket opens events and WebSockets for its page`() throws {
    try Self.play { server, token in
      func ticket() throws -> String {
        let shown = ["Origin: \(Self.origin)", "Authorization: Bearer \(token)"]
        let answer = try HTTPPeer(server).ask("POST", "/api/v1/ticket", shown)
        #expect(answer.headers["access-control-allow-origin"] == Self.origin)
        let object = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
        return try #require(object?["ticket"] as? String)
      }
      let peer = try HTTPPeer(server)
      let follow = "/api/v1/streams/web/a/follow?ticket=\(try ticket())"
      try peer.send("GET \(follow) HTTP/1.1\r\nHost: localhost\r\nOrigin: \(Self.origin)\r\n\r\n")
      let head = try peer.head()
      #expect(head.status == 200 && head.headers["access-control-allow-origin"] == Self.origin)
      let used = try HTTPPeer(server).get(
        "/api/v1/streams/web/a/follow?ticket=lgt_x", ["Origin: \(Self.origin)"])
      #expect(used.status == 401 && used.headers["access-control-allow-origin"] == Self.origin)
      let open = try WebSocketPeer(server, "/api/v1/ws?ticket=\(ticket())", ["Origin: \(Self.origin)"])
      #expect(open.head.status == 101)
      // Its page had a token, wherever it is from.
      let other = try WebSocketPeer(server, "/api/v1/ws?ticket=\(ticket())", ["Origin: https://other.example"])
      #expect(other.head.status == 101)
      #expect(try WebSocketPeer(server, "/api/v1/ws", ["Origin: \(Self.origin)"]).head.status == 401)
    }
  }

  @Test func `without tokens no page of another site may read or change anything`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, Self.flags)
      for headers in [["Origin: \(Self.origin)"], ["Origin: \(Self.origin)", "Authorization: Bearer x"]] {
        let peer = try HTTPPeer(server)
        let read = try peer.get("/api/v1/streams", headers)
        #expect(read.status == 200 && !Self.allows(read), "\(headers)")
        #expect(try WebSocketPeer(server, "/api/v1/ws", headers).head.status == 403)
        let write = try peer.ask(
          "POST", "/api/v1/streams/web/a/entries", headers + ["Content-Type: text/plain"], body: "x")
        #expect(write.status == 403)
      }
    }
  }

  @Test func `unless origins are set nothing is said of them, and a reload sets them`() throws {
    try Scene.play { scene in
      let token = try scene.makeToken("web", ["read:web/*"], data: scene.path("server.data"))
      let path = try scene.file("logsd.conf", "".utf8)
      let server = try TestServer(scene, TestServer.listensForHTTP + ["--config", path])
      let shown = ["Origin: \(Self.origin)", "Authorization: Bearer \(token)"]
      let peer = try HTTPPeer(server)
      let closed = try peer.get("/api/v1/streams", shown)
      #expect(closed.status == 200 && !Self.allows(closed) && closed.headers["vary"] == nil)
      #expect(try Self.preflight(server).status == 405)
      try scene.file("logsd.conf", "http-allow-origin = \(Self.origin)\n".utf8)
      try expectSuccess(scene.run(Binaries.logsd, ["reload", "--data", server.data]))
      try Polling.wait(for: "the setting") { try Self.allows(peer.get("/api/v1/streams", shown)) }
      #expect(try Self.preflight(server).status == 200)
      for wrong in ["*", "app.example", "https://app.example/", "https://", "null", "https://a.example:443", "ftp://a"]
      {
        let finished = try scene.run(Binaries.logsd, ["config", "check", "--http-allow-origin", wrong])
        #expect(finished.exit == .code(2) && finished.errors.contains("'\(wrong)' is no origin; write"), "\(wrong)")
      }
    }
  }
}
