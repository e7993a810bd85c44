import LogsStore
import LogsWire
import Testing

@testable import LogsSQL
@testable import LogsSimulation

/// The rows of `entries` are those that the same query gives over a table with the same content.
@Suite struct SQLRowsTests {
  /// Two sealed segments and one that is written to, with ranges that were deleted.
  private static func scene(seed: UInt64) throws -> SQLScene {
    let scene = try SQLScene()
    var generator = QueryGenerator(seed: seed)
    for part in 0..<3 {
      for _ in 0..<12 {
        let entries = (0..<generator.below(60) + 1).map { _ in generator.entry() }
        try scene.append(entries, to: generator.pick(QueryGenerator.streams))
      }
      // A block of an index has a thousand entries.
      if part == 0 { try scene.append((0..<2_500).map { _ in generator.entry() }, to: "docker/web") }
      if part < 2 { scene.seal() }
    }
    scene.delete("docker/web", 100...180)
    scene.delete("docker/web", 3...3)
    return scene
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `several hundred conditions leave the same rows`(seed: UInt64) throws {
    let scene = try Self.scene(seed: seed)
    let plain = try PlainTable(of: scene.data)
    let connection = try scene.connection()
    #expect(try connection.rows("SELECT count(*) FROM entries") == plain.rows("SELECT count(*) FROM entries"))
    var generator = QueryGenerator(seed: seed &+ 1_000)
    var emptyCount = 0
    for number in 0..<250 {
      let condition = generator.condition()
      let columns = generator.pick(["*", "stream, seq", "count(*)", "level, count(*), min(time), max(seq)", "message"])
      let group = columns.hasPrefix("level") ? " GROUP BY level" : ""
      let query = "SELECT \(columns) FROM entries WHERE \(condition)\(group)"
      let (found, expected) = (try connection.rows(query), try plain.rows(query))
      let isSame =
        found.map { $0.joined(separator: "|") }.sorted() == expected.map { $0.joined(separator: "|") }.sorted()
      #expect(isSame, "query \(number) of seed \(seed): \(found.count) rows, not \(expected.count): \(query)")
      if expected.isEmpty { emptyCount += 1 }
    }
    // Most of them say something.
    #expect(emptyCount < 125, "\(emptyCount) of 250 have no rows")
    #expect(connection.notes.isEmpty, "\(connection.notes)")
  }

  @Test(arguments: [
    "ORDER BY stream, seq", "ORDER BY stream DESC, seq DESC", "ORDER BY stream, seq LIMIT 7",
    "ORDER BY stream DESC, seq DESC LIMIT 7 OFFSET 3", "ORDER BY stream DESC, seq", "ORDER BY time_ns, stream, seq",
    "ORDER BY seq DESC, stream",
  ])
  func `rows come in the order that is asked for`(order: String) throws {
    let scene = try Self.scene(seed: 4)
    let plain = try PlainTable(of: scene.data)
    let connection = try scene.connection()
    for condition in [
      "1", "stream = 'docker/web'", "stream IN ('plain', 'docker/web', 'Plain')", "message GLOB '*timeout*'",
      "stream = 'docker/web' AND seq BETWEEN 90 AND 200", "severity >= 17", "stream = 'plain' OR stream = 'task/42'",
    ] {
      let query = "SELECT stream, seq, time FROM entries WHERE \(condition) \(order)"
      #expect(try connection.rows(query) == plain.rows(query), "\(query)")
    }
    for query in [
      "SELECT seq FROM entries WHERE stream = 'docker/web' ORDER BY seq DESC",
      "SELECT seq FROM entries WHERE stream = 'docker/web' AND seq < 2000 ORDER BY seq DESC LIMIT 30",
      "SELECT seq FROM entries WHERE stream IN ('plain', 'docker/web') ORDER BY seq DESC LIMIT 30",
    ] { #expect(try connection.rows(query) == plain.rows(query), "\(query)") }
  }

  @Test func `a table joins itself and the streams`() throws {
    let scene = try Self.scene(seed: 5)
    let plain = try PlainTable(of: scene.data)
    let connection = try scene.connection()
    let pairs = """
      SELECT a.stream, a.seq, b.seq FROM entries a JOIN entries b ON b.stream = a.stream AND b.seq = a.seq + 1
      WHERE a.stream LIKE 'plain' AND a.message = b.message ORDER BY 1, 2
      """
    #expect(try connection.rows(pairs) == plain.rows(pairs))
    let last =
      "SELECT e.stream, e.seq FROM streams s JOIN entries e ON e.stream = s.stream AND e.seq = s.last ORDER BY 1"
    // The audit of the deletions is a stream of the server's own.
    #expect(try connection.rows(last) == plain.rows("SELECT stream, max(seq) FROM entries GROUP BY 1 ORDER BY 1"))
    let counts = "SELECT stream, entries FROM streams ORDER BY 1"
    #expect(try connection.rows(counts) == plain.rows("SELECT stream, count(*) FROM entries GROUP BY 1 ORDER BY 1"))
  }

  @Test(arguments: [6, 7] as [UInt64])
  func `counts are those of the entries, with an index and without`(seed: UInt64) throws {
    let scene = try Self.scene(seed: seed)
    // Blocks of one minute, and one that lies in two.
    let start = QueryGenerator.start
    for part in 0..<5 {
      let entries = (0..<1_000).map { index in
        LogEntry.sample("\(index)", time: start + Int64(part * 24_000 + index) * 1_000_000, severity: UInt8(index % 3))
      }
      try scene.append(entries, to: "steady")
    }
    scene.seal()
    let plain = try PlainTable(of: scene.data)
    let connection = try scene.connection()
    let store = try StoreReader(directory: scene.data)
    for name in ["docker/web", "steady"] {
      let stream = try #require(store.streams.first { $0.name.text == name })
      #expect(try store.countedBlocks(of: stream).count > 1)
    }
    for (counts, entries) in [
      (
        "level, severity, sum(entries) FROM counts GROUP BY 1, 2",
        "level, severity, count(*) FROM entries GROUP BY 1, 2"
      ),
      (
        "stream, minute, level, sum(entries) FROM counts GROUP BY 1, 2, 3",
        "stream, substr(time, 1, 16), level, count(*) FROM entries GROUP BY 1, 2, 3"
      ),
      (
        "minute, sum(entries) FROM counts WHERE stream GLOB 'docker/*' AND severity >= 17 GROUP BY 1",
        "substr(time, 1, 16), count(*) FROM entries WHERE stream GLOB 'docker/*' AND severity >= 17 GROUP BY 1"
      ),
      (
        "sum(entries) FROM counts WHERE stream IN ('steady', 'docker/web') AND minute < '2026-11-28 10:02'",
        """
        count(*) FROM entries WHERE stream IN ('steady', 'docker/web') AND substr(time, 1, 16) < '2026-11-28 10:02'
        """
      ),
    ] { #expect(try connection.rows("SELECT \(counts)") == plain.rows("SELECT \(entries)"), "\(counts)") }
  }
}
