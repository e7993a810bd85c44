import Foundation
import LogsSystem
import Testing

/// `logs ship` with several sources: what they share, and what `check` and `status` say of them.
@Suite(.ownThread) struct ShipSourcesTests {
  private func append(_ text: String, to path: String) throws {
    try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644).write(Array(text.utf8))
  }

  private func configuration(_ scene: Scene, _ sections: [(name: String, path: String, stream: String)]) throws
    -> String
  {
    let text = sections.map { name, path, stream in
      "[files \(name)]\npath = \(scene.path(path))\nstream = \(stream)\nstart = beginning\nformat = raw\n"
    }
    return try scene.file("ship.conf", text.joined().utf8)
  }

  private func stored(_ server: TestServer, _ stream: String) throws -> [String] {
    try server.queried(stream, "-o", "raw")
  }

  @Test func `check says all that is wrong, what is done with lines, and which files share a stream`() throws {
    try Scene.play { scene in
      func check(_ text: String) throws -> Finished {
        let path = try scene.file("ship.conf", text.utf8)
        return try scene.run(Binaries.logs, ["ship", "check", "--config", path, "--state", scene.path("state")])
      }
      let wrong = try check("linger = soon\n[files a]\npath = /a\nformat = jsn\n[docker d]\ncontainers = 0\n")
      #expect(wrong.exit == .code(2))
      #expect(wrong.errorLines.map { $0.split(separator: ":")[2] } == ["1", "4", "6"], "\(wrong.errors)")
      try scene.file("a b.log", [])
      try scene.file("a_b.log", [])
      let right = try check(
        """
        [files a]
        path = \(scene.path("*.log"))
        stream = of/{name}
        drop = GET /healthz
        mask = pin=\\d+ => pin=***
        multiline = ^\\d
        [docker d]
        """)
      #expect(right.exit == .code(0), "\(right.errors)")
      for line in [
        "  multiline: an entry begins with a line that matches ^\\d", "  drop: GET /healthz",
        "  mask: pin=\\d+ => pin=***", "  multiline: traces: a stack trace of a known language is one entry",
        "  \(scene.path("a_b.log")) to of/a_b.log: so does \(scene.path("a b.log"))",
      ] { #expect(right.lines.contains(line), "\(right.text)") }
    }
  }

  @Test func `a file that two sources name is read once for each stream, and either reads it on`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = scene.path("a.log")
      try append("1\n", to: file)
      let one = (name: "one", path: "*.log", stream: "both")
      let two = (name: "two", path: "a.*", stream: "both")
      let three = (name: "three", path: "a.log", stream: "other")
      let path = try configuration(scene, [one, two, three])
      let check = try scene.run(Binaries.logs, ["ship", "check", "--config", path, "--state", scene.path("state")])
      #expect(check.exit == .code(0), "\(check.errors)")
      #expect(check.lines.contains("  \(file) to both: read once, by the source one"), "\(check.text)")
      #expect(check.lines.contains("  \(file) to other: the source one reads it, too, to both"), "\(check.text)")

      func start() throws -> ChildProcess {
        try server.start(["ship", "--config", path, "--state", scene.path("state")])
      }
      var ship = try start()
      try Polling.wait(for: "the first line") {
        try stored(server, "both").count >= 1 && stored(server, "other").count >= 1
      }
      let said = "two: \(file) is read by the source one already, to the same stream both"
      #expect(ship.errors.text.contains(said), "\(ship.errors.text)")
      // Found by both at the same moment.
      try append("2\n", to: scene.path("a.2.log"))
      try append("3\n", to: file)
      try Polling.wait(for: "three lines") { try stored(server, "both").count >= 3 }
      ship.signal(SIGTERM)
      try ship.wait()
      // What one has read, two goes on with: now it comes first.
      _ = try configuration(scene, [two, three, one])
      try append("4\n", to: file)
      ship = try start()
      try Polling.wait(for: "the fourth line") { try stored(server, "other").count >= 3 }
      try append("5\n", to: scene.path("a.2.log"))
      try Polling.wait(for: "five lines") { try stored(server, "both").count >= 5 }
      _ = try configuration(scene, [three, one, two])
      ship.signal(SIGHUP)
      try Polling.wait(for: "the reload") { ship.errors.text.contains("3 sources read again") }
      try append("6\n", to: file)
      try Polling.wait(for: "six lines") { try stored(server, "both").count >= 6 }
      try Polling.wait(for: "its lines") { try stored(server, "other").count >= 4 }
      ship.signal(SIGTERM)
      try ship.wait()
      #expect(try stored(server, "both").sorted() == ["1", "2", "3", "4", "5", "6"])
      #expect(try stored(server, "other") == ["1", "3", "4", "6"])
    }
  }

  @Test func `check says what cannot be read and what is not there yet`() throws {
    try Scene.play { scene in
      let path = try configuration(
        scene, [("app", "logs/*.log", "app"), ("next", "missing/*.log", "next"), ("none", "*.none", "none")])
      mkdir(scene.path("logs"), 0o755)
      try append("1\n", to: scene.path("logs/a.log"))
      try append("1\n", to: scene.path("logs/b.log"))
      let state = ["--state", scene.path("state")]
      let check = try scene.run(Binaries.logs, ["ship", "check", "--config", path] + state)
      #expect(check.exit == .code(0), "\(check.errors)")
      let missing = scene.path("missing")
      for line in [
        "app: 2 files to app", "next: 0 files to next",
        "  \(missing)/*.log: no file yet: there is no \(missing); what comes there is read",
        "  \(scene.path("*.none")): no file yet; what comes is read",
      ] { #expect(check.lines.contains(line), "\(line) is not in \(check.text)") }

      // Root may read everything.
      let setpriv = "/usr/bin/setpriv"
      guard geteuid() != 0 || access(setpriv, X_OK) == 0 else { return }
      chmod(scene.path("logs/b.log"), 0)
      mkdir(missing, 0)
      chmod(scene.path(""), 0o755)
      let words = ["ship", "check", "--config", path] + state
      let refused =
        geteuid() == 0
        ? try scene.run(setpriv, ["--reuid=65534", "--clear-groups", Binaries.logs] + words)
        : try scene.run(Binaries.logs, words)
      chmod(missing, 0o755)
      #expect(refused.exit == .code(1), "\(refused.text) \(refused.errors)")
      for line in [
        "  \(scene.path("logs/b.log")) to app: cannot be read: Permission denied",
        "  \(missing)/*.log: cannot look into \(missing): Permission denied",
      ] { #expect(refused.lines.contains(line), "\(line) is not in \(refused.text)") }
      #expect(
        refused.errors.contains("2 files or directories cannot be read; run ship as a user who may"),
        "\(refused.errors)")
    }
  }

  @Test func `status says which state it is about, and that there is none`() throws {
    try Scene.play { scene in
      let state = scene.path("state")
      let none = try scene.run(Binaries.logs, ["ship", "status", "--state", state])
      #expect(none.exit == .code(1) && none.output.isEmpty)
      #expect(
        none.errors.contains("no ship has run with its state in \(state); name another with --state or --config"),
        "\(none.errors)")
      let server = try TestServer(scene)
      let ship = try server.run(
        ["ship", "--files", try scene.file("a.log", "1\n".utf8), "--start", "beginning", "--state", state, "--once"])
      #expect(ship.exit == .code(0), "\(ship.errors)")
      let status = try scene.run(Binaries.logs, ["ship", "status", "--state", state])
      #expect(status.exit == .code(0) && status.lines.first?.hasSuffix("; state in \(state)") == true, "\(status.text)")
    }
  }
}
