import LogsWire
import Testing

@testable import LogsStore

@Suite struct DamageTests {
  private static let needle = "the-one-with-the-flipped-bit"

  /// Flips one bit of the entry `needle` in a file.
  private static func flip(_ directory: TestDirectory, _ file: String) throws {
    var content = directory.contents("data/segments/" + file)
    let pattern = Array(needle.utf8)
    let start = try #require(content.indices.first { content[$0...].starts(with: pattern) })
    content[start] ^= 1
    directory.write("data/segments/" + file, content)
  }

  /// As after a kill: the mark of a clean stop is gone.
  private static func markOpen(_ directory: TestDirectory) throws {
    let paths = StorePaths(directory: directory.data)
    var file = try #require(try StoreFile.load(paths, PosixFileSystem()))
    file.isClean = false
    try file.save(paths, PosixFileSystem())
  }

  private static func makeTwoSegments(_ directory: TestDirectory, _ clock: TestClock) throws {
    let test = try TestStore(directory, clock)
    test.append("web", .test(["1", "2"]), number: 1)
    test.append("web", .test([needle, "4"]), number: 2)
    test.append("web", .test("5"), number: 3)
    test.append("other", .test("o"), number: 1)
    test.roll(clock)
    test.append("web", .test("6"), number: 4)
    test.close()
  }

  @Test func `a flipped bit in a sealed segment costs its batch, and the log names the file`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.makeTwoSegments(directory, clock)
    try Self.flip(directory, "0000000001.db")
    let test = try TestStore(directory, clock)
    #expect(
      try test.readAll("web")
        == TestStore.Reading(texts: ["1", "2", "5", "6"], skips: [.init(from: 3, to: 4, reason: .lost)]))
    #expect(try test.readAll("other").texts == ["o"])
    #expect(test.sink.waitForLine("0000000001.db"))
    #expect(test.append("web", .test("7"), number: 5)?.first == 7)
    #expect(test.store.statistics.damagedSegmentCount == 1)
    let id = try #require(test.info("web")).id
    let reverse = try test.read(ReadRequest(stream: id, from: 1, to: 6, isReverse: true)).get()
    #expect(reverse.pieces.count == 4)
    #expect(reverse.pieces.contains(.skip(from: 3, to: 4, .lost)))
    #expect(reverse.next == 0)
  }

  @Test func `after an unclean stop the background check finds a flipped bit`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.makeTwoSegments(directory, clock)
    try Self.flip(directory, "0000000001.db")
    try Self.markOpen(directory)
    let test = try TestStore(directory, clock)
    #expect(test.sink.waitForLine("numbers 3 to 4 of the stream 'web' do not pass their check"))
    #expect(test.sink.waitForLine("all 2 segments have been checked"))
    #expect(test.store.statistics.check == .finished)
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }

  @Test func `a flipped bit in the active segment refuses to start after an unclean stop`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("web", .test("1"), number: 1)
      test.append("web", .test(Self.needle), number: 2)
      test.close()
    }
    try Self.flip(directory, "0000000001.db")
    try Self.markOpen(directory)
    let error = #expect(throws: StoreError.self) { try TestStore(directory) }
    #expect(error?.code == .damaged)
    #expect(error?.message.contains("0000000001.db") == true)
  }

  @Test func `a flipped bit in the active segment stops the store when it is read`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("web", .test("1"), number: 1)
      test.append("web", .test(Self.needle), number: 2)
      test.close()
    }
    try Self.flip(directory, "0000000001.db")
    let test = try TestStore(directory)
    #expect(throws: StoreError.self) { try test.readAll("web") }
    #expect(test.sink.waitForFailure()?.code == .damaged)
    #expect(test.append("web", .test("3"), number: 3)?.refusal?.code == .storageFailed)
  }

  @Test(arguments: [0, 100, 8192, 20_000])
  func `a sealed segment that is cut off or overwritten costs what it held`(byteCount: Int) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.makeTwoSegments(directory, clock)
    let content = directory.contents("data/segments/0000000001.db")
    directory.write("data/segments/0000000001.db", Array(content.prefix(byteCount)))
    let test = try TestStore(directory, clock)
    let reading = try test.readAll("web")
    #expect(reading.texts.last == "6")
    #expect(reading.skips.allSatisfy { $0.reason == .lost })
    #expect(test.append("web", .test("7"), number: 5)?.first == 7)
    directory.write("data/segments/0000000001.db", Array(repeating: 0x55, count: content.count))
    test.close()
    let again = try TestStore(directory, clock)
    #expect(
      try again.readAll("web")
        == TestStore.Reading(texts: ["6", "7"], skips: [.init(from: 1, to: 5, reason: .lost)]))
  }

  @Test func `a damaged store file refuses to start and says so`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.close()
    }
    var content = directory.contents("data/store")
    content[30] ^= 1
    directory.write("data/store", content)
    let error = #expect(throws: StoreError.self) { try TestStore(directory) }
    #expect(error?.code == .damaged)
    directory.write("data/store", Array("logs-store 2\nsomething else\n".utf8))
    let newer = #expect(throws: StoreError.self) { try TestStore(directory) }
    #expect(newer?.code == .notAStore)
  }

  @Test func `what a kill leaves is recovered`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    for number in 1...20 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    // The files as they are with the process still in the middle of its work, the WAL beside them.
    let killed = directory.copy()
    #expect(killed.names().contains("0000000001.db-wal"))
    let again = try TestStore(killed)
    #expect(try again.readAll("web").texts == (1...20).map(String.init))
    #expect(again.append("web", .test("20"), number: 20)?.isDuplicate == true)
    #expect(again.append("web", .test("21"), number: 21)?.first == 21)
    #expect(again.sink.waitForLine("all 1 segments have been checked"))
  }
}
