import Foundation
import Glibc
import Testing

/// `logsd sql`, beside a server and without one.
@Suite(.ownThread) struct SQLCommandTests {
  private static let lines = """
    {"time":"2026-11-28T10:00:00.5Z","level":"error","msg":"GET /pay, \\"now\\"","status":502}
    {"time":"2026-11-28T10:00:01Z","level":"info","msg":"GET /orders","status":200}
    {"time":"2026-11-28T10:00:02Z","msg":"\\u001b[31mred"}

    """

  private func sql(_ server: TestServer, _ words: String..., input: ChildProcess.Input = .none) throws -> Finished {
    try server.scene.run(Binaries.logsd, ["sql", server.data] + words, input: input)
  }

  private func start(_ scene: Scene) throws -> TestServer {
    let server = try TestServer(scene)
    let file = try scene.file("f", Self.lines.utf8)
    try expectSuccess(server.run(["push", "docker/web", file, "--format", "json"]))
    return server
  }

  @Test func `the forms of output, beside a server that runs`() throws {
    try Scene.play { scene in
      let server = try start(scene)
      let query = "select seq, level, message, attributes ->> 'status' status from entries where stream = 'docker/web'"
      let table = try sql(server, query)
      #expect(table.lines.count == 4 && table.lines[0] == "seq  level  message          status", "\(table.text)")
      #expect(table.lines[1] == "  1  error  GET /pay, \"now\"     502", "\(table.text)")
      #expect(!table.output.contains(0x1b))
      let csv = try sql(server, query, "-o", "csv")
      #expect(
        csv.text == "seq,level,message,status\n1,error,\"GET /pay, \"\"now\"\"\",502\n2,info,GET /orders,200\n"
          + "3,,\u{1b}[31mred,\n", "\(csv.text)")
      let json = try sql(server, query, "-o", "json")
      #expect(json.lines.first == #"{"seq":1,"level":"error","message":"GET /pay, \"now\"","status":502}"#)
      #expect(json.lines.last == #"{"seq":3,"level":"","message":"\u001b[31mred","status":null}"#)
      for finished in [table, csv, json] { #expect(finished.exit == .code(0) && finished.errors.isEmpty) }
      let glob = """
        select level, count(*) from entries where stream glob 'docker/*'
        and time > '2026-11-28 10:00:00.6' group by 1 order by 1
        """
      let counts = try sql(server, "-", "-o", "csv", input: .file(try scene.file("query", glob.utf8)))
      #expect(counts.text == "level,count(*)\n,1\ninfo,1\n", "\(counts.text) \(counts.errors)")
      // The server goes on.
      let file = try scene.file("g", "one more\n".utf8)
      try expectSuccess(server.run(["push", "docker/web", file]))
      #expect(
        try sql(server, "select max(seq) from entries where stream = 'docker/web'", "-o", "csv").lines.last == "4")
      #expect(try server.stop() == .code(0))
    }
  }

  @Test(arguments: [SIGTERM, SIGKILL]) func `a stopped server's directory is read, and starts again`(signal: Int32)
    throws
  {
    try Scene.play { scene in
      let server = try start(scene)
      // It waits for what the journal has; after the kill nobody brings that into the segment.
      let query = "select count(*) from entries where stream = 'docker/web'"
      #expect(try sql(server, query, "-o", "csv").lines.last == "3")
      try server.stop(signal)
      let finished = try sql(server, query, "-o", "csv")
      #expect(finished.exit == .code(0) && finished.lines.last == "3", "\(finished.errors)")
      try server.restart()
      #expect(try server.run(["query", "docker/web", "--count"]).text.contains("3"))
    }
  }

  @Test func `wrong usage, wrong queries and what exceeds a limit`() throws {
    try Scene.play { scene in
      let server = try start(scene)
      let endless =
        "with recursive c(x) as (select 1 union all select x + 1 from c) select x, hex(randomblob(500)) r from c"
      for (words, exit, text) in [
        ([server.data], 2, "write a query"), ([server.data, "select", "1"], 2, "put the query in quotes"),
        ([server.data, "select 1", "-o", "xml"], 2, "--output is one of table, json, csv, not 'xml'"),
        ([server.data, "select 1", "--rows", "0"], 2, "--rows"),
        ([server.data, "select 1", "--timeout", "x"], 2, "--timeout"),
        ([server.data, "select 1", "--memory", "1k"], 2, "--memory"),
        ([server.data, "select 1", "--row", "5"], 2, "did you mean --rows?"),
        ([server.data, "analyze"], 2, "only SELECT is"),
        ([server.data, "select x from entries"], 2, "no such column: x"),
        ([scene.path("nowhere"), "select 1"], 1, "there is no store in"),
        ([server.data, "select seq from entries where stream = 'docker/web'", "--rows", "2"], 1, "more than 2 rows"),
        ([server.data, "select count(*) from (\(endless))", "--timeout", "100ms"], 1, "takes longer than it may"),
        ([server.data, "\(endless) order by r", "--memory", "8M"], 1, "takes more memory than it may"),
        ([server.data, "\(endless) limit 90000", "--memory", "8M"], 1, "the table takes more memory than it may"),
      ] as [([String], Int32, String)] {
        let finished = try scene.run(Binaries.logsd, ["sql"] + words)
        #expect(
          finished.exit == .code(exit) && finished.errors.hasPrefix("logsd sql: "), "\(words): \(finished.errors)")
        #expect(finished.errors.contains(text) && finished.errorLines.count == 1, "\(words): \(finished.errors)")
      }
      let capped = try sql(server, "select seq from entries where stream = 'docker/web'", "--rows", "2", "-o", "csv")
      #expect(capped.exit == .code(1) && capped.text == "seq\n1\n2\n")
      let help = try scene.run(Binaries.logsd, ["sql", "--help"])
      #expect(help.exit == .code(0) && help.text.hasPrefix("logsd sql - SQL over a data directory"))
      #expect(help.lines.allSatisfy { $0.count <= 80 })
      // Nothing was left beside the segments.
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(server.data)/segments").sorted()
      #expect(names == ["0000000001.db", "0000000001.db-shm", "0000000001.db-wal"], "\(names)")
    }
  }
}
