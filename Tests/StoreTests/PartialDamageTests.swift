import CFaultVFS
import CSQLite
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Damage to a part of a sealed segment costs that part, and temporary damage costs nothing.
@Suite struct PartialDamageTests {
  private static let failedRead = SQLITE_IOERR | (1 << 8)

  /// Changes a segment of a closed store with SQL.
  static func change(_ directory: TestDirectory, _ sql: String, file: String = "0000000001.db") throws {
    try Database(directory.data + "/segments/" + file, mode: .readWrite, vfs: nil).execute(sql)
  }

  /// Overwrites the first page of a table or an index with nonsense.
  private static func overwrite(_ directory: TestDirectory, rootOf name: String) throws {
    let path = directory.data + "/segments/0000000001.db"
    let page = try Database(path, mode: .readWrite, vfs: nil)
      .integer("SELECT rootpage FROM sqlite_master WHERE name = '\(name)'")
    var content = directory.contents("data/segments/0000000001.db")
    for index in Int(page - 1) * 8192..<Int(page) * 8192 { content[index] = 0xee }
    directory.write("data/segments/0000000001.db", content)
  }

  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.markForwardCountMax = 0
    return configuration
  }

  @Test func `a damaged page of marks costs marks, not the entries of the segment`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    do {
      let test = try TestStore(configuration)
      test.append("web", .test("0"), producer: 5, number: 1)
      test.roll(clock)
      for number in 1...10 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
      test.roll(clock)
      test.append("web", .test("11"), number: 11)
      test.close()
    }
    // The older segment is intact: its marks are found past the damage.
    let names = directory.contents("data/segments/0000000001.db")
    let second = directory.contents("data/segments/0000000002.db")
    directory.write("data/segments/0000000001.db", second)
    try Self.overwrite(directory, rootOf: "marks")
    let damaged = directory.contents("data/segments/0000000001.db")
    directory.write("data/segments/0000000001.db", names)
    directory.write("data/segments/0000000002.db", damaged)
    let test = try TestStore(configuration)
    #expect(test.append("web", .test("12"), producer: 77, number: 1)?.first == 13)
    #expect(test.append("web", .test("0"), producer: 5, number: 1)?.isDuplicate == true)
    #expect(try test.readAll("web") == TestStore.Reading(texts: (0...12).map { "\($0)" }))
    #expect(test.store.statistics.damagedSegmentCount == 1)
    #expect(test.sink.waitForLine("0000000002.db"))
  }

  @Test func `a segment with a damaged batch gets no index, and a line in the log`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      for number in 1...3 as ClosedRange<UInt64> { test.append("web", .test("entry \(number)"), number: number) }
      test.close()
    }
    try Self.change(
      directory, "UPDATE runs SET batches = substr(batches, 1, length(batches) - 1) || x'ee' WHERE first_seq = 2")
    let test = try TestStore(directory, clock)
    test.roll(clock)
    #expect(test.sink.waitForLine("segment 1 gets no index: a batch does not pass its check. "))
    let reading = try test.readAll("web")
    #expect(reading.texts == ["entry 1", "entry 3"])
    #expect(reading.skips == [TestStore.Reading.Skip(from: 2, to: 2, reason: .lost)])
  }

  @Test func `a damaged run costs only itself in a search for a time`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      let text = String(repeating: "x", count: 100_000)
      for number in 1...10 as ClosedRange<UInt64> {
        test.append("web", .test([text], times: [Int64(number)]), number: number)
      }
      test.append("other", .test("o"), number: 1)
      test.roll(clock)
      test.append("web", .test(["11"], times: [11]), number: 11)
      test.close()
    }
    // A page in the middle of a long row, whose next page is none: the chain of pages is broken there.
    var content = directory.contents("data/segments/0000000001.db")
    let page = try #require(
      (content.count / 16384..<content.count / 8192).first { page in
        [100, 8000].allSatisfy { content[page * 8192 + $0] == UInt8(ascii: "x") }
          && content[page * 8192..<page * 8192 + 4].contains { $0 != 0 }
      })
    content[page * 8192] = 0x7f
    directory.write("data/segments/0000000001.db", content)
    let test = try TestStore(directory, clock)
    let before = try test.readAll("web")
    #expect(before.texts.count == 10)
    #expect(before.skips.count == 1)
    let lost = try #require(before.skips.first).from
    for time in 1...11 as ClosedRange<UInt64> {
      #expect(test.findSequence("web", atOrAfter: Int64(time)) == (time == lost ? time + 1 : time))
      #expect(test.findSequence("web", atOrBefore: Int64(time)) == (time == lost ? time - 1 : time))
    }
    #expect(try test.readAll("web") == before)
    #expect(try test.readAll("other").texts == ["o"])
  }

  @Test func `a read that fails temporarily costs nothing`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory, clock)
    configuration.markForwardCountMax = 0
    do {
      let test = try TestStore(configuration)
      for number in 1...3 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
      test.roll(clock)
      test.append("web", .test("4"), producer: 2, number: 1)
      test.close()
    }
    for skip in 0..<8 {
      let test = try TestStore(configuration)
      let fault = FaultDisk.Fault(
        operation: FAULT_READ, suffix: "0000000001.db", code: Self.failedRead, skip: skip, count: 1)
      disk.inject(fault)
      #expect(try test.readAll("web") == TestStore.Reading(texts: ["1", "2", "3", "4"]))
      disk.heal()
      disk.inject(fault)
      #expect(test.findSequence("web", atOrAfter: 0) == 1)
      disk.heal()
      // As long as the disk fails, nobody knows whether the batch is stored; then it is known again.
      disk.inject(.init(operation: FAULT_READ, suffix: "0000000001.db", code: Self.failedRead))
      let outcome = test.append("web", .test("1"), number: 1)
      #expect(outcome?.refusal?.isRetryable == true || outcome?.isDuplicate == true)
      disk.heal()
      #expect(test.append("web", .test("1"), number: 1)?.isDuplicate == true)
      #expect(try test.readAll("web") == TestStore.Reading(texts: ["1", "2", "3", "4"]))
    }
  }

  @Test func `a segment emptied beside its WAL is lost and left as it is, and the store starts`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try DamageTests.makeTwoSegments(directory, clock)
    directory.write("data/segments/0000000001.db", [])
    try PosixFileSystem().write(directory.data + "/segments/0000000001.db-wal", [])
    let test = try TestStore(directory, clock)
    #expect(
      try test.readAll("web") == TestStore.Reading(texts: ["6"], skips: [.init(from: 1, to: 5, reason: .lost)]))
    #expect(test.append("web", .test("7"), producer: 5, number: 1)?.first == 7)
    test.close()
    #expect(directory.contents("data/segments/0000000001.db").isEmpty)
  }

  @Test func `another store's segment beside a WAL is lost and left as it is`() throws {
    let directory = TestDirectory()
    let other = TestDirectory()
    let clock = TestClock()
    try DamageTests.makeTwoSegments(directory, clock)
    try DamageTests.makeTwoSegments(other, clock)
    let content = other.contents("data/segments/0000000001.db")
    directory.write("data/segments/0000000001.db", content)
    try PosixFileSystem().write(directory.data + "/segments/0000000001.db-wal", [])
    let test = try TestStore(directory, clock)
    #expect(
      try test.readAll("web") == TestStore.Reading(texts: ["6"], skips: [.init(from: 1, to: 5, reason: .lost)]))
    test.close()
    #expect(directory.contents("data/segments/0000000001.db") == content)
  }

  @Test func `a segment without its tables is lost, and producers can go on`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try DamageTests.makeTwoSegments(directory, clock)
    // The first page without cells, as a lost write leaves it.
    var content = directory.contents("data/segments/0000000001.db")
    content[103] = 0
    content[104] = 0
    directory.write("data/segments/0000000001.db", content)
    let test = try TestStore(directory, clock)
    #expect(
      try test.readAll("web") == TestStore.Reading(texts: ["6"], skips: [.init(from: 1, to: 5, reason: .lost)]))
    #expect(test.append("web", .test("7"), producer: 5, number: 1)?.first == 7)
    #expect(test.findSequence("web", atOrAfter: 0) == 6)
  }
}
