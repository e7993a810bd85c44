import Foundation
import LogsStore
import LogsSystem
import LogsWire
import Testing

@testable import LogsSQL

/// SQL over a directory that changes meanwhile, and over one that is damaged.
@Suite struct SQLServingTests {
  @Test func `what is appended meanwhile is seen by the next connection, never by halves`() throws {
    let scene = try SQLScene()
    let done = Monitor(false)
    let writer = LogsSystem.Thread("writer") {
      for round in 0..<150 {
        try? scene.append((0..<20).map { .sample("round \(round) \($0)") }, to: "web")
        if round % 40 == 39 { scene.seal() }
      }
      done.withLock { $0 = true }
      done.signal()
    }
    var last = 0
    var lookCount = 0
    while true {
      let isDone = done.withLock { $0 }
      let connection = try scene.connection()
      let query = """
        SELECT count(*), coalesce(max(seq), 0), count(DISTINCT seq), coalesce(min(seq), 1) FROM entries
        WHERE stream = 'web'
        """
      let row = try connection.rows(query)[0].compactMap { Int($0) }
      #expect(row[0] == row[1] && row[1] == row[2] && row[3] == 1, "\(row)")
      #expect(row[0] % 20 == 0 && row[0] >= last, "\(row[0]) after \(last)")
      // The same connection sees the same.
      #expect(try connection.rows(query)[0].compactMap { Int($0) } == row)
      #expect(connection.notes.isEmpty)
      last = row[0]
      lookCount += 1
      if isDone { break }
    }
    writer.join()
    #expect(last == 3_000 && lookCount > 1)
  }

  @Test func `a query in the middle of its rows holds no transaction open`() throws {
    let scene = try SQLScene()
    for _ in 0..<3 { try scene.append((0..<200).map { .sample("line \($0)") }, to: "web") }
    let connection = try scene.connection()
    var seen = 0
    let segment = scene.data + "/segments/0000000001.db"
    try connection.query("SELECT message FROM entries WHERE stream = 'web'") { _ in
      seen += 1
      guard seen == 100 else { return }
      // A checkpoint that empties the WAL works only while no snapshot of it is in use.
      #expect(OtherConnection.truncatesWal(segment))
    }
    #expect(seen == 600)
  }

  @Test func `a segment that is sealed between two reads is read on`() throws {
    let scene = try SQLScene()
    for round in 0..<20 { try scene.append([.sample("round \(round)")], to: "web") }
    let connection = try scene.connection()
    let query = "SELECT count(*) FROM entries WHERE stream = 'web'"
    #expect(try connection.rows(query) == [["20"]])
    // Its connection has the segment open, with statements on a table that sealing takes away first.
    let segment = scene.data + "/segments/0000000001.db"
    scene.store.seal()
    let deadline = ContinuousClock.now + SQLScene.patience
    while OtherConnection.hasTable("run_index", segment), ContinuousClock.now < deadline { usleep(1_000) }
    #expect(!OtherConnection.hasTable("run_index", segment))
    #expect(try connection.rows(query) == [["20"]])
    #expect(connection.notes.isEmpty, "\(connection.notes)")
  }

  @Test func `what was removed since the query began is left out, and what is lost is named`() throws {
    let scene = try SQLScene()
    try scene.append((0..<3_000).map { .sample("line \($0)") }, to: "web")
    try scene.append((0..<10).map { .sample("other \($0)") }, to: "other")
    scene.seal()
    try scene.append([.sample("last")], to: "web")
    let connection = try scene.connection()
    let path = scene.data + "/segments/0000000001.db"
    let inode = Inode.of(path)
    scene.delete("web", 11...30)
    let deadline = ContinuousClock.now + SQLScene.patience
    while Inode.of(path) == inode, ContinuousClock.now < deadline { usleep(1_000) }
    #expect(Inode.of(path) != inode)
    let web = "SELECT count(*), min(seq), max(seq) FROM entries WHERE stream = 'web'"
    #expect(try connection.rows(web) == [["2981", "1", "3001"]])
    #expect(connection.notes.isEmpty, "\(connection.notes)")
    #expect(try scene.connection().rows(web) == [["2981", "1", "3001"]])
    // The whole segment goes, and nothing says that it may.
    let late = try scene.connection()
    scene.close()
    try FileManager.default.moveItem(atPath: path, toPath: scene.data + "/away.db")
    #expect(try late.rows(web) == [["1", "3001", "3001"]])
    #expect(late.notes.contains { $0.contains("of 'web' are lost") }, "\(late.notes)")
    #expect(try scene.connection().rows("SELECT count(*) FROM entries WHERE stream = 'other'") == [["0"]])
  }

  @Test func `a damaged batch costs its rows, and is named`() throws {
    let scene = try SQLScene()
    for part in 0..<3 { try scene.append((0..<5).map { .sample("part \(part) line \($0)") }, to: "web") }
    scene.seal()
    scene.close()
    let path = scene.data + "/segments/0000000001.db"
    var content = try Data(contentsOf: URL(fileURLWithPath: path))
    // The text of the second batch: so small that it is not compressed.
    let needle = Data("part 1 line".utf8)
    guard let place = content.range(of: needle) else {
      Issue.record("the text of the batch is in the file")
      return
    }
    content[place.lowerBound] ^= 1
    try content.write(to: URL(fileURLWithPath: path))
    let connection = try scene.connection()
    #expect(try connection.rows("SELECT count(*) FROM entries WHERE stream = 'web'") == [["10"]])
    #expect(
      connection.notes == [
        "numbers 6 to 10 of 'web' are lost: \(path): a batch does not pass its check; see logsd check \(scene.data)"
      ], "\(connection.notes)")
  }

  @Test(arguments: ["", " ORDER BY stream DESC, seq DESC"])
  func `of segments that cannot be read, those are named that had the numbers`(order: String) throws {
    let scene = try SQLScene()
    for number in 1...6 {
      try scene.append([.sample("\(number)")], to: "web")
      scene.seal()
    }
    scene.close()
    let path = { (number: Int) in "\(scene.data)/segments/000000000\(number).db" }
    for number in [2, 3] { try Data(repeating: 7, count: 8192).write(to: URL(fileURLWithPath: path(number))) }
    try FileManager.default.removeItem(atPath: path(5))
    let connection = try scene.connection()
    let rows = try connection.rows("SELECT seq FROM entries WHERE stream = 'web'" + order)
    #expect(rows.map { $0[0] }.sorted() == ["1", "4", "6"])
    let advice = "; see logsd check \(scene.data)"
    #expect(
      connection.notes.sorted() == [
        "numbers 2 to 3 of 'web' are lost: \(path(2)) and \(path(3)) are damaged or missing\(advice)",
        "numbers 5 to 5 of 'web' are lost: \(path(5)) is damaged or missing\(advice)",
      ], "\(connection.notes)")
  }

  @Test func `a stopped store is read, and what is no store is refused`() throws {
    let scene = try SQLScene()
    try scene.append((0..<5).map { .sample("line \($0)") }, to: "web")
    scene.close()
    let query = "SELECT stream, last, entries, state FROM streams"
    #expect(try scene.connection().rows(query) == [["'web'", "5", "5", "'open'"]])
    #expect(throws: StoreError.self) { try StoreReader(directory: scene.data + "/segments") }
    #expect(throws: StoreError.self) { try StoreReader(directory: scene.data + "/nowhere") }
    let empty = try SQLScene()
    #expect(try empty.connection().rows("SELECT count(*) FROM entries") == [["0"]])
  }
}

private enum Inode {
  static func of(_ path: String) -> UInt64 {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.systemFileNumber] as? UInt64) ?? 0
  }
}
