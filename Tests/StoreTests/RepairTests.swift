import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// A repair saves what is whole, leaves alone what is well, and names the rest.
@Suite struct RepairTests {
  static func repair(
    _ directory: TestDirectory, isDryRun: Bool = false
  ) throws -> (summary: StoreRepair.Summary, findings: [Finding]) {
    var repair = try StoreRepair(directory: directory.data, isDryRun: isDryRun, keepsDamaged: true)
    var findings: [Finding] = []
    let summary = try repair.run { findings.append($0) }
    return (summary, findings)
  }

  private static func identities(_ directory: TestDirectory) throws -> [String: FileIdentity] {
    var identities: [String: FileIdentity] = [:]
    for name in directory.names() {
      identities[name] = try PosixFileSystem().identity(directory.data + "/segments/" + name)
    }
    return identities
  }

  @Test func `what is well is not touched`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    let before = try Self.identities(directory)
    let store = directory.contents("data/store")
    let done = try Self.repair(directory)
    #expect(done.summary.isNothingDamaged && done.findings == [])
    #expect(try Self.identities(directory) == before)
    #expect(directory.contents("data/store") == store)
    try PartialDamageTests.change(directory, CheckTests.flip, file: "0000000002.db")
    let damaged = directory.contents("data/segments/0000000002.db")
    // A dry run says the same as the repair, and does nothing.
    let dry = try Self.repair(directory, isDryRun: true)
    #expect(directory.contents("data/segments/0000000002.db") == damaged && directory.names("data/damaged") == [])
    #expect(try Self.identities(directory) == before)
    let repaired = try Self.repair(directory)
    #expect(repaired.summary == dry.summary && repaired.findings == dry.findings)
    #expect(repaired.summary.rebuiltSegments == [2] && repaired.summary.newest == nil)
    #expect(repaired.findings.contains { $0.kind == .lost && $0.numbers?.size ?? 9 <= 2 })
    let after = try Self.identities(directory)
    for name in ["0000000001.db", "0000000003.db"] { #expect(after[name] == before[name]) }
    #expect(directory.contents("data/damaged/0000000002.db") == damaged)
    let left = try CheckTests.findings(directory.data)
    #expect(left.allSatisfy { $0.kind == .lost } && left.count == 1, "\(left)")
    let incarnation = try Self.incarnation(directory)
    let test = try TestStore(directory, clock)
    #expect(test.info("web")?.incarnation == incarnation)
    let (web, other) = (try test.readAll("web"), try test.readAll("app/db"))
    #expect(web.texts.count + other.texts.count >= 88 && web.skips.count + other.skips.count == 1)
    #expect((web.skips + other.skips).allSatisfy { $0.reason == .lost })
    // Marks are kept.
    #expect(test.append("web", .test("30"), producer: 1, number: 10)?.isDuplicate == true)
    test.close()
  }

  static func incarnation(_ directory: TestDirectory) throws -> Incarnation? {
    let database = try Database(directory.data + "/segments/0000000001.db", mode: .immutable, vfs: nil)
    let rows = try database.prepare("SELECT incarnation FROM streams WHERE name = 'web'")
    return try rows.step() ? Incarnation(rows.bits(0)) : nil
  }

  /// What each damage costs: how many entries of `web` and `app/db` may be lost.
  @Test func `structure, tables and files cost nothing, or what they held`() throws {
    for (file, sql, lossMax, isReplaced) in [
      ("0000000002.db", "DROP INDEX runs_by_stream", 0, false),
      ("0000000002.db", "UPDATE block_groups SET min_time = min_time - 1", 0, false),
      ("0000000002.db", "DELETE FROM streams", 0, false),
      ("0000000002.db", "UPDATE streams SET next = next + 1 WHERE name = 'web'", 0, false),
      ("0000000002.db", "UPDATE runs SET stream = 77 WHERE id = 3", 0, false),
      ("0000000002.db", "UPDATE runs SET first_seq = first_seq + 100 WHERE id = 3", 0, false),
      ("0000000002.db", "UPDATE runs SET count = 9, max_time = 0 WHERE id = 3", 0, false),
      ("0000000002.db", "UPDATE segment SET number = 9", 0, false),
      ("0000000003.db", "UPDATE streams SET name = 'wen' WHERE name = 'web'", 0, true),
      ("0000000003.db", "UPDATE streams SET next = next + 1 WHERE name = 'web'", 0, true),
      ("0000000003.db", "DELETE FROM runs WHERE id = 3", 2, true),
    ] {
      let directory = TestDirectory()
      let clock = TestClock()
      _ = try CheckTests.make(directory, clock)
      try PartialDamageTests.change(directory, sql, file: file)
      let repaired = try Self.repair(directory)
      #expect(repaired.summary.newest == (isReplaced ? 4 : nil), "\(sql)")
      try Self.verify(directory, clock, lossMax: lossMax, sql)
    }
  }

  @Test func `segments that are missing, exchanged and emptied`() throws {
    for number in 1...3 {
      let directory = TestDirectory()
      let clock = TestClock()
      _ = try CheckTests.make(directory, clock)
      directory.remove("data/segments/000000000\(number).db")
      _ = try Self.repair(directory)
      try Self.verify(directory, clock, lossMax: 36, "missing \(number)")
    }
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    let first = directory.contents("data/segments/0000000001.db")
    directory.write("data/segments/0000000001.db", directory.contents("data/segments/0000000002.db"))
    directory.write("data/segments/0000000002.db", first)
    _ = try Self.repair(directory)
    try Self.verify(directory, clock, lossMax: 0, "exchanged")
    let emptied = TestDirectory()
    _ = try CheckTests.make(emptied, clock)
    emptied.write("data/segments/0000000002.db", [])
    _ = try Self.repair(emptied)
    try Self.verify(emptied, clock, lossMax: 36, "emptied")
  }

  @Test func `what is there of the page where a file was cut is saved`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    let newest = "data/segments/0000000003.db"
    let content = directory.contents(newest)
    var pages: Set<Int> = []
    for scan in PageScan.scans(content) { scan.forEachRow([]) { pages.formUnion($0.pages) } }
    #expect(pages.count == 1)
    // The first row of a page lies at its end.
    directory.write(newest, Array(content.prefix((pages.first ?? 1) * SegmentSchema.pageByteCount - 1)))
    _ = try Self.repair(directory)
    try Self.verify(directory, clock, lossMax: 2, "cut")
  }

  @Test func `without the file store the segments say it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    let incarnation = try Self.incarnation(directory)
    directory.remove("data/store")
    #expect(try Self.repair(directory).summary.isStoreRebuilt)
    try Self.verify(directory, clock, lossMax: 0, "store")
    // Nobody knows whether it was as new as the segments.
    #expect(try TestStore(directory, clock).info("web")?.incarnation != incarnation)
  }

  @Test func `a stream that was deleted does not come back from the journal`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false, hasJournal: true)
    test.append("secret", .test("gone"), producer: 40, number: 1)
    _ = try test.delete("secret").get()
    test.append("web", .test("31"), producer: 41, number: 1)
    #expect(try test.readAll("web").texts.count == 31)
    let crashed = directory.copy()
    test.close()
    let newest = try #require(crashed.names().last { $0.hasSuffix(".db") })
    do {
      let database = try Database(crashed.data + "/segments/" + newest, mode: .readWrite, vfs: nil)
      try database.execute(
        "UPDATE runs SET batches = substr(batches, 1, 100) || x'ee' || substr(batches, 102) WHERE id = 1")
    }
    #expect(try Self.repair(crashed).summary.newest != nil)
    let again = try TestStore(crashed, clock)
    #expect(again.info("secret") == nil && again.info("web")?.head == 31)
  }

  @Test func `a value in the streams of the only segment costs nothing, and what was deleted stays so`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      for number in 1...9 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
      test.append("secret", .test("gone"), producer: 2, number: 1)
      _ = try test.delete("secret").get()
      _ = try test.delete("web", 4...5).get()
      test.close()
    }
    do {
      let database = try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
      try database.execute("UPDATE streams SET entries = -7 WHERE name = 'web'")
    }
    _ = try Self.repair(directory)
    let test = try TestStore(directory, clock)
    #expect(test.info("secret") == nil)
    let reading = try test.readAll("web")
    #expect(reading.texts == ["1", "2", "3", "6", "7", "8", "9"], "\(reading)")
    #expect(reading.skips.map(\.from) == [4] && reading.skips.map(\.to) == [5])
  }

  @Test(arguments: [true, false]) func `what is whole in a damaged journal is saved`(isHeader: Bool) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false, hasJournal: true)
    let old = test.info("web")?.incarnation
    // Once it has all so far, nothing gets from the journal into the segment.
    #expect(try test.readAll("web").texts.count == 30)
    let lock = try Database(directory.data + "/segments/0000000003.db", mode: .readWrite, vfs: nil)
    lock.setBusyTimeout(.seconds(10))
    try lock.execute("BEGIN IMMEDIATE")
    for number in 31...35 as ClosedRange<UInt64> {
      #expect(test.append("web", .test("\(number)"), producer: 1, number: number - 20)?.first == number)
    }
    let crashed = directory.copy()
    try lock.execute("ROLLBACK")
    test.close()
    var content = crashed.contents("data/journal")
    if isHeader {
      content[60] ^= 1
    } else {
      // Of the last but one.
      let records = (4096..<content.count - 4).filter { Array(content[$0..<$0 + 4]) == Array("JREC".utf8) }
      content[records[records.count - 2] + 60] ^= 1
    }
    crashed.write("data/journal", content)
    _ = try Self.repair(crashed)
    #expect(try CheckTests.damage(crashed.data) == [])
    let again = try TestStore(crashed, clock)
    #expect(again.info("web")?.incarnation != old)
    let reading = try again.readAll("web")
    #expect(reading.texts == (1...35).filter { isHeader || $0 != 34 }.map { "\($0)" })
    #expect(reading.skips == (isHeader ? [] : [.init(from: 34, to: 34, reason: .lost)]))
  }

  /// The store starts, a check finds no damage, every entry is the one of its number or lost, and the numbers go on.
  static func verify(_ directory: TestDirectory, _ clock: TestClock, lossMax: Int, _ what: String) throws {
    #expect(try CheckTests.damage(directory.data) == [], "\(what)")
    let test = try TestStore(directory, clock)
    var lostCount = 0
    for (stream, width) in [("web", 1), ("app/db", 2)] as [(String, UInt64)] {
      let reading = try test.readAll(stream)
      let head = test.info(stream)?.head ?? 0
      #expect(reading.skips.allSatisfy { $0.reason == .lost }, "\(what): \(reading.skips)")
      lostCount += reading.skips.reduce(0) { $0 + Int($1.to - $1.from + 1) } + 30 * Int(width) - Int(head)
      let lost = Set(reading.skips.flatMap { Array($0.from...$0.to) })
      let expected = (1...max(head, 1)).filter { !lost.contains($0) && head > 0 }.map { number in
        width == 1 ? "\(number)" : "\(number % 2 == 1 ? "a" : "b") \((number + 1) / 2)"
      }
      #expect(reading.texts == expected, "\(what)")
      #expect(test.append(stream, .test("next"), producer: 50, number: 1)?.first == head + 1, "\(what)")
    }
    #expect(lostCount <= lossMax, "\(what)")
    test.close()
    #expect(try CheckTests.damage(directory.data) == [], "\(what), afterwards")
  }

  @Test func `a backup and a directory in use are refused`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false)
    #expect(throws: StoreError.self) { try Self.repair(directory) }
    try BackupTests.backup(directory)
    #expect(throws: StoreError.self) {
      try StoreRepair(directory: directory.path + "/backup", isDryRun: true, keepsDamaged: true)
    }
    test.close()
  }
}
