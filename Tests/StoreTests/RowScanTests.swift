import LogsDisk
import LogsWire
import Testing

@testable import LogsStore

@Suite struct RowScanTests {
  /// Rows behind damage are looked for by their ids, one by one.
  @Test func `an id that damage has made huge does not take forever`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory, TestClock())
    for number in 1...400 as ClosedRange<UInt64> {
      test.append("web", .test("\(number) " + String(repeating: "x", count: 200)), number: number)
    }
    test.close()
    let file = "data/segments/0000000001.db"
    let rowCount: Int64
    do {
      let database = try Database(directory.path + "/" + file, mode: .readWrite, vfs: nil)
      rowCount = try database.integer("SELECT count(*) FROM runs")
      try database.execute("UPDATE runs SET id = 0x7000000000000000 WHERE id = (SELECT max(id) FROM runs)")
      _ = try database.text("PRAGMA wal_checkpoint(TRUNCATE)")
    }
    var content = directory.contents(file)
    let leaves = stride(from: 0, to: content.count, by: SegmentSchema.pageByteCount).filter { page in
      content[page] == 0x0d && content[page..<page + SegmentSchema.pageByteCount].firstRange(of: "xxxx".utf8) != nil
    }
    try #require(leaves.count > 4)
    let page = leaves[leaves.count / 2]
    for index in page..<page + SegmentSchema.pageByteCount { content[index] = 0 }
    directory.write(file, content)

    let database = try Database(directory.path + "/" + file, mode: .readOnly, vfs: nil)
    var visited: [Int64] = []
    var unreadable: [ClosedRange<Int64>] = []
    try RowScan(database).run(database) { row throws(SQLiteError) in
      visited.append(row.integer(RowScan.idColumn))
    } unreadable: { ids, _ in
      unreadable.append(ids)
    }
    let unreadableCount = unreadable.reduce(0) { $0 + $1.count }
    #expect(unreadableCount > 0 && unreadable.allSatisfy { $0.upperBound < rowCount }, "\(unreadable)")
    #expect(visited.count == Int(rowCount) - unreadableCount && visited.last == 0x7000_0000_0000_0000)
  }

  @Test func `where no row can be read behind damage, as many ids are tried as the file has room for`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory, TestClock())
    for number in 1...400 as ClosedRange<UInt64> {
      test.append("web", .test("\(number) " + String(repeating: "x", count: 200)), number: number)
    }
    test.close()
    let path = directory.path + "/data/segments/0000000001.db"
    do {
      let database = try Database(path, mode: .readWrite, vfs: nil)
      try database.execute("UPDATE runs SET id = 0x7000000000000000 + id WHERE id > 1")
      _ = try database.text("PRAGMA wal_checkpoint(TRUNCATE)")
    }
    var content = directory.contents("data/segments/0000000001.db")
    let first = stride(from: 0, to: content.count, by: SegmentSchema.pageByteCount).first { page in
      content[page] == 0x0d && content[page..<page + SegmentSchema.pageByteCount].firstRange(of: "xxxx".utf8) != nil
    }
    let page = try #require(first)
    for index in page..<page + SegmentSchema.pageByteCount { content[index] = 0 }
    directory.write("data/segments/0000000001.db", content)
    let database = try Database(path, mode: .readOnly, vfs: nil)
    var unreadable: [ClosedRange<Int64>] = []
    try RowScan(database).run(database) { _ throws(SQLiteError) in
    } unreadable: { ids, _ in
      unreadable.append(ids)
    }
    #expect(unreadable.count == 1 && unreadable[0].upperBound <= Int64(content.count))
  }
}
