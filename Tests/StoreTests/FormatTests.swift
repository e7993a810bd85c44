import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Data directories that earlier versions have written (`Tests/Formats`). `UpgradeTests` has the programs' side.
@Suite struct FormatTests {
  private static func configuration(_ directory: TestDirectory, noticesCopies: Bool = false) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory)
    configuration.noticesCopies = noticesCopies
    configuration.tailCacheByteCountMax = 0
    return configuration
  }

  /// Sends again what producers may, and expects it to be known.
  private static func expectKnown(_ appends: [FormatFixture.Append], _ test: TestStore) {
    for append in appends {
      let outcome = test.append(append.stream, append.batch, producer: append.producer, number: append.number)
      guard case .stored(_, let first, let count, isDuplicate: true)? = outcome else {
        Issue.record("\(append.stream) \(append.number) is \(String(describing: outcome)), not a duplicate")
        continue
      }
      #expect(first == append.first && count == UInt64(append.count), "\(append.stream) \(append.number)")
    }
  }

  @Test func `there is data of every earlier format`() {
    #expect(Set(FormatFixture.formats).isSuperset(of: 1..<SegmentSchema.format))
  }

  @Test(arguments: FormatFixture.all, [0, 64 << 10])
  func `a directory of each format opens with every entry, knows what it has, and goes on`(
    fixture: FormatFixture, journalByteCount: Int
  ) throws {
    let directory = TestDirectory()
    try fixture.unpack(into: directory)
    var configuration = Self.configuration(directory)
    configuration.journalByteCount = journalByteCount
    let entries = try fixture.entries()
    let appends = try fixture.appends()
    var heads: [String: UInt64] = [:]
    do {
      let test = try TestStore(configuration)
      #expect(try test.shown() == entries)
      Self.expectKnown(appends, test)
      for append in appends { heads[append.stream] = try #require(test.info(append.stream)).head }
      for (stream, head) in heads.sorted(by: { $0.key < $1.key }) {
        let last = try #require(appends.filter { $0.stream == stream }.max { $0.number < $1.number })
        // COMPLETE has a number, too.
        let number = last.number + (stream == "task/42" ? 2 : 1)
        let next = test.append(stream, .test("next"), producer: last.producer, number: number)
        #expect(stream == "task/42" ? next?.refusal?.code == .streamSealed : next?.first == head + 1, "\(stream)")
      }
      let other = test.append("other", .test("first"), producer: 77, number: 1)
      #expect(other?.first == 1)
      test.close()
    }
    let test = try TestStore(configuration)
    let shown = try test.shown()
    #expect(entries.allSatisfy(Set(shown).contains))
    #expect(shown.count { $0.hasPrefix("  entry") } == entries.count { $0.hasPrefix("  entry") } + heads.count)
    // Those of the last 32, which now end one number further.
    let isLast = { (append: FormatFixture.Append) in
      !appends.contains { other in
        (other.stream, other.producer) == (append.stream, append.producer) && other.number > append.number + 30
      }
    }
    Self.expectKnown(appends.filter(isLast), test)
  }

  @Test(arguments: FormatFixture.all)
  func `a copy of it has new incarnations and the same entries`(fixture: FormatFixture) throws {
    let (original, directory) = (TestDirectory(), TestDirectory())
    try fixture.unpack(into: original)
    try fixture.unpack(into: directory)
    let before = try TestStore(Self.configuration(original)).store.catalog.unsorted().map(\.incarnation)
    let test = try TestStore(Self.configuration(directory, noticesCopies: true))
    #expect(try test.shown() == fixture.entries())
    #expect(Set(before).isDisjoint(with: test.store.catalog.unsorted().map(\.incarnation)))
    Self.expectKnown(try fixture.appends(), test)
  }

  @Test(arguments: FormatFixture.all)
  func `rewriting its sealed segment makes one of the newest format`(fixture: FormatFixture) throws {
    let directory = TestDirectory()
    try fixture.unpack(into: directory)
    var configuration = Self.configuration(directory)
    configuration.rewriteDelay = .milliseconds(1)
    configuration.upkeepRetryInterval = .milliseconds(5)
    let test = try TestStore(configuration, in: directory)
    #expect(try test.delete("web", 30...35).get().entryCount == 6)
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    let entries = try fixture.entries()
    let shown = try test.shown()
    #expect(shown.contains("skip 3 30 35"))
    // Lines of several entries may be equal; what is counted is how many are gone.
    let gone = entries.count { $0.hasPrefix("  entry") } - shown.count { $0.hasPrefix("  entry") }
    #expect(gone == 6 && shown.allSatisfy { Set(entries).contains($0) || $0.hasPrefix("skip 3") })
    Self.expectKnown(try fixture.appends(), test)
    test.close()
    let database = try Database(directory.data + "/segments/0000000001.db", mode: .immutable, vfs: nil)
    #expect(try database.integer("PRAGMA user_version") == SegmentSchema.format)
  }

  @Test(arguments: FormatFixture.all)
  func `compacting its sealed segment leaves every entry, in the newest format`(fixture: FormatFixture) throws {
    let directory = TestDirectory()
    try fixture.unpack(into: directory)
    var configuration = Self.configuration(directory)
    configuration.rewriteDelay = .milliseconds(1)
    configuration.upkeepRetryInterval = .milliseconds(5)
    configuration.upkeepProcessorPercent = 100
    let test = try TestStore(configuration, in: directory)
    // Where entries were deleted, the segment is rewritten without them, which compacts it.
    let done = fixture.format >= SegmentSchema.removalsFormat ? "rewritten" : "compacted"
    #expect(test.sink.waitForLine("segment 1 is \(done)"))
    #expect(try test.shown() == fixture.entries())
    Self.expectKnown(try fixture.appends(), test)
    test.close()
    let database = try Database(directory.data + "/segments/0000000001.db", mode: .immutable, vfs: nil)
    #expect(try database.integer("PRAGMA user_version") == SegmentSchema.format)
  }

  /// What a version of the future may have left: a name, and how its format is changed.
  private static let newer: [(name: String, change: @Sendable (TestDirectory) throws -> Void)] = [
    ("segments/0000000001.db", { try raise($0, 1) }),
    ("segments/0000000002.db", { try raise($0, 2) }),
    (
      "store",
      { directory in
        // With the right check: else it would be a damaged one of this version.
        let text = String(decoding: directory.contents("data/store"), as: UTF8.self)
        let body = text.replacing("logs-store 1", with: "logs-store 2").replacing(/check .*\n/, with: "")
        let check = XXH3.hash(ByteString(body).span).hexadecimal
        directory.write("data/store", Array("\(body)check \(check)\n".utf8))
      }
    ),
  ]

  private static func raise(_ directory: TestDirectory, _ number: Int) throws {
    let path = "\(directory.data)/segments/000000000\(number).db"
    let database = try Database(path, mode: .readWrite, vfs: nil)
    try database.execute("PRAGMA user_version=\(SegmentSchema.format + 1)")
  }

  @Test(arguments: newer.indices) func `a newer format is refused by name, and nothing is changed`(index: Int) throws {
    let (name, change) = Self.newer[index]
    let directory = TestDirectory()
    try FormatFixture.latest.unpack(into: directory)
    try change(directory)
    let before = directory.contents("data/\(name)")
    for attempt in 1...2 {
      let error = #expect(throws: StoreError.self) { _ = try TestStore(Self.configuration(directory)) }
      #expect(error?.code == .notAStore, "\(attempt)")
      let message = error?.message ?? ""
      #expect(message.contains("/\(name) has format ") && message.hasSuffix("use a newer one"), "\(message)")
      let asked = #expect(throws: StoreError.self) { _ = try StoreReader(directory: directory.data) }
      #expect(asked?.message == message)
    }
    #expect(directory.contents("data/\(name)") == before)
  }

  @Test func `a segment that is none, or cannot be read, is no newer one`() throws {
    let directory = TestDirectory()
    try FormatFixture.latest.unpack(into: directory)
    var content = directory.contents("data/segments/0000000001.db")
    content[60] = 0xff
    content[68] ^= 0xff
    directory.write("data/segments/0000000001.db", content)
    let test = try TestStore(Self.configuration(directory))
    #expect(try test.shown().contains("skip 4 1 12"))
    #expect(SegmentHeader(Array(content.prefix(71))) == nil)
    #expect(SegmentHeader([UInt8](repeating: 0, count: 100)) == nil)
  }
}
