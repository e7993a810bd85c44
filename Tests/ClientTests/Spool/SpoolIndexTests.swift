import Glibc
import LogsDisk
import LogsWire
import Testing

@testable import LogsClient

/// Differences between two ways through the file are found before a batch is sent or forgotten.
@Suite struct SpoolIndexTests {
  private static let pageByteCount = 4096
  private static let tableInterior: UInt8 = 0x05
  private static let tableLeaf: UInt8 = 0x0d
  private static let indexLeaf: UInt8 = 0x0a
  /// Where an interior page's cell pointers begin, and the length of the page number at the start of each cell.
  private static let interiorHeaderByteCount = 12
  private static let childByteCount = 4

  private func change(_ directory: TestDirectory, _ body: (inout [UInt8]) throws -> Void) throws {
    var bytes = try #require(SpoolFiles.read("\(directory.path)/spool.db"))
    try body(&bytes)
    try SpoolFiles.write(bytes, to: "\(directory.path)/spool.db")
  }

  /// The offsets of bytes in the pages of a type.
  private func places(of text: [UInt8], _ type: UInt8, in bytes: [UInt8]) -> [Int] {
    bytes.indices.filter { index in
      bytes[index / Self.pageByteCount * Self.pageByteCount] == type && bytes[index...].starts(with: text)
    }
  }

  @Test func `a row with another stream than the index is found before the batch is sent`() throws {
    let directory = try TestDirectory()
    do { try TestSpool(directory.path).store("1", "2", "3") }
    try change(directory) { bytes in
      // Cells fill a page from its end: this is the second of three. The first name is in the row of `streams`.
      let places = places(of: Array(web.text.utf8), Self.tableLeaf, in: bytes)
      try #require(places.count == 4)
      bytes[places[2]] ^= 0x40
    }
    let test = try TestSpool(directory.path)
    var texts: [String] = []
    try test.drain { texts.append($0.text) }
    #expect(texts == ["1", "3", "1 entry dropped: spool damaged"])
    #expect(test.damages.map(\.batchCount) == [1])
  }

  /// A spool whose last batch is found by continuing from the one before it, but not by its id: the page above names
  /// too high an id as the last one in the leaf before.
  ///
  /// - Returns: all ids; the last two follow one another, as they do only after a notice.
  private func makeHidden(_ directory: TestDirectory) throws -> [Int64] {
    let test = try TestSpool(directory.path)
    let ids = try test.spool.store((1...34).map { .test("\($0)") }, removing: [])
    _ = try test.spool.drop(acceptedBefore: 2)
    // It has its own leaf.
    let large = AppendLane.Content.batch(ByteString([UInt8](repeating: 7, count: 3_900)), entryCount: 1)
    let added = try test.spool.store(
      [EncodedBatch(stream: web, content: large, entryCount: 1, accepted: 1)], removing: Array(ids.prefix(5)))
    let notice = try #require(ids.last) + 1
    try #require(added == [notice + 1])
    test.spool.close()
    try change(directory) { bytes in
      let page = try #require(
        stride(from: 0, to: bytes.count, by: Self.pageByteCount).first { bytes[$0] == Self.tableInterior })
      let keys = (0..<Int(bytes[page + 4])).map { cell in
        let pointer = page + Self.interiorHeaderByteCount + 2 * cell
        return page + Int(bytes[pointer]) << 8 + Int(bytes[pointer + 1]) + Self.childByteCount
      }
      let key = try #require(keys.first { bytes[$0] == UInt8(notice) })
      bytes[key] += 1
    }
    return ids[5..<32] + [notice, notice + 1]
  }

  @Test func `a batch that is found only through the one before comes out once`() throws {
    let directory = try TestDirectory()
    let ids = try makeHidden(directory)
    let test = try TestSpool(directory.path)
    var found: [Int64] = []
    try test.drain { found.append($0.id) }
    #expect(found == ids)
    #expect(test.damages.map(\.batchCount) == [0])
  }

  @Test func `an answered batch that is not found is gone, or found after all`() throws {
    let directory = try TestDirectory()
    let ids = try makeHidden(directory)
    let test = try TestSpool(directory.path)
    _ = try test.spool.store([], removing: [ids[0]])
    // It is gone, and that is correct.
    _ = try test.spool.store([], removing: [ids[0]])
    #expect(test.damages.isEmpty)
    _ = try test.spool.store([], removing: ids.suffix(1))
    #expect(test.damages.map(\.batchCount) == [0])
    #expect(test.spool.totals.batchCount == ids.count - 2)
    var found: [Int64] = []
    try test.drain { found.append($0.id) }
    #expect(found == Array(ids[1..<ids.count - 1]))
    #expect(test.damages.count == 1)
  }

  @Test func `whichever bit of a page is wrong, everything that SQLite still reads is saved`() throws {
    let directory = try TestDirectory()
    let path = "\(directory.path)/spool.db"
    var ids: [Int64] = []
    do { ids = try TestSpool(directory.path).store("1", "2", "3") }
    let bytes = try #require(SpoolFiles.read(path))
    let page = try #require(places(of: Array(web.text.utf8), Self.tableLeaf, in: bytes).last) / Self.pageByteCount
    let range = page * Self.pageByteCount..<(page + 1) * Self.pageByteCount
    // The header, the cell pointers and the cells; the rest is zeros.
    let cells = try #require(bytes[range].dropFirst(20).firstIndex { $0 != 0 })
    let file = open(path, O_RDWR)
    defer { close(file) }
    var readCount = 0
    for index in Array(range.prefix(20)) + Array(cells..<range.upperBound) {
      for bit in 0..<8 {
        #expect(pwrite(file, [bytes[index] ^ 1 << UInt8(bit)], 1, off_t(index)) == 1)
        var saved: Set<Int64> = []
        SpoolScan.run(try SpoolPages.open(path)) { if case .batch(let row) = $0 { saved.insert(row.id) } }
        let database = try Database(path, mode: .immutable, vfs: nil)
        for id in ids {
          let statement = try database.prepare("SELECT * FROM batches WHERE id = \(id)")
          do {
            guard try statement.step(), SpoolRow(id: statement.integer(0), values: statement) != nil else { continue }
          } catch { continue }
          readCount += 1
          #expect(saved.contains(id), "batch \(id), byte \(index - range.lowerBound), bit \(bit)")
        }
      }
      #expect(pwrite(file, [bytes[index]], 1, off_t(index)) == 1)
    }
    #expect(readCount > 0)
  }

  @Test(arguments: [false, true])
  func `an unordered index neither blocks nor reorders batches`(isRenewed: Bool) throws {
    let directory = try TestDirectory()
    do {
      let killed = try TestDirectory()
      let test = try TestSpool(killed.path)
      var ids = try test.store("1")
      if !isRenewed { ids += try test.store("2", "3") }
      try SpoolFiles.copy(killed.path, to: directory.path)
      // After a crash new batches have a new identity, so the first batch's window ends before them.
      let reopened = try TestSpool(directory.path)
      if isRenewed { ids += try reopened.store("2", "3") }
      reopened.spool.close()
      try change(directory) { bytes in
        // The id of the second becomes negative.
        let entry = Array(web.text.utf8) + [UInt8(ids[1])]
        let place = try #require(places(of: entry, Self.indexLeaf, in: bytes).first)
        bytes[place + entry.count - 1] |= 0x80
      }
    }
    let test = try TestSpool(directory.path)
    var texts: [String] = []
    try test.drain { texts.append($0.text) }
    #expect(texts == ["1", "2", "3"])
    #expect(test.damages.map(\.batchCount) == [0])
  }
}
