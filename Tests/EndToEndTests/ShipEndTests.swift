import Foundation
import Testing

/// How `logs ship` ends: in time, whatever stands in its way.
@Suite(.ownThread) struct ShipEndTests {
  private static let nowhere = "logs://127.0.0.1:1"

  @Test func `SIGTERM ends it in time though the spool is full and there is no server`() throws {
    try Scene.play { scene in
      var generator = Seeded.forTest()
      var bytes: [UInt8] = []
      for _ in 0..<60_000 { bytes += Array("\(UInt64.random(in: 0...UInt64.max, using: &generator)) ".utf8) + [10] }
      let file = try scene.file("a.log", bytes + bytes + bytes + bytes + bytes + bytes)
      let configuration = try scene.file(
        "ship.conf", "spool-size = 1M\ndrain = 1s\n[files a]\npath = \(file)\nstart = beginning\nformat = raw\n".utf8)
      let state = scene.path("state")
      let ship = try scene.start(
        Binaries.logs, ["ship", "--server", Self.nowhere, "--config", configuration, "--state", state])
      try Polling.wait(for: "a full spool") {
        let inspect = try scene.run(Binaries.logs, ["ship", "status", "--state", state, "-o", "json"])
        guard let range = inspect.text.firstRange(of: "\"bytes_waiting\":") else { return false }
        return Int(inspect.text[range.upperBound...].prefix { $0.isNumber }) ?? 0 >= 1 << 20
      }
      let start = ContinuousClock.now
      ship.signal(SIGTERM)
      #expect(try ship.wait() == .code(0), "\(ship.errors.text)")
      #expect(ContinuousClock.now - start < .seconds(20))
      #expect(ship.errors.text.contains("wait in the spool"), "\(ship.errors.text)")
      // All of it arrives, once.
      let server = try TestServer(scene)
      let second = try server.run(["ship", "--config", configuration, "--state", state, "--once"])
      #expect(second.exit == .code(0), "\(second.errors)")
      let stream = try #require(
        try server.run(["streams"]).text.split(separator: "\n").map(String.init)
          .first { $0.contains("a.log") }?.split(separator: " ").first.map(String.init))
      #expect(try server.stored(stream).count == bytes.count * 6)
    }
  }

  @Test func `--retry-for ends --once and a command, which say what waits`() throws {
    try Scene.play { scene in
      let file = try scene.file("a.log", "1\n2\n".utf8)
      let once = try scene.run(
        Binaries.logs,
        [
          "ship", "--server", Self.nowhere, "--retry-for", "300ms", "--files", file, "--start", "beginning", "--once",
          "--state", scene.path("state"),
        ])
      #expect(once.exit == .code(3), "\(once.errors)")
      #expect(once.errors.contains("wait in the spool"), "\(once.errors)")
      let command = try scene.run(
        Binaries.logs,
        [
          "ship", "--server", Self.nowhere, "--retry-for", "300ms", "--state", scene.path("other"), "--", "echo", "x",
        ])
      #expect(command.exit == .code(3), "\(command.errors)")
      #expect(command.errors.contains("wait in the spool"), "\(command.errors)")
    }
  }

  @Test func `--once says which source could not be read at all, and what could is stored`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try scene.file("a.log", "1\n".utf8)
      let config = """
        state = \(scene.path("state"))
        [files all]
        path = \(scene.path("*.log"))
        stream = all
        start = beginning
        [docker engine]
        address = unix://\(scene.path("docker.sock"))
        """
      let ship = try server.run(["ship", "--config", scene.file("ship.conf", config.utf8), "--once"])
      #expect(ship.exit == .code(1), "\(ship.errors)")
      #expect(ship.errors.contains("not everything was read: engine: the engine cannot be read: "), "\(ship.errors)")
      #expect(try server.run(["query", "all"]).lines.count == 1)
      let journal = try server.run([
        "ship", "--journal", scene.path("nowhere"), "--state", scene.path("state"), "--once",
      ])
      let directory = try server.run([
        "ship", "--files", "\(scene.path("a.log"))/*", "--state", scene.path("state"), "--once",
      ])
      #expect(directory.exit == .code(1) && directory.errors.contains("files: cannot look into"), "\(directory.errors)")
      #expect(journal.exit == .code(1) && journal.errors.contains("journal: "), "\(journal.errors)")
    }
  }

  @Test(arguments: [false, true])
  func `a state directory that is removed meanwhile ends it, and what was lost is said`(hasServer: Bool) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let (file, state) = (try scene.file("a.log", "1\n".utf8), scene.path("state"))
      let ship = try scene.start(
        Binaries.logs,
        [
          "ship", "--server", hasServer ? server.url : Self.nowhere, "--files", file, "--stream", "web", "--start",
          "beginning", "--state", state,
        ])
      try Polling.wait(for: "the first line") {
        try scene.run(Binaries.logs, ["ship", "status", "--state", state, "-o", "json"]).text
          .contains("\"bytes_behind\":0")
      }
      if hasServer {
        try Polling.wait(for: "the answer") { try server.run(["query", "web"]).lines.count == 1 }
      }
      try FileManager.default.removeItem(atPath: state)
      try Data("1\n2\n".utf8).write(to: URL(fileURLWithPath: file))
      #expect(try ship.wait() == .code(1), "\(ship.errors.text)")
      #expect(ship.errors.text.contains("\(state) was removed or replaced meanwhile: "), "\(ship.errors.text)")
      let lost = hasServer ? "all that was read is acknowledged" : "lost that were read and not acknowledged"
      #expect(ship.errors.text.contains(lost), "\(ship.errors.text)")
    }
  }

  @Test func `a spool that was not closed is said to be recovered`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("a.log", "1\n".utf8)
      let words = ["--files", file, "--stream", "web", "--start", "beginning", "--state", scene.path("state")]
      let ship = try server.start(["ship"] + words)
      try Polling.wait(for: "the first line") { try server.run(["query", "web"]).lines.count == 1 }
      ship.destroy()
      for isFirst in [true, false] {
        let next = try server.run(["ship", "--once"] + words)
        #expect(next.exit == .code(0), "\(next.errors)")
        #expect(next.errors.contains("the spool was recovered") == isFirst, "\(next.errors)")
      }
    }
  }

  @Test func `with a rate, one that ends by itself reads all there is`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try scene.file("a.log", (1...1_500).map { "\($0)\n" }.joined().utf8)
      let config = """
        state = \(scene.path("state"))
        [files all]
        path = \(scene.path("*.log"))
        stream = all
        start = beginning
        rate = 1000
        """
      let ship = try server.run(["ship", "--config", scene.file("ship.conf", config.utf8), "--once"])
      #expect(ship.exit == .code(0), "\(ship.errors)")
      let count = try server.run(["query", "all", "--count"]).lines.first?.split(separator: " ").last
      #expect(count.map { $0.filter(\.isNumber) } == "1500", "\(ship.errors)")
    }
  }
}
