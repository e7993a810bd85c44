import CFaultVFS
import CSQLite
import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// The archive after a stop, a failed read or a change at a bad moment.
@Suite struct ArchiveFailureTests {
  private static func texts(_ numbers: ClosedRange<Int>) -> [String] { numbers.map(String.init) }

  @Test func `what a stop has left staged does not take an archived segment's place`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(2)
    let next = bench.path + "/next/segments"
    try FileManager.default.createDirectory(atPath: next, withIntermediateDirectories: true)
    try PosixFileSystem().write(next + "/0000000001.db", Array("another file".utf8))
    #expect(try bench.pass().copied?.number == 3)
    #expect(try CheckTests.findings(bench.path) == [])
    #expect(try bench.restored().readAll("web").texts == Self.texts(1...9))
  }

  @Test func `an archived segment that cannot be read holds up nothing, and is rewritten once it can be`() throws {
    let bench = try ArchiveBench(segments: 5)
    try bench.pass(3)
    let (segment, away) = (bench.path + "/segments/0000000002.db", bench.path + "-away")
    let files = FileManager.default
    try files.moveItem(atPath: segment, toPath: away)
    // No file can be opened in its place, for whatever reason.
    try files.createDirectory(atPath: segment, withIntermediateDirectories: false)
    try bench.delete("web", 5...5)
    let outcome = try bench.pass()
    #expect(outcome.copied?.number == 4 && outcome.rewritten == [] && outcome.remarks.count == 1)
    #expect(bench.notes.content?.unreadable == [2] && bench.notes.content?.deletions == [])
    let again = try bench.pass()
    #expect(again.copied?.number == 5 && again.remarks == [] && bench.notes.content?.unreadable == [2])
    try files.removeItem(atPath: segment)
    try files.moveItem(atPath: away, toPath: segment)
    #expect(try bench.pass(isRetrying: false).rewritten == [])
    #expect(try bench.pass().rewritten == [2])
    #expect(bench.notes.content?.unreadable == [])
    #expect(try CheckTests.findings(bench.path) == [])
    // The same with a page that is damaged.
    let content = bench.directory.contents("archive/segments/0000000002.db")
    bench.directory.write("archive/segments/0000000002.db", [UInt8](repeating: 7, count: content.count))
    try bench.delete("web", 2...8)
    #expect(try bench.pass().rewritten == [1, 3])
    #expect(bench.notes.content?.unreadable == [2] && bench.notes.content?.deletions == [])
    bench.directory.write("archive/segments/0000000002.db", content)
    #expect(try bench.pass().rewritten == [2])
    #expect(try bench.entryCount("web", inArchived: 2) == 0)
    #expect(bench.notes.content?.unreadable == [])
  }

  @Test func `a segment that cannot be read is tried again where its archive was moved`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(3)
    let (name, moved) = ("segments/0000000001.db", bench.directory.path + "/moved")
    let content = bench.directory.contents("archive/" + name)
    bench.directory.write("archive/" + name, [UInt8](repeating: 7, count: content.count))
    try bench.delete("web", 2...2)
    try bench.pass()
    try FileManager.default.moveItem(atPath: bench.path, toPath: moved)
    bench.directory.write("moved/" + name, content)
    #expect(try bench.pass(at: moved).rewritten == [1])
    #expect(bench.notes.content?.unreadable == [])
    #expect(try CheckTests.findings(moved) == [])
  }

  @Test func `a segment that cannot be read and expires is tried no more`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(3)
    let content = bench.directory.contents("archive/segments/0000000001.db")
    bench.directory.write("archive/segments/0000000001.db", [UInt8](repeating: 7, count: content.count))
    try bench.delete("web", 2...2)
    try bench.pass()
    #expect(bench.notes.content?.unreadable == [1])
    bench.configuration.archiveAgeMax = .seconds(3600 * 40)
    #expect(try bench.pass(now: bench.clock.now).expiredCount == 1)
    #expect(bench.notes.content?.unreadable == [])
  }

  @Test func `a stream that the data directory has lost stays in the archive`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(2)
    let web = try bench.stream("web")
    let manifest = bench.directory.contents("archive/manifest")
    bench.catalog.delete(web.id)
    // Something else is deleted, which has all segments looked at.
    try bench.delete("app/db", 1...1)
    let error = #expect(throws: StoreError.self) { try bench.pass() }
    #expect(error?.message.contains("has the stream 'web', which the data directory lacks") == true)
    #expect(bench.directory.contents("archive/manifest") == manifest)
    #expect(try bench.restored().readAll("web").texts == Self.texts(1...6))
    // Its id may have been given again.
    var other = web
    other.name = StreamName(stored: "other")
    bench.catalog.publish([other])
    let reused = #expect(throws: StoreError.self) { try bench.pass() }
    #expect(reused?.message.contains("has the stream 'web', whose id another stream") == true)
    #expect(reused?.message.contains("To delete it here") == false)
    bench.catalog.delete(web.id)
    // A deletion that is just being recorded is none that was lost.
    let whole = ArchiveNotes.Deletion(stream: web.id, numbers: 1...Limits.numberMax)
    try bench.notes.intend(ArchiveNotes.Intent(deletion: whole, entry: 1))
    try bench.pass(isReady: { _ in false })
    bench.notes.settle(isRecorded: true)
    try bench.pass()
    #expect(bench.notes.content?.deletions == [])
    #expect(try bench.restored().info("web") == nil)
  }

  @Test func `what is gone is deleted in the archive where nothing is noted of that`() throws {
    for (isReady, stop) in [(true, Int.max), (false, .max), (true, 0), (true, 1), (false, 1)] {
      let bench = try ArchiveBench(segments: 3)
      try bench.pass(2)
      let id = try bench.stream("web").id
      bench.catalog.delete(id)
      try bench.delete("app/db", 1...1, isNoted: false)
      #expect(throws: StoreError.self) { try bench.pass() }
      let paths = StorePaths(directory: bench.directory.data)
      try PosixFileSystem().remove(paths.archive)
      bench.notes = try ArchiveNotes(paths, PosixFileSystem())
      var left = stop
      let pause = { () throws(FileError) in
        left -= 1
        if left < 0 { throw FileError(operation: "stop", path: "", code: ECANCELED) }
      }
      do throws(StoreError) { try bench.pass(isReady: { _ in isReady }, pause: pause) } catch { #expect(left < 0) }
      // It is not refused again.
      for _ in 0..<2 { try bench.pass(isReady: { _ in isReady }) }
      for number in 1...2 as ClosedRange<Int64> {
        let file = StorePaths(directory: bench.path).segment(number)
        let database = try Database(file, mode: .immutable, vfs: nil)
        #expect(try database.integer("SELECT count(*) FROM runs WHERE stream = \(id)") == 0, "\(number), \(stop)")
      }
      #expect(try bench.entryCount("app/db", inArchived: 1) == 0)
      #expect(try CheckTests.findings(bench.path) == [])
      #expect(try bench.restored().info("web") == nil)
    }
  }

  @Test func `no place in the data directory is taken, whether it is there or not`() throws {
    let bench = try ArchiveBench(segments: 1)
    for path in ["/data/archived", "/data/archived//", "/data/segments/more", "/data/../data/x", "/data/"] {
      let error = #expect(throws: StoreError.self, "\(path)") { try bench.pass(at: bench.directory.path + path) }
      #expect(error?.message.contains("is in the data directory") == true, "\(path): \(error?.message ?? "")")
    }
    let around = #expect(throws: StoreError.self) { try bench.pass(at: bench.directory.path) }
    #expect(around?.message.contains("has the data directory") == true)
    #expect(!bench.directory.names("data").contains("archived"))
  }

  @Test func `a segment ends by its own rows if the next one is trimmed while it is copied`() throws {
    let bench = try ArchiveBench(segments: 4)
    var isTrimmed = false
    let trim: () throws(FileError) -> Void = {
      if isTrimmed { return }
      isTrimmed = true
      let gone = bench.listing.current.segments.filter { $0.number < 3 }
      bench.listing.remove(
        Trim(
          segments: gone, below: 3, beginnings: nil, reason: .age, byteCount: 0,
          before: DiskRelief.Look(free: 0, storeByteCount: 0)))
    }
    try bench.pass(pause: trim)
    #expect(isTrimmed && bench.notes.content?.through == 1)
    #expect(try CheckTests.findings(bench.path) == [])
    #expect(try bench.restored().readAll("web") == .init(texts: Self.texts(1...3)))
    #expect(try bench.pass().lost == 2...2)
    try bench.pass(2)
    #expect(bench.notes.content?.through == 4)
    #expect(
      try bench.restored().readAll("web")
        == .init(texts: Self.texts(1...3) + Self.texts(7...12), skips: [.init(from: 4, to: 6, reason: .lost)]))
    // An empty segment in the place of a lost one is read as others are.
    try bench.delete("web", 8...8)
    #expect(try bench.pass().rewritten == [3])
    #expect(bench.notes.content?.unreadable == [])
  }

  @Test func `a next segment that cannot be read is waited for`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(1)
    let (segment, away) = (bench.directory.data + "/segments/0000000003.db", bench.directory.path + "/away")
    try FileManager.default.moveItem(atPath: segment, toPath: away)
    #expect(throws: StoreError.self) { try bench.pass() }
    #expect(bench.notes.content?.through == 1)
    try FileManager.default.moveItem(atPath: away, toPath: segment)
    try bench.pass(2)
    #expect(bench.notes.content?.through == 3)
    // The same with what says whether it is the archive of this store.
    let active = bench.directory.data + "/segments/0000000004.db"
    bench.pool.closeIdle()
    try FileManager.default.moveItem(atPath: active, toPath: away)
    let error = #expect(throws: StoreError.self) { try bench.pass() }
    #expect(error?.message.contains("the archive of this store") == true)
    try FileManager.default.moveItem(atPath: away, toPath: active)
    try bench.pass()
    #expect(try CheckTests.findings(bench.path) == [])
  }

  @Test func `a head that is not what was archived is refused`() throws {
    let bench = try ArchiveBench(segments: 2)
    try bench.pass(2)
    let name = "archive/segments/0000000003.db"
    let content = bench.directory.contents(name)
    for index in [100, content.count / 2, content.count - 1] {
      var damaged = content
      damaged[index] ^= 1
      bench.directory.write(name, damaged)
      let error = #expect(throws: StoreError.self) { try bench.pass() }
      #expect(error?.message.contains("is not what was archived") == true)
    }
    bench.directory.write(name, content)
    try bench.pass()
    bench.directory.remove(name)
    #expect(throws: StoreError.self) { try bench.pass() }
  }

  @Test func `a restore of an archive does not keep the streams`() throws {
    let bench = try ArchiveBench(segments: 2)
    try bench.pass(2)
    let place = TestDirectory()
    let error = #expect(throws: StoreError.self) {
      try StoreRestore(of: bench.path, to: place.data).run(keepsIncarnations: true)
    }
    #expect(error?.message.contains("without --same-store") == true)
    #expect(place.names("data") == [])
    _ = try StoreRestore(of: bench.path, to: place.data).run(keepsIncarnations: false)
  }

  @Test func `a segment stays in the archive if nobody knows when it ended`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(3)
    bench.configuration.archiveAgeMax = .seconds(3600 * 40)
    bench.directory.write("archive/segments/0000000002.db", Array("damaged".utf8))
    // The first one ended 50 hours ago, and the second one 25.
    #expect(try bench.pass(now: bench.clock.now).expiredCount == 0)
    #expect(try bench.pass(now: bench.clock.now + 3600 * 20 * 1_000_000_000).expiredCount == 2)
  }

  @Test func `a segment that cannot be read is noted before it counts`() throws {
    for skip in 0...1 {
      let disk = FaultDisk()
      let bench = try ArchiveBench(segments: 2)
      let paths = StorePaths(directory: bench.directory.data)
      try bench.delete("web", 2...2)
      try Database(paths.segment(1), mode: .readWrite, vfs: nil).execute("DROP INDEX runs_by_stream")
      bench.notes = try ArchiveNotes(paths, FaultFileSystem(disk: disk))
      disk.inject(.init(operation: FAULT_SYNC, suffix: "archive.tmp", code: SQLITE_FULL, skip: skip))
      #expect(throws: StoreError.self) { try bench.pass() }
      let isArchived = bench.directory.names("archive").contains("manifest")
      #expect(isArchived == (skip > 0))
      #expect(try ArchiveNotes(paths, PosixFileSystem()).content?.unreadable == (isArchived ? [1] : []))
      disk.heal()
      try bench.pass(2)
      #expect(bench.notes.content?.through == 2 && bench.notes.content?.unreadable == [1])
    }
  }

  @Test func `a gap whose end cannot be read is a failure`() throws {
    let bench = try ArchiveBench(segments: 4)
    try bench.pass(1)
    try bench.trim(below: 3)
    let (segment, away) = (bench.directory.data + "/segments/0000000003.db", bench.directory.path + "/away")
    try FileManager.default.moveItem(atPath: segment, toPath: away)
    let error = #expect(throws: StoreError.self) { try bench.pass() }
    #expect(error?.code == .inputOutput && error?.message.contains("cannot read segment 3") == true)
    try FileManager.default.moveItem(atPath: away, toPath: segment)
    #expect(try bench.pass().lost == 2...2)
  }

  @Test func `archived segments expire though there is no room for the next one`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    disk.state.withLock { $0.space = (2 << 30, 4 << 30) }
    var configuration = ArchiveTests.configuration(directory, clock)
    configuration.archiveAgeMax = .seconds(3600 * 60)
    configuration.retention.diskFreeMin = .bytes(1 << 30)
    configuration.fileSystem = FaultFileSystem(disk: disk)
    let test = try TestStore(configuration, in: directory)
    ArchiveTests.fill(test, clock, 1...2)
    ArchiveTests.awaitArchived(test, 2)
    disk.state.withLock { $0.space = ((1 << 30) + 1, 4 << 30) }
    ArchiveTests.fill(test, clock, 3...4)
    #expect(test.sink.waitForLine("nothing is archived: segment 3 waits"))
    #expect(test.sink.waitForLine("trimmed in the archive: 1 segment"))
    #expect(test.store.statistics.archive?.expiredCount == 1)
    #expect(test.store.statistics.archive?.failure?.contains("disk-min-free") == true)
    test.close()
    #expect(directory.names("archive/segments") == (2...3).map { "000000000\($0).db" })
  }
}
