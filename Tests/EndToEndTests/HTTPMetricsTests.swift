import Foundation
import Testing

/// What Prometheus gets, and the dashboard that shows it.
@Suite(.ownThread) struct HTTPMetricsTests {
  private static func play(_ body: (TestServer) throws -> Void) throws {
    try Scene.play { scene in
      try body(try TestServer(scene, TestServer.listensForHTTP + ["--heartbeat", "400ms"]))
    }
  }

  private static func append(_ server: TestServer) throws {
    let answer = try HTTPPeer(server).ask(
      "POST", "/api/v1/streams/web/entries", ["Content-Type: text/plain"], body: "one\ntwo")
    #expect(answer.status == 200)
  }

  @Test func `requests are counted by the form of their path and by code`() throws {
    try Self.play { server in
      try Self.append(server)
      let peer = try HTTPPeer(server)
      for path in ["web/entries", "other/entries", "web/follow?limit=1"] {
        _ = try peer.get("/api/v1/streams/\(path)")
      }
      _ = try peer.get("/nothing")
      _ = try WebSocketPeer(server, "/api/v1/ws")
      let lines = try peer.get("/metrics").lines
      for (route, code, count) in [
        ("/api/v1/streams/{name}/entries", 200, 2), ("/api/v1/streams/{name}/entries", 404, 1),
        ("/api/v1/streams/{name}/follow", 200, 1), ("/api/v1/ws", 101, 1), ("other", 404, 1),
      ] {
        let line = #"logs_http_requests_total{route="\#(route)",code="\#(code)"} \#(count)"#
        #expect(lines.contains(line), "\(line)")
      }
      #expect(!lines.contains { $0.contains("web") && !$0.contains("logs_websockets") })
    }
  }

  @Test func `what HTTP 2 refuses before it is read is answered and counted as over HTTP 1`() throws {
    try Self.play { server in
      let url = "\(try server.httpURL())/api/v1/streams"
      let many = (0...100).flatMap { ["-H", "X-\($0): 1"] }
      let long = "\(url)?pattern=\(String(repeating: "a", count: 9_000))"
      for version in ["--http1.1", "--http2-prior-knowledge"] {
        for (words, status) in [
          (many + [url], "431"), (["-H", "Origin: a", "-H", "Origin: b", url], "400"), ([long], "414"),
        ] {
          let format = ["-sS", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", version]
          let finished = try server.scene.run("/usr/bin/curl", format + words)
          #expect(finished.text == status, "\(version) \(status): \(finished.text) \(finished.errors)")
        }
      }
      // A name in upper case is none: there is no request that could be answered.
      let broken = try HTTPPeer(server)
      var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
      // GET, http, /, and the literal header "A: b".
      let block: [UInt8] = [0x82, 0x86, 0x84, 0x00, 1, UInt8(ascii: "A"), 1, UInt8(ascii: "b")]
      bytes += [0, 0, UInt8(block.count), 1, 5, 0, 0, 0, 1] + block
      try broken.send(bytes)
      try Polling.wait(for: "the count") {
        try HTTPPeer(server).get("/metrics").lines.contains(
          #"logs_http_requests_total{route="other",code="400"} 1"#)
      }
      let lines = try HTTPPeer(server).get("/metrics").lines
      for (route, code, count) in [
        ("/api/v1/streams", 400, 2), ("/api/v1/streams", 431, 2), ("other", 414, 2),
      ] {
        let line = #"logs_http_requests_total{route="\#(route)",code="\#(code)"} \#(count)"#
        #expect(lines.contains(line), "\(line) \(lines.filter { $0.hasPrefix("logs_http_requests_total") })")
      }
    }
  }

  @Test func `what cannot be read is counted by the path that it named`() throws {
    try Scene.play { scene in
      let server = try TestServer(
        scene,
        TestServer.listensForHTTP + ["--heartbeat", "400ms", "--handshake-timeout", "1s", "--base-path", "/logs"])
      let chunked = "Host: localhost\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
      for (text, status) in [
        ("GARBAGE\r\n\r\n", 400), ("GET /logs/api/v1/status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /api/v1/status HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET /logs/metrics HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("POST /logs/api/v1/streams/web/entries HTTP/1.1\r\n\(chunked)nonsense\r\n", 400),
        ("GET /logs/readyz HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", 413),
        ("GET /logs/healthz HTTP/1.1\r\nHost: h\r\n", 408), ("GET /logs/healthz HT", 408),
      ] {
        let peer = try HTTPPeer(server)
        try peer.send(text)
        #expect(try peer.answer().status == status, "\(text)")
      }
      let lines = try HTTPPeer(server).get("/logs/metrics").lines.filter { $0.hasPrefix("logs_http_requests_total") }
      #expect(
        lines
          == [
            ("/api/v1/status", 400, 1), ("/api/v1/streams/{name}/entries", 400, 1), ("/healthz", 408, 1),
            ("/metrics", 400, 1), ("/readyz", 413, 1), ("other", 400, 2), ("other", 408, 1),
          ].map { #"logs_http_requests_total{route="\#($0)",code="\#($1)"} \#($2)"# })
    }
  }

  @Test func `commits are counted in steps of their time`() throws {
    try Self.play { server in
      try Self.append(server)
      let lines = try HTTPPeer(server).get("/metrics").lines
      let commits = try server.fact("commits_total")
      for name in ["logs_commit_duration_seconds", "logs_wal_sync_duration_seconds"] {
        #expect(lines.contains("# TYPE \(name) histogram"))
        #expect(lines.contains("\(name)_bucket{le=\"+Inf\"} \(commits)"))
        #expect(lines.contains("\(name)_count \(commits)"))
        let steps = lines.filter { $0.hasPrefix("\(name)_bucket") }.compactMap { Int($0.split(separator: " ")[1]) }
        #expect(steps.count == 15 && steps == steps.sorted() && commits > 0)
      }
    }
  }

  @Test func `what clients lost is counted by reason`() throws {
    try Self.play { server in
      try Self.append(server)
      try expectSuccess(server.run(["delete", "web", "--before-seq", "2", "--yes"]))
      let page = try HTTPPeer(server).get("/api/v1/streams/web/follow?after=0&limit=1")
      #expect(page.text.contains("event: skipped"))
      let peer = try HTTPPeer(server)
      try peer.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
      #expect(try peer.answer().status == 400)
      let lines = try HTTPPeer(server).get("/metrics").lines
      #expect(lines.contains(#"logs_skipped_entries_total{reason="deleted"} 1"#))
      #expect(lines.contains(#"logs_ended_connections_total{reason="bad_request"} 1"#))
    }
  }

  @Test func `open WebSockets are counted`() throws {
    try Self.play { server in
      func isOpen(_ count: Int) throws -> Bool {
        try HTTPPeer(server).get("/metrics").lines.contains("logs_websockets \(count)")
      }
      do {
        let socket = try WebSocketPeer(server, "/api/v1/ws")
        #expect(try socket.head.status == 101 && isOpen(1))
      }
      try Polling.wait(for: "the end of the WebSocket") { try isOpen(0) }
    }
  }

  @Test func `the follower that is most behind counts`() throws {
    try Self.play { server in
      try Self.append(server)
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["web"],"credit":0}"#)
      #expect(try socket.object()["type"] as? String == "subscribed")
      func lag(_ count: Int) throws -> Bool {
        try HTTPPeer(server).get("/metrics").lines.contains("logs_follower_lag_entries \(count)")
      }
      try Polling.wait(for: "a lag of two entries") { try lag(2) }
      try socket.send(#"{"type":"credit","id":"a","entries":10}"#)
      try Polling.wait(for: "no lag") { try lag(0) }
    }
  }

  @Test func `the dashboard names metrics that there are`() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let data = try Data(contentsOf: root.appending(path: "Packaging/grafana/logs.json"))
    let dashboard = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let panels = try #require(dashboard["panels"] as? [[String: Any]])
    let expressions = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }.compactMap { $0["expr"] as? String }
    let names = Set(expressions.flatMap { $0.matches(of: /logs_[a-z_]+/).map { String($0.output) } })
    #expect(panels.count >= 10 && names.count >= 15)
    try Self.play { server in
      try Self.append(server)
      var served: Set<String> = []
      try Polling.wait(for: "the first look for lags") {
        let lines = try HTTPPeer(server).get("/metrics").lines
        served = []
        for words in lines.map({ $0.split(separator: " ").map(String.init) }) where words.prefix(2) == ["#", "TYPE"] {
          let suffixes = words[3] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
          served.formUnion(suffixes.map { words[2] + $0 })
        }
        return served.contains("logs_follower_lag_entries")
      }
      #expect(names.subtracting(served).isEmpty)
    }
  }
}
