import CFaultVFS
import CSQLite
import Glibc
import LogsDisk
import LogsSystem
import LogsWire
import Synchronization
import Testing

@testable import LogsStore

/// What is kept no longer goes with whole segments, and reads report it as trimmed.
@Suite struct RetentionTests {
  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.retentionInterval = .milliseconds(2)
    configuration.tailCacheByteCountMax = 0
    // Time passes with the clock; where it jumps, a test says so.
    configuration.elapsed = { clock.now }
    return configuration
  }

  /// Segments with numbers 1...3, 4...6, 7...9 of the stream `web`, 25 hours apart, and an empty stream `old`.
  private static func threeSegments(_ test: TestStore, _ clock: TestClock) {
    for number in 1...9 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), number: number)
      if number == 1 { test.append("old", .test("old"), number: 1) }
      if number == 3 || number == 6 { test.roll(clock) }
    }
  }

  private static let hour = Duration.seconds(3600)

  @Test func `what is stored in a day is what segments have grown, packed as they are`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let elapsed = WatchedClock()
    var configuration = Self.configuration(directory, clock)
    configuration.rowSamplesByteCount = 8 << 10
    configuration.retention.byteCountMax = 1 << 30
    configuration.elapsed = { elapsed.read() }
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    elapsed.waitForLook()
    #expect(test.store.statistics.bytesPerDay == nil)
    func size(_ file: String) throws -> Int {
      let database = try Database("\(directory.data)/segments/\(file)", mode: .readOnly, vfs: nil)
      return Int(try database.integer("PRAGMA page_count")) * SegmentSchema.pageByteCount
    }
    let sizeBefore = try size("0000000001.db")
    var sizeAfter = 0
    var batchByteCount = 0
    for number in 1...2000 as ClosedRange<UInt64> {
      let order = "the order with the number \(number &* 7919 % 100_000) of the customer in the web shop"
      let batch = Batch.test("\(order) was paid; \(order) is packed; \(order) goes out on the day after tomorrow")
      batchByteCount += batch.bytes.count
      test.append("web", batch, number: number)
      guard number == 1000 || number == 1999 else { continue }
      // With this all of them are in their segment.
      #expect(try test.readAll("web", from: number).texts.count == 1)
      if number == 1000 {
        sizeAfter = try size("0000000001.db")
        test.roll(clock)
      }
    }
    elapsed.clock.advance(Self.hour * 24)
    elapsed.waitForLook()
    let statistics = test.store.statistics
    let grown = try sizeAfter - sizeBefore + size("0000000002.db")
    let bytesPerDay = try #require(statistics.bytesPerDay)
    #expect(abs(bytesPerDay - grown) < grown / 8, "\(bytesPerDay) bytes a day, the segments have grown \(grown)")
    #expect(bytesPerDay < batchByteCount / 4 * 3, "\(batchByteCount) bytes of batches")
    #expect(statistics.sizeDays.map { $0 > (1 << 30) / 2 / grown } == true)
  }

  @Test func `what was received too long ago is trimmed, and said to be`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    configuration.retention.ageMax = Self.hour * 40
    do {
      let test = try TestStore(configuration, in: directory)
      Self.threeSegments(test, clock)
      #expect(!test.sink.lines.contains { $0.contains("trimmed") })
      clock.advance(Self.hour * 16)
      #expect(test.sink.waitForLine("trimmed: 1 segment below 2"))
      try Self.expectTrimmed(test)
      test.close()
    }
    #expect(directory.names().first == "0000000002.db")
    let test = try TestStore(configuration, in: directory)
    try Self.expectTrimmed(test)
    // A stream that has nothing left goes on behind its last number.
    #expect(test.info("old").map { [$0.first, $0.head, $0.keptEntryCount, $0.keptByteCount] } == [2, 1, 0, 0])
    #expect(test.append("old", .test("new"), number: 2)?.first == 2)
    #expect(try test.readAll("old") == .init(texts: ["new"], skips: [.init(from: 1, to: 1, reason: .trimmed)]))
  }

  private static func expectTrimmed(_ test: TestStore) throws {
    let all = try test.readAll("web")
    #expect(all == .init(texts: (4...9).map(String.init), skips: [.init(from: 1, to: 3, reason: .trimmed)]))
    #expect(try test.readAll("web", from: 2).skips == [.init(from: 2, to: 3, reason: .trimmed)])
    let info = try #require(test.info("web"))
    #expect([info.first, info.head, info.keptEntryCount] == [4, 9, 6])
    let reverse = try test.read(ReadRequest(stream: info.id, from: 2, to: 5, isReverse: true)).get()
    #expect(reverse.pieces.last == .skip(2...3, .trimmed) && reverse.next == 1)
    let gone = try test.read(ReadRequest(stream: info.id, from: 1, to: 2, isReverse: true)).get()
    #expect(gone.pieces == [.skip(1...2, .trimmed)] && gone.next == 0)
    let everything = SharedFilter(try Filter("-nothing"))
    let filtered = try test.read(ReadRequest(stream: info.id, from: 1, to: 9, filter: everything)).get()
    #expect(filtered.pieces.first == .skip(1...3, .trimmed))
    #expect(test.findSequence("web", atOrAfter: 0) == 4)
    #expect(test.findSequence("web", atOrBefore: .max) == 9)
    #expect(test.findSequence("web", atOrBefore: .max, in: 1...3) == nil)
  }

  @Test func `a clock that jumps to 2153 and back trims nothing`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let elapsed = WatchedClock()
    var configuration = Self.configuration(directory, clock)
    configuration.elapsed = { elapsed.read() }
    configuration.retention.ageMax = Self.hour * 40
    let test = try TestStore(configuration, in: directory)
    test.append("web", .test("1"), number: 1)
    elapsed.waitForLook()
    let right = clock.now
    clock.advance(.seconds(4_000_000_000))
    #expect(test.sink.waitForLine("jumped forward"))
    // A segment begins at that time, and holds an entry that was received then.
    test.append("web", .test("2"), number: 2)
    #expect(test.sink.waitForLine("segment 2 is active"))
    test.append("web", .test("3"), number: 3)
    clock.set(right)
    #expect(test.sink.waitForLine("is believed again"))
    for number in 4...6 as ClosedRange<UInt64> {
      // A segment that began in the future ends at once, others when they are old.
      test.append("web", .test("\(number)"), number: number)
      #expect(test.sink.waitForLine("segment \(number - 1) is active"))
      clock.advance(Self.hour * 6)
      elapsed.clock.advance(Self.hour * 6)
    }
    #expect(!test.sink.lines.contains { $0.contains("trimmed:") })
    #expect(try test.readAll("web").texts == (1...6).map(String.init))
    // In its time it goes, with what was received in 2153.
    clock.advance(Self.hour * 30)
    elapsed.clock.advance(Self.hour * 30)
    #expect(test.sink.waitForLine("trimmed: 3 segments below 4"))
    #expect(try test.readAll("web").skips == [.init(from: 1, to: 5, reason: .trimmed)])
  }

  @Test func `a jump is believed after a day, and a start after a long time is one`() {
    let day = Int64(24 * 3600) * 1_000_000_000
    var clock = RetentionClock(latest: 100 * day, elapsed: 7)
    #expect(clock.look(wall: 100 * day, elapsed: 7) == 100 * day)
    #expect(clock.look(wall: 105 * day, elapsed: 7 + 5 * day) == 105 * day)
    #expect(clock.look(wall: 106 * day, elapsed: 7 + 5 * day) == 106 * day)
    #expect(clock.look(wall: 108 * day, elapsed: 7 + 5 * day) == nil)
    #expect(clock.doubt?.words.hasPrefix("the system's clock has jumped forward by 2 days: nothing is trimmed") == true)
    #expect(clock.look(wall: 109 * day - 1, elapsed: 7 + 6 * day - 1) == nil)
    #expect(clock.look(wall: 109 * day, elapsed: 7 + 6 * day) == 109 * day)
    #expect(clock.look(wall: -5 * day, elapsed: 7 + 6 * day) == -5 * day)
    #expect(clock.look(wall: .max, elapsed: 7 + 6 * day) == nil)
    #expect(clock.look(wall: .min, elapsed: 7 + 6 * day) == .min)
    var start = RetentionClock(latest: 100 * day, elapsed: 0)
    #expect(start.look(wall: 130 * day, elapsed: 0) == nil)
    let words = start.doubt?.words ?? ""
    #expect(words.hasPrefix("the last entry is 30 days old by the system's clock: either none came"), "\(words)")
    #expect(words.contains("or the clock was set forward"), "\(words)")
    #expect(start.look(wall: 131 * day, elapsed: day) == 131 * day && start.doubt == nil)
    #expect(start.look(wall: 133 * day, elapsed: day) == nil && start.doubt?.isSinceStart == false)
  }

  @Test func `what takes too much space is trimmed, and the limit is never exceeded`() throws {
    let directory = TestDirectory()
    let limit = 16 << 20
    var configuration = Self.configuration(directory, TestClock())
    configuration.retention.byteCountMax = limit
    configuration.walByteCountMax = 1 << 20
    let test = try TestStore(configuration, in: directory)
    let paths = StorePaths(directory: directory.data)
    var number: UInt64 = 0
    var refusedCount = 0
    while number < 1_000 {
      number += 1
      while true {
        let outcome = test.append("web", .test(Self.text(number)), number: number)
        if outcome?.first == number { break }
        refusedCount += 1
        #expect(outcome?.refusal?.code == .overloaded)
        try #require(refusedCount < 1_000_000)
        // What makes room has the lowest priority.
        usleep(500)
      }
      if number % 16 == 0 {
        let size = try DirectorySize(paths, PosixFileSystem()).byteCount
        #expect(size <= limit, "after \(number)")
      }
    }
    let settled = try test.readAllSettled("web")
    let info = try #require(settled.info)
    let reading = settled.reading
    #expect(info.head == number && info.first > 1)
    #expect(reading.skips == [.init(from: 1, to: info.first - 1, reason: .trimmed)])
    #expect(reading.texts.count == Int(number - info.first + 1))
    #expect(reading.texts.first?.hasPrefix("\(info.first) ") ?? false)
    #expect(test.store.statistics.trimmedByteCountBySize > limit)
    // Not much more than has to goes: the rest is WAL, segments that are not sealed yet, and room for indexes.
    #expect(info.storedByteCount - info.trimmedByteCount > UInt64(limit / 8))
  }

  /// A store whose retention looks at the files only when a test lets it, and appends of 60 kB.
  private final class GatedStore {
    static let limit = 16 << 20
    let directory = TestDirectory()
    let disk = FaultDisk()
    let gate = Gate()
    let elapsed = WatchedClock()
    let test: TestStore
    private(set) var number: UInt64 = 0

    init() throws {
      var configuration = disk.configuration(directory, TestClock())
      let (gate, elapsed) = (gate, elapsed)
      configuration.retentionInterval = .milliseconds(2)
      configuration.upkeepRetryInterval = .milliseconds(20)
      configuration.elapsed = { elapsed.read() }
      configuration.retention.byteCountMax = Self.limit
      configuration.fileSystem = FaultFileSystem(disk: disk) { gate.pass() }
      test = try TestStore(configuration, in: directory)
    }

    // Otherwise the store could not close.
    deinit { gate.open() }

    func append() -> Refusal? {
      let outcome = test.append("web", .test(RetentionTests.text(number + 1)), number: number + 1)
      if outcome?.first == number + 1 { number += 1 }
      return outcome?.refusal
    }

    /// Appends until that is refused, and checks that all files take no more than they may.
    func appendUntilRefused() throws {
      let paths = StorePaths(directory: directory.data)
      var refusal: Refusal?
      for _ in 0..<400 where refusal == nil {
        refusal = append()
        try #require(DirectorySize(paths, PosixFileSystem()).byteCount <= Self.limit)
      }
      #expect(refusal?.code == .overloaded)
    }
  }

  @Test func `a segment that ends while files are measured counts, and the limit is not exceeded`() throws {
    let store = try GatedStore()
    let next = StorePaths(directory: store.directory.data).segmentTemporary(2)
    for _ in 0..<400 where try PosixFileSystem().byteCount(next) == nil {
      #expect(store.append() == nil)
      store.elapsed.waitForLook()
    }
    // What is behind the preparation is behind its end, too.
    store.elapsed.waitForLook()
    store.gate.close()
    #expect(store.gate.waitForSomebody())
    for _ in 0..<400 where !store.test.sink.lines.contains(where: { $0.contains("segment 2 is active") }) {
      #expect(store.append() == nil)
    }
    store.gate.passOnce()
    #expect(store.gate.waitForSomebody())
    // Nothing is removed, and nothing measured.
    try store.appendUntilRefused()
  }

  @Test func `what is trimmed takes its space until it is removed, and others go for what cannot be`() throws {
    let store = try GatedStore()
    store.disk.inject(.init(operation: FAULT_DELETE, suffix: "0001.db", code: SQLITE_IOERR, isBesideSQLite: true))
    // The first segment becomes large.
    store.gate.close()
    #expect(store.gate.waitForSomebody())
    for _ in 0..<130 { #expect(store.append() == nil) }
    store.gate.open()
    let isSealed = { store.test.sink.lines.contains { $0.contains("segment 1 is sealed") } }
    for _ in 0..<400 where !isSealed() {
      _ = store.append()
      store.elapsed.waitForLook()
    }
    store.gate.close()
    #expect(store.gate.waitForSomebody())
    try store.appendUntilRefused()
    // What looks first may be something else.
    for _ in 0..<20 where !store.test.sink.waitForLine("trimmed: ", timeout: .milliseconds(500)) {
      store.gate.passOnce()
      #expect(store.gate.waitForSomebody())
    }
    try store.appendUntilRefused()
    store.gate.open()
    #expect(store.test.sink.waitForLine("cannot be removed yet"))
    let refusedAt = store.number
    for _ in 0..<100_000 where store.number < refusedAt + 400 {
      if store.append() != nil { store.elapsed.waitForLook() }
    }
    #expect(store.number == refusedAt + 400)
    let size = try DirectorySize(StorePaths(directory: store.directory.data), PosixFileSystem())
    #expect(size.byteCount <= GatedStore.limit && size.segments[1] != nil)
  }

  /// Random letters, so that nothing is compressed much.
  private static let letters: [UInt8] = {
    var generator = SeededGenerator(seed: 7)
    return (0..<200_000).map { _ in UInt8(33 + generator.below(90)) }
  }()

  /// 60 kB that no other text begins with.
  static func text(_ number: UInt64) -> String {
    let start = Int(number * 7919 % 140_000)
    return "\(number) \(String(decoding: letters[start..<start + 60_000], as: UTF8.self))"
  }

  @Test func `beside a trim reads report entries as trimmed, never as lost`() throws {
    let directory = TestDirectory()
    var configuration = Self.configuration(directory, TestClock())
    configuration.retention.byteCountMax = 1 << 20
    configuration.segmentByteCountMax = 64 << 10
    configuration.readerThreadCount = 2
    configuration.readerConnectionCountMax = 4
    let test = try TestStore(configuration, in: directory)
    let text = String(repeating: "x", count: 9_000)
    test.append("web", .test("1 \(text)"), number: 1)
    let info = try #require(test.info("web"))
    let isOver = Atomic(false)
    let skips = Monitor<(lost: [ReadResult.Piece], readCount: Int, endedCount: Int)>(([], 0, 0))
    for isReverse in [false, true] {
      _ = Thread("test-read") {
        var generator = SeededGenerator(seed: isReverse ? 1 : 2)
        while !isOver.load(ordering: .relaxed) {
          let head = test.info("web")?.head ?? 1
          let from = UInt64(generator.below(Int(head))) + 1
          let request = ReadRequest(stream: info.id, from: from, to: head, isReverse: isReverse)
          let pieces = (try? test.read(request).get().pieces) ?? [.skip(1...1, .lost)]
          let lost = pieces.filter { if case .skip(_, let reason) = $0 { reason != .trimmed } else { false } }
          skips.withLock { ($0.lost, $0.readCount) = ($0.lost + lost, $0.readCount + 1) }
          usleep(100)
        }
        skips.withLock { $0.endedCount += 1 }
        skips.signal()
      }
    }
    var number: UInt64 = 1
    while number < 1_500 || skips.withLock({ $0.readCount }) < 500 {
      // Different from all others: what is compressed takes its space all the same.
      number += 1
      let content = (0..<4).map { _ in "\(UInt64.random(in: 0...(.max)))" }.joined() + text
      var retryCount = 0
      while test.append("web", .test("\(number) \(content)"), number: number)?.first != number {
        retryCount += 1
        try #require(retryCount < 1_000_000)
        // What makes room has the lowest priority.
        usleep(500)
      }
    }
    isOver.store(true, ordering: .relaxed)
    #expect(skips.wait(timeout: TestSink.patience) { $0.endedCount == 2 ? true : nil } == true)
    #expect(skips.withLock { $0.lost } == [])
    #expect(try #require(test.info("web")).first > 1)
    #expect(!test.sink.lines.contains { $0.contains("lost") })
  }

  @Test func `with too little free on the disk appends are refused, and reads go on`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    do {
      let test = try TestStore(configuration, in: directory)
      test.append("web", .test("1"), number: 1)
      test.close()
    }
    configuration.retention.diskFreeMin = .bytes(.max)
    let test = try TestStore(configuration, in: directory)
    #expect(test.sink.waitForLine("appends are refused"))
    #expect(test.store.statistics.isDiskLow)
    let refusal = test.append("web", .test("2"), number: 2)?.refusal
    #expect(refusal?.code == .diskFull && refusal?.isRetryable == true)
    // What is stored already needs no space.
    #expect(test.append("web", .test("1"), number: 1)?.isDuplicate == true)
    #expect(try test.readAll("web").texts == ["1"])
  }

  @Test func `a trim that finds no space gives up the reserve, and waits if that is not enough`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory, clock)
    configuration.retentionInterval = .milliseconds(2)
    configuration.upkeepRetryInterval = .milliseconds(20)
    configuration.elapsed = { clock.now }
    configuration.reserveByteCountMax = 512 << 10
    configuration.retention.ageMax = Self.hour * 40
    let test = try TestStore(configuration, in: directory)
    Self.threeSegments(test, clock)
    let reserve = StorePaths(directory: directory.data).reserve
    disk.inject(.init(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL))
    clock.advance(Self.hour * 16)
    #expect(test.sink.waitForLine("\(reserve) has been given up"))
    #expect(test.sink.waitForLine("tried again later"))
    #expect(try test.readAll("web").skips == [])
    disk.heal()
    #expect(test.sink.waitForLine("trimmed: 1 segment below 2"))
    #expect(try test.readAll("web").skips == [.init(from: 1, to: 3, reason: .trimmed)])
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }

  @Test func `segments and the WAL are small beside what may be kept`() {
    var configuration = StoreConfiguration(directory: "")
    #expect(configuration.fittedToRetention.segmentByteCountMax == 256 << 20)
    configuration.retention.byteCountMax = 64 << 20
    configuration.retention.ageMax = Self.hour * 8
    let fitted = configuration.fittedToRetention
    #expect(fitted.segmentByteCountMax == 8 << 20 && fitted.walByteCountMax == 2 << 20)
    #expect(fitted.segmentAgeMax == Self.hour)
    // A rule makes them smaller, but not below an hour.
    configuration.retention = RetentionPolicy()
    for (age, segmentAge) in [(Self.hour * 80, Self.hour * 10), (Self.hour, Self.hour)] {
      configuration.retention.rules.append(RetentionRule(pattern: .all, ageMax: age))
      #expect(configuration.fittedToRetention.segmentAgeMax == segmentAge)
    }
  }

  @Test func `a share of the disk is at least 256 MiB`() {
    #expect(RetentionPolicy.DiskSpace.percent(5).byteCount(ofDisk: 100 << 30) == (100 << 30) / 100 * 5)
    #expect(RetentionPolicy.DiskSpace.percent(5).byteCount(ofDisk: 1 << 30) == 256 << 20)
    #expect(RetentionPolicy.DiskSpace.bytes(7).byteCount(ofDisk: 1 << 30) == 7)
  }

  @Test func `what a crash left of trimmed segments is removed at the next start`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    do {
      let test = try TestStore(configuration, in: directory)
      Self.threeSegments(test, clock)
      test.close()
    }
    let first = directory.contents("data/segments/0000000001.db")
    configuration.retention.ageMax = Self.hour * 40
    do {
      let test = try TestStore(configuration, in: directory)
      clock.advance(Self.hour * 16)
      #expect(test.sink.waitForLine("trimmed: 1 segment below 2"))
      test.close()
    }
    for name in ["0000000001.db", "0000000001.db-wal"] {
      try PosixFileSystem().write(directory.data + "/segments/" + name, first)
    }
    configuration.retention.ageMax = nil
    let test = try TestStore(configuration, in: directory)
    #expect(directory.names().filter { $0.contains("0000000001") } == [])
    #expect(try test.readAll("web").skips == [.init(from: 1, to: 3, reason: .trimmed)])
  }
}

/// Where threads wait while it is closed.
private final class Gate: Sendable {
  private struct State {
    var isClosed = false
    var waitingCount = 0
    var passCount = 0
  }
  private let state = Monitor(State())

  func pass() {
    state.withLock { $0.waitingCount += 1 }
    state.signal()
    _ = state.wait { state -> Bool? in
      guard !state.isClosed || state.passCount > 0 else { return nil }
      if state.isClosed { state.passCount -= 1 }
      state.waitingCount -= 1
      return true
    }
  }

  func close() { state.withLock { $0.isClosed = true } }
  func open() {
    state.withLock { $0.isClosed = false }
    state.signal()
  }
  /// Lets the one that waits pass.
  func passOnce() {
    state.withLock { $0.passCount += 1 }
    state.signal()
  }
  func waitForSomebody() -> Bool {
    state.wait(timeout: TestSink.patience) { $0.waitingCount > 0 && $0.passCount == 0 ? true : nil } == true
  }
}
