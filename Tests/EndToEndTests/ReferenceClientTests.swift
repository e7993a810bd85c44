import Foundation
import LogsSystem
import LogsWire
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
      try expectSuccess(server.run(["push", "mixed", paths[0]]))
      let appended = try python(server, ["append", server.url, "mixed", paths[1]])
      #expect(try appended.wait() == .code(0), "\(appended.errors.text)")
      #expect(appended.output.text == "first=701 last=1400 entries=700\n")
      try expectSuccess(server.run(["push", "mixed", paths[2]]))

      let file = LogLines.file(parts[0] + parts[1] + parts[2])
      try live.output.waitForLines(2_100)
      try printed.output.waitForLines(2_100)
      expectSame(live.output.bytes, file)
      expectSame(printed.output.bytes, file)
      let again = try python(server, ["follow", server.url, "mixed", "--until-head", "--from-seq", "701"])
      #expect(try again.wait() == .code(0), "\(again.errors.text)")
      expectSame(again.output.bytes, LogLines.file(parts[1] + parts[2]))

      // Sealed: both kinds of followers end.
      try expectSuccess(server.run(["complete", "mixed"]))
      #expect(try live.wait() == .code(0), "\(live.errors.text)")
      #expect(try printed.wait() == .code(0), "\(printed.errors.text)")
      let refused = try python(server, ["append", server.url, "mixed", paths[1]])
      #expect(try refused.wait() == .code(1))
      #expect(refused.errors.text.contains("error 23"), "\(refused.errors.text)")
    }
  }

  @Test func `the reference client deletes, and prints what was deleted`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("lines", LogLines.file(LogLines.plain(100)))
      try expectSuccess(server.run(["push", "web", file]))
      let live = try python(server, ["follow", server.url, "web"])
      try live.output.waitForLines(100)

      let range = ["--from-seq", "21", "--to-seq", "30"]
      let shown = try deleted(server, ["web", "--dry-run"] + range)
      let match = try #require(shown.wholeMatch(of: /incarnation=([0-9a-f]{16}) entries=10 first=21 last=30\n/))
      #expect(try server.stored("web") == LogLines.file(LogLines.plain(100)))
      let known = ["--incarnation", String(match.1)]
      #expect(try deleted(server, ["web"] + range + known) == shown)
      #expect(try deleted(server, ["web"] + range + known).hasSuffix("entries=0 first=0 last=0\n"))
      let kept = LogLines.file(LogLines.plain(20) + LogLines.plain(70, from: 31))
      #expect(try server.stored("web") == kept)
      let again = try python(server, ["follow", server.url, "web", "--until-head"])
      #expect(try again.wait() == .code(0))
      expectSame(again.output.bytes, kept)
      #expect(again.errors.text == "web: 21 to 30 deleted\n")

      #expect(try deleted(server, ["web"] + known).hasSuffix("entries=90 first=1 last=100\n"))
      // Who follows it learns that it is not there any more.
      #expect(try live.wait() == .code(1))
      #expect(live.errors.text.contains("error 40"), "\(live.errors.text)")
      let gone = try python(server, ["delete", server.url, "web"] + known)
      #expect(try gone.wait() == .code(1))
      #expect(gone.errors.text.contains("error 44"), "\(gone.errors.text)")
      try expectSuccess(server.run(["push", "web", file]))
      let other = try python(server, ["delete", server.url, "web"] + known)
      #expect(try other.wait() == .code(1))
      #expect(other.errors.text.contains("error 40"), "\(other.errors.text)")
      #expect(try server.stored("web") == LogLines.file(LogLines.plain(100)))
      let audit = try python(server, ["delete", server.url, "$audit"])
      #expect(try audit.wait() == .code(1))
      #expect(audit.errors.text.contains("error 6"), "\(audit.errors.text)")
    }
  }

  @Test func `the reference client shows a refused token again after half a heartbeat, and never the one that counts`()
    throws
  {
    try Scene.play { scene in
      let (listener, port) = try Sockets.listen()
      defer { close(listener) }
      func store(_ token: String) throws -> String {
        let path = scene.path("token")
        try Data("\(token)\n".utf8).write(to: URL(filePath: path), options: .atomic)
        return path
      }
      let process = try scene.start(
        Binaries.python, [Binaries.referenceClient, "follow", "logs://127.0.0.1:\(port)", "web"],
        environment: ["LOGS_TOKEN_FILE": store("first")])
      let server = try RawClient(accepting: listener)
      server.showsPings = true
      guard case .hello(let hello) = try server.receive().message else { throw Failure("no HELLO came") }
      #expect(hello.token == "first" && hello.features == .challenges)
      let heartbeat: UInt32 = 1_200
      var welcome = Welcome(
        frameByteCountMax: 4 << 20, server: .random(), store: .random(), heartbeatMilliseconds: heartbeat,
        appendByteCountMax: 8 << 20, appendBatchCountMax: 256, subscriptionCountMax: 16, name: "scripted")
      welcome.features = Welcome.renewalFeature
      try server.send(.welcome(welcome))
      let follow = try server.receive()
      #expect(follow.message.type == .follow)

      /// The token of the next AUTH, and its id.
      func shown() throws -> (token: String, id: UInt32) {
        while true {
          let received = try server.receive()
          if case .auth(let token) = received.message { return (token, received.id) }
          #expect(received.message.type == .ping)
        }
      }
      /// A client that sends nothing sends PING after a heartbeat: after two it has looked for a token often.
      func expectSilence() throws {
        for _ in 1...2 { #expect(try server.receive().message.type == .ping) }
      }
      func challenge() throws { try server.send(.challenge(Challenge(graceMilliseconds: 0, text: "soon"))) }

      try challenge()
      try expectSilence()
      _ = try store("second")
      for _ in 1...2 {
        let auth = try shown()
        #expect(auth.token == "second")
        let refused = MonotonicTime.now()
        try server.send(.error(Refusal(.unauthorized, "not yet")), id: auth.id)
        let again = try shown()
        #expect(again.token == "second" && MonotonicTime.now().milliseconds(since: refused) >= UInt64(heartbeat) / 2)
        // The one that counts is no other one.
        _ = try store("first")
        try server.send(.error(Refusal(.unauthorized, "not yet")), id: again.id)
        try expectSilence()
        _ = try store("second")
      }
      let last = try shown()
      #expect(last.token == "second")
      try server.send(.authorized, id: last.id)
      _ = try store("third")
      try expectSilence()
      try challenge()
      let third = try shown()
      #expect(third.token == "third")
      // A server that stops takes no AUTH.
      try server.send(
        bytes: RawClient.bytes(.error(Refusal(.unauthorized, "not yet")), id: third.id)
          + RawClient.bytes(.goAway(GoAway(retryAfterMilliseconds: 0, text: "stops"))))
      try expectSilence()
      try server.send(.end(.until), id: follow.id)
      #expect(try process.wait() == .code(0), "\(process.errors.text)")
    }
  }

  /// What a deletion prints.
  private func deleted(_ server: TestServer, _ words: [String]) throws -> String {
    let process = try python(server, ["delete", server.url] + words)
    guard try process.wait() == .code(0) else { throw Failure("\(process.errors.text)") }
    return process.output.text
  }

  private func python(_ server: TestServer, _ words: [String]) throws -> ChildProcess {
    try server.scene.start(
      Binaries.python, [Binaries.referenceClient] + words, environment: server.clientEnvironment)
  }
}
