import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Repairs where what a segment says of its streams is damaged, or the segment is in its WAL alone.
@Suite struct LostStreamsTests {
  private static let streamCount = 600
  private static let newest = "data/segments/0000000002.db"

  private static func name(_ stream: Int) -> String { "service/with/a/long/name/\(stream)" }

  /// Two segments with an entry of each stream in each, but the last 100 in the second alone.
  private static func make(_ directory: TestDirectory, _ clock: TestClock) throws {
    let test = try TestStore(directory, clock)
    for segment in 0..<2 {
      if segment == 1 { test.roll(clock) }
      for stream in 0..<(segment == 0 ? streamCount - 100 : streamCount) {
        let isFirst = segment == 0 || stream >= streamCount - 100
        let outcome = test.append(
          Self.name(stream), .test("\(stream) in \(segment)"), producer: UInt64(stream) + 1, number: isFirst ? 1 : 2)
        try #require(outcome?.first == (isFirst ? 1 : 2))
      }
    }
    test.close()
    // All is in the file.
    let database = try Database(directory.path + "/" + newest, mode: .readWrite, vfs: nil)
    _ = try database.text("PRAGMA wal_checkpoint(TRUNCATE)")
  }

  /// Where the page of the table of streams begins that has the row of a stream. Its name alone can also stand in
  /// what a page has kept of rows that moved to others.
  private static func page(of stream: Int, _ content: [UInt8]) throws -> Int {
    let name = Array(Self.name(stream).utf8)
    for page in stride(from: 0, to: content.count, by: SegmentSchema.pageByteCount) {
      // A leaf of a table.
      guard content[page] == 0x0d else { continue }
      func number(at place: Int) -> Int { Int(content[page + place]) << 8 | Int(content[page + place + 1]) }
      for cell in (0..<number(at: 3)).map({ page + number(at: 8 + 2 * $0) }) {
        // The length of what comes behind itself and the row's number; those of other tables may be longer.
        let end = cell + 3 + Int(content[cell])
        if end <= content.count, content[cell..<end].firstRange(of: name) != nil { return page }
      }
    }
    throw Missing()
  }

  private struct Missing: Error {}

  enum Damage: CaseIterable {
    /// Zeros.
    case content
    /// Fewer rows than there are, which SQLite takes for true.
    case rowCount
  }

  @Test(arguments: Damage.allCases) func `streams that another segment names are saved, and others are named as lost`(
    _ damage: Damage
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.make(directory, clock)
    var content = directory.contents(Self.newest)
    for stream in [200, Self.streamCount - 50] {
      let page = try Self.page(of: stream, content)
      switch damage {
      case .content: for index in page..<page + SegmentSchema.pageByteCount { content[index] = 0 }
      case .rowCount: content[page + 4] = 1
      }
    }
    directory.write(Self.newest, content)
    #expect(try CheckTests.damage(directory.data) != [])
    let repaired = try RepairTests.repair(directory)
    let lost = repaired.findings.filter { $0.kind == .lost }
    #expect(try CheckTests.damage(directory.data) == [])
    let test = try TestStore(directory, clock)
    var lostCount = 0
    for stream in 0..<Self.streamCount {
      let isOld = stream < Self.streamCount - 100
      guard let info = test.info(Self.name(stream)) else {
        #expect(!isOld, "\(stream)")
        lostCount += 1
        continue
      }
      let texts = (isOld ? ["\(stream) in 0"] : []) + ["\(stream) in 1"]
      #expect(try test.readAll(Self.name(stream)) == .init(texts: texts, skips: []), "\(stream)")
      #expect(info.head == UInt64(texts.count))
    }
    // Those on one page; rows that are not counted are there.
    #expect(damage == .content ? (1...100).contains(lostCount) : lostCount == 0)
    #expect(lost.count == lostCount)
    let words = "of a stream whose name and incarnation are lost"
    #expect(lost.allSatisfy { $0.text.contains(words) }, "\(lost.prefix(3))")
    test.close()
  }

  @Test func `a stream that was deleted does not come back with the others`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.make(directory, clock)
    do {
      let test = try TestStore(directory, clock)
      _ = try test.delete(Self.name(7)).get()
      test.close()
    }
    do {
      let database = try Database(directory.path + "/" + Self.newest, mode: .readWrite, vfs: nil)
      _ = try database.text("PRAGMA wal_checkpoint(TRUNCATE)")
    }
    var content = directory.contents(Self.newest)
    let page = try Self.page(of: 300, content)
    for index in page..<page + SegmentSchema.pageByteCount { content[index] = 0 }
    directory.write(Self.newest, content)
    let repair = try RepairTests.repair(directory)
    let test = try TestStore(directory, clock)
    #expect(test.info(Self.name(7)) == nil, "page \(page / SegmentSchema.pageByteCount) was lost: \(repair)")
    #expect(try test.readAll(Self.name(300)).texts == ["300 in 0", "300 in 1"])
  }

  // MARK: the WAL

  enum Loss: CaseIterable { case file, header, walHeader }

  @Test(arguments: Loss.allCases) func `what is in the WAL of a segment that cannot be opened is saved`(
    _ loss: Loss
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false)
    let crashed = directory.copy()
    test.close()
    let (file, wal) = ("data/segments/0000000003.db", "data/segments/0000000003.db-wal")
    #expect(crashed.contents(wal).count > 20_000)
    switch loss {
    case .file: crashed.remove(file)
    case .header, .walHeader:
      var content = crashed.contents(file)
      for index in 0..<100 { content[index] = 0xee }
      crashed.write(file, content)
      var log = crashed.contents(wal)
      // SQLite takes nothing of it.
      for index in 0..<(loss == .header ? 4 : 32) { log[index] ^= 0x55 }
      crashed.write(wal, log)
    }
    crashed.remove("data/segments/0000000003.db-shm")
    let repaired = try RepairTests.repair(crashed)
    #expect(repaired.summary.newest == 4)
    try RepairTests.verify(crashed, clock, lossMax: 0, "\(loss)")
  }

  @Test func `a page far behind those that the WAL has is saved, though the file is gone`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    let filling = try TestStore(directory, clock)
    let texts = (31...90).map { "\($0) " + String(repeating: "y", count: 9000) }
    #expect(filling.append("web", .test(texts), producer: 60, number: 1)?.first == 31)
    filling.close()
    let test = try TestStore(directory, clock)
    #expect(test.append("web", .test("last"), producer: 61, number: 1)?.first == 91)
    let crashed = directory.copy()
    test.close()
    let file = "data/segments/0000000003.db"
    #expect(2 * crashed.contents("\(file)-wal").count < crashed.contents(file).count)
    crashed.remove(file)
    _ = try RepairTests.repair(crashed)
    let reading = try TestStore(crashed, clock).readAll("web")
    #expect(reading.texts.last == "last" && reading.skips.last?.to == 90)
  }

  @Test func `commits behind damage in the WAL are named, and saved when the segment is repaired`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false)
    let crashed = directory.copy()
    test.close()
    #expect(try CheckTests.findings(crashed.data) == [])
    let wal = "data/segments/0000000003.db-wal"
    var log = crashed.contents(wal)
    let frameByteCount = 24 + SegmentSchema.pageByteCount
    let frameCount = (log.count - 32) / frameByteCount
    // Begun anew, it has only the header of what follows: what is left of before is nothing that is lost.
    var renewed = log
    renewed[16] ^= 1
    var check: (UInt32, UInt32) = (0, 0)
    for offset in stride(from: 0, to: 24, by: 8) {
      func word(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(renewed[offset + $1]) << (8 * UInt32($1)) } }
      check.0 &+= word(offset) &+ check.1
      check.1 &+= word(offset + 4) &+ check.0
    }
    for (place, value) in [(24, check.0), (28, check.1)] {
      for index in 0..<4 { renewed[place + index] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(index))) }
    }
    #expect(WALPages(log)?.unreachedCommitCount == 0 && WALPages(renewed)?.unreachedCommitCount == 0)
    let empty = [UInt8](repeating: 0, count: SegmentSchema.pageByteCount)
    #expect(WALPages(renewed)?.applied(to: empty, isWholeOnly: false) == empty)
    // In a page, then in the number of a page.
    for (place, lossMax) in [(100, 2), (3, 2)] {
      let damaged = crashed.copy()
      log = crashed.contents(wal)
      log[32 + frameCount / 2 * frameByteCount + place] ^= 0x04
      damaged.write(wal, log)
      let notes = try CheckTests.findings(damaged.data)
      #expect(notes.map(\.kind) == [.note] && notes.first?.file.hasSuffix("-wal") == true, "\(notes)")
      let started = damaged.copy()
      let warned = try TestStore(started, clock)
      #expect(warned.sink.lines.contains { $0.contains("it ends for SQLite before") })
      warned.close()
      // Something else has it made anew.
      var content = damaged.contents("data/segments/0000000003.db")
      for index in 0..<100 { content[index] = 0xee }
      damaged.write("data/segments/0000000003.db", content)
      log[0] ^= 0x55
      damaged.write(wal, log)
      _ = try RepairTests.repair(damaged)
      try RepairTests.verify(damaged, clock, lossMax: lossMax, "damage at \(place)")
    }
  }

  @Test func `of what went around the journal and lies behind damage in the WAL, a check has a note`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false, hasJournal: true)
    let texts = (31...330).map { "\($0) " + String(repeating: "y", count: 1000) }
    #expect(test.append("web", .test(texts), producer: 60, number: 1)?.first == 31)
    let crashed = directory.copy()
    test.close()
    let wal = "data/segments/0000000003.db-wal"
    var log = crashed.contents(wal)
    // The last frame but two is in the last transaction.
    log[log.count - 2 * (24 + SegmentSchema.pageByteCount) - 100] ^= 1
    crashed.write(wal, log)
    #expect(try CheckTests.findings(crashed.data).map(\.kind) == [.note])
    #expect(try RepairTests.repair(crashed).summary.isNothingDamaged)
    let started = try TestStore(crashed, clock)
    #expect(started.sink.lines.contains { $0.contains("it ends for SQLite before") })
    #expect(try started.readAll("web").texts == (1...30).map { "\($0)" })
  }
}
