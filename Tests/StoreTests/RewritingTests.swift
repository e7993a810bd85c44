import CFaultVFS
import CSQLite
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// What is no longer kept leaves the disk, and nothing else does.
@Suite struct RewritingTests {
  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.elapsed = { clock.now }
    configuration.rewriteDelay = .milliseconds(1)
    // Segments are rewritten for what is removed from them alone.
    configuration.upkeepProcessorPercent = 0
    configuration.upkeepRetryInterval = .milliseconds(5)
    configuration.tailCacheByteCountMax = 0
    // One read answers a filter, however busy the machine is.
    configuration.readTimeMax = .seconds(30)
    return configuration
  }

  /// Two streams in one segment: `web` with the entries 1 to 9 in three batches, and `other`.
  private static func fill(_ test: TestStore) {
    for (number, texts) in [["1", "2", "3"], ["4", "secret 5", "6"], ["7", "8", "9"]].enumerated() {
      test.append("web", .test(texts, times: texts.map { _ in 7 }), number: UInt64(number + 1))
      test.append("other", .test("other \(number)"), producer: 2, number: UInt64(number + 1))
    }
  }

  /// A store whose first segment holds that, and is sealed.
  private static func sealed(_ configuration: StoreConfiguration, _ directory: TestDirectory, _ clock: TestClock) throws
    -> TestStore
  {
    let test = try TestStore(configuration, in: directory)
    fill(test)
    test.roll(clock)
    return test
  }

  private static func holds(_ text: String, _ directory: TestDirectory) -> Bool {
    directory.contents("data/segments/0000000001.db").contains(Array(text.utf8))
  }

  @Test func `deleted entries leave a sealed segment, and those around them stay`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    do {
      let test = try Self.sealed(configuration, directory, clock)
      #expect(Self.holds("secret 5", directory))
      _ = try test.delete("web", 5...7).get()
      #expect(test.sink.waitForLine("segment 1 is rewritten"))
      #expect(!Self.holds("secret 5", directory) && Self.holds("other 1", directory))
      try Self.expectKept(test)
      // Nothing is left to be done.
      #expect(test.store.statistics.rewrittenSegmentCount == 1)
      let database = try Database(directory.data + "/segments/0000000001.db", mode: .immutable, vfs: nil)
      #expect(try RemovableBytes(of: database, test.store.catalog).deleted == 0)
      #expect(try SegmentSchema.has(BlockIndexSchema.groups, database))
      #expect(try database.text("PRAGMA integrity_check") == "ok")
      // What the server remembers of producers stays.
      #expect(test.append("other", .test("other 2"), producer: 2, number: 3)?.isDuplicate == true)
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    try Self.expectKept(test)
  }

  private static func expectKept(_ test: TestStore) throws {
    #expect(
      try test.readAll("web")
        == .init(texts: ["1", "2", "3", "4", "8", "9"], skips: [.init(from: 5, to: 7, reason: .deleted)]))
    #expect(try test.readAll("other").texts == ["other 0", "other 1", "other 2"])
    let info = try #require(test.info("web"))
    let tally = try test.read(
      ReadRequest(stream: info.id, from: 1, to: 9, filter: SharedFilter(.all), tally: .count)
    ).get()
    #expect(tally.tally?.result(missingCount: 0).entryCount == 6)
  }

  @Test func `a deleted stream leaves all segments`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    Self.fill(test)
    test.append("web", .test("secret a"), number: 4)
    _ = try test.delete("web").get()
    test.append("web", .test("open"), number: 5, floor: 5)
    test.roll(clock)
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(!Self.holds("secret", directory) && Self.holds("open", directory) && Self.holds("other 0", directory))
    #expect(try test.readAll("web").texts == ["open"])
    #expect(test.append("web", .test("open"), number: 5)?.isDuplicate == true)
  }

  @Test func `a filter that has looked at a segment looks at it anew when that is rewritten`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    let texts = (1...6_000).map { "entry number \($0) with word\($0 % 100)" }
    for (index, start) in stride(from: 0, to: 6_000, by: 500).enumerated() {
      test.append("web", .test(Array(texts[start..<start + 500])), number: UInt64(index + 1))
    }
    test.roll(clock)
    let info = try #require(test.info("web"))
    let filter = SharedFilter(try Filter("=word7"))
    func found() throws -> Int {
      var count = 0
      var from: UInt64 = 1
      while from <= 6_000 {
        let result = try test.read(ReadRequest(stream: info.id, from: from, to: 6_000, filter: filter)).get()
        for case .batches(let run) in result.pieces {
          count += try Batch.run(run.batches).reduce(0) { $0 + Int($1.header.count) }
        }
        from = result.next
      }
      return count
    }
    #expect(try found() == 60)
    _ = try test.delete("web", 101...3_100).get()
    #expect(try found() == 30)
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(try found() == 30)
  }

  @Test func `a damaged segment is left as it is`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    do {
      let test = try Self.sealed(configuration, directory, clock)
      test.close()
    }
    var bytes = directory.contents("data/segments/0000000001.db")
    let place = try #require(bytes.firstRange(of: Array("secret 5".utf8)))
    bytes[place.lowerBound] ^= 1
    directory.write("data/segments/0000000001.db", bytes)
    let test = try TestStore(configuration, in: directory)
    _ = try test.delete("web", 6...6).get()
    #expect(test.sink.waitForLine("segment 1 is not rewritten"))
    #expect(directory.names().allSatisfy { !$0.hasSuffix(".tmp") })
    #expect(
      try test.readAll("web")
        == .init(
          texts: ["1", "2", "3", "7", "8", "9"],
          skips: [.init(from: 4, to: 5, reason: .lost), .init(from: 6, to: 6, reason: .deleted)]))
  }

  @Test(arguments: [FAULT_WRITE, FAULT_SYNC]) func `a disk that is full or fails costs a rewrite, and nothing else`(
    operation: fault_operation
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory, clock)
    configuration.elapsed = { clock.now }
    configuration.rewriteDelay = .milliseconds(1)
    // Segments are rewritten for what is removed from them alone.
    configuration.upkeepProcessorPercent = 0
    configuration.upkeepRetryInterval = .milliseconds(5)
    let test = try Self.sealed(configuration, directory, clock)
    let isFull = operation == FAULT_WRITE
    disk.inject(
      FaultDisk.Fault(operation: operation, suffix: "0000000001.db.tmp", code: isFull ? SQLITE_FULL : SQLITE_IOERR))
    _ = try test.delete("web", 5...7).get()
    #expect(test.sink.waitForLine(isFull ? "segment 1 cannot be rewritten yet" : "segment 1 is not rewritten"))
    try Self.expectKept(test)
    disk.heal()
    if isFull {
      #expect(test.sink.waitForLine("segment 1 is rewritten"))
      try Self.expectKept(test)
    }
  }

  @Test func `power lost at any moment of a rewrite leaves the old file or the new one`() throws {
    let before = TestDirectory()
    let clock = TestClock()
    do {
      let test = try Self.sealed(Self.configuration(before, clock), before, clock)
      test.close()
    }
    var rewrittenCount = 0
    var isOver = false
    var moment = 0
    while !isOver {
      moment += 1
      let directory = before.copy()
      let disk = FaultDisk()
      disk.adopt(directory)
      var configuration = disk.configuration(directory, clock)
      configuration.elapsed = { clock.now }
      configuration.rewriteDelay = .zero
      var isDeleted = false
      do {
        let test = try TestStore(configuration, in: directory)
        disk.crash(after: moment)
        if case .success = test.delete("web", 5...7) { isDeleted = true }
        isOver =
          test.sink.monitor.wait(timeout: TestSink.patience) { state in
            if state.lines.contains(where: { $0.contains("segment 1 is rewritten") }) { return true }
            return disk.isCrashed ? false : nil
          } ?? true
        if isOver { disk.crash(after: 0) }
        test.close()
      }
      var generator = SeededGenerator(seed: UInt64(moment))
      let remains = disk.remains(of: directory, &generator)
      var healed = Self.configuration(remains, clock)
      healed.noticesCopies = false
      let test = try TestStore(healed, in: remains)
      if isDeleted || test.info("web")?.removals.isEmpty == false {
        try Self.expectKept(test)
        #expect(!Self.holds("secret 5", remains) || test.sink.waitForLine("segment 1 is rewritten"))
        rewrittenCount += 1
      } else {
        #expect(try test.readAll("web").texts.count == 9)
      }
      try Self.expectOthers(test)
      #expect(!remains.names().contains { $0.hasSuffix(".tmp") })
    }
    #expect(moment > 20 && rewrittenCount > 10, "\(moment) moments")
  }

  private static func expectOthers(_ test: TestStore) throws {
    #expect(try test.readAll("other") == .init(texts: ["other 0", "other 1", "other 2"], skips: []))
  }
}
