import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

@Suite struct DamageTests {
  private static let needle = "the-one-with-the-flipped-bit"

  /// Flips one bit of the entry `needle` in a file.
  static func flip(_ directory: TestDirectory, _ file: String) throws {
    var content = directory.contents("data/segments/" + file)
    let pattern = Array(needle.utf8)
    let start = try #require(content.indices.first { content[$0...].starts(with: pattern) })
    content[start] ^= 1
    directory.write("data/segments/" + file, content)
  }

  /// As after a kill: the mark of a clean stop is missing.
  static func markOpen(_ directory: TestDirectory) throws {
    let paths = StorePaths(directory: directory.data)
    var file = try #require(try StoreFile.load(paths, PosixFileSystem()))
    file.isClean = false
    try file.save(paths, PosixFileSystem())
  }

  static func makeTwoSegments(_ directory: TestDirectory, _ clock: TestClock) throws {
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
    #expect(reverse.pieces.contains(.skip(3...4, .lost)))
    #expect(reverse.next == 0)
  }

  @Test(arguments: [true, false]) func `of a segment that cannot be read, the log names that and no other`(
    isReverse: Bool
  ) throws {
    let (directory, clock) = (TestDirectory(), TestClock())
    do {
      let test = try TestStore(directory, clock)
      for number in 1...4 as ClosedRange<UInt64> {
        test.append("web", .test("\(number)"), number: number)
        test.roll(clock)
      }
      test.close()
    }
    for name in ["0000000002.db", "0000000003.db"] {
      let content = directory.contents("data/segments/" + name)
      directory.write("data/segments/" + name, [UInt8](repeating: 7, count: content.count))
    }
    let test = try TestStore(directory, clock)
    let id = try #require(test.info("web")).id
    let result = try test.read(ReadRequest(stream: id, from: 1, to: 4, isReverse: isReverse)).get()
    #expect(result.pieces.contains(.skip(2...3, .lost)))
    #expect(test.store.statistics.damagedSegmentCount == 2)
    let lines = test.sink.lines.filter { $0.contains("reported as lost") }
    #expect(lines.count == 2, "\(lines)")
    for name in ["0000000002.db", "0000000003.db"] { #expect(lines.contains { $0.contains(name) }, "\(lines)") }
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

  @Test func `rows that come while the background check runs are left alone`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      for number in 1...3 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
      test.close()
    }
    let active = Segment(number: 1, path: directory.data + "/segments/0000000001.db", state: .active)
    let lines = TestSink()
    let configuration = TestStore.configuration(directory)
    // A catalog that does not know the last commit yet, which created the stream `new`.
    let catalog = Catalog()
    let writer = try SegmentWriter(active, TestStore.configuration(directory, TestClock()))
    var streams: [StreamInfo] = []
    try writer.forEachStream { stream, _ in streams.append(stream) }
    catalog.publish(streams)
    let lastRow = writer.lastRow
    let known = Monitor<StoreError?>(nil)
    let reader = Reader(
      catalog: catalog, segments: SegmentList(SegmentListing(segments: [active])), pool: ConnectionPool(configuration),
      tail: TailCache(configuration), files: configuration.fileSystem, readTimeMax: configuration.readTimeMax,
      damaged: { error in known.withLock { $0 = error } }, log: { lines.log($0.text) })
    try writer.database.execute(
      """
      INSERT INTO streams VALUES(9, 'new', 1, 0, 1, 0, 0, 0);
      INSERT INTO runs VALUES(4, 9, 1, 1, 1, 1, 1, 1, 1, 1, 0, x'', x'00')
      """)
    let check = BackgroundCheck(
      reader, SegmentListing(segments: [active]), lastRow: lastRow, isNeeded: true)
    #expect(lines.waitForLine("the only segment has been checked"))
    check.close()
    #expect(known.withLock { $0 } == nil)
  }

  @Test func `a stop does not wait for the background check of a large segment`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    let configuration = disk.configuration(directory, clock)
    do {
      let test = try TestStore(configuration)
      let text = String(repeating: "x", count: 1_000_000)
      for number in 1...20 as ClosedRange<UInt64> { test.append("web", .test(text), number: number) }
      test.roll(clock)
      test.close()
    }
    try Self.markOpen(directory)
    // A disk that soon becomes slow: without the stop the check of 2500 pages takes a minute.
    let readCount = Monitor(0)
    disk.hooks.withLock {
      $0.onRead = { file in
        guard file.hasSuffix("0000000001.db") else { return }
        let count = readCount.withLock { count in
          count += 1
          return count
        }
        readCount.signal()
        if count > 100 { _ = readCount.wait(timeout: .milliseconds(25)) { _ -> Bool? in nil } }
      }
    }
    let test = try TestStore(configuration)
    let countAtClose = try #require(readCount.wait(timeout: TestSink.patience) { $0 > 100 ? $0 : nil })
    test.close()
    #expect(readCount.withLock { $0 } < countAtClose + 1000)
    #expect(test.store.statistics.check == .running)
    #expect(!test.sink.lines.contains { $0.contains("cannot check") })
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
  func `a truncated or overwritten sealed segment costs its content`(byteCount: Int) throws {
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

  @Test func `the files left by a kill are recovered`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    for number in 1...20 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    // The files as they are while the process works, with the WAL beside them.
    let killed = directory.copy()
    #expect(killed.names().contains("0000000001.db-wal"))
    let again = try TestStore(killed)
    #expect(try again.readAll("web").texts == (1...20).map(String.init))
    #expect(again.append("web", .test("20"), number: 20)?.isDuplicate == true)
    #expect(again.append("web", .test("21"), number: 21)?.first == 21)
    #expect(again.sink.waitForLine("the only segment has been checked"))
  }
}

extension DamageTests {
  @Test func `numbers missing between large rows are lost, forwards and backwards, with any step`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let text = String(repeating: "x", count: 50_000)
    do {
      let test = try TestStore(directory, clock)
      for number in 1...6 as ClosedRange<UInt64> { test.append("web", .test(text + "\(number)"), number: number) }
      test.roll(clock)
      test.append("web", .test("7"), number: 7)
      test.close()
    }
    // As if the rows had been in a missing part of the file.
    try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
      .execute("DELETE FROM runs WHERE first_seq IN (1, 3, 4, 6)")
    let test = try TestStore(directory, clock)
    let skips = [(1, 1), (3, 4), (6, 6)].map { TestStore.Reading.Skip(from: $0.0, to: $0.1, reason: .lost) }
    for step in [1, 60_000, 1 << 20] {
      #expect(
        try test.readAll("web", byteCountMax: step)
          == TestStore.Reading(texts: [text + "2", text + "5", "7"], skips: skips))
    }
    #expect(try test.readAll("web", from: 4).skips == [.init(from: 4, to: 4, reason: .lost), skips[2]])
    let id = try #require(test.info("web")).id
    for step in [1, 60_000, 1 << 20] {
      var position: UInt64 = 7
      var ranges: [[UInt64]] = []
      while position > 0 {
        let result = try test.read(
          ReadRequest(stream: id, from: 1, to: position, byteCountMax: step, isReverse: true)
        ).get()
        for piece in result.pieces {
          switch piece {
          case .batches(let run): ranges.append([run.first, run.last])
          case .skip(let numbers, _): ranges.append([numbers.lowerBound, numbers.upperBound, 0])
          }
        }
        position = result.next
      }
      #expect(ranges == [[7, 7], [6, 6, 0], [5, 5], [3, 4, 0], [2, 2], [1, 1, 0]])
    }
  }

  @Test func `a sealed segment that vanishes while the store runs is lost, and nothing else`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.makeTwoSegments(directory, clock)
    let test = try TestStore(directory, clock)
    directory.remove("data/segments/0000000001.db")
    #expect(
      try test.readAll("web") == TestStore.Reading(texts: ["6"], skips: [.init(from: 1, to: 5, reason: .lost)]))
    #expect(test.append("web", .test("7"), number: 5)?.first == 7)
  }

  @Test func `a time is found despite damage`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      test.append("web", .test(["a"], times: [10]), number: 1)
      test.roll(clock)
      test.append("web", .test(["b"], times: [20]), number: 2)
      test.roll(clock)
      test.append("web", .test(["c"], times: [30]), number: 3)
      test.close()
    }
    directory.remove("data/segments/0000000001.db")
    directory.write("data/segments/0000000002.db", Array(repeating: 0, count: 8192))
    let test = try TestStore(directory, clock)
    #expect(test.findSequence("web", atOrAfter: 0) == 3)
    #expect(test.findSequence("web", atOrAfter: 31) == 4)
  }
}
