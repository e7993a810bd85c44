import Glibc
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// A check finds what is not as it was written, and nothing else.
@Suite struct CheckTests {
  static func findings(_ path: String) throws -> [Finding] {
    var check = try StoreCheck(directory: path)
    var findings: [Finding] = []
    try check.run { findings.append($0) }
    return findings
  }

  static func damage(_ path: String) throws -> [Finding] { try findings(path).filter { $0.kind == .damage } }

  /// Damages a batch.
  static let flip =
    "UPDATE runs SET batches = substr(batches, 1, 100) || x'ee' || substr(batches, 102) WHERE id = 3"

  /// Settings of a store that removes soon what is to be removed.
  static func quick(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.retentionInterval = .milliseconds(2)
    configuration.rewriteDelay = .milliseconds(1)
    configuration.elapsed = { clock.now }
    // Segments are rewritten for what is removed from them alone.
    configuration.upkeepProcessorPercent = 0
    return configuration
  }

  /// Three segments with two streams and three producers; entries `1` to `30` of `web`.
  static func make(
    _ directory: TestDirectory, _ clock: TestClock, closes: Bool = true, hasJournal: Bool = false
  ) throws -> TestStore {
    var configuration = TestStore.configuration(directory, clock)
    if hasJournal { configuration.journalByteCount = 64 << 10 }
    let test = try TestStore(configuration, in: directory, commitsHere: hasJournal)
    for number in 1...30 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), producer: number % 3 + 1, number: (number + 2) / 3)
      test.append("app/db", .test(["a \(number)", "b \(number)"]), producer: 9, number: number)
      if number % 12 == 0 { test.roll(clock) }
    }
    if closes { test.close() }
    return test
  }

  @Test func `a store that is well has nothing to find, open and closed, and nothing of it is changed`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try Self.make(directory, clock, closes: false)
    #expect(try Self.findings(directory.data) == [])
    test.close()
    let before = (directory.names(), directory.contents("data/store"), directory.contents("data/journal"))
    var check = try StoreCheck(directory: directory.data)
    try check.run { Issue.record("\($0)") }
    #expect(check.summary.segmentCount == 3 && check.summary.streamCount == 3)
    #expect(check.summary.entryCount == 30 + 60 + 2)
    #expect(directory.names() == before.0)
    #expect(directory.contents("data/store") == before.1 && directory.contents("data/journal") == before.2)
  }

  @Test func `what was deleted, rewritten, trimmed and restored is no damage`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.quick(directory, clock)
    let test = try TestStore(configuration, in: directory)
    for number in 1...20 as ClosedRange<UInt64> {
      test.append("web", .test(["\(number)", "x"]), number: number)
      test.append("gone", .test("\(number)"), producer: 2, number: number)
    }
    test.roll(clock)
    for number in 21...30 as ClosedRange<UInt64> { test.append("web", .test(["\(number)", "x"]), number: number) }
    _ = try test.delete("web", 5...9).get()
    _ = try test.delete("gone").get()
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(try Self.findings(directory.data) == [])
    test.append("gone", .test("again"), producer: 2, number: 100)
    test.close()
    #expect(try Self.findings(directory.data) == [])
    let copy = directory.copy()
    let again = try TestStore(copy, clock)
    again.append("web", .test("31"), number: 31)
    again.close()
    #expect(try Self.findings(copy.data) == [])
  }

  @Test func `what a crash leaves is no damage`() throws {
    let directory = TestDirectory()
    let test = try Self.make(directory, TestClock(), closes: false)
    let copy = directory.copy()
    #expect(try Self.damage(copy.data) == [])
    test.close()
  }

  /// The change of a segment out of WAL mode goes through a rollback journal.
  @Test func `what a crash leaves while a segment is sealed is no damage`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try Self.make(directory, clock)
    let name = "segments/0000000002.db"
    var content = directory.contents("data/" + name)
    let page = Array(content[..<SegmentSchema.pageByteCount])
    func bytes(_ numbers: Int...) -> [UInt8] {
      numbers.flatMap { number in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) } }
    }
    // https://www.sqlite.org/fileformat.html, 3: a header for one page, the page, and its checksum.
    var journal: [UInt8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]
    journal += bytes(1, 7, content.count / page.count, 512, page.count)
    journal += [UInt8](repeating: 0, count: 512 - journal.count)
    let places = stride(from: page.count - 200, to: 0, by: -200)
    journal += bytes(1) + page + bytes(places.reduce(7) { $0 + Int(page[$1]) })
    try PosixFileSystem().write(directory.data + "/" + name + "-journal", journal)
    // As it was before, and half done.
    for version: UInt8 in [1, 2] {
      (content[18], content[19]) = (version, version)
      directory.write("data/" + name, content)
      #expect(try Self.findings(directory.data) == [])
      #expect(try RepairTests.repair(directory, isDryRun: true).summary.isNothingDamaged)
    }
    #expect(directory.contents("data/" + name + "-journal") == journal)
    let test = try TestStore(directory, clock)
    #expect(try test.readAll("web").texts == (1...30).map { "\($0)" })
  }

  @Test func `a bit in a batch, a page of the index, marks and counts`() throws {
    for (sql, text) in [
      (Self.flip, "their check"),
      ("UPDATE runs SET first_seq = first_seq + 100 WHERE id = 3", "their check"),
      ("DELETE FROM runs WHERE id = 3", "are not there"),
      ("UPDATE runs SET count = 7 WHERE id = 3", "another number of entries"),
      ("UPDATE runs SET max_time = min_time - 1 WHERE id = 3", "another times"),
      ("UPDATE runs SET stream = 77 WHERE id = 3", "never been"),
      ("UPDATE marks SET producer_check = producer_check + 1 WHERE rowid IN (SELECT 1)", ""),
      ("UPDATE streams SET next = next + 1 WHERE name = 'web'", "its table of streams has 'web' begin"),
      ("UPDATE block_groups SET min_time = min_time - 1", "index of words"),
      ("UPDATE segment SET number = 9", "it says that it is segment 9"),
      ("UPDATE segment SET store = randomblob(16)", "another store"),
    ] where !text.isEmpty {
      let directory = TestDirectory()
      _ = try Self.make(directory, TestClock())
      try PartialDamageTests.change(directory, sql, file: "0000000002.db")
      let found = try Self.damage(directory.data)
      #expect(found.contains { $0.text.contains(text) && $0.file == "segments/0000000002.db" }, "\(sql): \(found)")
      #expect(found.allSatisfy { $0.file == "segments/0000000002.db" }, "\(found)")
    }
  }

  @Test func `files that are missing, cut, swapped and mixed up`() throws {
    let directory = TestDirectory()
    _ = try Self.make(directory, TestClock())
    let (first, second) = (
      directory.contents("data/segments/0000000001.db"), directory.contents("data/segments/0000000002.db")
    )
    directory.remove("data/segments/0000000001.db")
    #expect(try Self.damage(directory.data).map(\.file) == ["segments/0000000001.db"])
    try PosixFileSystem().write(directory.data + "/segments/0000000001.db", second)
    directory.write("data/segments/0000000002.db", first)
    #expect(
      try Self.damage(directory.data).map(\.text) == ["it says that it is segment 1", "it says that it is segment 2"])
    directory.write("data/segments/0000000001.db", first)
    directory.write("data/segments/0000000002.db", Array(second.prefix(second.count / 2)))
    #expect(try Self.damage(directory.data).contains { $0.file == "segments/0000000002.db" })
    directory.write("data/segments/0000000002.db", [])
    #expect(try Self.damage(directory.data).map(\.text) == ["it cannot be read: it is not a segment"])
    directory.write("data/segments/0000000002.db", second)
    #expect(try Self.findings(directory.data) == [])
    let store = directory.contents("data/store")
    // The last one makes another format of it.
    for place in [20, 11] {
      var damaged = store
      damaged[place] ^= 2
      directory.write("data/store", damaged)
      #expect(try Self.damage(directory.data).map(\.file) == ["store"])
    }
  }

  @Test func `a journal that the next start needs`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.journalByteCount = 64 << 10
    let test = try TestStore(configuration, in: directory)
    for number in 1...5 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    let copy = directory.copy()
    test.close()
    #expect(try Self.damage(copy.data) == [])
    // A crash before a new one gets its name.
    let journal = copy.contents("data/journal")
    #expect(rename(copy.data + "/journal", copy.data + "/journal.tmp") == 0)
    #expect(try Self.findings(copy.data) == [])
    try BackupTests.backup(copy)
    #expect(try Self.findings(copy.path + "/backup") == [])
    #expect(copy.contents("backup/journal") == journal)
    copy.remove("data/journal.tmp")
    #expect(try Self.damage(copy.data).map(\.file) == ["journal"])
    try PosixFileSystem().write(copy.data + "/journal", [])
    #expect(try Self.findings(copy.data).map(\.kind) == [.note])
  }

  @Test func `what is no data directory, and one of a newer version, is refused`() throws {
    let directory = TestDirectory()
    #expect(throws: StoreError.self) { try StoreCheck(directory: directory.path) }
    #expect(throws: StoreError.self) { try StoreCheck(directory: directory.path + "/none") }
    _ = try Self.make(directory, TestClock())
    try PartialDamageTests.change(directory, "PRAGMA user_version=99", file: "0000000003.db")
    #expect(throws: StoreError.self) { try Self.findings(directory.data) }
  }
}
