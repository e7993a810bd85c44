import Foundation
import LogsSystem
import Testing

/// `logs ship` with a real server: killed, ended and reloaded while files are written and rotated.
@Suite(.ownThread) struct ShipTests {
  private func append(_ text: String, to path: String) throws {
    try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644).write(Array(text.utf8))
  }

  private func count(_ server: TestServer, _ stream: String) throws -> Int {
    Int(try server.queried(stream, "--count").first?.split(separator: " ").last ?? "") ?? 0
  }

  @Test func `kills of ship and of the server lose and repeat no line`() throws {
    var generator = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = scene.path("app.log")
      func start() throws -> ChildProcess {
        try server.start([
          "ship", "--files", scene.path("app.log*"), "--stream", "web", "--start", "beginning", "--format", "raw",
          "--state", scene.path("state"),
        ])
      }
      var ship = try start()
      var number = 0
      for round in 1...12 {
        for _ in 0..<Int.random(in: 20...200, using: &generator) {
          number += 1
          try append("\(number)\n", to: file)
        }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
          ship.signal(SIGKILL)
          try ship.wait()
          ship = try start()
        case 1:
          ship.signal(SIGTERM)
          // It may not catch signals yet.
          let exit = try ship.wait()
          #expect([.code(0), .code(143), .signal(SIGTERM)].contains(exit), "\(exit): \(ship.errors.text)")
          ship = try start()
        case 2:
          try server.kill()
          try server.restart()
        default:
          rename(file, "\(file).\(round)")
          // Files that begin within one tick of the file system's clock have no order.
          usleep(10_000)
        }
      }
      try Polling.wait(for: "\(number) lines") { try count(server, "web") >= number }
      let stored = String(decoding: try server.stored("web"), as: UTF8.self).split(separator: "\n").map { Int($0) ?? 0 }
      let odd = zip([0] + stored, stored).filter { $1 != $0 + 1 }.map { "\($0) \($1)" }
      #expect(odd == [])
      #expect(stored.count == number)
      ship.signal(SIGTERM)
      try ship.wait()
    }
  }

  @Test func `SIGHUP reads a configuration again, and a mistake in it changes nothing`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let (a, b) = (try scene.file("a.log", []), try scene.file("b.log", []))
      let configuration = try scene.file("ship.conf", "[files one]\npath = \(a)\nstream = a\n".utf8)
      let ship = try server.start(["ship", "--config", configuration, "--state", scene.path("state")])
      try Polling.wait(for: "its start") { ship.errors.text.contains("ships 1 source") }
      try append("1\n", to: a)
      try Polling.wait(for: "a line of a") { try count(server, "a") == 1 }
      try scene.file("ship.conf", "[files one]\npath = \(a)\nstream = a\n[files two]\npath = \(b)\nsteam = b\n".utf8)
      ship.signal(SIGHUP)
      try Polling.wait(for: "the mistake") { ship.errors.text.contains("ship.conf:6: ") }
      #expect(ship.errors.text.contains("did you mean stream?"), "\(ship.errors.text)")
      try scene.file(
        "ship.conf",
        ("[files one]\npath = \(a)\nstream = a\n[files two]\npath = \(b)\nstream = b\n"
          + "mask = \\d+ => N\ndrop = issue #\\d+\n").utf8)
      ship.signal(SIGHUP)
      try Polling.wait(for: "the reload") { ship.errors.text.contains("2 sources read again") }
      try append("2\n", to: a)
      try append("an issue #5\n3 of 4\nN issue\n", to: b)
      try Polling.wait(for: "a line of b") { try count(server, "b") == 2 }
      try Polling.wait(for: "both lines of a") { try count(server, "a") == 2 }
      #expect(try server.stored("a") == Array("1\n2\n".utf8))
      #expect(try server.stored("b") == Array("N of N\nN issue\n".utf8))
      ship.signal(SIGTERM)
      #expect(try ship.wait() == .code(0), "a service that was asked to end has not failed")
      let status = try scene.run(Binaries.logs, ["ship", "status", "--state", scene.path("state")])
      #expect(status.lines.first?.hasPrefix("not running since ") == true, "\(status.text)")
      #expect(status.text.contains("one: 1 read, 0 bytes to be read, last entry of 20"), "\(status.text)")
    }
  }

  @Test func `check names the files, and mistakes say where they are and what to write`() throws {
    try Scene.play { scene in
      let file = try scene.file("a.log", [])
      let check = try scene.run(
        Binaries.logs, ["ship", "check", "--files", scene.path("*.log"), "--state", scene.path("state")])
      #expect(check.exit == .code(0) && check.lines.contains("  \(file) to files\(file)"), "\(check.text)")
      #expect(!FileManager.default.fileExists(atPath: scene.path("state")))
      for (text, reason) in [
        ("", "there is nothing to ship"), ("[file a]\npath = x\n", "did you mean files?"),
        ("[files a]\n", "needs a path"), ("[files a]\npath = x\nstart = middle\n", "beginning, end"),
        ("linger = soon\n[files a]\npath = x\n", "20ms"), ("[files a]\npath = x\n[files a]\npath = y\n", "twice"),
        ("[files a]\npath = x # all\n", "a line of its own"),
        ("[files a]\npath = x\nmultiline = no\n", "multiline = none"),
        ("[files a]\npath = x\ndrop = (\n", "ship.conf:3: "), ("[files a]\npath\n", "name = value"),
      ] {
        let configuration = try scene.file("ship.conf", text.utf8)
        let check = try scene.run(
          Binaries.logs, ["ship", "check", "--config", configuration, "--state", scene.path("state")])
        #expect(check.exit == .code(2) && check.output.isEmpty && check.errorLines.count == 1, "\(check.errors)")
        #expect(check.errors.contains(reason), "\(text): \(check.errors)")
      }
    }
  }
}
