import LogsDisk
import LogsWire
import Testing

@testable import LogsStore

/// The dictionary that a segment gets for its packed rows.
@Suite struct RowDictionaryTests {
  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = CheckTests.quick(directory, clock)
    configuration.tailCacheByteCountMax = 0
    configuration.noticesCopies = false
    configuration.rowSamplesByteCount = 16 << 10
    return configuration
  }

  private static func text(_ number: UInt64) -> String {
    "GET /api/v1/orders/\(number &* 7919 % 100_000) answered 200 in \(number * 37 % 1000) ms, secret\(number)"
  }
  private static func texts(_ numbers: ClosedRange<UInt64>) -> [String] { numbers.map(text) }

  /// Appends entries, each in a commit and so in a row of its own.
  private static func append(_ numbers: ClosedRange<UInt64>, to stream: String = "web", _ test: TestStore) {
    for number in numbers {
      let outcome = test.append(stream, .test([text(number)], times: [Int64(number) * 10]), number: number)
      #expect(outcome?.first == number)
    }
  }

  private static let count: UInt64 = 450

  /// A store whose first segment has packed rows with a dictionary.
  private static func make(_ directory: TestDirectory, _ clock: TestClock) throws -> TestStore {
    let test = try TestStore(configuration(directory, clock), in: directory, commitsHere: true)
    append(1...count, test)
    append(1...10, to: "db", test)
    return test
  }

  private static func database(_ directory: TestDirectory, _ file: String = "0000000001.db") throws -> Database {
    try Database("\(directory.data)/segments/\(file)", mode: .readOnly, vfs: nil)
  }

  private static func expectPackedRows(_ directory: TestDirectory) throws {
    let database = try database(directory)
    for table in SegmentDictionaries.tables {
      #expect(try database.integer("SELECT count(*) FROM \(table) WHERE stream = 0 AND length <= 16384") == 1)
    }
    let packed = "FROM runs WHERE unpacked_length > 0"
    let count = try database.integer("SELECT count(*) \(packed)")
    #expect(count > 150)
    let saved = try database.integer("SELECT sum(24 + unpacked_length - length(batches)) \(packed)")
    #expect(saved > 80 * count, "\(saved) bytes in \(count) rows")
    // Those before it are as they were.
    #expect(try database.integer("SELECT count(*) FROM runs WHERE unpacked_length = 0") > 60)
  }

  private static func verify(_ test: TestStore) throws {
    #expect(try test.readAll("web").texts == texts(1...count))
    #expect(try test.readAll("web", from: 257, byteCountMax: 1).texts == texts(257...count))
    #expect(try test.readAll("db").texts == texts(1...10))
    for number in [1, count / 2, count] {
      #expect(test.findSequence("web", atOrAfter: Int64(number) * 10 - 5) == number)
    }
    // A producer's last numbers are remembered.
    for number in [count - 20, count] {
      let outcome = test.append("web", .test([text(number)], times: [Int64(number) * 10]), number: number)
      #expect(outcome?.first == number && outcome?.isDuplicate == true)
    }
  }

  @Test func `rows of one batch are packed with it, and every read finds the same, open, restarted and sealed`() throws
  {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try Self.make(directory, clock)
      try Self.expectPackedRows(directory)
      try Self.verify(test)
      let crashed = directory.copy()
      let again = try TestStore(Self.configuration(crashed, clock), in: crashed, commitsHere: true)
      try Self.verify(again)
      again.append("db", .test(Self.text(11)), number: 11)
      #expect(try Self.database(crashed).integer("SELECT unpacked_length FROM runs ORDER BY id DESC LIMIT 1") > 0)
      #expect(try CheckTests.findings(crashed.data) == [])
      test.roll(clock)
      try Self.verify(test)
      test.close()
    }
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    try Self.verify(test)
    #expect(try CheckTests.findings(directory.data) == [])
    #expect(try Self.database(directory, "0000000002.db").integer("SELECT count(*) FROM dictionaries") == 0)
  }

  @Test func `a reader that was there before it unpacks rows behind it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.configuration(directory, clock), in: directory, commitsHere: true)
    for end in stride(from: 10, through: Self.count, by: 10) {
      Self.append(end - 9...end, test)
      #expect(try test.readAll("web", from: end - 9).texts == Self.texts(end - 9...end))
    }
  }

  @Test
  func `a segment that is opened between the dictionary and its copy gets the copy, and none depends on one alone`()
    throws
  {
    let directory = TestDirectory()
    let clock = TestClock()
    let database: Database
    var number: UInt64 = 0
    do {
      let test = try TestStore(Self.configuration(directory, clock), in: directory, commitsHere: true)
      database = try Self.database(directory)
      while try database.integer("SELECT count(*) FROM dictionaries") == 0 {
        number += 1
        try #require(number < 1000)
        Self.append(number...number, test)
      }
      #expect(try !SegmentSchema.has("dictionary_copies", database))
    }
    let test = try TestStore(Self.configuration(directory, clock), in: directory, commitsHere: true)
    while try !SegmentSchema.has("dictionary_copies", database) {
      #expect(try database.integer("SELECT count(*) FROM runs WHERE unpacked_length > 0") == 0)
      number += 1
      try #require(number < 2000)
      Self.append(number...number, test)
    }
    #expect(try database.integer("SELECT count(*) FROM dictionaries JOIN dictionary_copies USING (id, content)") == 1)
    number += 1
    Self.append(number...number, test)
    #expect(try database.integer("SELECT unpacked_length FROM runs ORDER BY id DESC LIMIT 1") > 0)
    #expect(try test.readAll("web").texts == Self.texts(1...number))
  }

  @Test(arguments: SegmentDictionaries.tables)
  func `one of the two is enough to read, a check finds the other, and a repair keeps everything`(table: String) throws
  {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.make(directory, clock).close()
    try PartialDamageTests.change(directory, "UPDATE \(table) SET content = zeroblob(length(content))")
    #expect(
      try CheckTests.damage(directory.data).map(\.text) == [
        "the dictionary of its packed rows is damaged in the table \(table)"
      ])
    do {
      let test = try TestStore(Self.configuration(directory, clock), in: directory, commitsHere: true)
      try Self.verify(test)
      #expect(test.append("late", .test(Self.text(11)), number: 1)?.first == 1)
      #expect(try test.readAll("late").texts == [Self.text(11)])
    }
    _ = try RepairTests.repair(directory)
    #expect(try CheckTests.damage(directory.data) == [])
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    try Self.verify(test)
  }

  @Test func `no two neighbouring pages hold both`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let made = try Self.make(directory, clock)
    made.roll(clock)
    made.close()
    let file = "data/segments/0000000001.db"
    let content = directory.contents(file)
    let pageByteCount = SegmentSchema.pageByteCount
    for page in 1..<content.count / pageByteCount - 1 {
      var damaged = content
      for index in page * pageByteCount..<(page + 2) * pageByteCount { damaged[index] = 0 }
      #expect(PageScan.scans(damaged)[0].rowDictionaries.count >= 1, "pages \(page + 1) and \(page + 2)")
    }
  }

  @Test func `where neither table can be read, rows that were packed without it are read`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let packed = (1...Self.count).map { "a longer text, " + String(repeating: Self.text($0), count: 4) }
    do {
      let test = try TestStore(Self.configuration(directory, clock), in: directory, commitsHere: true)
      Self.append(1...Self.count, test)
      // Large enough not to need it.
      let outcomes = test.appendTogether(packed.map { Batch.test($0) }, to: "large", producer: 9, from: 1)
      #expect(outcomes.allSatisfy { $0?.first != nil })
      test.roll(clock)
      test.close()
    }
    let file = "data/segments/0000000001.db"
    var content = directory.contents(file)
    let database = try Self.database(directory)
    let large = "SELECT id FROM streams WHERE name = 'large'"
    #expect(try database.integer("SELECT count(*) FROM runs WHERE stream = (\(large)) AND unpacked_length > 0") > 0)
    for table in SegmentDictionaries.tables {
      let page = Int(try database.integer("SELECT rootpage FROM sqlite_schema WHERE name = '\(table)'"))
      for index in (page - 1) * SegmentSchema.pageByteCount..<page * SegmentSchema.pageByteCount {
        content[index] = 0xff
      }
    }
    directory.write(file, content)
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    #expect(try test.readAll("large").texts == packed)
  }

  @Test func `a copy that is gone is missed while rows need it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.make(directory, clock).close()
    try PartialDamageTests.change(directory, "DELETE FROM dictionary_copies")
    #expect(
      try CheckTests.damage(directory.data).map(\.text) == [
        "the dictionary of its packed rows is missing in the table dictionary_copies"
      ])
  }

  @Test func `without both, the rows that were packed with it are lost, and no others`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let made = try Self.make(directory, clock)
    made.roll(clock)
    made.close()
    let first = UInt64(
      try Self.database(directory).integer("SELECT min(first_seq) FROM runs WHERE stream = 1 AND unpacked_length > 0"))
    for table in SegmentDictionaries.tables {
      try PartialDamageTests.change(directory, "UPDATE \(table) SET content = zeroblob(length(content))")
    }
    func expectRest(_ test: TestStore) throws {
      let reading = try test.readAll("web")
      #expect(reading.texts == Self.texts(1...first - 1))
      #expect(reading.skips.map(\.from).min() == first && reading.skips.map(\.to).max() == Self.count)
      #expect(reading.skips.allSatisfy { $0.reason == .lost })
    }
    do {
      let test = try TestStore(Self.configuration(directory, clock), in: directory)
      try expectRest(test)
    }
    _ = try RepairTests.repair(directory)
    #expect(try CheckTests.damage(directory.data) == [])
    try expectRest(TestStore(Self.configuration(directory, clock), in: directory))
  }

  @Test func `packed rows are found with it in pages that no tree leads to`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.make(directory, clock).close()
    for scan in PageScan.scans(directory.contents("data/segments/0000000001.db")) {
      #expect(scan.rowDictionaries.count == 2)
      var texts: Set<String> = []
      scan.forEachRow(scan.rowDictionaries) { row in
        for batch in (try? Batch.run(row.batches)) ?? [] { texts.formUnion(batch.texts) }
      }
      #expect(texts == Set(Self.texts(1...Self.count)))
    }
  }

  @Test func `it goes with what is deleted from its segment`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try Self.make(directory, clock)
    test.roll(clock)
    let segment = "data/segments/0000000001.db"
    _ = try test.delete("web", 2...Self.count).get()
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(try test.readAll("web").texts == [Self.text(1)])
    #expect(try test.readAll("db").texts == Self.texts(1...10))
    test.close()
    #expect(try Self.database(directory).integer("SELECT count(*) FROM dictionaries") == 0)
    #expect(PageScan.scans(directory.contents(segment))[0].rowDictionaries.isEmpty)
    #expect(try CheckTests.findings(directory.data) == [])
  }

  @Test func `a transaction that fails leaves none`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let path = "\(directory.data)/segments/0000000001.db"
    do {
      let test = try TestStore(Self.configuration(directory, clock), in: directory, commitsHere: true)
      Self.append(1...75, test)
    }
    let database = try Database(path, mode: .readWrite, vfs: nil)
    let row = SegmentRow(
      stream: 1, numbers: 1...8, entryCount: 8, minTime: 1, maxTime: 1, severities: 1, received: 1, rawLength: 1,
      producers: ByteString(), batches: RowPackingTests.numbered(1...80))
    let packer = try RowPacker(of: database, pageCount: 10, samplesByteCount: 4 << 10)
    /// - Returns: whether there was a dictionary before it ended.
    func transact(_ end: String) throws -> Bool {
      try database.execute("BEGIN")
      try packer.begin(database, pageCount: 10)
      #expect(packer.pack(row) != nil)
      let hasDictionary = try database.integer("SELECT count(*) FROM dictionaries") > 0
      try database.execute(end)
      if end == "COMMIT" { packer.noteCommitted() }
      return hasDictionary
    }
    // What was not stored is not in a dictionary either.
    for _ in 0..<20 { #expect(try !transact("ROLLBACK")) }
    for _ in 0..<4 { #expect(try !transact("COMMIT")) }
    #expect(try transact("ROLLBACK"))
    #expect(try database.integer("SELECT count(*) FROM dictionaries") == 0)
    // The next one makes it again.
    try database.execute("BEGIN")
    try packer.begin(database, pageCount: 10)
    try database.execute("COMMIT")
    packer.noteCommitted()
    #expect(try database.integer("SELECT count(*) FROM dictionaries") == 1)
    try database.execute("BEGIN")
    try packer.begin(database, pageCount: 20)
    try database.execute("COMMIT")
    packer.noteCommitted()
    #expect(try database.integer("SELECT count(*) FROM dictionary_copies") == 1)
  }
}
