import Glibc
import Testing

/// `Snippets/SyncIntoDatabase.swift`, the recipe for applications that keep what they read in their own database.
@Suite(.ownThread) struct SyncTests {
  private func ask(_ scene: Scene, _ database: String, _ sql: String) throws -> String {
    let asked = try scene.run("/usr/bin/sqlite3", ["-cmd", ".timeout 10000", database, sql])
    guard asked.exit == .code(0) else { throw Failure("sqlite3: \(asked.errors)") }
    return asked.text
  }

  @Test func `it stores each entry exactly once, although it and the server are killed at random moments`() throws {
    var random = Seeded.forTest()
    let names = ["app/1", "app/2", "app/3"]
    let count = Environment.lines(3_000)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let database = scene.path("application.db")
      let sync = { try scene.start(Binaries.snippet("SyncIntoDatabase"), [database, "app/*", server.url]) }
      let lines = { (name: String, range: ClosedRange<Int>) in
        LogLines.file(range.map { Array("\(name) \($0)".utf8) })
      }
      let pushes = try names.map { try server.start(["push", $0], input: .pipe) }
      let kills = Environment.rounds(12)
      let step = count / kills + 1
      for round in 0..<kills {
        for (name, push) in zip(names, pushes) where round * step < count {
          try push.write(lines(name, round * step + 1...min(count, (round + 1) * step)))
        }
        let process = try sync()
        // A page, and then anything that happens before the next one.
        try process.output.waitForLines(1)
        for _ in 0..<Int.random(in: 0...200_000, using: &random) where process.hasEnded { break }
        process.signal(SIGKILL)
        #expect(try process.wait() == .signal(SIGKILL), "\(process.errors.text)")
        if round % 4 == 3 {
          try server.kill()
          try server.restart()
        }
      }
      for push in pushes {
        push.closeInput()
        #expect(try push.wait() == .code(0), "\(push.errors.text)")
      }

      // Two at a time share the work without doing any of it twice.
      let last = [try sync(), try sync()]
      try wait(scene, database, count * names.count)
      for process in last {
        process.signal(SIGKILL)
        #expect(try process.wait() == .signal(SIGKILL), "\(process.errors.text)")
      }
      for name in names {
        let sql = "SELECT message FROM entry WHERE stream = '\(name)' ORDER BY sequence"
        expectSame(Array(try ask(scene, database, sql).utf8), lines(name, 1...count))
        let ends = "SELECT min(sequence), max(sequence), count(*) FROM entry WHERE stream = '\(name)'"
        #expect(try ask(scene, database, ends) == "1|\(count)|\(count)\n")
      }
    }
  }

  /// Waits until the database has that many entries.
  private func wait(_ scene: Scene, _ database: String, _ count: Int) throws {
    try Polling.wait(for: "\(count) entries in the database") {
      try ask(scene, database, "SELECT count(*) FROM entry") == "\(count)\n"
    }
  }
}
