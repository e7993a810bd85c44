import Glibc
import Testing

/// Queries over HTTP that nobody may wait for any more.
@Suite(.ownThread) struct HTTPQueryTests {
  private static let queryCount = 24
  /// All entries have to be looked at.
  private static let slow =
    "/api/v1/count?stream=web&filter=%2F%5B%5Eq%5D%2Bq%5B%5Ez%5D%2Bz%2F%20OR%20%2F%5B%5Ez%5D%2Bz%5B%5Eq%5D%2Bq%2F"

  private static func push(_ server: TestServer) throws {
    let file = try server.scene.file("f", LogLines.file(LogLines.plain(100_000)))
    try expectSuccess(server.run(["push", "web", file]))
  }

  /// A number of `/metrics`, as a client reads it that sees all.
  private static func metric(_ name: String, _ server: TestServer, _ headers: [String] = []) throws -> Int {
    let answer = try HTTPPeer(server).get("/metrics", headers)
    let line = answer.lines.first { $0.hasPrefix("\(name) ") }
    return line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
  }

  private static let answered = #"logs_http_requests_total{route="/api/v1/count",code="200"}"#

  @Test func `they end with the connections of their clients`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      try Self.push(server)
      #expect(try HTTPPeer(server).get(Self.slow).status == 200)
      #expect(try Self.metric(Self.answered, server) == 1)
      var peers = try (0..<Self.queryCount).map { _ in try HTTPPeer(server) }
      for peer in peers { try peer.send("GET \(Self.slow) HTTP/1.1\r\nHost: localhost\r\n\r\n") }
      try Polling.wait(for: "the queries to begin") {
        try Self.metric("logs_queries_total", server) > Self.queryCount
      }
      peers = []
      try Polling.wait(for: "the queries to end") { try Self.metric("logs_running_queries", server) == 0 }
      #expect(try Self.metric(Self.answered, server) < Self.queryCount)
    }
  }

  @Test func `they end with their token, and say so`() throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      let own = try scene.makeToken("web", ["read:web"], data: data)
      let all = try scene.makeToken("all", ["read:**"], data: data)
      let server = try TestServer(scene, TestServer.listensForHTTP + ["--heartbeat", "400ms"])
      try Self.push(server)
      let peers = try (0..<Self.queryCount).map { _ in try HTTPPeer(server) }
      for peer in peers {
        try peer.send("GET \(Self.slow) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(own)\r\n\r\n")
      }
      let header = ["Authorization: Bearer \(all)"]
      try Polling.wait(for: "the queries to begin") {
        try Self.metric("logs_queries_total", server, header) >= Self.queryCount
      }
      let revoked = try scene.run(Binaries.logsd, ["token", "revoke", "web", "--data", data])
      #expect(revoked.exit == .code(0))
      server.process.signal(SIGHUP)
      let answers = try peers.map { try $0.answer() }
      let refused = answers.filter { $0.status == 401 }
      #expect(!refused.isEmpty, "all were answered before the token was revoked")
      #expect(refused.allSatisfy { $0.text.contains("token 'web' was revoked") })
      #expect(refused.allSatisfy { $0.headers["connection"] == "close" })
      #expect(answers.allSatisfy { $0.status == 200 || $0.status == 401 })
      #expect(try Self.metric("logs_running_queries", server, header) == 0)
    }
  }
}
