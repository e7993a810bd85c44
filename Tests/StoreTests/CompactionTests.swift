import Glibc
import LogsDisk
import LogsSystem
import LogsWire
import Synchronization
import Testing

@testable import LogsStore

/// Sealed segments get large batches, and say what they said before.
@Suite struct CompactionTests {
  /// Of a store that compacts at once, and reads from segments alone.
  static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.elapsed = { clock.now }
    configuration.rewriteDelay = .milliseconds(1)
    configuration.upkeepRetryInterval = .milliseconds(5)
    configuration.tailCacheByteCountMax = 0
    configuration.readTimeMax = .seconds(30)
    configuration.upkeepProcessorPercent = 100
    return configuration
  }

  private static func paused(_ configuration: StoreConfiguration) -> StoreConfiguration {
    var configuration = configuration
    configuration.upkeepProcessorPercent = 0
    return configuration
  }

  /// Small batches of two streams, each received a second after the one before; every third without times.
  private static func fill(_ test: TestStore, _ clock: TestClock, batchCount: Int = 300) {
    for number in 1...batchCount {
      clock.advance(.seconds(1))
      let texts = (1...(number % 4 + 1)).map { "request \(number).\($0) took \(number * 7 % 1000) ms" }
      let time = number % 3 == 0 ? 0 : Int64(number) * 1_000
      test.append("web", .test(texts, times: texts.map { _ in time }), number: UInt64(number))
      test.append("db", .test("query \(number)"), producer: 2, number: UInt64(number))
    }
  }

  /// All that is stored of a stream's entries.
  private static func entries(_ stream: String, _ test: TestStore) throws -> [LogEntry] {
    let info = try #require(test.info(stream))
    var decoder = BatchDecoder()
    var found: [LogEntry] = []
    var position: UInt64 = 1
    while position <= info.head {
      let result = try test.read(ReadRequest(stream: info.id, from: position, to: info.head)).get()
      for case .batches(let run) in result.pieces {
        for batch in try Batch.run(run.batches) {
          #expect(batch.hasValidCheck && batch.hasValidServerCheck(seed: info.serverSeed))
          found += try decoder.entries(of: batch).filter { run.numbers.contains($0.sequence) }
        }
      }
      position = result.next
    }
    return found
  }

  private static func segment(_ number: Int, _ directory: TestDirectory) throws -> Database {
    try Database(directory.data + "/segments/000000000\(number).db", mode: .immutable, vfs: nil)
  }

  @Test func `a sealed segment is compacted, and its entries stay as they were`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    var before: [String: [LogEntry]] = [:]
    do {
      let test = try TestStore(Self.paused(configuration), in: directory)
      Self.fill(test, clock)
      test.roll(clock)
      for stream in ["web", "db", "tick"] { before[stream] = try Self.entries(stream, test) }
      let size = test.store.statistics.byteCount
      let found = (1...3).map { test.findSequence("web", atOrAfter: Int64($0) * 70_000) }
      #expect(test.store.statistics.uncompactedSegmentCount <= 1)
      test.store.apply(configuration)
      #expect(test.sink.waitForLine("segment 1 is compacted"))
      #expect(test.store.statistics.compactedSegmentCount == 1)
      #expect(test.store.statistics.byteCount < size)
      for stream in ["web", "db", "tick"] { #expect(try Self.entries(stream, test) == before[stream]) }
      #expect((1...3).map { test.findSequence("web", atOrAfter: Int64($0) * 70_000) } == found)
      // What the server remembers of producers stays.
      #expect(test.append("db", .test("query 300"), producer: 2, number: 300)?.isDuplicate == true)
      test.close()
    }
    let database = try Self.segment(1, directory)
    #expect(try database.text("PRAGMA integrity_check") == "ok")
    #expect(try database.integer("PRAGMA user_version") == SegmentSchema.format)
    #expect(try SegmentSchema.isCompacted(database))
    #expect(try SegmentSchema.has(BlockIndexSchema.groups, database))
    // A row for each stream.
    #expect(try database.integer("SELECT count(*) - count(DISTINCT stream) FROM runs") == 0)
    let test = try TestStore(configuration, in: directory)
    for stream in ["web", "db"] { #expect(try Self.entries(stream, test) == before[stream]) }
  }

  @Test func `a search finds the same before and after`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let test = try TestStore(Self.paused(configuration), in: directory)
    Self.fill(test, clock)
    test.roll(clock)
    let info = try #require(test.info("web"))
    let start = try #require(try Self.entries("web", test).first?.received)
    let filters = try ["took 77", "=request", "time>=1970-01-01T00:00:00Z AND time<1971-01-01T00:00:00Z", "request 29"]
      .map { SharedFilter(try Filter($0)) }
    func counts() throws -> [UInt64?] {
      try filters.map { filter in
        let tally = try test.read(
          ReadRequest(stream: info.id, from: 1, to: info.head, filter: filter, tally: .count)
        ).get()
        return tally.tally?.result(missingCount: 0).entryCount
      }
    }
    let before = try counts()
    #expect(start > 0 && before.allSatisfy { $0 ?? 0 > 0 })
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 1 is compacted"))
    #expect(try counts() == before)
  }

  @Test func `what is deleted later leaves a compacted segment, and large batches stay as they are`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    for number in 1...20 {
      test.append("web", .test((1...1_000).map { "line \(number).\($0)" }), number: UInt64(number))
      test.append("db", .test((1...1_000).map { "row \(number).\($0)" }), producer: 2, number: UInt64(number))
    }
    test.roll(clock)
    #expect(test.sink.waitForLine("segment 1 is compacted"))
    func batches(_ stream: String) throws -> [ByteString] {
      let database = try Self.segment(1, directory)
      let statement = try database.prepare("SELECT batches FROM runs WHERE stream = ?1 ORDER BY first_seq")
      statement.bind(1, try #require(test.info(stream)).id)
      var found: [ByteString] = []
      while try statement.step() { found += try Batch.run(statement.bytes(0)).map { ByteString($0.bytes.array) } }
      return found
    }
    let before = try batches("db")
    let counts = try before.map { Int(try Batch(wholeOf: $0).header.count) }
    #expect(counts == Array(repeating: 4_000, count: 5))
    _ = try test.delete("web", 500...700).get()
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(try batches("db").first == before.first)
    let reading = try test.readAll("web")
    #expect(reading.texts.count == 19_799 && reading.skips == [.init(from: 500, to: 700, reason: .deleted)])
  }

  @Test func `what was compacted after a restore is read after the next one, too`() throws {
    var directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(Self.paused(Self.configuration(directory, clock)), in: directory)
      Self.fill(test, clock, batchCount: 20)
      test.roll(clock)
      test.close()
    }
    var before: [LogEntry]?
    for _ in 0..<3 {
      directory = directory.copy()
      let test = try TestStore(Self.configuration(directory, clock), in: directory)
      if before == nil { #expect(test.sink.waitForLine("segment 1 is compacted")) }
      let found = try Self.entries("web", test)
      #expect(found.count == 50 && found == before ?? found)
      before = found
      test.close()
    }
  }

  @Test func `entries are found by time behind holes, and in what was cut and merged`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let test = try TestStore(Self.paused(configuration), in: directory)
    for start in stride(from: Int64(1), to: 100, by: 10) {
      let times = Array(start..<start + 10)
      test.append("web", .test(times.map { "line \($0)" }, times: times), number: UInt64(start / 10 + 1))
    }
    for hole in [14...16, 33...52, 98...98] as [ClosedRange<UInt64>] { _ = try test.delete("web", hole).get() }
    let removed = Set(14...16 as ClosedRange<Int64>).union(33...52).union([98])
    func check() {
      for time in Int64(1)...100 {
        let after = (time...100).first { !removed.contains($0) }
        #expect(test.findSequence("web", atOrAfter: time) == UInt64(after ?? 101), "\(time)")
        let before = (1...time).last { !removed.contains($0) }
        #expect(test.findSequence("web", atOrBefore: time) == before.map { UInt64($0) }, "\(time)")
      }
    }
    check()
    test.roll(clock)
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    check()
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 1 is compacted"))
    check()
  }

  @Test func `a deletion does not wait for a compaction`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    // It goes on a step in half a minute.
    configuration.upkeepProcessorPercent = 1
    let test = try TestStore(configuration, in: directory)
    Self.fill(test, clock, batchCount: 20)
    test.append("web", .test("secret"), number: 21)
    test.roll(clock)
    _ = try test.delete("web", 51...51).get()
    configuration.upkeepProcessorPercent = 100
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(try test.readAll("web").skips == [.init(from: 51, to: 51, reason: .deleted)])
  }

  @Test func `deletions in the newest segment do not begin a compaction anew`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    // It goes on a step in half a minute.
    configuration.upkeepProcessorPercent = 1
    let test = try TestStore(configuration, in: directory)
    Self.fill(test, clock)
    test.roll(clock)
    let (path, files) = (directory.data + "/segments/0000000001.db", PosixFileSystem())
    let deadline = ContinuousClock.now + TestSink.patience
    while try files.byteCount(path + ".tmp") == nil, ContinuousClock.now < deadline { sched_yield() }
    let begun = try files.identity(path + ".tmp")
    for number in 301...305 as ClosedRange<UInt64> {
      let first = try #require(test.append("web", .test("secret \(number)"), number: number)?.first)
      #expect(try test.delete("web", first...first).get().entryCount == 1)
    }
    configuration.upkeepProcessorPercent = 100
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 1 is compacted"))
    #expect(try files.identity(path) == begun)
    let reading = try test.readAll("web")
    #expect(reading.skips.reduce(0) { $0 + $1.to - $1.from + 1 } == 5)
  }

  @Test func `a compaction waits for space, and leaves what is reserved for a start`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    configuration.reserveByteCountMax = 256 << 10
    let test = try TestStore(Self.paused(configuration), in: directory)
    Self.fill(test, clock)
    test.roll(clock)
    // As on a full disk.
    configuration.retention.diskFreeMin = .bytes(.max / 2)
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 1 is not rewritten yet: that needs "))
    #expect(directory.contents("data/reserve").count == 256 << 10)
    configuration.retention.diskFreeMin = .bytes(0)
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 1 is compacted"))
    #expect(directory.contents("data/reserve").count == 256 << 10)
  }

  @Test func `by size, a compacted stream loses what is too much, and no more`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let test = try TestStore(configuration, in: directory)
    let text = String(repeating: "compressible ", count: 20)
    for number in 1...200 {
      clock.advance(.seconds(1))
      test.append("web", .test((0..<20).map { "\(text)\(number) \($0)" }), number: UInt64(number))
    }
    test.roll(clock)
    #expect(test.sink.waitForLine("segment 1 is compacted"))
    let stored = try #require(test.info("web")).storedByteCount
    var ruled = configuration
    ruled.retentionInterval = .milliseconds(2)
    ruled.retention.rules = [RetentionRule(pattern: try StreamPattern("web"), byteCountMax: Int(stored / 2))]
    test.store.apply(ruled)
    let isTrimmed = test.sink.monitor.wait(timeout: TestSink.patience) { _ in
      test.info("web").map { $0.keptByteCount <= stored / 2 } == true ? true : nil
    }
    #expect(isTrimmed == true)
    let info = try #require(test.info("web"))
    // A sixteenth less than the half, and up to a piece of 256 less.
    #expect((1_600...2_000).contains(info.keptEntryCount), "\(info.keptEntryCount) of 4000 are left")
  }

  @Test func `a damaged segment is left as it is`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    do {
      let test = try TestStore(Self.paused(configuration), in: directory)
      Self.fill(test, clock, batchCount: 50)
      test.roll(clock)
      test.close()
    }
    do {
      let database = try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
      try database.execute(
        "UPDATE runs SET batches = CAST(substr(batches, 1, 90) || x'ff' || substr(batches, 92) AS BLOB) WHERE id = 20")
    }
    let test = try TestStore(configuration, in: directory)
    #expect(test.sink.waitForLine("segment 1 is not compacted: "))
    let reading = try test.readAll("web")
    let skips = try test.readAll("db").skips
    #expect(reading.skips.count + skips.count == 1)
    #expect(directory.contents("data/segments/0000000001.db.tmp").isEmpty)
  }

  /// A way in which a copy could differ.
  enum Difference: String, CaseIterable {
    case text, time, received, missing, additional, stream
  }

  @Test(arguments: Difference.allCases) func `a copy that differs in anything is not taken`(
    _ difference: Difference
  ) throws {
    func sealed(_ difference: Difference?) throws -> (TestDirectory, [Int64: StreamInfo?]) {
      let directory = TestDirectory()
      let clock = TestClock()
      let test = try TestStore(Self.paused(Self.configuration(directory, clock)), in: directory)
      for number in 1...30 {
        if difference == .missing, number == 30 { break }
        let isOther = number == 15
        clock.advance(isOther && difference == .received ? .seconds(2) : .seconds(1))
        let text = isOther && difference == .text ? "line 15." : "line \(number)"
        let time = isOther && difference == .time ? 7_000 : Int64(number)
        let stream = number == 30 && difference == .stream ? "db" : "web"
        test.append(stream, .test([text], times: [time]), number: UInt64(number))
        if isOther, difference == .received { clock.set(clock.now - Duration.seconds(1).nanoseconds) }
      }
      if difference == .additional { test.append("web", .test("more"), number: 31) }
      if difference != .stream { test.append("db", .test("row"), producer: 2, number: 1) }
      test.roll(clock)
      test.close()
      let streams = Dictionary(uniqueKeysWithValues: ["web", "db"].compactMap { test.info($0) }.map { ($0.id, $0) })
      return (directory, streams.mapValues { Optional($0) })
    }
    let (old, streams) = try sealed(nil)
    let (new, _) = try sealed(difference)
    let (same, _) = try sealed(nil)
    let segment = Segment(number: 1, path: old.data + "/segments/0000000001.db", state: .sealed)
    func check(_ directory: TestDirectory) throws(SQLiteError) -> Bool {
      try CopyCheck(segment, directory.data + "/segments/0000000001.db", streams, vfs: nil).compare(until: .max)
    }
    #expect(try check(same))
    let error = #expect(throws: SQLiteError.self) { try check(new) }
    #expect(error?.isLoss == true, "\(difference): \(String(describing: error))")
  }

  @Test func `work is followed by a pause that leaves it its share`() {
    let configuration = { (percent: Int) in
      var configuration = StoreConfiguration(directory: "/nowhere")
      configuration.upkeepProcessorPercent = percent
      return configuration
    }
    for (percent, pause) in [(100, 0), (50, 30), (20, 120), (1, 2_970)] {
      #expect(configuration(percent).upkeepPause(after: .milliseconds(30)) == .milliseconds(pause))
    }
    // What has to be done goes on while compaction is paused.
    #expect(configuration(0).upkeepPause(after: .milliseconds(30)) == .milliseconds(20))
  }

  @Test func `a producer is known however its segment is replaced while it is looked for`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    var configuration = Self.configuration(directory, clock)
    (configuration.fileSystem, configuration.vfs) = (disk.configuration(directory, clock).fileSystem, disk.name)
    configuration.markForwardCountMax = 0
    do {
      let test = try TestStore(Self.paused(configuration))
      // Its mark is in both segments; the first one has an older one.
      for number in 1...2 as ClosedRange<UInt64> {
        test.append("web", .test("\(number)"), number: number)
        test.roll(clock)
      }
      test.close()
    }
    let test = try TestStore(Self.paused(configuration), in: directory)
    let compacting = configuration
    let isCompacted = Mutex(false)
    disk.hooks.withLock {
      $0.onRead = { file in
        // The active segment is looked at first.
        guard file.hasSuffix("0000000003.db"), isCompacted.withLock({ !exchange(&$0, with: true) }) else { return }
        test.store.apply(compacting)
        #expect(test.sink.waitForLine("segment 2 is compacted"))
      }
    }
    let again = test.append("web", .test("2"), number: 2)
    #expect(again?.first == 2 && again?.isDuplicate == true)
    #expect(isCompacted.withLock { $0 })
    disk.hooks.withLock { $0.onRead = nil }
  }
}
