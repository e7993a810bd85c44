import Testing

/// The conformance run that anyone can start against a server (`spec/conformance`).
@Suite(.ownThread) struct ConformanceTests {
  private static let program = "\(Binaries.repository)/spec/conformance/conformance.py"

  private static func run(_ server: TestServer, _ words: [String] = []) throws -> Finished {
    try server.scene.run(
      Binaries.python, ["-B", program, server.url] + words, environment: server.clientEnvironment)
  }

  @Test func `the server does what the specification says`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--heartbeat", "1s"])
      let finished = try Self.run(server, ["--stop", "kill \(server.process.pid)"])
      #expect(finished.exit == .code(0), "\(finished.text)\(finished.errors)")
      // Without tokens none can be wrong.
      #expect(finished.lines.filter { $0.hasPrefix("skip") }.allSatisfy { $0.contains("wrong token") })
      let last = try #require(finished.lines.last?.firstMatch(of: /^(\d+) passed, 0 failed, 2 skipped/))
      #expect(Int(last.1) ?? 0 >= 75)
      #expect(try server.process.wait() == .code(0))
    }
  }

  @Test func `it does so over TCP and TLS, with a token`() throws {
    for transport in [TestServer.Transport.tcp, .tls] {
      try Scene.play { scene in
        let data = scene.path("server.data")
        let token = try scene.makeToken("checker", ["admin:**"], data: data)
        let server = try TestServer(scene, data: data, transport: transport)
        // What needs a short heartbeat is above, and so are all vectors.
        let finished = try Self.run(server, ["--token", token, "--only", "session"])
        #expect(finished.exit == .code(0), "\(finished.text)\(finished.errors)")
        let skipped = finished.lines.filter { $0.hasPrefix("skip") }
        #expect(skipped.count == (transport == .tls ? 5 : 4), "\(skipped)")
      }
    }
  }

  /// Mistakes that no crash is needed for, and the requirement that each breaks.
  @Test(
    .enabled(if: Binaries.isDebugBuild, "only debug builds have planted bugs"),
    arguments: [
      ("live-off-by-one", "LIVE once, then what is appended"), ("skip-too-short", "a range that is deleted is covered"),
    ])
  func `a planted bug is noticed`(bug: String, requirement: String) throws {
    try Scene.play { scene in
      let server = try TestServer(scene, environment: ["LOGSD_PLANTED_BUG": bug])
      let finished = try Self.run(server, ["--only", requirement])
      #expect(finished.exit == .code(1), "\(finished.text)\(finished.errors)")
      #expect(finished.lines.first?.hasPrefix("FAIL session") == true, "\(finished.text)")
    }
  }

  @Test func `without a server it says so`() throws {
    try Scene.play { scene in
      let finished = try scene.run(
        Binaries.python, ["-B", Self.program, "logs+unix://\(scene.path("none.sock"))"])
      #expect(finished.exit == .code(2) && finished.errors.hasPrefix("conformance.py: no connection to logs+unix://"))
    }
  }
}
