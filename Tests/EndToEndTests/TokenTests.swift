import Foundation
import LogsClient
import Testing

/// Tokens: made with `logsd token`, shown by clients, renewed and revoked while both run.
@Suite(.ownThread) struct TokenTests {
  /// Over TCP: over the Unix socket the server's own user needs none.
  private static func server(_ scene: Scene) throws -> TestServer {
    try TestServer(scene, ["--heartbeat", "400ms"], transport: .tcp)
  }

  private static func token(_ server: TestServer, _ words: [String]) throws -> Finished {
    try server.scene.run(Binaries.logsd, ["token"] + words + ["--data", server.data])
  }

  /// A file with a new secret.
  private static func make(_ name: String, _ server: TestServer, _ rights: [String]) throws -> String {
    let made = try token(server, ["create", "--name", name] + rights.flatMap { ["--allow", $0] })
    guard made.exit == .code(0), made.lines.count == 1 else { throw Failure("token create: \(made.errors)") }
    return try secretFile(name, made.output, server)
  }

  private static func secretFile(_ name: String, _ secret: [UInt8], _ server: TestServer) throws -> String {
    let path = try server.scene.file("\(name).token", secret)
    guard chmod(path, 0o600) == 0 else { throw Failure.errno("chmod") }
    return path
  }

  /// Waits until the server has read the tokens again.
  private static func reload(_ server: TestServer, _ count: Int) throws {
    server.process.signal(SIGHUP)
    try server.process.errors.waitForText("tokens were read again: \(count) token")
  }

  @Test func `a client may do what its token allows, and nothing else`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      let text = try scene.file("text", "one\ntwo\n".utf8)
      try expectSuccess(server.run(["push", "secret/a", text]))
      let ci = try Self.make("ci", server, ["append:ci/*", "read:ci/*"])
      try Self.reload(server, 1)
      let bare = try server.run(["streams"])
      #expect(bare.exit == .code(4))
      #expect(bare.errors.contains("this server wants a token; give one with --token-file"))
      let wrong = try server.run(["streams", "--token", "lgs_wrong"])
      #expect(wrong.exit == .code(4))
      #expect(wrong.errors.contains("this is no token"))

      let mine = ["--token-file", ci]
      try expectSuccess(server.run(["push", "ci/a", text] + mine))
      #expect(try server.run(["follow", "ci/a", "-n", "all", "--until-head", "-o", "raw"] + mine).text == "one\ntwo\n")
      // Patterns are narrowed in silence, names are refused, whether they exist or not.
      let list = try server.run(["streams"] + mine)
      #expect(list.text.contains("ci/a") && !list.text.contains("secret"))
      #expect(try server.run(["query", "**", "--count"] + mine).text.contains("2"))
      for name in ["secret/a", "secret/none"] {
        let refused = try server.run(["query", name] + mine)
        #expect(refused.exit == .code(4))
        #expect(refused.errors.contains("token 'ci' has no right to read '\(name)'; it needs one like read:\(name)"))
        let push = try server.run(["push", name, text] + mine)
        #expect(push.exit == .code(4) && push.errorLines.count == 1, "\(push.errors)")
        #expect(push.errors.contains("token 'ci' has no right to append to '\(name)'"), "\(push.errors)")
        #expect(push.errors.contains("; 0 entries of \(name) are acknowledged"), "\(push.errors)")
      }
      // Who may only append is not told whether there is such a stream.
      let ends = try Self.make("ends", server, ["append:end/*"])
      try Self.reload(server, 2)
      let end = try server.run(["complete", "end/1", "--token-file", ends])
      #expect(end.exit == .code(0) && end.errors.contains("its only entry"), "\(end.errors)")
      let deletion = try server.run(["delete", "ci/a", "--yes"] + mine)
      #expect(deletion.exit == .code(4))
      let status = try server.run(["status", "-o", "json"] + mine)
      #expect(status.exit == .code(0) && status.text.contains("version") && !status.text.contains("streams"))

      // Somebody with the right deletes, and the audit names the token.
      let root = try Self.make("root", server, ["admin:**", "admin:$**"])
      try Self.reload(server, 3)
      try expectSuccess(server.run(["delete", "secret/a", "--yes", "--token-file", root]))
      let audit = try server.run(["query", "$audit", "--token-file", root])
      #expect(audit.text.contains("token 'root'"), "\(audit.text) \(audit.errors)")
    }
  }

  @Test func `from the first token on clients need one, and those that were there before have to come again`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      try expectSuccess(server.run(["push", "web", scene.file("text", "one\n".utf8)]))
      let follower = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      try follower.output.waitForLines(1)
      _ = try Self.make("ci", server, ["append:**", "read:**"])
      #expect(try follower.wait() == .code(4))
      #expect(follower.errors.lines.count == 1, "\(follower.errors.text)")
      #expect(follower.errors.text.contains("this server wants a token"), "\(follower.errors.text)")
    }
  }

  @Test func `a secret that cannot be printed is not stored, and a file that others can write not read`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      for target in ["> /dev/full", ">&-"] {
        let words = "\(Binaries.logsd) token create --name x --allow 'read:**' --data \(server.data) \(target)"
        let made = try scene.run("/bin/sh", ["-c", words])
        #expect(made.exit == .code(1) && made.errorLines.count == 1, "\(target): \(made.errors)")
      }
      #expect(try Self.token(server, ["list"]).lines.count == 1)
      _ = try Self.make("ci", server, ["append:**"])
      #expect(chmod("\(server.data)/tokens", 0o666) == 0)
      let list = try Self.token(server, ["list"])
      #expect(list.exit == .code(1) && list.errors.contains("others can write to"))
    }
  }

  @Test func `revoking a token ends a live follow, and says why`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      let file = try Self.make("ci", server, ["append:**", "read:**"])
      try Self.reload(server, 1)
      let text = try scene.file("text", "one\n".utf8)
      try expectSuccess(server.run(["push", "web", text, "--token-file", file]))
      let follower = try server.start(["follow", "web", "-n", "all", "-o", "raw", "--token-file", file])
      try follower.output.waitForLines(1)
      try expectSuccess(Self.token(server, ["revoke", "ci"]))
      #expect(try follower.wait() == .code(4))
      #expect(follower.errors.lines == ["logs: the token 'ci' was revoked; ask for a new one (unauthorized)"])
    }
  }

  @Test func `logsd token lists, shows and refuses what makes no sense`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      _ = try Self.make("ci", server, ["append:ci/*"])
      let twice = try Self.token(server, ["create", "--name", "ci", "--allow", "read:**"])
      #expect(twice.exit == .code(1) && twice.errors.contains("there is a token 'ci' already"))
      let list = try Self.token(server, ["list"])
      #expect(list.lines.count == 2 && list.lines[1].contains("never") && list.lines[1].hasSuffix("append:ci/*"))
      #expect(try Self.token(server, ["show", "ci"]).lines == list.lines)
      #expect(try Self.token(server, ["revoke", "none"]).exit == .code(1))
      for verb in ["show", "rotate", "revoke"] {
        #expect(try Self.token(server, [verb, "cii"]).errors.contains("did you mean ci?"))
      }
      for (words, part) in [
        (["create", "--name", "x"], "say what it may do"), (["create", "--allow", "read:**"], "name the token"),
        (["create", "--name", "x", "--allow", "read:a", "read:b"], "one word too many"),
        (["rotate", "ci", "--allow", "read:**"], "token rotate takes no --allow"),
        (["create", "--name", "a b", "--allow", "read:**"], "is no name for a token"),
        (["create", "--name", "x", "--allow", "raed:**"], "did you mean"), (["lits"], "did you mean"),
        ([], "say what to do"), (["create", "--name", "x", "--allow", "read:**", "--expires", "soon"], "no time span"),
      ] {
        let refused = try Self.token(server, words)
        #expect(refused.exit == .code(2), "\(words)")
        #expect(refused.errorLines.count == 1 && refused.errors.contains(part), "\(refused.errors)")
      }
      let nowhere = try scene.run(Binaries.logsd, ["token", "list", "--data", scene.path("none")])
      #expect(nowhere.exit == .code(1) && nowhere.errors.contains("there is no data directory"))
    }
  }

  @Test func `a token file that others can write is refused, one that they can read is reported`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      let file = try scene.file("token", "lgs_x\n".utf8)
      #expect(chmod(file, 0o666) == 0)
      let writable = try server.run(["streams"], environment: ["LOGS_TOKEN_FILE": file])
      #expect(writable.exit == .code(1) && writable.errors.contains("others can write to the token file"))
      #expect(chmod(file, 0o444) == 0)
      let readable = try server.run(["streams", "--token-file", file])
      #expect(readable.exit == .code(0) && readable.errors.contains("others can read the token file"))
    }
  }

  @Test func `a producer that appends more than it may waits, and loses and doubles nothing`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--append-rate-entries", "2000"], transport: .tcp)
      let lines = (1...5_000).map { "line \($0)" }
      let file = try scene.file("f", Array((lines.joined(separator: "\n") + "\n").utf8))
      let pushed = try server.run(["push", "web", file, "--batch", "100"])
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      let calm = "the server takes 2000 entries a second from a client (append-rate-entries): the rest waits"
      #expect(pushed.errorLines.filter { $0.contains(calm) }.count == 1, "\(pushed.errors)")
      #expect(pushed.errorLines.count <= 3 && !pushed.errors.contains("again"), "\(pushed.errors)")
      #expect(try server.stored("web") == Array((lines.joined(separator: "\n") + "\n").utf8))
    }
  }
}
