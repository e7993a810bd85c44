import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// What is deleted never stays in the archive, wherever that ends.
@Suite struct ArchiveDeletionTests {
  private static func texts(_ numbers: [Int]) -> [String] { numbers.map(String.init) }

  private static func noted(_ bench: ArchiveBench) -> [ClosedRange<UInt64>] {
    (bench.notes.content?.deletions ?? []).map(\.numbers).sorted { $0.lowerBound < $1.lowerBound }
  }

  @Test func `what is deleted behind the archive's end does not come with a segment that is just trimmed`() throws {
    let bench = try ArchiveBench(segments: 4)
    try bench.pass(1)
    try bench.delete("web", 5...5)
    #expect(try bench.pass(isReady: { _ in false }).rewritten == [])
    #expect(Self.noted(bench) == [5...5])
    var isTrimmed = false
    var failure: (any Error)?
    try bench.pass(pause: {
      if isTrimmed { return }
      isTrimmed = true
      do { try bench.trim(below: 3) } catch { failure = error }
    })
    #expect(isTrimmed && failure == nil)
    #expect(bench.notes.content?.through == 2)
    #expect(try bench.entryCount("web", inArchived: 2) == 2)
    #expect(Self.noted(bench) == [])
    #expect(try CheckTests.findings(bench.path) == [])
    #expect(
      try bench.restored().readAll("web")
        == .init(texts: Self.texts([1, 2, 3, 4, 6]), skips: [.init(from: 5, to: 5, reason: .deleted)]))
  }

  @Test func `a note goes with the archive's end, and asks for work only where that has something of it`() throws {
    let bench = try ArchiveBench(segments: 4)
    try bench.pass(1)
    try bench.delete("web", 2...8)
    try bench.delete("app/db", 3...3)
    #expect(try bench.pass(isReady: { _ in false }).rewritten == [1])
    #expect(Self.noted(bench) == [3...3, 4...8])
    let head = try #require(try bench.pass(isReady: { _ in false }).head)
    #expect(bench.notes.content?.deletions.contains { head.isDue($0, bench.catalog) } == false)
    try bench.pass()
    #expect(Self.noted(bench) == [3...3, 7...8])
    try bench.pass()
    #expect(Self.noted(bench) == [])
    #expect(try bench.entryCount("web", inArchived: 3) == 1)
    #expect(try bench.entryCount("app/db", inArchived: 3) == 0)
    #expect(try CheckTests.findings(bench.path) == [])
  }

  @Test func `what was deleted and then trimmed by a rule is not archived`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(1)
    try bench.delete("web", 5...5)
    var trimmed = try bench.stream("web")
    trimmed.removals.trim(1...6, byteCount: 60)
    bench.catalog.publish([trimmed])
    try bench.pass(2)
    #expect(try bench.entryCount("web", inArchived: 2) == 0)
    #expect(Self.noted(bench) == [])
    #expect(try CheckTests.findings(bench.path) == [])
    let reading = try bench.restored().readAll("web")
    #expect(reading.texts == Self.texts([1, 2, 3, 7, 8, 9]))
    #expect(reading.skips.contains(.init(from: 5, to: 5, reason: .deleted)))
  }

  @Test func `what a rule has hidden in the archive goes from it once it is deleted`() throws {
    let bench = try ArchiveBench(segments: 2)
    var trimmed = try bench.stream("web")
    trimmed.removals.trim(1...3, byteCount: 30)
    bench.catalog.publish([trimmed])
    try bench.pass(2)
    #expect(try bench.entryCount("web", inArchived: 1) == 3)
    try bench.notes.note(ArchiveNotes.Deletion(stream: trimmed.id, numbers: 2...2))
    #expect(try bench.pass().rewritten == [1])
    #expect(try bench.entryCount("web", inArchived: 1) == 0)
    #expect(Self.noted(bench) == [])
  }

  @Test func `a segment that cannot be written anew for lack of space does not count with what was deleted`() throws {
    let disk = FaultDisk()
    let bench = try ArchiveBench(segments: 2, disk: disk)
    bench.configuration.retention.diskFreeMin = .bytes(1 << 30)
    try bench.delete("web", 2...2)
    var pieceCount = 0
    disk.state.withLock { $0.space = (2 << 30, 4 << 30) }
    let failure = #expect(throws: StoreError.self) {
      try bench.pass(pause: {
        pieceCount += 1
        // Others write meanwhile: after the copy was read back, before it is written anew.
        if pieceCount == 2 { disk.state.withLock { $0.space = ((1 << 30) + 1, 4 << 30) } }
      })
    }
    #expect(failure?.code == .diskFull && failure?.message.contains("disk-min-free") == true, "\(pieceCount)")
    #expect(!bench.directory.names("archive").contains("manifest"))
    #expect(bench.directory.names("archive/next/segments").isEmpty)
    disk.state.withLock { $0.space = (2 << 30, 4 << 30) }
    #expect(try bench.pass().copied?.number == 1)
    #expect(try bench.entryCount("web", inArchived: 1) == 2)
  }

  @Test func `a segment is given up while it is copied when too little would be free`() throws {
    let disk = FaultDisk()
    let bench = try ArchiveBench(segments: 2, disk: disk)
    bench.configuration.retention.diskFreeMin = .bytes(1 << 30)
    disk.state.withLock { $0.space = (2 << 30, 4 << 30) }
    let failure = #expect(throws: StoreError.self) {
      try bench.pass(pause: { disk.state.withLock { $0.space = ((1 << 30) - 1, 4 << 30) } })
    }
    #expect(failure?.code == .diskFull)
    #expect(bench.directory.names("archive/next/segments").isEmpty)
  }

  @Test func `an archive on the disk of the data directory waits until there is room, and says so`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    disk.state.withLock { $0.space = ((1 << 30) + 1, 4 << 30) }
    var configuration = ArchiveTests.configuration(directory, clock)
    configuration.retention.diskFreeMin = .bytes(1 << 30)
    configuration.fileSystem = FaultFileSystem(disk: disk)
    let test = try TestStore(configuration, in: directory)
    ArchiveTests.fill(test, clock, 1...1)
    #expect(test.sink.waitForLine("nothing is archived: segment 1 waits"))
    #expect(test.store.statistics.archive?.failure?.contains("disk-min-free") == true)
    #expect(test.store.statistics.archive?.copiedCount == 0)
    disk.state.withLock { $0.space = (2 << 30, 4 << 30) }
    #expect(test.sink.waitForLine("works again"))
    ArchiveTests.awaitArchived(test, 1)
    #expect(test.store.statistics.archive?.failure == nil)
    test.close()
  }

  @Test func `notes reach no further than their streams at a start`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.archive = "/dev/null/archive"
    let test = try TestStore(configuration, in: directory)
    for number in 1...3 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    let stream = try #require(test.info("web")?.id)
    test.close()
    let paths = StorePaths(directory: directory.data)
    do {
      let notes = try ArchiveNotes(paths, PosixFileSystem())
      for numbers in [2...2, 5...9] as [ClosedRange<UInt64>] {
        try notes.note(ArchiveNotes.Deletion(stream: stream, numbers: numbers))
      }
      try notes.note(ArchiveNotes.Deletion(stream: 900, numbers: 1...Limits.numberMax))
    }
    for _ in 0..<2 {
      let test = try TestStore(configuration, in: directory)
      test.append("web", .test("new"), number: 9)
      test.close()
      let deletions = try #require(try ArchiveNotes(paths, PosixFileSystem()).content?.deletions)
      #expect(
        Set(deletions) == [.init(stream: stream, numbers: 2...2), .init(stream: 900, numbers: 1...Limits.numberMax)])
    }
  }

  @Test func `ranges that the archive has removed are limited, and one that touches another is not one more`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = ArchiveTests.configuration(directory, clock)
    let rangeCount = UInt64(ArchiveHead.removedRangeCountMax)
    let stream: Int64
    do {
      let test = try TestStore(configuration, in: directory)
      let text = (0..<100).map { "\($0)" }
      for number in 1...rangeCount / 50 + 1 { test.append("many", .test(text), producer: 9, number: number) }
      ArchiveTests.fill(test, clock, 1...1)
      ArchiveTests.awaitArchived(test, 1)
      stream = try #require(test.info("many")?.id)
      test.close()
    }
    let paths = StorePaths(directory: directory.data)
    let lines = (1...rangeCount).map { "deleted \(stream) \(2 * $0) \(2 * $0)\n" }.joined()
    let body = "logs-archive 1\ndirectory \(directory.path)/archive\nthrough 1\n\(lines)"
    try PosixFileSystem().write(
      paths.archive, Array("\(body)check \(XXH3.hash(ByteString(body).span).hexadecimal)\n".utf8))
    let test = try TestStore(configuration, in: directory)
    let last = rangeCount * 2
    for isDone in [false, true] {
      // Whether they are noted, or in the archive.
      if isDone {
        #expect(test.sink.waitForLine("segment 1 is rewritten in the archive"))
        let isEmpty = test.sink.monitor.wait(timeout: TestSink.patience) { _ in
          (try? ArchiveNotes(paths, PosixFileSystem()).content?.deletions.isEmpty) == true ? true : nil
        }
        #expect(isEmpty == true)
      }
      let error = #expect(throws: Refusal.self) { try test.delete("many", last + 5...last + 6).get() }
      #expect(error?.code == .badRequest && error?.text.contains("is the limit") == true)
      #expect(error?.limit == .init("archive-ranges", rangeCount))
      // What deletes nothing is answered.
      #expect(try test.delete("many", 10 * last...10 * last + 1).get().entryCount == 0)
    }
    #expect(try test.delete("many", last + 1...last + 2).get().entryCount == 2)
    _ = try test.delete("many").get()
    test.close()
  }

  @Test func `a segment that is copied and written anew waits for the room of both`() throws {
    let disk = FaultDisk()
    let bench = try ArchiveBench(segments: 2, disk: disk)
    let byteCount = bench.directory.contents("data/segments/0000000001.db").count
    bench.configuration.retention.diskFreeMin = .bytes(1 << 30)
    disk.state.withLock { $0.space = ((1 << 30) + byteCount * 3 / 2, 4 << 30) }
    try bench.delete("web", 2...2)
    var pieceCount = 0
    let failure = #expect(throws: StoreError.self) { try bench.pass(pause: { pieceCount += 1 }) }
    #expect(failure?.code == .diskFull && pieceCount == 0)
    disk.state.withLock { $0.space = ((1 << 30) + byteCount * 2, 4 << 30) }
    #expect(try bench.pass().rewritten == [1])
    // One that is only copied takes its room once.
    disk.state.withLock { $0.space = ((1 << 30) + byteCount * 3 / 2, 4 << 30) }
    #expect(try bench.pass().copied?.number == 2)
  }

  @Test func `a stream that has more ranges than may be takes deletions that make no more of them`() throws {
    let bench = try ArchiveBench(segments: 1)
    bench.configuration.archive = nil
    let archive = SegmentArchive(
      bench.configuration, directory: bench.found.directory, pool: bench.pool, catalog: bench.catalog)
    var stream = try bench.stream("web")
    (stream.head, stream.entryCount) = (20_000, 20_000)
    for number in 1...5000 as ClosedRange<UInt64> {
      stream.removals.add(Removal(numbers: 2 * number...2 * number, reason: .deleted, byteCount: 1))
    }
    bench.catalog.publish([stream])
    // Within them, beside one, of nothing that is kept, and behind the end.
    let cases: [(ClosedRange<UInt64>, UInt64?)] = [
      (3...3, 1), (10_001...10_005, 5), (100...200, 50), (4...4, 0), (30_000...30_001, 0), (15_000...15_000, nil),
    ]
    for (numbers, count) in cases {
      let deletion = Deletion(stream: stream.name, incarnation: .any, numbers: numbers, author: "")
      let plan = DeletionPlan.make(deletion, bench.catalog, archive)
      #expect((try? plan.get())?.report.entryCount == count, "\(numbers)")
    }
  }

  @Test func `ranges that were trimmed and touch take what all up to the last took`() {
    var removals = Removals()
    removals.add(Removal(numbers: 1...3, reason: .trimmed, byteCount: 30))
    removals.add(Removal(numbers: 4...6, reason: .trimmed, byteCount: 60))
    #expect(removals.ranges == [Removal(numbers: 1...6, reason: .trimmed, byteCount: 60)])
    removals.add(Removal(numbers: 8...9, reason: .deleted, byteCount: 20))
    removals.add(Removal(numbers: 10...10, reason: .deleted, byteCount: 10))
    #expect(removals.ranges.last == Removal(numbers: 8...10, reason: .deleted, byteCount: 30))
  }
}
