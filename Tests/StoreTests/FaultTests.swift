import CFaultVFS
import CSQLite
import Glibc
import LogsDisk
import LogsWire
import Testing

@testable import LogsStore

@Suite struct FaultTests {
  private static let ioErrorWrite = SQLITE_IOERR | (3 << 8)
  private static let ioErrorSync = SQLITE_IOERR | (4 << 8)

  @Test(arguments: [true, false], [true, false])
  func `an error while writing or syncing stops the store, and acknowledged entries survive a restart`(
    isWrite: Bool, commitsHere: Bool
  ) throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    do {
      let test = try TestStore(disk.configuration(directory), commitsHere: commitsHere)
      test.append("web", .test("1"), number: 1)
      disk.inject(
        isWrite
          ? .init(operation: FAULT_WRITE, suffix: "-wal", code: Self.ioErrorWrite, skip: 1, count: 1)
          : .init(operation: FAULT_SYNC, suffix: "-wal", code: Self.ioErrorSync, count: 1))
      let requests = (2...5 as ClosedRange<UInt64>).map { test.submit("web", .batch(.test("\($0)")), number: $0) }
      let error = test.sink.waitForFailure()
      #expect(error?.code == .inputOutput)
      #expect(error?.message.contains("0000000001.db") == true)
      for request in requests { #expect(test.sink.reply(request)?.refusal?.code == .storageFailed) }
      #expect(test.append("web", .test("6"), number: 6)?.refusal?.code == .storageFailed)
      test.close()
    }
    disk.heal()
    let test = try TestStore(disk.configuration(directory))
    let texts = try test.readAll("web").texts
    #expect(texts.first == "1")
    // A failed sync may have left the group: then all of it, and the producer learns that it is stored.
    for number in 1...5 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    #expect(try test.readAll("web").texts == ["1", "2", "3", "4", "5"])
  }

  @Test func `when the store stops, every append in flight is answered once`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(disk.configuration(directory), commitsHere: true)
    for producer in 1...3 as ClosedRange<UInt64> { test.append("web", .test("1"), producer: producer, number: 1) }
    disk.inject(.init(operation: FAULT_SYNC, suffix: "-wal", code: Self.ioErrorSync, count: 1))
    // Nobody commits before the last one has been queued, and the first one's commit finds the fault.
    var requests: [UInt32] = []
    for number in 2...40 as ClosedRange<UInt64> {
      for producer in 1...3 as ClosedRange<UInt64> {
        requests.append(test.enqueue("web", .batch(.test("\(number)")), producer: producer, number: number))
      }
    }
    // These wait until a reader has found their marks.
    for producer in 10...14 as ClosedRange<UInt64> {
      requests.append(test.enqueue("web", .batch(.test("1")), producer: producer, number: 1))
    }
    test.store.commitQueued()
    #expect(test.sink.waitForFailure()?.code == .inputOutput)
    for request in requests { #expect(test.sink.reply(request)?.refusal?.code == .storageFailed) }
    #expect(test.sink.commits.flatMap(\.replies).count == requests.count + 3)
    let first = test.sink.reply(requests[0])?.refusal
    #expect(first?.isRetryable == true)
    #expect(first?.mayHaveTakenEffect == true)
    #expect(test.store.statistics.queueBatchCount == 0)
    #expect(test.store.statistics.queueByteCount == 0)
  }

  @Test(arguments: [true, false])
  func `on a full disk appends are refused, and the store continues when there is space`(commitsHere: Bool) throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(disk.configuration(directory), commitsHere: commitsHere)
    test.append("web", .test("1"), number: 1)
    disk.inject(.init(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL))
    let refusal = test.append("web", .test("2"), number: 2)?.refusal
    #expect(refusal?.code == .diskFull)
    #expect(refusal?.isRetryable == true)
    #expect(refusal?.retryAfterMilliseconds ?? 0 > 0)
    #expect(test.append("new", .test("1"), number: 1)?.refusal?.code == .diskFull)
    #expect(test.info("new") == nil)
    #expect(test.append("web", .test("1"), number: 1)?.isDuplicate == true)
    #expect(try test.readAll("web").texts == ["1"])
    disk.heal()
    #expect(test.append("web", .test("2"), number: 2)?.first == 2)
    #expect(test.append("new", .test("1"), number: 1)?.first == 1)
    #expect(test.store.statistics.diskFullCount >= 2)
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
    let again = try TestStore(disk.configuration(directory))
    #expect(try again.readAll("web").texts == ["1", "2"])
  }

  @Test func `a transaction that fails midway leaves nothing of its group`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(disk.configuration(directory))
    test.append("web", .test("1"), number: 1)
    // Larger than SQLite's cache: pages go to the WAL before the COMMIT, and the disk is full in between.
    disk.inject(.init(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL, skip: 300, count: 1))
    let text = String(repeating: "x", count: 1 << 20)
    let requests = (2...8 as ClosedRange<UInt64>).map { test.submit("web", .batch(.test(text)), number: $0) }
    for request in requests { _ = test.sink.outcome(request) }
    let texts = try test.readAll("web").texts
    #expect(texts.count == Int(test.info("web")?.head ?? 0))
    for number in 2...8 as ClosedRange<UInt64> { test.append("web", .test(text), number: number) }
    #expect(test.info("web")?.head == 8)
    #expect(try test.readAll("web").texts == ["1"] + Array(repeating: text, count: 7))
  }

  @Test(arguments: [true, false])
  func `a disk that is full at the roll leaves the active segment active until there is space`(
    commitsHere: Bool
  ) throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    let test = try TestStore(disk.configuration(directory, clock), commitsHere: commitsHere)
    test.append("web", .test("1"), number: 1)
    disk.inject(.init(operation: FAULT_WRITE, suffix: ".db.tmp", code: SQLITE_FULL))
    clock.advance(.seconds(25 * 3600))
    test.append("web", .test("2"), number: 2)
    #expect(test.sink.waitForLine("cannot prepare segment 2"))
    #expect(test.append("web", .test("3"), number: 3)?.first == 3)
    disk.heal()
    var number: UInt64 = 3
    while test.store.statistics.segmentCount == 1 {
      number += 1
      #expect(test.append("web", .test("\(number)"), number: number)?.first == number)
    }
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(try test.readAll("web").texts.count == Int(number))
  }

  @Test func `a disk that is full for checkpoints and seals delays neither appends nor reads`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    var configuration = disk.configuration(directory, clock)
    configuration.walByteCountMax = 64 << 10
    configuration.tailCacheByteCountMax = 0
    configuration.upkeepRetryInterval = .milliseconds(20)
    let test = try TestStore(configuration)
    disk.inject(.init(operation: FAULT_WRITE, suffix: "0000000001.db", code: SQLITE_FULL))
    let text = String(repeating: "x", count: 20_000)
    for number in 1...20 as ClosedRange<UInt64> {
      #expect(test.append("web", .test(text), number: number)?.first == number)
    }
    test.roll(clock, waitForSeal: false)
    #expect(test.sink.waitForLine("segment 1 cannot be sealed yet"))
    #expect(test.append("web", .test("last"), number: 21)?.first == 21)
    #expect(try test.readAll("web").texts == Array(repeating: text, count: 20) + ["last"])
    disk.heal()
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(try test.readAll("web").texts == Array(repeating: text, count: 20) + ["last"])
    #expect(test.sink.lines.count { $0.contains("cannot checkpoint") } == 1)
  }

  @Test func `a disk that is full when the next segment already has its name does no harm`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    var number: UInt64 = 2
    do {
      let test = try TestStore(disk.configuration(directory, clock))
      test.append("web", .test("1"), number: 1)
      disk.inject(.init(operation: FAULT_WRITE, suffix: "store.tmp", code: SQLITE_FULL))
      clock.advance(.seconds(25 * 3600))
      test.append("web", .test("2"), number: 2)
      #expect(test.sink.waitForLine("cannot begin segment 2"))
      disk.heal()
      while test.store.statistics.segmentCount == 1 {
        number += 1
        #expect(test.append("web", .test("\(number)"), number: number)?.first == number)
      }
      #expect(test.append("web", .test("\(number + 1)"), number: number + 1)?.first == number + 1)
      test.close()
    }
    let test = try TestStore(disk.configuration(directory, clock))
    #expect(try test.readAll("web").texts == (1...number + 1).map { "\($0)" })
  }

  @Test func `while a mark cannot be read its producer's batches are refused, and only those`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    var configuration = disk.configuration(directory, clock)
    configuration.markForwardCountMax = 0
    do {
      let test = try TestStore(configuration)
      test.append("web", .test("1"), producer: 1, number: 1)
      test.roll(clock)
      test.append("web", .test("2"), producer: 2, number: 1)
      test.close()
    }
    let test = try TestStore(configuration)
    // Like an error for too many open files.
    disk.inject(.init(operation: FAULT_OPEN, suffix: "0000000001.db", code: SQLITE_CANTOPEN))
    let requests = (1...3 as ClosedRange<UInt64>).map { test.submit("web", .batch(.test("\($0)")), number: $0) }
    for request in requests {
      let refusal = test.sink.outcome(request)?.refusal
      #expect(refusal?.code == .storageFailed)
      #expect(refusal?.isRetryable == true)
    }
    #expect(test.append("web", .test("3"), producer: 2, number: 2)?.first == 3)
    #expect(test.append("new", .test("1"), producer: 1, number: 1)?.first == 1)
    disk.heal()
    #expect(test.append("web", .test("1"), number: 1)?.isDuplicate == true)
    #expect(test.append("web", .test("x"), number: 2)?.first == 4)
    #expect(test.store.statistics.queueBatchCount == 0)
  }

  @Test(arguments: [SQLITE_IOERR | (4 << 8), SQLITE_FULL])
  func `a sealed segment that cannot be synced stops the store`(code: Int32) throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    do {
      let test = try TestStore(disk.configuration(directory, clock))
      test.append("web", .test("1"), number: 1)
      disk.inject(
        .init(operation: FAULT_SYNC, suffix: "0000000001.db", code: code, count: 1, isBesideSQLite: code == SQLITE_FULL)
      )
      clock.advance(.seconds(25 * 3600))
      test.append("web", .test("2"), number: 2)
      #expect(test.sink.waitForFailure()?.message.contains("0000000001.db") == true)
      test.close()
    }
    disk.heal()
    let test = try TestStore(disk.configuration(directory, clock))
    // The store's own sync comes last: then the file has left WAL mode already.
    if code != SQLITE_FULL { #expect(test.sink.waitForLine("segment 1 is sealed")) }
    #expect(try test.readAll("web").texts == ["1", "2"])
  }

  @Test(arguments: [SQLITE_IOERR, SQLITE_FULL], 0..<4)
  func `a sync that fails at the roll stops the store and loses nothing, whatever the reason`(
    code: Int32, skip: Int
  ) throws {
    do {
      let directory = TestDirectory()
      let disk = FaultDisk()
      let clock = TestClock()
      do {
        let test = try TestStore(disk.configuration(directory, clock))
        test.append("web", .test("1"), number: 1)
        // The segment's sync, its directory's, the syncs of `store`.
        let suffixes = ["0000000002.db.tmp", "/segments", "store.tmp", "/data"]
        // The segment is synced when it is prepared, too; what fails there is made again.
        disk.inject(.init(operation: FAULT_SYNC, suffix: suffixes[skip], code: code, skip: skip == 0 ? 1 : 0))
        clock.advance(.seconds(25 * 3600))
        _ = test.submit("web", .batch(.test("2")), number: 2)
        #expect(test.sink.waitForFailure()?.code == .inputOutput)
        test.close()
      }
      disk.heal()
      let test = try TestStore(disk.configuration(directory, clock))
      test.append("web", .test("2"), number: 2)
      #expect(test.append("web", .test("3"), number: 3)?.first == 3)
      #expect(try test.readAll("web").texts == ["1", "2", "3"])
    }
  }

  @Test func `entries acknowledged after a failed roll are kept, whatever 'store' says`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    let test = try TestStore(disk.configuration(directory, clock))
    test.append("web", .test("1"), number: 1)
    // A quota, met by the sync of the directory when `store` has the next segment's number already.
    disk.inject(.init(operation: FAULT_SYNC, suffix: "/data", code: SQLITE_FULL))
    clock.advance(.seconds(25 * 3600))
    test.append("web", .test("2"), number: 2)
    var acknowledged = try #require(test.info("web")).head
    #expect(test.sink.waitForFailure()?.code == .inputOutput)
    for number in 3...5 as ClosedRange<UInt64> {
      if let first = test.append("web", .test("\(number)"), number: number)?.first { acknowledged = first }
    }
    let killed = directory.copy()
    var configuration = TestStore.configuration(killed, clock)
    configuration.noticesCopies = false
    let again = try TestStore(configuration, in: killed)
    #expect(try #require(again.info("web")).head >= acknowledged)
    #expect(try again.readAll("web").texts == (1...acknowledged).map { "\($0)" })
  }

  @Test func `a WAL index that cannot grow says nothing about what is stored`() {
    func error(_ code: Int32, _ systemError: Int32 = ENOSPC) -> SQLiteError {
      SQLiteError(code: code, text: "", path: "", systemError: systemError)
    }
    let index = error(SQLITE_IOERR | (19 << 8))
    #expect(index.isDiskFull)
    #expect(!index.meansNothingStored)
    #expect(error(SQLITE_FULL).meansNothingStored)
    #expect(error(SQLITE_BUSY).meansNothingStored)
    #expect(error(Self.ioErrorWrite).meansNothingStored)
    #expect(!error(Self.ioErrorWrite, EIO).meansNothingStored)
    #expect(!error(Self.ioErrorSync).isDiskFull)
    #expect(!error(Self.ioErrorSync).meansNothingStored)
  }

  @Test func `a new data directory is synced into its parent`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    disk.inject(.init(operation: FAULT_SYNC, suffix: "/data/..", code: SQLITE_IOERR))
    #expect(throws: StoreError.self) { try TestStore(disk.configuration(directory)) }
    // It exists now.
    _ = try TestStore(disk.configuration(directory))
  }

  @Test func `a disk with no room for the marks before a rollover is logged once, not with each append`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    let test = try TestStore(disk.configuration(directory, clock))
    test.append("web", .test("1"), number: 1)
    clock.advance(.seconds(25 * 3600))
    // The rolls, not the appends: those are refused, and logged once, too.
    disk.inject(.init(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL))
    for _ in 1...200 { #expect(test.append("web", .test("2"), number: 2)?.refusal?.code == .diskFull) }
    #expect(test.sink.lines.count < 10)
    disk.heal()
    var number: UInt64 = 1
    while test.store.statistics.segmentCount == 1 {
      number += 1
      #expect(test.append("web", .test("\(number)"), number: number)?.first == number)
    }
  }
}
