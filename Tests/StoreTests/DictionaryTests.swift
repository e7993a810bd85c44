import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Batches of a compacted segment refer to a dictionary where that saves space.
@Suite struct DictionaryTests {
  private static let batchCount: UInt64 = 12
  private static let entryCount: UInt64 = 1_000

  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = CompactionTests.configuration(directory, clock)
    configuration.dictionaryStreamByteCountMin = 0
    return configuration
  }

  /// Lines of many kinds, which come back further apart than a batch is long.
  private static func text(_ number: UInt64) -> String {
    var state = number &* 0x9e37_79b9_7f4a_7c15
    state ^= state >> 29
    let kind = state % 1_500
    let words = (0..<6).map { (place: UInt64) -> String in
      let word = (kind &* 31 &+ place &* 977) % 4_093
      return "handler\(word)"
    }.joined(separator: "/")
    return "kind \(kind) of \(words) answered in \(state % 10_007) us with code \(state % 7)"
  }

  /// A compacted segment with two streams, of which only one is large enough for a dictionary.
  private static let template = Result { () throws -> TestDirectory in
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(configuration(directory, clock), in: directory)
    for batch in 0..<batchCount {
      let texts = (1...entryCount).map { text(batch * entryCount + $0) }
      test.append("web", .test(texts), number: batch + 1)
      test.append("db", .test("query \(batch)"), producer: 2, number: batch + 1)
    }
    test.roll(clock)
    #expect(test.sink.waitForLine("segment 1 is compacted"))
    #expect(test.sink.lines.allSatisfy { !$0.contains("gets no index") })
    test.close()
    return directory
  }

  /// A copy of it, whose streams have other incarnations than their batches are signed for.
  private static func compacted() throws -> (test: TestStore, directory: TestDirectory) {
    let directory = try template.get().copy()
    return (try TestStore(configuration(directory, TestClock()), in: directory), directory)
  }

  private static func batches(
    _ stream: String, _ test: TestStore, takesDictionaries: Bool, from: UInt64 = 1
  ) throws -> [Batch] {
    let info = try #require(test.info(stream))
    var found: [Batch] = []
    var position = from
    while position <= info.head {
      let request = ReadRequest(
        stream: info.id, from: position, to: info.head, takesDictionaries: takesDictionaries)
      let result = try test.read(request).get()
      for case .batches(let run) in result.pieces { found += try run.list() }
      position = result.next
    }
    for batch in found { #expect(batch.hasValidCheck && batch.hasValidServerCheck(seed: info.serverSeed)) }
    return found
  }

  private static func texts(_ batches: [Batch]) -> [String] { batches.flatMap(\.texts) }

  /// Thousands of lines are no help in a message.
  private static func isEverything(_ batches: [Batch]) -> Bool { texts(batches) == expected }

  private static let expected = (1...batchCount * entryCount).map { text($0) }

  private static func segment(_ directory: TestDirectory) throws -> Database {
    try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
  }

  @Test func `readers who take dictionaries get stored batches, others the same entries without`() throws {
    let (test, directory) = try Self.compacted()
    let stored = try Self.batches("web", test, takesDictionaries: true)
    #expect(stored.allSatisfy { $0.header.codec == .zstdDictionary && $0.header.count <= 1_024 })
    #expect(Self.isEverything(stored))
    let plain = try Self.batches("web", test, takesDictionaries: false)
    #expect(plain.allSatisfy { $0.header.dictionary == 0 && $0.header.flags.contains(.reencoded) })
    #expect(Self.isEverything(plain))
    #expect(plain.map(\.header.received) == stored.map(\.header.received))
    var checker = BatchChecker()
    for batch in stored + plain { try checker.check(numbered: batch) }
    // One that is too small has none.
    #expect(try Self.batches("db", test, takesDictionaries: true).allSatisfy { $0.header.dictionary == 0 })
    let database = try Self.segment(directory)
    #expect(try database.integer("SELECT count(*) FROM dictionaries") == 1)
    #expect(
      try database.integer(
        "SELECT count(*) FROM dictionaries JOIN dictionary_copies USING(stream, id, length, content)") == 1)
  }

  @Test func `filters, counts, times and reverse reads see through dictionaries`() throws {
    let (test, _) = try Self.compacted()
    let info = try #require(test.info("web"))
    let word = "kind 77 "
    let wanted = Self.expected.filter { $0.contains(word) }
    let filter = SharedFilter(try Filter("\"\(word)\""))
    for takesDictionaries in [false, true] {
      var (found, position): ([String], UInt64) = ([], 1)
      while position <= info.head {
        let request = ReadRequest(
          stream: info.id, from: position, to: info.head, filter: filter, takesDictionaries: takesDictionaries)
        let result = try test.read(request).get()
        for case .batches(let run) in result.pieces { found += Self.texts(try run.list()) }
        position = result.next
      }
      #expect(found == wanted && !found.isEmpty)
      let last = try test.read(
        ReadRequest(
          stream: info.id, from: 1, to: info.head, isReverse: true, countMax: 1, takesDictionaries: takesDictionaries)
      ).get()
      guard case .batches(let run)? = last.pieces.first else { throw StoreError(.damaged, "nothing was read") }
      #expect((run.dictionary != nil) == takesDictionaries)
      #expect(Self.texts(try run.list()).last == Self.expected.last)
      // All that a filter lets through.
      let everything = SharedFilter(try Filter("=answered"))
      let all = try test.read(
        ReadRequest(
          stream: info.id, from: 1, to: 1_024, filter: everything, takesDictionaries: takesDictionaries)
      ).get()
      guard case .batches(let whole)? = all.pieces.first else { throw StoreError(.damaged, "nothing was read") }
      #expect((whole.dictionary != nil) == takesDictionaries)
      let isBeginning = Self.texts(try whole.list()).prefix(1_000) == Self.expected.prefix(1_000)
      #expect(isBeginning)
    }
    let tally = try test.read(
      ReadRequest(stream: info.id, from: 1, to: info.head, filter: filter, tally: .count)
    ).get()
    #expect(tally.tally?.result(missingCount: 0).entryCount == UInt64(wanted.count))
  }

  @Test func `with entries that are deleted the dictionary goes, which has parts of them`() throws {
    let (test, directory) = try Self.compacted()
    _ = try test.delete("web", 5_000...5_999).get()
    let kept = Array(Self.expected[..<4_999] + Self.expected[5_999...])
    // Whether the segment is rewritten yet or not, nobody gets its dictionary any more.
    let before = try Self.batches("web", test, takesDictionaries: true)
    #expect(before.allSatisfy { $0.header.dictionary == 0 })
    let isKept = Self.texts(before) == kept
    #expect(isKept)
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    let after = try Self.batches("web", test, takesDictionaries: true)
    #expect(after.allSatisfy { $0.header.dictionary == 0 })
    let isStillKept = Self.texts(after) == kept
    #expect(isStillKept)
    for table in SegmentDictionaries.tables {
      #expect(try Self.segment(directory).integer("SELECT count(*) FROM \(table)") == 0)
    }
  }

  @Test func `what is found for live entries is the newest segment's, until something of its entries goes`() throws {
    let (test, _) = try Self.compacted()
    let info = try #require(test.info("web"))
    let found = try #require(try test.dictionary(of: info.id).get())
    #expect(found.dictionary.id == (try Self.batches("web", test, takesDictionaries: true)).first?.header.dictionary)
    #expect(found.mayBeGiven(of: info))
    #expect(try test.dictionary(of: #require(test.info("db")).id).get() == nil)
    #expect(throws: StoreError.self) { try test.dictionary(of: 99).get() }
    // What comes is compressed with it, and says the same.
    let text = Self.text(Self.batchCount * Self.entryCount + 1)
    let batch = Batch.test(text).numbered(firstSequence: info.head + 1, received: 1, seed: info.serverSeed)
    let recoded = try BatchRecoder(found.dictionary).recode(batch, seed: info.serverSeed)
    #expect(recoded.bytes.count < batch.bytes.count && recoded.texts == [text])
    #expect(recoded.hasValidCheck && recoded.hasValidServerCheck(seed: info.serverSeed))
    _ = try test.delete("web", 5_000...5_000).get()
    #expect(!found.mayBeGiven(of: try #require(test.info("web"))))
    #expect(try test.dictionary(of: info.id).get() == nil)
  }

  @Test func `a deletion in another stream leaves dictionary and batches as they are`() throws {
    let (test, _) = try Self.compacted()
    let before = try Self.batches("web", test, takesDictionaries: true).map(\.bytes.array)
    _ = try test.delete("db", 1...10).get()
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(try Self.batches("web", test, takesDictionaries: true).map(\.bytes.array) == before)
    #expect(Self.isEverything(try Self.batches("web", test, takesDictionaries: false)))
  }

  @Test(arguments: SegmentDictionaries.tables)
  func `a table that cannot be read costs nobody anything`(_ table: String) throws {
    var (test, directory) = try Self.compacted()
    test.close()
    let path = "data/segments/0000000001.db"
    var content = directory.contents(path)
    let root = try Self.segment(directory).integer("SELECT rootpage FROM sqlite_schema WHERE name = '\(table)'")
    let start = Int(root - 1) * SegmentSchema.compactedPageByteCount
    for index in start..<start + 8 { content[index] = 0xee }
    directory.write(path, content)
    test = try TestStore(Self.configuration(directory, TestClock()), in: directory)
    let isEverything = try test.readAll("web").texts == Self.expected
    #expect(isEverything)
    #expect(try test.readAll("db").texts.count == Int(Self.batchCount))
    test.close()
    #expect(try !CheckTests.damage(directory.data).isEmpty)
  }

  @Test(arguments: [["dictionaries"], ["dictionary_copies"], ["dictionaries", "dictionary_copies"]])
  func `one copy that is damaged costs nothing, and without both the entries are lost`(_ tables: [String]) throws {
    var (test, directory) = try Self.compacted()
    test.close()
    do {
      let database = try Self.segment(directory)
      for table in tables {
        try database.execute("UPDATE \(table) SET content = zeroblob(length(content))")
      }
    }
    test = try TestStore(Self.configuration(directory, TestClock()), in: directory)
    let reading = try test.readAll("web")
    if tables.count == 1 {
      let isEverything = reading.texts == Self.expected
      #expect(isEverything && reading.skips.isEmpty)
    } else {
      #expect(reading.texts.count == 0)
      #expect(reading.skips == [.init(from: 1, to: Self.batchCount * Self.entryCount, reason: .lost)])
    }
    #expect(try test.readAll("db").texts.count == Int(Self.batchCount))
    test.close()
    let findings = try CheckTests.damage(directory.data)
    #expect(findings.count { $0.text.contains("the dictionary of 'web'") } == tables.count)
  }

  @Test func `what is kept in memory of dictionaries has a limit, and what was used last stays`() throws {
    let cache = DictionaryCache()
    let dictionaries = try (0..<90).map { number in
      try BatchDictionary(content: ByteString(String(repeating: "line \(number)\n", count: 13_000)))
    }
    for dictionary in dictionaries {
      cache.add(dictionary)
      #expect(cache[dictionaries[0].id] == dictionaries[0])
    }
    let kept = dictionaries.filter { cache[$0.id] != nil }
    #expect(kept.reduce(0) { $0 + $1.memoryByteCount } <= 16 << 20)
    #expect(kept.count > 40 && kept.count < 90 && cache[dictionaries[1].id] == nil)
  }
}
