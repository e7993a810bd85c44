import CFaultVFS
import CSQLite
import Glibc
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Where the files of trimmed segments cannot be removed, or free nothing, no more goes than makes sense.
@Suite struct TrimRemovalTests {
  private static func configuration(
    _ disk: FaultDisk, _ directory: TestDirectory, _ clock: TestClock
  ) -> StoreConfiguration {
    var configuration = disk.configuration(directory, clock)
    configuration.retentionInterval = .milliseconds(2)
    configuration.upkeepRetryInterval = .milliseconds(20)
    configuration.elapsed = { clock.now }
    configuration.tailCacheByteCountMax = 0
    // What compaction writes would count as growth.
    configuration.upkeepProcessorPercent = 0
    return configuration
  }

  private static func removals(_ trimmed: TrimmedFiles) -> (leaving: Set<Int64>, failed: Set<Int64>, canRemove: Bool) {
    (trimmed.leaving, trimmed.failed, trimmed.canRemove)
  }

  @Test func `another segment goes for one that cannot be removed, and a third when that one could be`() {
    var trimmed = TrimmedFiles()
    trimmed.noteTrim([1])
    #expect(Self.removals(trimmed) == ([1], [], true))
    trimmed.noteRemoval(of: [1], failed: [1])
    #expect(Self.removals(trimmed) == ([], [1], true) && trimmed.isDoubtful)
    trimmed.noteTrim([2])
    trimmed.noteRemoval(of: [2], failed: [2])
    #expect(Self.removals(trimmed) == ([], [1, 2], false))
    // They are tried again.
    trimmed.noteRemoval(of: [1], failed: [1])
    #expect(Self.removals(trimmed) == ([], [1, 2], false))
    trimmed.noteRemoval(of: [2], failed: [])
    #expect(Self.removals(trimmed) == ([], [1], true) && !trimmed.isDoubtful)
    // One that had been removed before says nothing.
    trimmed.noteTrim([3, 4])
    trimmed.noteRemoval(of: [3, 4], failed: [3, 4])
    #expect(!trimmed.canRemove)
    trimmed.noteRemoval(of: [2], failed: [])
    #expect(Self.removals(trimmed) == ([], [1, 3, 4], false))
  }

  @Test func `what could not be removed before the start counts as one`() {
    var trimmed = TrimmedFiles(failed: [1, 2, 3])
    #expect(trimmed.canRemove && trimmed.isDoubtful)
    trimmed.noteRemoval(of: [1, 2, 3], failed: [1, 2, 3])
    #expect(trimmed.canRemove && trimmed.isDoubtful)
    trimmed.noteTrim([4])
    trimmed.noteRemoval(of: [4], failed: [4])
    #expect(!trimmed.canRemove)
    trimmed.noteRemoval(of: [1, 2, 3], failed: [2, 3])
    #expect(Self.removals(trimmed) == ([], [2, 3, 4], true) && !trimmed.isDoubtful)
  }

  private static let second: Int64 = 1_000_000_000

  /// What a look says at a time in seconds, after a trim of 50 of 1,000 bytes of which 100 were free.
  private static func allows(
    _ relief: inout DiskRelief, free: Int, stored: Int = 950, isNeeded: Bool = true, at time: Int64
  ) -> Bool {
    relief.allowsTrim(
      DiskRelief.Look(free: free, storeByteCount: stored), isNeeded: isNeeded, elapsed: time * second)
  }

  private static func noteTrim(_ relief: inout DiskRelief) {
    relief.noteTrim(DiskRelief.Look(free: 100, storeByteCount: 1_000), byteCount: 50)
  }

  @Test func `what frees nothing on the disk is tried again ever more slowly`() {
    var relief = DiskRelief()
    #expect(Self.allows(&relief, free: 100, at: 0))
    Self.noteTrim(&relief)
    #expect(Self.allows(&relief, free: 130, at: 0))
    #expect(!relief.isDoubtful)
    var time: Int64 = 0
    for pause in [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600] as [Int64] {
      Self.noteTrim(&relief)
      #expect(!Self.allows(&relief, free: 124, at: time))
      #expect(relief.isDoubtful && relief.isVain == (time > 0))
      #expect(!Self.allows(&relief, free: 124, at: time + pause - 1))
      time += pause
      #expect(Self.allows(&relief, free: 124, at: time))
      #expect(relief.isVain)
    }
    Self.noteTrim(&relief)
    #expect(Self.allows(&relief, free: 150, at: time))
    #expect(!relief.isDoubtful)
    // The pauses begin anew.
    Self.noteTrim(&relief)
    #expect(!Self.allows(&relief, free: 100, at: time))
    #expect(Self.allows(&relief, free: 100, at: time + 10))
  }

  @Test func `space that is freed late, or that the store has taken again, counts`() {
    var relief = DiskRelief()
    var time: Int64 = 0
    for pause in [10, 20, 40, 60, 60] as [Int64] {
      Self.noteTrim(&relief)
      #expect(!Self.allows(&relief, free: 100, at: time))
      #expect(!Self.allows(&relief, free: 125, at: time + 5))
      #expect(!relief.isVain)
      // It was freed, whatever is free then.
      #expect(!Self.allows(&relief, free: 100, at: time + pause - 1))
      time += pause
      #expect(Self.allows(&relief, free: 100, at: time))
    }
    // It has grown by 60 meanwhile.
    Self.noteTrim(&relief)
    #expect(Self.allows(&relief, free: 90, stored: 1_010, at: time))
    #expect(!relief.isDoubtful)
    // Others have written 40.
    Self.noteTrim(&relief)
    #expect(!Self.allows(&relief, free: 50, stored: 1_010, at: time))
  }

  @Test func `where what is free goes up and down around the limit, the pauses stay`() {
    var relief = DiskRelief()
    var time: Int64 = 0
    for pause in [10, 20, 40, 80] as [Int64] {
      Self.noteTrim(&relief)
      #expect(!Self.allows(&relief, free: 100, at: time))
      for second in 1..<pause {
        #expect(!Self.allows(&relief, free: second % 2 == 0 ? 100 : 120, isNeeded: second % 2 == 0, at: time + second))
      }
      time += pause
      #expect(Self.allows(&relief, free: 100, at: time))
    }
    // Space that comes after long pauses ends them soon.
    Self.noteTrim(&relief)
    #expect(!Self.allows(&relief, free: 100, at: time))
    #expect(!Self.allows(&relief, free: 5_000, isNeeded: false, at: time + 1))
    #expect(Self.allows(&relief, free: 100, at: time + 61))
  }

  @Test func `files that cannot be removed say nothing about space`() {
    var relief = DiskRelief()
    Self.noteTrim(&relief)
    relief.noteFailure()
    #expect(Self.allows(&relief, free: 100, at: 0))
    #expect(!relief.isDoubtful)
  }

  @Test func `where no file can be removed the history stays`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let elapsed = WatchedClock()
    var configuration = Self.configuration(disk, directory, TestClock())
    configuration.elapsed = { elapsed.read() }
    configuration.retention.byteCountMax = 16 << 20
    let test = try TestStore(configuration, in: directory)
    disk.inject(.init(operation: FAULT_DELETE, suffix: ".db", code: SQLITE_IOERR, isBesideSQLite: true))
    var number: UInt64 = 0
    func append() -> Refusal? {
      let outcome = test.append("web", .test(RetentionTests.text(number + 1)), number: number + 1)
      if outcome?.first == number + 1 { number += 1 }
      return outcome?.refusal
    }
    for _ in 0..<100_000 where !test.sink.lines.contains(where: { $0.contains("cannot be removed yet") }) {
      if append() != nil { elapsed.waitForLook() }
    }
    // It is tried again, and another one instead of it.
    var refusalCount = 0
    for _ in 0..<10_000 where refusalCount < 30 {
      guard append()?.code == .overloaded else { continue }
      refusalCount += 1
      elapsed.waitForLook()
    }
    #expect(refusalCount == 30)
    let lines = test.sink.lines
    #expect((1...2).contains(lines.count { $0.contains("trimmed: ") }), "\(lines)")
    disk.heal()
    let refusedAt = number
    for _ in 0..<100_000 where number < refusedAt + 100 {
      if append() != nil { elapsed.waitForLook() }
    }
    #expect(number == refusedAt + 100)
  }

  @Test func `where removing segments frees nothing on the disk they go ever more slowly`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    func setFree(_ free: Int) { disk.state.withLock { $0.space = (free: free, all: 1 << 30) } }
    setFree(200 << 20)
    var configuration = Self.configuration(disk, directory, clock)
    configuration.retention.byteCountMax = 1 << 30
    configuration.retention.diskFreeMin = .bytes(100 << 20)
    let test = try TestStore(configuration, in: directory)
    for number in 1...5 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), number: number)
      test.roll(clock)
    }
    // As little as one segment would free.
    setFree((100 << 20) - 1_000)
    #expect(test.sink.waitForLine("trimmed: 1 segment below 2"))
    #expect(test.sink.waitForLine("appends are refused"))
    #expect(test.append("web", .test("6"), number: 6)?.refusal?.code == .diskFull)
    #expect(test.store.statistics.trimmedSegmentCount == 1)
    for below in [3, 4] {
      for _ in 0..<6_000 where !test.sink.waitForLine("segment below \(below)", timeout: .milliseconds(50)) {
        clock.advance(.seconds(10))
      }
    }
    #expect(test.store.statistics.trimmedSegmentCount == 3)
    #expect(test.sink.lines.count { $0.contains("frees no space on the disk") } == 1)
    #expect(test.sink.lines.allSatisfy { !$0.contains("enough is free") })
    setFree(200 << 20)
    #expect(test.sink.waitForLine("enough is free on the disk again"))
    #expect(test.append("web", .test("6"), number: 6)?.first == 6)
    #expect(try test.readAll("web").texts == ["4", "5", "6"])
  }

  @Test func `a store starts though a trimmed segment cannot be removed, and removes it later`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    var configuration = Self.configuration(disk, directory, clock)
    do {
      let test = try TestStore(configuration, in: directory)
      for number in 1...3 as ClosedRange<UInt64> {
        test.append("web", .test("\(number)"), number: number)
        test.roll(clock)
      }
      test.close()
    }
    disk.inject(.init(operation: FAULT_DELETE, suffix: "0001.db", code: SQLITE_IOERR, isBesideSQLite: true))
    configuration.retention.ageMax = .seconds(40 * 3600)
    do {
      let test = try TestStore(configuration, in: directory)
      clock.advance(.seconds(16 * 3600))
      #expect(test.sink.waitForLine("cannot be removed yet"))
      test.close()
    }
    configuration.retention.ageMax = nil
    let test = try TestStore(configuration, in: directory)
    #expect(test.sink.waitForLine("a trimmed segment cannot be removed yet, which is tried again"))
    #expect(try test.readAll("web").texts.last == "3")
    #expect(test.append("web", .test("4"), number: 4)?.first == 4)
    disk.heal()
    let deadline = ContinuousClock.now + TestSink.patience
    while directory.names().contains("0000000001.db"), ContinuousClock.now < deadline { usleep(1_000) }
    #expect(!directory.names().contains("0000000001.db"))
  }
}
