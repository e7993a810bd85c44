import Foundation
import Glibc
import Testing

/// The server's own log as the stream `$logsd`.
@Suite(.ownThread) struct LogStreamOfServerTests {
  private static let on = ["LOGSD_LOG_STREAM": "yes"]

  @Test func `it has the lines of stderr over restarts, live and stored, and cannot be changed`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, environment: Self.on)
      let follow = try server.start(["follow", "$logsd", "-n", "all", "-o", "json"])
      try follow.output.waitForText("has started")
      server.process.signal(SIGUSR2)
      try follow.output.waitForText("SIGUSR2 does nothing")
      try server.stop()
      try server.restart()
      try follow.output.waitForText("the last stop was clean")
      let stopping = follow.output.lines.filter { $0.contains("stopping (SIGTERM)") }
      #expect(stopping.count == 1, "\(follow.output.text)")
      for line in follow.output.lines {
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["source"] as? String == "logsd", "\(line)")
      }
      #expect(try server.run(["delete", "$logsd", "--yes"]).exit == .code(2))
      #expect(try server.run(["push", "$logsd"], input: .file(scene.file("x", "x\n".utf8))).exit == .code(2))
      #expect(try server.run(["streams"]).text.contains("$logsd") == false)
    }
  }

  @Test func `it needs a right of its own, as the audit does`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .tcp, environment: Self.on)
      let text = try server.run(["query", "$logsd", "--count"])
      #expect(text.exit == .code(4) && text.errors.contains("read:$logsd"), "\(text.errors)")
      #expect(text.errors.contains("or the server's Unix socket (--listen-unix) as"), "\(text.errors)")
    }
  }

  @Test func `it is turned off and on again by a reload, and says so`() throws {
    try Scene.play { scene in
      let (path, data) = (try scene.file("logsd.conf", "log-stream = yes\n".utf8), scene.path("data"))
      let flags = ["--config", path, "--data", data, "--listen", "none", "--listen-unix", scene.path("unix")]
      let server = try scene.start(Binaries.logsd, flags, environment: ["LOGSD_DISK_MIN_FREE": "0"])
      try server.output.waitForLines(1)
      let log = try scene.start(
        Binaries.logs, ["follow", "$logsd", "-n", "all", "-o", "raw", "--server", "logs+unix://\(scene.path("unix"))"])
      try log.output.waitForText("has started")
      func reload(_ value: String) throws {
        try scene.file("logsd.conf", "log-stream = \(value)\n".utf8)
        let finished = try scene.run(Binaries.logsd, ["reload", "--data", data])
        #expect(finished.exit == .code(0), "\(finished.errors)")
      }
      try reload("no")
      try log.output.waitForText("log-stream is no, it was yes")
      server.signal(SIGUSR2)
      try server.errors.waitForText("SIGUSR2 does nothing")
      try reload("yes")
      try log.output.waitForText("log-stream is yes, it was no")
      server.signal(SIGUSR2)
      try log.output.waitForText("SIGUSR2 does nothing")
      #expect(log.output.lines.count { $0.contains("SIGUSR2") } == 1, "\(log.output.text)")
    }
  }

  @Test func `work on segments that it causes does not become its next entry`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, environment: Self.on)
      let log = try server.start(["follow", "$logsd", "-n", "all", "-o", "raw"])
      try log.output.waitForText("has started")
      for _ in 0..<3 { #expect(try scene.run(Binaries.logs, ["seal", server.data]).exit == .code(0)) }
      try server.process.errors.waitForText("segment 1 is sealed")
      // What comes last shows that nothing came before.
      server.process.signal(SIGUSR2)
      try log.output.waitForText("SIGUSR2 does nothing")
      #expect(log.output.lines.count == 2, "\(log.output.text)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(server.data)/segments").contains("0000000002.db"))
      #expect(!server.process.errors.text.contains("segment 3 is active"), "\(server.process.errors.text)")
    }
  }
}
