import Foundation
import Testing

/// The data directory, as seen by other programs and by the next start.
@Suite(.ownThread) struct StorageTests {
  @Test func `sqlite3 shows the schema that the specification describes, while the server runs`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = LogLines.plain(2_500)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      let segment = "\(server.data)/segments/0000000001.db"
      func ask(_ sql: String) throws -> String {
        let asked = try scene.run("/usr/bin/sqlite3", ["-readonly", segment, sql])
        guard asked.exit == .code(0) else { throw Failure("sqlite3: \(asked.errors)") }
        return asked.text.trimmingCharacters(in: .newlines)
      }
      let specification = try String(contentsOfFile: "\(Binaries.repository)/spec/storage.md", encoding: .utf8)
      // The index comes with sealing, what is lost with a repair, and a copy with a dictionary.
      let others = ["block_groups", "token_pages", "lost"]
      let described = Self.tables(in: specification).filter { !others.contains($0.key) }
      let tables = try ask(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
      #expect(tables.split(separator: "\n").map(String.init) == described.keys.sorted())
      for (table, columns) in described {
        let found = try ask("SELECT name FROM pragma_table_info('\(table)')").split(separator: "\n").map(String.init)
        #expect(Set(found) == columns, "\(table)")
      }
      #expect(try ask("PRAGMA application_id") == "\(0x4C4F_4753)")
      #expect(try ask("PRAGMA user_version") == "8")
      #expect(
        try ask("SELECT sum(count) FROM runs WHERE stream = (SELECT id FROM streams WHERE name = 'web')") == "2500")
      #expect(try ask("SELECT max(first_seq + span - 1) FROM runs") == "2500")
      // The reader did not disturb the server.
      try expectSuccess(server.run(["push", "web", scene.path("f")]))
      try expectSame(server.stored("web"), LogLines.file(lines + lines))
    }
  }

  /// The tables of section 3 and their columns: headings `### 3.n `name``, rows whose first cell names columns.
  private static func tables(in specification: String) -> [String: Set<String>] {
    var tables: [String: Set<String>] = [:]
    var current: String?
    for line in specification.split(separator: "\n") {
      if line.hasPrefix("#") {
        let parts = line.split(separator: "`")
        current = line.hasPrefix("### 3.") && parts.count > 1 ? String(parts[1]) : nil
      } else if let current, line.hasPrefix("| `") {
        let cell = line.dropFirst(2).prefix { $0 != "|" }
        let names = cell.split(separator: "`").enumerated().filter { $0.offset % 2 == 0 }.map { String($0.element) }
        tables[current, default: []].formUnion(names)
      }
    }
    return tables
  }

  @Test func `a clean stop leaves no write-ahead log, and the next start continues`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--segment-bytes", "1M"])
      var random = Seeded.forTest()
      let lines = LogLines.nasty(1_000, &random)
      try pushUntilSecondSegment(lines, to: server)
      let stored = try server.stored("web")
      #expect(try server.stop() == .code(0))
      let files = try FileManager.default.contentsOfDirectory(atPath: "\(server.data)/segments")
      // A segment that was being made may be left; the next start removes it.
      #expect(files.allSatisfy { $0.hasSuffix(".db") || $0.hasSuffix(".db.tmp") }, "\(files)")
      try server.restart()
      #expect(try server.stored("web") == stored)
    }
  }

  /// Fills the first segment, and waits for the next one, which begins once it has been made.
  private func pushUntilSecondSegment(_ lines: [[UInt8]], to server: TestServer) throws {
    let path = try server.scene.file("f", LogLines.file(lines))
    for _ in 1...2 { #expect(try server.run(["push", "web", path]).exit == .code(0)) }
    try server.process.errors.waitForText("segment 2 is active")
  }

  @Test func `a damaged newest segment is refused at the start, with one line that names the file`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      #expect(
        try server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(20_000)))]).exit == .code(0))
      try server.stop()
      let segment = "\(server.data)/segments/0000000001.db"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
      for place in 0..<64 { bytes[place] = 0x55 }
      try bytes.write(to: URL(fileURLWithPath: segment))
      try refusesToStart(server, naming: "0000000001.db")
    }
  }

  @Test func `a missing newest segment and a damaged store file are refused at the start`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(10)))]))
      try server.stop()
      let store = "\(server.data)/store"
      let kept = try String(contentsOfFile: store, encoding: .utf8)
      for damaged in [kept.replacingOccurrences(of: "newest 1", with: "newest 2"), "", "logs-store 9\n", "\0\0\0"] {
        try Data(damaged.utf8).write(to: URL(fileURLWithPath: store))
        try refusesToStart(server, naming: "store")
      }
      try Data(kept.utf8).write(to: URL(fileURLWithPath: store))
      try FileManager.default.removeItem(atPath: "\(server.data)/segments/0000000001.db")
      try refusesToStart(server, naming: "0000000001.db")
    }
  }

  @Test func `a lost sealed segment is a named hole, and --strict shows it by its exit code`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--segment-bytes", "1M"])
      var random = Seeded.forTest()
      let lines = LogLines.nasty(1_000, &random)
      try pushUntilSecondSegment(lines, to: server)
      // Certainly after the first segment.
      try expectSuccess(server.run(["push", "web", scene.path("f")]))
      let stored = try server.stored("web")
      try server.stop()
      try FileManager.default.removeItem(atPath: "\(server.data)/segments/0000000001.db")
      try server.restart()
      let follow = ["follow", "web", "-n", "all", "--until-head", "-o", "raw"]
      let rest = try server.run(follow)
      #expect(rest.exit == .code(0))
      #expect(rest.errors.contains("lost"), "\(rest.errors)")
      let bytes = rest.output
      #expect(!bytes.isEmpty && bytes.count < stored.count && stored.suffix(bytes.count).elementsEqual(bytes))
      #expect(try server.run(follow + ["--strict"]).exit == .code(5))
    }
  }

  private func refusesToStart(_ server: TestServer, naming name: String) throws {
    let refused = try server.scene.run(
      Binaries.logsd, ["--data", server.data, "--listen", "none", "--listen-unix", server.socketPath])
    #expect(refused.exit == .code(1), "\(refused.errors)")
    #expect(refused.output.isEmpty)
    #expect(refused.errorLines.count == 1, "\(refused.errors)")
    #expect(refused.errors.contains(name), "\(refused.errors)")
  }
}
