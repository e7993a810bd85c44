import Foundation
import Testing

/// `logs ship`, and `logs spool drain`, when the server refuses: nothing is lost that an operator can still get stored,
/// and the rest is said.
@Suite(.ownThread) struct ShipRefusalTests {
  private func token(_ server: TestServer, _ name: String, _ rights: [String]) throws -> String {
    let words = ["token", "create", "--name", name, "--data", server.data] + rights.flatMap { ["--allow", $0] }
    let made = try server.scene.run(Binaries.logsd, words)
    guard made.exit == .code(0) else { throw Failure("token create: \(made.errors)") }
    let path = try server.scene.file("\(name).token", made.output)
    guard chmod(path, 0o600) == 0 else { throw Failure.errno("chmod") }
    return path
  }

  private func reload(_ server: TestServer, _ count: Int) throws {
    server.process.signal(SIGHUP)
    try server.process.errors.waitForText("tokens were read again: \(count) token")
  }

  @Test func `lines of a stream that the token may not append to wait, and others go on`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .tcp)
      let some = try token(server, "some", ["append:ok", "append:ship/*"])
      let all = try token(server, "all", ["append:**", "read:**"])
      try reload(server, 2)
      try scene.file("ok.log", "1\n2\n".utf8)
      try scene.file("no.log", "3\n4\n5\n".utf8)
      let words = [
        "ship", "--files", scene.path("*.log"), "--stream", "{name}", "--start", "beginning", "--format", "raw",
        "--state", scene.path("state"), "--once",
      ]
      let first = try server.run(words + ["--token-file", some])
      #expect(first.exit == .code(4), "\(first.errors)")
      #expect(first.errors.contains("no.log waits: token 'some' has no right"), "\(first.errors)")
      #expect(first.errors.contains("wait in the spool"), "\(first.errors)")
      let status = try scene.run(Binaries.logs, ["ship", "status", "--state", scene.path("state")])
      #expect(status.text.contains("no.log waits: token 'some'"), "\(status.text)")
      let second = try server.run(words + ["--token-file", all])
      #expect(second.exit == .code(0), "\(second.errors)")
      let query = try server.run(["query", "no.log", "--count", "--token-file", all])
      #expect(query.lines.first?.split(separator: " ").last == "3", "\(query.text)")
    }
  }

  @Test func `a drain waits for a right, and gives nothing up`() throws {
    try Scene.play { scene in
      let (spool, file) = (scene.path("spool"), try scene.file("lines", "1\n2\n".utf8))
      let nobody = ["--server", "logs+unix://\(scene.path("nobody"))", "--retry-for", "0"]
      _ = try scene.run(Binaries.logs, ["push", "no", file, "--spool", spool] + nobody)
      let server = try TestServer(scene, transport: .tcp)
      let some = try token(server, "some", ["append:ok"])
      let all = try token(server, "all", ["append:**", "read:**"])
      try reload(server, 2)
      let drain = try server.start(["spool", "drain", spool, "--token-file", some])
      try drain.errors.waitForText("no waits: token 'some' has no right")
      drain.signal(SIGINT)
      #expect(try drain.wait() == .code(130), "\(drain.errors.text)")
      let limited = try server.run(["spool", "drain", spool, "--token-file", some, "--retry-for", "500ms"])
      #expect(limited.exit == .code(4) && limited.errors.contains("no progress for 0.5 seconds"), "\(limited.errors)")
      let second = try server.run(["spool", "drain", spool, "--token-file", all])
      #expect(second.exit == .code(0) && second.errors.contains("2 entries acknowledged"), "\(second.errors)")
    }
  }

  @Test func `lines of a sealed stream are counted, said, and make --once fail`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let text = try scene.file("text", "0\n".utf8)
      try expectSuccess(server.run(["push", "done", text, "--complete"]))
      let file = try scene.file("a.log", "1\n2\n".utf8)
      let ship = try server.run([
        "ship", "--files", file, "--stream", "done", "--start", "beginning", "--state", scene.path("state"), "--once",
        "--own-stream", "own",
      ])
      #expect(ship.exit == .code(1), "\(ship.errors)")
      #expect(ship.errors.contains("done is refused for good: "), "\(ship.errors)")
      #expect(ship.errors.contains("2 refused and lost"), "\(ship.errors)")
      let status = try scene.run(Binaries.logs, ["ship", "status", "--state", scene.path("state")])
      #expect(status.text.contains("2 refused and lost"), "\(status.text)")
      #expect(try server.run(["query", "own"]).text.contains("done is refused for good"))
    }
  }
}
