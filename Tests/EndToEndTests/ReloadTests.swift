import Foundation
import Glibc
import Testing

/// SIGHUP has the settings read again.
@Suite(.ownThread) struct ReloadTests {
  private static func write(_ scene: Scene, _ text: String) throws {
    let file = URL(fileURLWithPath: scene.path("logsd.conf"))
    try Data(text.utf8).write(to: file, options: .atomic)
  }

  private static func server(_ scene: Scene, _ text: String, _ flags: [String] = []) throws -> TestServer {
    try write(scene, text)
    return try TestServer(scene, ["--config", scene.path("logsd.conf")] + flags)
  }

  /// Writes the file, sends the signal and waits for the answer.
  private static func reload(_ server: TestServer, _ text: String, _ answer: String) throws {
    try write(server.scene, text)
    server.process.signal(SIGHUP)
    try server.process.errors.waitForText(answer)
  }

  @Test func `limits, rates, retention and the log change while clients are connected`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene, "streams = 1\nlog-level = error\n")
      let file = try scene.file("f", "one\ntwo\n".utf8)
      let follow = try server.start(["follow", "**", "-n", "all", "-o", "raw"])
      try expectSuccess(server.run(["push", "a", file]))
      try follow.output.waitForLines(2)
      let full = try server.run(["push", "b", file])
      #expect(full.exit != .code(0) && full.errors.contains("takes no new ones"), "\(full.errors)")
      #expect(server.process.errors.bytes.isEmpty)

      let answer = "streams is 2, it was 1; log-level is info, it was error"
      try Self.reload(server, "streams = 2\nlog-level = info\n", answer)
      try expectSuccess(server.run(["push", "b", file]))
      try follow.output.waitForLines(4)

      // Segments are fitted to what is kept.
      try Self.reload(server, "streams = 2\nretention-age = 1s\n", "retention-age is 1s, it was none")
      try server.process.errors.waitForText("since all in them is older than retention-age")
      #expect(try server.run(["query", "**", "--count"]).text == "0\n")
      #expect(try server.stop() == .code(0))
    }
  }

  @Test func `what cannot change is named, also where the flags override the file`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene, "reader-threads = 2\n", ["--connections", "100"])
      try Self.reload(
        server, "reader-threads = 3\nlisten-http = 127.0.0.1:0\nconnections = 7\n",
        "listen-http, reader-threads count from the next start")
      try Self.reload(server, "reader-threads = 2\n", "the settings were read again: nothing has changed")
      #expect(!server.process.errors.text.contains("connections is"))
      try Self.reload(server, "reader-threads = 3\n", "warn reader-threads counts from the next start")
      #expect(try server.stop() == .code(0))
    }
  }

  @Test func `a file that has become empty counts, as at a start, and the log says so`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene, "streams = 1\n")
      let remark = "warn the configuration file \(scene.path("logsd.conf")) has no settings: defaults"
      try Self.reload(server, "# streams = 1\n", remark)
      #expect(server.process.errors.text.contains("streams is 100000, it was 1"), "\(server.process.errors.text)")
      try server.stop()
      try server.restart()
      try server.process.errors.waitForText(remark)
    }
  }

  @Test func `a broken file changes nothing and says which line is wrong`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene, "streams = 1\n")
      let path = scene.path("logsd.conf")
      for (text, answer) in [
        (
          "streams = 9\nheartbeat = soon\n",
          "error the settings in use stay: \(path):2: heartbeat: 'soon' is no time span"
        ),
        ("streams = 9\nfrobnicate = 1\n", "the settings in use stay: \(path):2: there is no setting 'frobnicate'"),
        (
          "streams = 9\ncert-allow = a: read:**\n",
          "the settings in use stay: \(path):2: cert-allow has no effect without"
        ),
        ("heartbeat = soon\nstreams = 0\nx\n", "settings in use stay: \(path):3: 'x' is not of the form"),
      ] { try Self.reload(server, text, answer) }
      #expect(server.process.errors.text.contains("settings in use stay: \(path):2: streams: '0' is no number"))
      try FileManager.default.removeItem(atPath: path)
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("cannot read the configuration file \(path): No such file")
      let file = try scene.file("f", "one\n".utf8)
      try expectSuccess(server.run(["push", "a", file]))
      #expect(try server.run(["push", "b", file]).exit != .code(0))
    }
  }
}
