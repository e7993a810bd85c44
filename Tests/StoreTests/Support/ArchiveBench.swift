import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// A store that is closed, and passes over its archive as the server makes them.
final class ArchiveBench {
  let directory = TestDirectory()
  let clock = TestClock()
  var configuration: StoreConfiguration
  let found: Recovery.Result
  let catalog: Catalog
  var notes: ArchiveNotes
  let pool: ConnectionPool

  var path: String { directory.path + "/archive" }
  var listing: SegmentList { found.directory.segments }

  init(segments: Int, disk: FaultDisk? = nil) throws {
    configuration = CheckTests.quick(directory, clock)
    if let disk { configuration.fileSystem = FaultFileSystem(disk: disk) }
    let test = try TestStore(configuration, in: directory)
    ArchiveTests.fill(test, clock, 1...segments)
    test.close()
    configuration.archive = directory.path + "/archive"
    let paths = StorePaths(directory: directory.data)
    found = try Recovery(configuration, paths: paths).run()
    catalog = Catalog(newestID: found.nextStreamID - 1)
    catalog.publish(found.streams)
    notes = try ArchiveNotes(paths, PosixFileSystem())
    pool = ConnectionPool(configuration)
  }

  deinit { pool.closeIdle() }

  func stream(_ name: String) throws -> StreamInfo { try #require(catalog[StreamName(stored: name)]) }

  @discardableResult func pass(
    at path: String? = nil, now: Int64? = nil, isReady: (Segment) -> Bool = { _ in true }, isRetrying: Bool = true,
    pause: @escaping () throws(FileError) -> Void = {}
  ) throws(StoreError) -> ArchivePass.Outcome {
    let scene = ArchiveScene(
      configuration: configuration, directory: found.directory, pool: pool, catalog: catalog, notes: notes,
      pause: pause)
    var pass = try ArchivePass(scene, at: path ?? self.path)
    try pass.run(isReady: isReady, now: now, isRetrying: isRetrying)
    return pass.outcome
  }

  func pass(_ count: Int) throws { for _ in 0..<count { try pass() } }

  /// Takes numbers from a stream, as the writer does, and notes it.
  func delete(_ name: String, _ numbers: ClosedRange<UInt64>, isNoted: Bool = true) throws {
    var remaining = try stream(name)
    remaining.removals.add(Removal(numbers: numbers, reason: .deleted, byteCount: 10))
    catalog.publish([remaining])
    if isNoted { try notes.note(ArchiveNotes.Deletion(stream: remaining.id, numbers: numbers)) }
  }

  /// Has retention remove the segments below `number` from the data directory.
  func trim(below number: Int64) throws {
    let oldest = try Database(StorePaths(directory: directory.data).segment(number), mode: .immutable, vfs: nil)
    let beginnings = try StreamBeginning.all(in: oldest)
    catalog.begin(at: beginnings)
    let gone = listing.current.segments.filter { $0.number < number }
    listing.remove(
      Trim(
        segments: gone, below: number, beginnings: beginnings, reason: .age, byteCount: 0,
        before: DiskRelief.Look(free: 0, storeByteCount: 0)))
  }

  /// How many entries of a stream a file of the archive holds, hidden ones among them.
  func entryCount(_ name: String, inArchived number: Int64) throws -> Int64 {
    let database = try Database(StorePaths(directory: path).segment(number), mode: .immutable, vfs: nil)
    return try database.integer("SELECT coalesce(sum(count), 0) FROM runs WHERE stream = \(try stream(name).id)")
  }

  func restored() throws -> TestStore {
    let place = TestDirectory()
    _ = try StoreRestore(of: path, to: place.data).run(keepsIncarnations: false)
    return try TestStore(place, clock)
  }
}
