import Testing

/// The client that was written from the specification alone, against the real server.
@Suite(.ownThread) struct ReferenceClientTests {
  @Test(arguments: [TestServer.Transport.tcp, .tls])
  func `the reference client appends and follows beside the command line`(transport: TestServer.Transport) throws {
    var random = Seeded.forTest()
    let parts = (0..<3).map { _ in LogLines.nasty(700, &random) }
    try Scene.play { scene in
      let server = try TestServer(scene, transport: transport)
      let paths = try parts.enumerated().map { try scene.file("part\($0)", LogLines.file($1)) }
      let live = try python(server, ["follow", server.url, "mixed"])
      let printed = try server.start(["follow", "mixed", "-n", "all", "-o", "raw"])
      #expect(try server.run(["push", "mixed", paths[0]]).exit == .code(0))
      let appended = try python(server, ["append", server.url, "mixed", paths[1]])
      #expect(try appended.wait() == .code(0), "\(appended.errors.text)")
      #expect(appended.output.text == "first=701 last=1400 entries=700\n")
      #expect(try server.run(["push", "mixed", paths[2]]).exit == .code(0))

      let file = LogLines.file(parts[0] + parts[1] + parts[2])
      try live.output.waitForLines(2_100)
      try printed.output.waitForLines(2_100)
      expectSame(live.output.bytes, file)
      expectSame(printed.output.bytes, file)
      let again = try python(server, ["follow", server.url, "mixed", "--until-head", "--from-seq", "701"])
      #expect(try again.wait() == .code(0), "\(again.errors.text)")
      expectSame(again.output.bytes, LogLines.file(parts[1] + parts[2]))

      // Sealed: both kinds of followers end.
      #expect(try server.run(["complete", "mixed"]).exit == .code(0))
      #expect(try live.wait() == .code(0), "\(live.errors.text)")
      #expect(try printed.wait() == .code(0), "\(printed.errors.text)")
      let refused = try python(server, ["append", server.url, "mixed", paths[1]])
      #expect(try refused.wait() == .code(1))
      #expect(refused.errors.text.contains("error 23"), "\(refused.errors.text)")
    }
  }

  private func python(_ server: TestServer, _ words: [String]) throws -> ChildProcess {
    try server.scene.start(
      Binaries.python, [Binaries.referenceClient] + words, environment: server.clientEnvironment)
  }
}
