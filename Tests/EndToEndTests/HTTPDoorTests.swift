import Foundation
import Testing

/// The HTTP door: how requests are taken, who may ask, health and metrics.
@Suite(.ownThread) struct HTTPDoorTests {
  private static func play(_ flags: [String] = [], _ body: (TestServer) throws -> Void) throws {
    try Scene.play { scene in try body(try TestServer(scene, TestServer.listensForHTTP + flags)) }
  }

  @Test func `health, metrics and their like are answered on one connection, and pipelined`() throws {
    try Self.play { server in
      let peer = try HTTPPeer(server)
      #expect(try peer.get("/healthz").text == "ok\n")
      #expect(try peer.get("/readyz").text == "ready\n")
      let empty = try peer.ask("HEAD", "/healthz")
      #expect(empty.status == 200 && empty.headers["content-length"] == "3")
      try peer.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /no HTTP/1.1\r\nHost: localhost\r\n\r\n")
      try peer.send("GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
      #expect(try [peer.answer().status, peer.answer().status, peer.answer().status] == [200, 404, 200])
      #expect(peer.hasEnded())
    }
  }

  @Test func `metrics have help, type and base units`() throws {
    try Self.play { server in
      let peer = try HTTPPeer(server)
      let answer = try peer.get("/metrics")
      #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      #expect(answer.lines.contains("# TYPE logs_appended_entries_total counter"))
      #expect(answer.lines.contains("logs_appended_entries_total 0"))
      #expect(answer.lines.contains("# TYPE logs_connections gauge"))
      #expect(answer.text.contains("\nlogs_version_info{version=\"logsd"))
      #expect(answer.text.contains("\nlogs_cpu_seconds_total 0."))
      #expect(!answer.text.contains("logs_cpu_microseconds"))
    }
  }

  @Test func `errors are problems with the codes of the protocol`() throws {
    try Self.play { server in
      let peer = try HTTPPeer(server)
      let missing = try peer.get("/nothing")
      #expect(missing.status == 404 && missing.headers["content-type"] == "application/problem+json")
      #expect(missing.text.contains(#""status":404,"code":"bad_request","detail":"there is nothing at /nothing"#))
      let wrong = try peer.ask("DELETE", "/metrics")
      #expect(wrong.status == 405 && wrong.headers["allow"] == "GET, HEAD")
      #expect(try peer.get("/metrics?x=1").status == 400)
      #expect(try peer.get("/metrics?%zz").status == 400)
      // Its body is not read.
      let refused = try peer.ask("POST", "/metrics", body: "x")
      #expect(refused.status == 405 && refused.headers["connection"] == "close")
      #expect(peer.hasEnded())
    }
  }

  @Test func `smuggled requests are refused, and the connection is closed`() throws {
    try Self.play { server in
      let peer = try HTTPPeer(server)
      try peer.send(
        "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
          + "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try peer.answer().status == 400)
      #expect(peer.hasEnded())
      try server.process.errors.waitForText("content-length and transfer-encoding exclude each other")
    }
  }

  @Test func `headers that come too slowly end the connection`() throws {
    try Self.play(["--handshake-timeout", "200ms"]) { server in
      let peer = try HTTPPeer(server)
      try peer.send("GET /healthz HTTP/1.1\r\nHost:")
      #expect(try peer.answer().status == 408)
      #expect(peer.hasEnded())
    }
  }

  @Test func `pages of other sites are kept out where no token does it`() throws {
    try Self.play(["--http-host", "logs.example,other.example"]) { server in
      let peer = try HTTPPeer(server)
      for host in ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:9", "[::1]", "logs.example:7", "other.example"] {
        #expect(try peer.ask("GET", "/metrics", host: host).status == 200, "\(host)")
      }
      for host in ["evil.example", "localhost.evil.example", "[::1", "127.0.0.1.evil.example", "", "1"] {
        let answer = try peer.ask("GET", "/metrics", host: host)
        #expect(answer.status == 403 && answer.text.contains("--http-host"), "\(host)")
        // A page whose name was made to lead here has the same origin as the host that it asks.
        let socket = try WebSocketPeer(server, "/api/v1/ws", ["Origin: http://\(host)"], host: host)
        #expect(socket.head.status == 403, "\(host)")
      }
      // It says nothing of what is stored.
      #expect(try peer.ask("GET", "/healthz", host: "evil.example").status == 200)
    }
  }

  @Test func `with tokens each request needs one`() throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
      func make(_ name: String, _ right: String) throws -> String {
        let words = ["token", "create", "--data", data, "--name", name, "--allow", right]
        return try scene.run(Binaries.logsd, words).lines.first ?? ""
      }
      let (all, some) = (try make("all", "read:**"), try make("some", "read:web/*"))
      let peer = try HTTPPeer(try TestServer(scene, TestServer.listensForHTTP))
      #expect(try peer.get("/healthz").status == 200)
      let none = try peer.get("/metrics")
      #expect(none.status == 401 && none.headers["www-authenticate"] == "Bearer")
      #expect(none.text.contains("Authorization: Bearer TOKEN"))
      #expect(try peer.get("/metrics", ["Authorization: Bearer \(all)x"]).status == 401)
      #expect(try peer.get("/metrics", ["Authorization: Basic \(all)"]).status == 401)
      // A token proves more than the name by which the server is reached.
      let known = try peer.ask("GET", "/metrics", ["Authorization: bearer \(all)"], host: "evil.example")
      #expect(known.status == 200 && known.text.contains("logs_connections"))
      let little = try peer.get("/metrics", ["Authorization: Bearer \(some)"])
      #expect(little.status == 200 && !little.text.contains("logs_connections"))
    }
  }

  @Test func `over TLS it speaks what the client offers, and plain text is sent back`() throws {
    try Scene.play { scene in
      let certificates = try TestCertificates(scene)
      let flags = try certificates.serverFlags("localhost", "DNS:localhost,IP:127.0.0.1")
      let server = try TestServer(scene, flags + ["--listen-https", "127.0.0.1:0"])
      let url = try server.httpURL()
      #expect(url.hasPrefix("https://127.0.0.1:"))
      let address = String(url.dropFirst("https://".count))
      func tls(_ protocols: String) throws -> Finished {
        let request = try scene.file("request", "GET /healthz HTTP/1.0\r\n\r\n".utf8)
        return try scene.run(
          "/usr/bin/openssl",
          ["s_client", "-connect", address, "-CAfile", certificates.authority, "-alpn", protocols, "-ign_eof"],
          input: .file(request))
      }
      #expect(try tls("h2,http/1.1").text.contains("ALPN protocol: h2"))
      let spoken = try tls("logs/1,http/1.1")
      #expect(spoken.text.contains("ALPN protocol: http/1.1") && spoken.text.contains("\r\n\r\nok\n"))
      #expect(try tls("logs/1").errors.contains("no application protocol"))
      let peer = try HTTPPeer(server)
      try peer.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
      let plain = try peer.answer()
      #expect(plain.status == 400 && plain.text.contains("use https://"))
      #expect(plain.headers["date"]?.hasSuffix(" GMT") == true, "\(plain.headers)")
    }
  }

  @Test func `a door that others can reach needs TLS and tokens, as all do`() throws {
    try Scene.play { scene in
      let flags = ["--data", scene.path("data"), "--listen", "none", "--listen-http", "0.0.0.0:0"]
      let plain = try scene.run(Binaries.logsd, flags)
      #expect(plain.exit == .code(1))
      #expect(plain.errors.contains("http://0.0.0.0:0 would take connections of other machines without TLS"))
      #expect(plain.errors.contains("--listen-https"))
      let open = try scene.run(Binaries.logsd, flags + ["--insecure-plain"])
      #expect(open.errors.contains("http://0.0.0.0:0 would let everybody on other machines append and read"))
    }
  }

  @Test func `a Unix socket speaks HTTP, and knows who is at its other end`() throws {
    try Scene.play { scene in
      _ = try scene.makeToken("web", ["read:web/*"], data: scene.path("server.data"))
      let path = scene.path("http.sock")
      let server = try TestServer(scene, ["--listen-http", "unix:\(path)"])
      #expect(try server.httpURL() == "http+unix://\(path)")
      // The server's own user needs no token, and may read everything.
      let answer = try HTTPPeer(server).get("/metrics")
      #expect(answer.status == 200 && answer.text.contains("logs_connections"))
      let wrong = try scene.run(Binaries.logsd, ["--data", scene.path("data"), "--listen-http", "unix:x"])
      #expect(wrong.exit == .code(2) && wrong.errors.contains("write unix:/PATH"), "\(wrong)")
    }
  }

  @Test func `it is not ready while appends are refused for lack of space`() throws {
    try Self.play(["--disk-min-free", "1000T"]) { server in
      // The first look at the disk comes soon after the start.
      try server.wait(for: "disk_low") { $0 == 1 }
      let answer = try HTTPPeer(server).get("/readyz")
      #expect(answer.status == 503 && answer.text.contains("disk-min-free"), "\(answer.text)")
      #expect(answer.headers["retry-after"] == "1")
      #expect(try HTTPPeer(server).get("/healthz").status == 200)
    }
  }

  @Test func `it is not ready while it stops`() throws {
    try Self.play { server in
      let peer = try HTTPPeer(server)
      try peer.send(
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
      // The request is under way.
      #expect(try peer.answer().status == 100)
      // What tells that the stop has come to the shards is that they accept and keep no others.
      let idle = (try HTTPPeer(server), try HTTPPeer(server))
      #expect(try [idle.0.get("/healthz").status, idle.1.get("/healthz").status] == [200, 200])
      server.process.signal(SIGTERM)
      #expect(idle.0.hasEnded() && idle.1.hasEnded())
      try peer.send("x")
      let answer = try peer.answer()
      #expect(answer.status == 503 && answer.text.contains("the server is stopping"), "\(answer.text)")
      #expect(try server.process.wait() == .code(0))
    }
  }

  @Test func `a stop closes idle connections`() throws {
    try Self.play { server in
      let peer = try HTTPPeer(server)
      #expect(try peer.get("/healthz").status == 200)
      #expect(try server.stop() == .code(0))
      #expect(peer.hasEnded())
    }
  }
}
