import CFaultVFS
import CSQLite
import LogsWire
import Testing

@testable import LogsStore

@Suite struct FaultTests {
  private static let ioErrorWrite = SQLITE_IOERR | (3 << 8)
  private static let ioErrorSync = SQLITE_IOERR | (4 << 8)

  @Test(arguments: [true, false])
  func `an error while writing or syncing stops the store, and what was acknowledged is there after a restart`(
    isWrite: Bool
  ) throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    do {
      let test = try TestStore(disk.settings(directory))
      test.append("web", .test("1"), number: 1)
      disk.inject(
        isWrite
          ? .init(operation: FAULT_WRITE, suffix: "-wal", code: Self.ioErrorWrite, skip: 1, count: 1)
          : .init(operation: FAULT_SYNC, suffix: "-wal", code: Self.ioErrorSync, count: 1))
      let requests = (2...5 as ClosedRange<UInt64>).map { test.submit("web", .batch(.test("\($0)")), number: $0) }
      let error = test.sink.waitForFailure()
      #expect(error?.code == .inputOutput)
      #expect(error?.message.contains("0000000001.db") == true)
      _ = requests
      #expect(test.append("web", .test("6"), number: 6)?.refusal?.code == .storageFailed)
      test.close()
    }
    disk.heal()
    let test = try TestStore(disk.settings(directory))
    let texts = try test.readAll("web").texts
    #expect(texts.first == "1")
    // A failed sync may have left the group: then all of it, and the producer learns that it is stored.
    for number in 1...5 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    #expect(try test.readAll("web").texts == ["1", "2", "3", "4", "5"])
  }

  @Test func `a full disk refuses, takes nothing, and the store goes on when there is space`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(disk.settings(directory))
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
    let again = try TestStore(disk.settings(directory))
    #expect(try again.readAll("web").texts == ["1", "2"])
  }

  @Test func `a transaction that fails in its middle leaves nothing of its group`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(disk.settings(directory))
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

  @Test func `a disk that is full at the roll leaves the active segment active until there is space`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let clock = TestClock()
    let test = try TestStore(disk.settings(directory, clock))
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

  @Test func `an error at the roll stops the store and loses nothing`() throws {
    for skip in 0..<4 {
      let directory = TestDirectory()
      let disk = FaultDisk()
      let clock = TestClock()
      do {
        let test = try TestStore(disk.settings(directory, clock))
        test.append("web", .test("1"), number: 1)
        // The segment's sync, its directory's, the syncs of `store`.
        let suffixes = ["0000000002.db.tmp", "/segments", "store.tmp", "/data"]
        disk.inject(.init(operation: FAULT_SYNC, suffix: suffixes[skip], code: SQLITE_IOERR))
        clock.advance(.seconds(25 * 3600))
        _ = test.submit("web", .batch(.test("2")), number: 2)
        #expect(test.sink.waitForFailure()?.code == .inputOutput)
        test.close()
      }
      disk.heal()
      let test = try TestStore(disk.settings(directory, clock))
      test.append("web", .test("2"), number: 2)
      #expect(test.append("web", .test("3"), number: 3)?.first == 3)
      #expect(try test.readAll("web").texts == ["1", "2", "3"])
    }
  }
}
