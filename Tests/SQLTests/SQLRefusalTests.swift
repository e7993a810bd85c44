import CSQLite
import LogsStore
import LogsWire
import Testing

@testable import LogsSQL
@testable import LogsSimulation

/// What a query may not do or take, and what is said then.
@Suite struct SQLRefusalTests {
  private static func scene() throws -> SQLScene {
    let scene = try SQLScene()
    try scene.append((1...20).map { .sample("line \($0)") }, to: "web")
    return scene
  }

  private func failure(_ connection: SceneConnection, _ query: String) -> SQLFailure? {
    do throws(SQLFailure) {
      _ = try connection.rows(query)
      return nil
    } catch { return error }
  }

  @Test func `only SELECT is let through`() throws {
    let connection = try Self.scene().connection()
    for query in [
      "ATTACH 'other.db' AS other", "ATTACH ':memory:' AS other", "PRAGMA page_size", "PRAGMA query_only=0",
      "PRAGMA temp_store_directory='/tmp'", "CREATE TABLE t(a)", "CREATE TEMP TABLE t(a)",
      "CREATE VIRTUAL TABLE t USING entries", "CREATE VIEW v AS SELECT 1", "INSERT INTO entries(stream) VALUES('x')",
      "UPDATE entries SET message = ''", "DELETE FROM entries", "DROP TABLE entries", "BEGIN", "COMMIT", "SAVEPOINT s",
      "VACUUM", "VACUUM INTO '/tmp/copy.db'", "ANALYZE", "REINDEX", "DETACH main",
      "SELECT load_extension('/tmp/x.so')", "SELECT * FROM pragma_table_info('entries')",
    ] {
      let failure = failure(connection, query)
      #expect(failure?.kind == .query, "\(query): \(failure?.description ?? "done")")
    }
    for (query, word) in [
      ("ANALYZE", "ANALYZE"), ("create table t(a)", "CREATE"), (" DROP TABLE entries", "DROP"),
      ("REPLACE INTO entries(stream) VALUES('x')", "REPLACE"),
      ("VACUUM", "VACUUM"), ("ROLLBACK", "ROLLBACK"), ("PRAGMA page_size", "PRAGMA"),
      ("WITH x AS (SELECT 1) INSERT INTO entries(stream) SELECT 'x'", "INSERT"),
      ("/* it */ -- and\n ; CREATE TABLE t(a)", "CREATE"),
    ] {
      let words = "\(word) is not allowed: only SELECT is, which changes nothing"
      #expect(failure(connection, query)?.description == words, "\(query): \(failure(connection, query) as Any)")
    }
    #expect(try connection.rows("SELECT count(*) FROM entries WHERE stream = 'web'") == [["20"]])
    #expect(try connection.rows("SELECT value FROM json_each('[1,2]')") == [["1"], ["2"]])
  }

  @Test func `the extension needs the SQLite that it is linked with`() throws {
    var message: UnsafeMutablePointer<CChar>?
    let other = UnsafeMutablePointer<sqlite3_api_routines>.allocate(capacity: 1)
    other.initialize(to: sqlite3_api_routines())
    defer { other.deallocate() }
    for routines in [nil, UnsafeRawPointer(other)] {
      #expect(SQLExtension.begin(OpaquePointer(bitPattern: 8), &message, routines) == SQLITE_ERROR)
      let text = try #require(message.map { String(cString: $0) })
      #expect(text.contains("libsqlite3.so.0"), "\(text)")
      sqlite3_free(message)
      message = nil
    }
  }

  @Test func `a query is one statement, and says where it is wrong`() throws {
    let connection = try Self.scene().connection()
    #expect(try connection.rows("SELECT 1; ; -- that is all\n /* it is */ ;") == [["1"]])
    for (query, text) in [
      ("", "there is no query"), ("-- nothing", "there is no query"), ("SELECT 1; SELECT 2", "run one at a time"),
      ("SELECT 1; nonsense", "run one at a time"), ("SELECT colour FROM entries", "no such column: colour, at byte 8"),
      ("SELEC 1", "syntax error, at byte 1"), ("SELECT 1\0", "NUL"), ("SELECT \"text\"", "no such column"),
      ("SELECT ?", "too many SQL variables"), ("SELECT * FROM runs", "no such table: runs"),
    ] {
      let failure = failure(connection, query)
      #expect(failure?.kind == .query && failure?.description.contains(text) == true, "\(query): \(failure as Any)")
    }
  }

  @Test func `rows, time and what a query is made of have limits`() throws {
    let scene = try Self.scene()
    var limits = SQLLimits()
    limits.rowCountMax = 20
    let connection = try scene.connection(limits)
    let web = "SELECT seq FROM entries WHERE stream = 'web'"
    #expect(try connection.rows(web).count == 20)
    var seen = 0
    do {
      try connection.query("\(web) UNION ALL SELECT 21") { _ in seen += 1 }
      Issue.record("a row too many")
    } catch { #expect(error.kind == .limit && error.description == "there are more than 20 rows") }
    #expect(seen == 20)
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    limits.durationMax = .milliseconds(50)
    let hurried = try scene.connection(limits)
    #expect(failure(hurried, endless)?.description == "the query takes longer than it may")
    limits.durationMax = .nanoseconds(1)
    #expect(failure(try scene.connection(limits), web)?.kind == .limit)
    // The next query has its own time.
    #expect(try hurried.rows("SELECT 1") == [["1"]])
    let terms = String(repeating: "1 + ", count: 101) + "1"
    for (query, text) in [
      ("SELECT 1 /* \(String(repeating: "x", count: 64 << 10)) */", "too"), ("SELECT \(terms)", "depth"),
      ("SELECT zeroblob(16777217)", "too big"),
      ("SELECT \(Array(repeating: "1", count: 201).joined(separator: ","))", "too many columns"),
      (Array(repeating: "SELECT 1", count: 51).joined(separator: " UNION ALL "), "too many terms"),
      ("SELECT max(\(Array(repeating: "1", count: 101).joined(separator: ",")))", "too many arguments"),
      ("\(web) AND message GLOB '\(String(repeating: "x", count: 1_001))'", ""),
      ("SELECT 'a' GLOB '\(String(repeating: "x", count: 1_001))'", "too complex"),
    ] {
      let failure = failure(connection, query)
      if text.isEmpty {
        // No entry has the text, so that SQLite has nothing to compare with the pattern.
        #expect(failure == nil, "\(query.prefix(80)): \(failure as Any)")
      } else {
        #expect(failure?.description.contains(text) == true, "\(query.prefix(80)): \(failure as Any)")
      }
    }
  }

  @Test func `what stands beside MATCH is a filter, and is said to be`() throws {
    let scene = try Self.scene()
    try scene.append([.sample(String(repeating: "a", count: 64) + "!")], to: "long")
    let connection = try scene.connection()
    for (query, text) in [
      ("entries MATCH 'level>='", "MATCH: filter, column 8"), ("entries MATCH 5", "takes the text of a filter"),
      ("message MATCH 'x'", "on the left of MATCH stands the name of the table"),
      ("NOT entries MATCH 'a b )'", "MATCH: filter, column"),
    ] {
      let failure = failure(connection, "SELECT count(*) FROM entries WHERE \(query)")
      #expect(failure?.kind == .query && failure?.description.contains(text) == true, "\(query): \(failure as Any)")
    }
    let costly = #"entries MATCH '/(a|aa)+$/'"#
    for query in [costly, "NOT \(costly)"] {
      let failure = failure(connection, "SELECT count(*) FROM entries WHERE stream = 'long' AND \(query)")
      #expect(
        failure?.kind == .limit && failure?.description.contains("takes too many steps on entry 1 of 'long'") == true,
        "\(failure as Any)")
    }
  }

  @Test(arguments: [
    "line", "\"line 1\" -\"line 12\"", "level>=warn OR kind:status", "status>=400", "-level:*", "/[Tt]imeout.*/",
    "stream:docker/* took", "time>=2026-11-28T10:30:00Z time<2026-11-28T11:15:00Z", "seq:5..40 source:n*",
    "nothing at all",
    "NOT (GET OR timeout)", "time>=10m", "user~b",
  ])
  func `MATCH finds the same entries where the table settles it and where it does not`(filter: String) throws {
    let scene = try SQLScene()
    var generator = QueryGenerator(seed: 11)
    for part in 0..<2 {
      for _ in 0..<6 {
        try scene.append((0..<200).map { _ in generator.entry() }, to: generator.pick(QueryGenerator.streams))
      }
      if part == 0 { scene.seal() }
    }
    let connection = try scene.connection()
    let settled = try connection.rows("SELECT stream, seq FROM entries WHERE entries MATCH '\(filter)' ORDER BY 1, 2")
    for condition in [
      "NOT (NOT entries MATCH '\(filter)')", "entries MATCH '\(filter)' + 0 = 1", "(entries MATCH '\(filter)') IS TRUE",
    ] where condition.hasPrefix("(") || condition.hasPrefix("NOT") {
      let found = try connection.rows("SELECT stream, seq FROM entries WHERE \(condition) ORDER BY 1, 2")
      #expect(found == settled, "\(condition): \(found.count), not \(settled.count)")
    }
    let other = try connection.rows("SELECT count(*) FROM entries WHERE NOT entries MATCH '\(filter)'")
    let all = try connection.rows("SELECT count(*) FROM entries")
    #expect(Int(other[0][0])! + settled.count == Int(all[0][0])!)
    let both = "SELECT count(*) FROM entries WHERE entries MATCH '\(filter)' AND entries MATCH 'level:*'"
    #expect(
      try connection.rows(both)
        == connection.rows("SELECT count(*) FROM entries WHERE entries MATCH '\(filter)' AND severity > 0"))
    #expect(try connection.rows("SELECT count(*) FROM entries WHERE entries MATCH NULL") == [["0"]])
  }
}
