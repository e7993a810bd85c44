import Foundation
import LogsClient
import Testing

@testable import LogsSimulation

/// The tables of `logsd sql` in other programs, by `logs.so`, and what is the same in a copy (`logs export --sqlite`).
@Suite(.ownThread) struct SQLExtensionTests {
  private static let sqlite = "/usr/bin/sqlite3"

  /// What sqlite3 prints for these lines, with the tables of a directory open.
  private func ask(_ server: TestServer, _ lines: [String]) throws -> Finished {
    let script = [".load \(Binaries.sqlExtension)", "SELECT logs_open('\(server.data)');"] + lines
    let file = try server.scene.file("script", (script.joined(separator: "\n") + "\n").utf8)
    return try server.scene.run(Self.sqlite, ["-batch", ":memory:"], input: .file(file))
  }

  /// A server with random entries of several streams, in two segments that are sealed and one that is not.
  private func start(_ scene: Scene, seed: UInt64) async throws -> TestServer {
    let server = try TestServer(scene)
    let client = try LogClient(LogClientConfiguration(servers: [server.url], name: "test"))
    var generator = QueryGenerator(seed: seed)
    for part in 0..<3 {
      for _ in 0..<8 {
        let entries = (0..<generator.below(60) + 1).map { _ in generator.entry() }
        _ = try await client.append(entries, to: StreamName(stored: generator.pick(QueryGenerator.streams)))
      }
      if part < 2 { #expect(try scene.run(Binaries.logs, ["seal", server.data]).exit == .code(0)) }
    }
    await client.shutdown()
    return server
  }

  /// Rows as single texts without anything that a form of output would change.
  private static let row = """
    stream || ' ' || seq || ' ' || time || ' ' || time_ns || ' ' || received_ns || ' ' || level || ' ' || severity
      || ' ' || kind || ' ' || hex(source) || ' ' || hex(message) || ' ' || hex(attributes)
    """.replacing("\n", with: " ")

  private func queries(_ count: Int, seed: UInt64) -> [String] {
    var generator = QueryGenerator(seed: seed)
    let random = (0..<count).map { _ in
      "SELECT \(Self.row) FROM entries WHERE \(generator.condition()) ORDER BY stream, seq;"
    }
    return random + [
      "SELECT level || ' ' || count(*) || ' ' || min(seq) FROM entries GROUP BY level ORDER BY 1;",
      "SELECT stream || ' ' || substr(received, 1, 13) || ' ' || max(seq) FROM entries GROUP BY stream ORDER BY 1;",
      "SELECT count(*) FROM entries;",
      "SELECT level || ' ' || sum(entries) FROM counts GROUP BY level ORDER BY 1;",
      "SELECT stream || minute || level || severity || ' ' || sum(entries) FROM counts"
        + " GROUP BY stream, minute, severity ORDER BY 1;",
      "SELECT a.seq || ' ' || hex(b.message) FROM entries a JOIN entries b ON b.stream = a.stream AND b.seq = a.seq + 1"
        + " WHERE a.stream = 'docker/web' ORDER BY a.seq;",
      "WITH x AS (SELECT stream s, count(*) n FROM entries GROUP BY 1) SELECT s || n FROM x WHERE n > 3 ORDER BY 1;",
    ]
  }

  @Test(arguments: [1, 2] as [UInt64])
  func `the same SQL gives the same rows in logsd sql, in sqlite3, and over an exported copy`(seed: UInt64) async throws
  {
    try await Scene.play { scene in
      let server = try await start(scene, seed: seed)
      let copy = scene.path("copy.db")
      try expectSuccess(server.run(["export", "**", "--sqlite", copy]))
      let queries = queries(40, seed: seed &+ 100)
      let script = queries.flatMap { [".print ---", $0] }
      let loaded = try ask(server, script)
      #expect(loaded.exit == .code(0) && loaded.errors.isEmpty, "\(loaded.errors)")
      let file = try scene.file("plain", (script.joined(separator: "\n") + "\n").utf8)
      let plain = try scene.run(Self.sqlite, ["-batch", "-readonly", copy], input: .file(file))
      #expect(plain.exit == .code(0) && plain.errors.isEmpty, "\(plain.errors)")
      // The first part says what was opened.
      let inExtension = loaded.text.components(separatedBy: "---\n").dropFirst()
      let overCopy = plain.text.components(separatedBy: "---\n").dropFirst()
      try #require(inExtension.count == queries.count && overCopy.count == queries.count)
      var rowCount = 0
      for (query, (first, second)) in zip(queries, zip(inExtension, overCopy)) {
        let answer = try scene.run(Binaries.logsd, ["sql", server.data, query, "-o", "csv"])
        #expect(answer.exit == .code(0), "\(query): \(answer.errors)")
        let rows = answer.lines.dropFirst().map { $0 + "\n" }.joined()
        #expect(rows == first && rows == second, "seed \(seed): \(query)")
        rowCount += answer.lines.count - 1
      }
      #expect(rowCount > 1_000)
    }
  }

  @Test func `sqlite3 sees what comes, joins it with its own tables, and takes filters`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = (1...30).map { "line \($0) took \($0 * 10)ms" }
      let file = try scene.file("f", (lines.joined(separator: "\n") + "\n").utf8)
      try expectSuccess(server.run(["push", "web", file]))
      let shell = try scene.start(Self.sqlite, [":memory:"], input: .pipe)
      func type(_ line: String) throws { try shell.write(Array("\(line)\n".utf8)) }
      try type(".load \(Binaries.sqlExtension)")
      try type("SELECT logs_open('\(server.data)');")
      try shell.output.waitForLines(1)
      #expect(shell.output.lines[0] == "\(server.data): 1 stream, 30 entries")
      try type("SELECT count(*) FROM entries;")
      try shell.output.waitForLines(2)
      try expectSuccess(server.run(["push", "web", file]))
      try type("SELECT count(*) FROM entries;")
      try type("CREATE TABLE slow(seq, note); INSERT INTO slow VALUES(3, 'why'), (4, 'what'), (99, 'none');")
      try type("SELECT message, note FROM slow JOIN entries USING (seq) WHERE stream = 'web' ORDER BY seq;")
      try type("SELECT seq FROM entries WHERE entries MATCH '\"took 70ms\"' OR note IS NOT NULL ORDER BY 1;")
      try type("SELECT seq FROM entries WHERE entries MATCH 'stream:web \"took 70ms\"' ORDER BY 1;")
      try type("CREATE TABLE copy AS SELECT * FROM entries; SELECT count(*), count(DISTINCT message) FROM copy;")
      try type("SELECT stream, first, last FROM streams;")
      shell.closeInput()
      // One line is wrong on purpose: the rest goes on.
      #expect(try shell.wait() == .code(1))
      #expect(shell.errors.text.contains("no such column: note"), "\(shell.errors.text)")
      #expect(
        shell.output.lines.dropFirst() == [
          "30", "60", "line 3 took 30ms|why", "line 4 took 40ms|what", "7", "37", "60|30", "web|1|60",
        ])
      // The server goes on, and seals what was read.
      try expectSuccess(scene.run(Binaries.logs, ["seal", server.data]))
      #expect(try server.stop() == .code(0))
    }
  }

  @Test func `Python's sqlite3 loads it, too`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", scene.file("f", "one\ntwo\n".utf8)]))
      let program = """
        import sqlite3, sys
        connection = sqlite3.connect(":memory:")
        connection.enable_load_extension(True)
        connection.load_extension(sys.argv[1])
        connection.execute("SELECT logs_open(?)", [sys.argv[2]])
        print(connection.execute("SELECT group_concat(message) FROM entries WHERE stream = ?", ["web"]).fetchone()[0])
        """
      let finished = try scene.run(Binaries.python, ["-c", program, Binaries.sqlExtension, server.data])
      #expect(finished.text == "one,two\n", "\(finished.errors)")
    }
  }

  @Test func `what is no data directory is refused, with what to do`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for (call, text) in [
        ("logs_open('\(scene.path("none"))')", "name a server's data directory"), ("logs_open(NULL)", "takes the data"),
        ("logs_open(7)", "takes the data directory"), ("logs_open()", "wrong number of arguments"),
      ] {
        let finished = try ask(server, ["SELECT \(call);"])
        #expect(finished.exit == .code(1) && finished.errors.contains(text), "\(call): \(finished.errors)")
      }
      // Not from what a database that somebody sent may have in its schema.
      let view = try ask(
        server, ["CREATE VIEW v AS SELECT logs_open('/tmp');", "SELECT * FROM v;", "SELECT count(*) FROM streams;"])
      #expect(view.errors.contains("unsafe use of logs_open"), "\(view.errors)")
    }
  }

  @Test func `a directory that goes away is an error of the query, and can come back`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", scene.file("f", "one\n".utf8)]))
      #expect(try server.stop() == .code(0))
      let query = "SELECT count(*) FROM entries;"
      let (data, aside) = (server.data, scene.path("aside"))
      let finished = try ask(
        server, [query, ".shell mv \(data) \(aside)", query, ".shell mv \(aside) \(data)", query])
      #expect(finished.lines.dropFirst() == ["1", "1"], "\(finished.text)")
      #expect(finished.errors.contains("there is no store in \(data)"), "\(finished.errors)")
    }
  }
}
