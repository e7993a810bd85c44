import Foundation
import Testing

/// What the server does for the viewer. The page itself is tested in a browser, by `make test-viewer`.
@Suite(.ownThread) struct ViewerDoorTests {
  private static func play(_ flags: [String] = [], _ body: (TestServer) throws -> Void) throws {
    try Scene.play { scene in try body(try TestServer(scene, TestServer.listensForHTTP + flags)) }
  }

  @Test(arguments: ["", "/some/logs"])
  func `the page and its files come from the program, under a strict policy`(base: String) throws {
    try Self.play(base.isEmpty ? [] : ["--base-path", base]) { server in
      for path in ["/", "/q?stream=a", "/s/web@7", "/s/a/b?filter=%3Cb%3E"] {
        let page = try HTTPPeer(server).get(base + path)
        #expect(page.status == 200 && page.headers["content-type"] == "text/html; charset=utf-8")
        let policy = try #require(page.headers["content-security-policy"])
        #expect(policy.hasPrefix("default-src 'none'; script-src 'self';"))
        #expect(policy.contains("require-trusted-types-for 'script'") && policy.contains("frame-ancestors 'none'"))
        #expect(!policy.contains("unsafe"))
        #expect(page.text.contains("<html lang=\"en\" data-base=\"\(base)\">"))
        // All that it loads is there.
        let links = page.text.matches(of: /(?:src|href)="([^"]+)"/).map { String($0.1) }
        #expect(links.count == 3)
        for link in links { #expect(try HTTPPeer(server).get(link).status == 200, "\(link)") }
      }
    }
  }

  @Test func `modules import only what is there`() throws {
    try Self.play { server in
      var (seen, waiting): (Set<String>, [String]) = ([], ["main.js"])
      while let name = waiting.popLast() {
        guard seen.insert(name).inserted else { continue }
        let file = try HTTPPeer(server).get("/web/\(name)")
        #expect(file.status == 200 && file.headers["content-type"] == "text/javascript; charset=utf-8", "\(name)")
        waiting += file.text.matches(of: /from "\.\/([^"]+)"/).map { String($0.1) }
      }
      #expect(seen.count > 10)
      #expect(try HTTPPeer(server).get("/favicon.ico").headers["content-type"] == "image/svg+xml")
      #expect(try HTTPPeer(server).get("/web/none.js").status == 404)
      #expect(try HTTPPeer(server).get("/web/..%2Fmain.js").status == 404)
    }
  }

  @Test func `a browser asks once for what it has`() throws {
    try Self.play { server in
      let first = try HTTPPeer(server).get("/web/viewer.css")
      let tag = try #require(first.headers["etag"])
      let second = try HTTPPeer(server).get("/web/viewer.css", ["If-None-Match: \(tag)"])
      #expect(second.status == 304 && second.body.isEmpty && second.headers["etag"] == tag)
      #expect(try HTTPPeer(server).get("/web/viewer.css", ["If-None-Match: \"other\""]).status == 200)
      #expect(try HTTPPeer(server).ask("POST", "/", ["Content-Type: text/plain"], body: "x").status == 405)
    }
  }

  @Test func `the page is there without a token, what it shows is not`() throws {
    try Scene.play { scene in
      let token = try scene.makeToken("web", ["read:web"], data: scene.path("server.data"))
      let server = try TestServer(scene, TestServer.listensForHTTP)
      #expect(try HTTPPeer(server).get("/s/web").status == 200)
      #expect(try HTTPPeer(server).get("/web/main.js").status == 200)
      #expect(try HTTPPeer(server).get("/api/v1/session").status == 401)
      #expect(try HTTPPeer(server).get("/api/v1/session", ["Authorization: Bearer \(token)"]).status == 200)
    }
  }

  @Test func `entries of a batch come in one message, behind the cursors at which they begin`() throws {
    try Self.play { server in
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      func append(_ lines: String, kind: String = "log") throws {
        let answer = try HTTPPeer(server).ask(
          "POST", "/api/v1/streams/web/entries?kind=\(kind)", ["Content-Type: text/plain"], body: lines)
        #expect(answer.status == 200, "\(answer.text)")
      }
      try append("one\ntwo")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["web"],"last":0,"batches":true}"#)
      #expect(try socket.object()["type"] as? String == "subscribed")
      let live = try socket.object()
      let after = try #require((live["live"] as? [String: Any])?["after"] as? [String: String])
      #expect(live["type"] as? String == "live" && after["web"]?.hasSuffix(".2") == true)
      try append("three\nfour", kind: "status")
      let batch = try socket.object()
      let entries = try #require(batch["logs"] as? [[String: Any]])
      #expect(batch["type"] as? String == "logs" && batch["stream"] as? String == "web")
      #expect(entries.map { $0["message"] as? String } == ["three", "four"])
      #expect(entries.map { $0["kind"] as? String } == ["status", "status"])
      #expect((batch["cursor"] as? String)?.hasSuffix(".4") == true)
      try socket.send(#"{"type":"subscribe","id":"b","streams":["web"],"batches":1}"#)
      #expect((try socket.object()["error"] as? [String: Any])?["detail"] as? String == "batches takes true or false")
      let wrong = try HTTPPeer(server).ask(
        "POST", "/api/v1/streams/web/entries?kind=complete", ["Content-Type: text/plain"], body: "x")
      #expect(wrong.status == 400 && wrong.text.contains("kind takes log or status"))
    }
  }

  @Test func `in quiet times scripts get a heartbeat`() throws {
    try Self.play(["--heartbeat", "400ms"]) { server in
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["web"],"last":0}"#)
      #expect(try [socket.object(), socket.object()].map { $0["type"] as? String } == ["subscribed", "live"])
      #expect(try socket.object()["type"] as? String == "heartbeat")
    }
  }
}
