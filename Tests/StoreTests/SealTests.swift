import CFaultVFS
import CSQLite
import Glibc
import LogsDisk
import LogsWire
import Testing

@testable import LogsStore

/// The end of a segment that is requested, or comes because nothing is appended any more.
@Suite struct SealTests {
  private static func waitUntilSealed(_ store: Store) {
    let deadline = ContinuousClock.now + TestSink.patience
    while !store.unsealedSegments.isEmpty, ContinuousClock.now < deadline { usleep(1_000) }
    #expect(store.unsealedSegments.isEmpty)
  }

  @Test func `what is stored when sealing is requested is sealed, and the store goes on`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.tailCacheByteCountMax = 0
    let test = try TestStore(configuration)
    for round in 1...3 as ClosedRange<UInt64> {
      #expect(test.append("web", .test("\(round)"), number: round)?.first == round)
      test.store.seal()
      Self.waitUntilSealed(test.store)
      #expect(test.store.statistics.segmentCount == Int(round) + 1)
      #expect(test.store.statistics.sealedSegmentCount == Int(round))
      #expect(!directory.names().contains("000000000\(round).db-wal"))
    }
    #expect(try test.readAll("web").texts == ["1", "2", "3"])
    test.close()
    let again = try TestStore(configuration)
    #expect(try again.readAll("web").texts == ["1", "2", "3"])
    #expect(again.append("web", .test("4"), number: 4)?.first == 4)
  }

  @Test func `what could not be read of the newest segment, since it was being sealed, is read of the next`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    test.append("web", .test("1"), number: 1)
    let view = try StoreView(directory: directory.data)
    var numbers: [Int64] = []
    let locked = SQLiteError(code: SQLITE_BUSY, text: "database is locked", path: "", systemError: 0)
    let number = try view.inNewest { number throws(SQLiteError) in
      numbers.append(number)
      guard number == 1 else { return number }
      test.store.seal()
      Self.waitUntilSealed(test.store)
      throw locked
    }
    #expect(number == 2 && numbers == [1, 2])
    let error = #expect(throws: StoreError.self) {
      _ = try view.inNewest { _ throws(SQLiteError) -> Int in throw locked }
    }
    #expect(error?.code == .busy)
    #expect(try view.newestWithEntries() == 1)
    #expect(try view.unsealedSegments(through: 1).isEmpty)
  }

  @Test func `a request for an empty segment is over at once, and the next entry does not roll it`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    test.store.seal()
    Self.waitUntilSealed(test.store)
    for number in 1...3 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    test.close()
    #expect(directory.names() == ["0000000001.db"])
  }

  @Test func `requests that come while one is carried out are carried out with it, or at once after it`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    for number in 1...200 as ClosedRange<UInt64> {
      #expect(test.append("web", .test("\(number)"), number: number)?.first == number)
      test.store.seal()
    }
    Self.waitUntilSealed(test.store)
    let statistics = test.store.statistics
    #expect(statistics.sealedSegmentCount == statistics.segmentCount - 1)
    #expect(try test.readAll("web").texts == (1...200).map(String.init))
    // Nothing is left in the active segment.
    test.store.seal()
    Self.waitUntilSealed(test.store)
    #expect(test.store.statistics.segmentCount == statistics.segmentCount)
  }

  @Test func `a full disk delays what was requested`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(disk.configuration(directory, TestClock()))
    #expect(test.append("web", .test("1"), number: 1)?.first == 1)
    disk.inject(.init(operation: FAULT_WRITE, suffix: ".db.tmp", code: SQLITE_FULL))
    test.store.seal()
    #expect(test.sink.waitForLine("cannot prepare segment 2"))
    #expect(test.store.unsealedSegments == [1])
    disk.heal()
    var number: UInt64 = 1
    while test.store.statistics.segmentCount == 1 {
      number += 1
      #expect(test.append("web", .test("\(number)"), number: number)?.first == number)
    }
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(test.store.unsealedSegments.isEmpty)
    #expect(try test.readAll("web").texts == (1...number).map(String.init))
  }

  // MARK: idle segments

  private static let idleByteCount = 256 << 10

  private static func idle(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.segmentIdleByteCountMin = idleByteCount
    configuration.segmentIdleMax = .seconds(600)
    return configuration
  }

  /// Has the writer look what is due, by a batch that is stored already.
  private static func knock(_ test: TestStore, number: UInt64 = 1) {
    #expect(test.append("web", .test(text), number: number)?.isDuplicate == true)
  }

  private static let text = String(repeating: "x", count: idleByteCount)

  @Test func `a large segment rolls when it gets nothing for a while`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.idle(directory, clock))
    test.append("web", .test(Self.text), number: 1)
    clock.advance(.seconds(601))
    Self.knock(test)
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(test.store.statistics.segmentCount == 2)
    // The next one is empty, however long it waits.
    clock.advance(.seconds(3_600))
    Self.knock(test)
    test.close()
    #expect(directory.names() == ["0000000001.db", "0000000002.db"])
  }

  @Test func `each append postpones that, and a small segment stays`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.idle(directory, clock))
    for number in 1...5 as ClosedRange<UInt64> {
      test.append("web", .test(Self.text), number: number)
      clock.advance(.seconds(599))
      Self.knock(test)
    }
    test.close()
    #expect(directory.names() == ["0000000001.db"])

    let other = TestDirectory()
    let small = try TestStore(Self.idle(other, clock))
    small.append("web", .test("1"), number: 1)
    clock.advance(.seconds(3_600))
    #expect(small.append("web", .test("1"), number: 1)?.isDuplicate == true)
    small.close()
    #expect(other.names() == ["0000000001.db"])
  }

  @Test func `after a restart the time without appends counts from the start, and a corrected clock ends it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(Self.idle(directory, clock))
      test.append("web", .test(Self.text), number: 1)
      test.close()
    }
    clock.advance(.seconds(3_600))
    let test = try TestStore(Self.idle(directory, clock))
    Self.knock(test)
    clock.advance(.seconds(599))
    Self.knock(test)
    #expect(test.store.statistics.segmentCount == 1)
    clock.advance(.seconds(-3_600))
    Self.knock(test)
    #expect(test.sink.waitForLine("segment 1 is sealed"))
  }
}
