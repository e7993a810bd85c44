import Foundation
import LogsSystem
import Testing

/// `logs ship --commit server`: entries wait in memory, and sources are read again from what the server has.
@Suite(.ownThread) struct ShipCommitTests {
  private func append(_ numbers: ClosedRange<Int>, to path: String) throws {
    let text = numbers.map { "\($0)\n" }.joined()
    try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644).write(Array(text.utf8))
  }

  private func start(_ scene: Scene, _ server: TestServer, _ flags: String...) throws -> ChildProcess {
    try server.start(
      [
        "ship", "--files", scene.path("app.log"), "--stream", "web", "--format", "raw", "--state", scene.path("state"),
        "--commit", "server",
      ] + flags)
  }

  private func stored(_ server: TestServer) throws -> [Int] {
    try server.queried("web", "-o", "raw").compactMap { Int($0.prefix { $0 != " " }) }
  }

  /// Waits until ship has read so many lines that the server has not acknowledged.
  private func waitForWaiting(_ scene: Scene, _ count: Int) throws {
    try Polling.wait(for: "\(count) lines in memory") {
      let status = try scene.run(Binaries.logs, ["ship", "status", "--state", scene.path("state"), "-o", "json"])
      guard let json = try? JSONSerialization.jsonObject(with: Data(status.text.utf8)) as? [String: Any] else {
        return false
      }
      return json["entries_waiting"] as? Int ?? 0 >= count
    }
  }

  @Test func `a ship that is killed while the server is away reads everything again, once`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = scene.path("app.log")
      try append(1...9, to: file)
      try server.kill()
      // Where a file begins is kept at once: at the end of what is there at the first start.
      var ship = try start(scene, server)
      try Polling.wait(for: "its start") { ship.errors.text.contains("ships 1 source") }
      try append(10...99, to: file)
      try waitForWaiting(scene, 90)
      let status = try scene.run(Binaries.logs, ["ship", "status", "--state", scene.path("state")])
      #expect(status.text.contains("bytes in memory)"), "\(status.text)")
      let spool = try scene.run(Binaries.logs, ["spool", "inspect", scene.path("state/spool"), "-o", "json"])
      #expect(!spool.text.contains("web"), "\(spool.text)")
      ship.signal(SIGKILL)
      try ship.wait()
      // Under a name that is not looked for: it is known by its beginning.
      rename(file, "\(file).1")
      usleep(10_000)
      try append(100...199, to: file)
      try server.restart()
      ship = try start(scene, server)
      try Polling.wait(for: "what was read before") { try stored(server).count >= 190 }
      #expect(try stored(server) == Array(10...199))
      // An orderly end leaves nothing to be read again.
      try append(200...209, to: file)
      try Polling.wait(for: "ten more") { try stored(server).count >= 200 }
      ship.signal(SIGTERM)
      #expect(try ship.wait() == .code(0), "\(ship.errors.text)")
      ship = try start(scene, server)
      try append(210...219, to: file)
      try Polling.wait(for: "ten more") { try stored(server).count >= 210 }
      #expect(try stored(server) == Array(10...219))
      // One that the server kept from being orderly says so.
      try server.kill()
      try append(220...229, to: file)
      try waitForWaiting(scene, 10)
      ship.signal(SIGTERM)
      try ship.wait()
      let last = ship.errors.text
      #expect(last.contains(" not acknowledged: the next ship reads them again"), "\(last)")
      try server.restart()
      ship = try start(scene, server)
      try Polling.wait(for: "the rest") { try stored(server).count >= 220 }
      #expect(try stored(server) == Array(10...229))
      ship.signal(SIGTERM)
      try ship.wait()
    }
  }

  @Test func `kills of ship and of the server lose no line, and repeat only what a killed ship had sent`() throws {
    var generator = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = scene.path("app.log")
      var ship = try start(scene, server, "--start", "beginning")
      var number = 0
      var killCount = 0
      for _ in 1...12 {
        let count = Int.random(in: 20...2_000, using: &generator)
        try append((number + 1)...(number + count), to: file)
        number += count
        switch Int.random(in: 0..<3, using: &generator) {
        case 0:
          killCount += 1
          ship.signal(SIGKILL)
          try ship.wait()
          ship = try start(scene, server, "--start", "beginning")
        case 1:
          try server.kill()
          try server.restart()
        default: usleep(UInt32.random(in: 0..<100_000, using: &generator))
        }
      }
      try Polling.wait(for: "line \(number)") { try stored(server).last == number }
      let lines = try stored(server)
      var (last, highest, backCount) = (0, 0, 0)
      for line in lines {
        if line > highest + 1 { Issue.record("\(highest + 1)...\(line - 1) are missing") }
        if line != last + 1 { backCount += 1 }
        (last, highest) = (line, max(highest, line))
      }
      // Back to where a killed ship's bookmark was, and once more behind what it had sent at last.
      #expect(backCount <= 2 * killCount)
      ship.signal(SIGTERM)
      try ship.wait()
    }
  }

  @Test func `what waits in memory is bounded, and the rest stays in the source`() throws {
    var generator = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene)
      try server.kill()
      // 20 MB that compress by a third.
      let count = 50_000
      var text = ""
      for number in 1...count {
        text += "\(number)"
        for _ in 0..<30 { text += " " + String(UInt64.random(in: 0...UInt64.max, using: &generator), radix: 36) }
        text += "\n"
      }
      try scene.file("app.log", text.utf8)
      let ship = try start(scene, server, "--start", "beginning", "--spool-size", "1M")
      func status() throws -> (waiting: Int, behind: Int) {
        let status = try scene.run(Binaries.logs, ["ship", "status", "--state", scene.path("state"), "-o", "json"])
        let json = try? JSONSerialization.jsonObject(with: Data(status.text.utf8)) as? [String: Any]
        let source = (json?["sources"] as? [[String: Any]])?.first
        return (json?["bytes_waiting"] as? Int ?? 0, source?["bytes_behind"] as? Int ?? 0)
      }
      try Polling.wait(for: "as much as may wait") { try status().waiting >= 1 << 20 }
      let full = try status()
      // What the producer had taken before it was full is on top.
      #expect(full.waiting < 6 << 20 && full.behind > 0, "\(full)")
      try server.restart()
      try Polling.wait(for: "the last line") { try stored(server).count >= count }
      let lines = try stored(server)
      #expect(lines == Array(1...count), "\(lines.count) lines")
      ship.signal(SIGTERM)
      try ship.wait()
    }
  }

  @Test func `a command's output cannot be read again, so it is refused`() throws {
    try Scene.play { scene in
      let ship = try scene.run(
        Binaries.logs, ["ship", "--commit", "server", "--state", scene.path("state"), "--", "/bin/true"])
      #expect(ship.exit == .code(2), "\(ship.errors)")
      #expect(ship.errors.contains("let the command write a file and ship that"), "\(ship.errors)")
    }
  }
}
