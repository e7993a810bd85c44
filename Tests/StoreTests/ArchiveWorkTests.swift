import Glibc
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// What is remembered of the archive, and pieces of work on it that are given up in the middle.
@Suite struct ArchiveWorkTests {
  private static func notes(_ directory: TestDirectory) throws(StoreError) -> ArchiveNotes {
    try ArchiveNotes(StorePaths(directory: directory.path), PosixFileSystem())
  }

  @Test func `what is noted is there after a start, and gone once it is done`() throws {
    let directory = TestDirectory()
    let deletions = [
      ArchiveNotes.Deletion(stream: 7, numbers: 1...5000),
      ArchiveNotes.Deletion(stream: 8, numbers: 3...Limits.numberMax),
    ]
    do {
      let notes = try Self.notes(directory)
      #expect(notes.content == nil)
      for deletion in deletions + deletions { try notes.note(deletion) }
      try notes.note(directory: "/mnt/with space", through: 40, unreadable: [3, 17], rests: [:])
    }
    let notes = try Self.notes(directory)
    #expect(
      notes.content
        == .init(directory: "/mnt/with space", through: 40, deletions: deletions, unreadable: [3, 17]))
    try notes.finish([deletions[0]])
    #expect(try Self.notes(directory).content?.deletions == [deletions[1]])
  }

  @Test func `notes that are damaged or of a newer version are refused`() throws {
    let directory = TestDirectory()
    try Self.notes(directory).note(ArchiveNotes.Deletion(stream: 7, numbers: 1...5000))
    let content = directory.contents("archive")
    for index in content.indices {
      var damaged = content
      damaged[index] ^= 1
      directory.write("archive", damaged)
      #expect(throws: StoreError.self, "byte \(index)") { try Self.notes(directory) }
      directory.write("archive", Array(content.prefix(index)))
      #expect(throws: StoreError.self, "the first \(index) bytes") { try Self.notes(directory) }
    }
    directory.write("archive", Array("logs-archive 2\nmore\n".utf8))
    let error = #expect(throws: StoreError.self) { try Self.notes(directory) }
    #expect(error?.message.contains("use a newer one") == true)
  }

  @Test func `as many deletions wait as the limit says, and one more is refused`() throws {
    let directory = TestDirectory()
    let count = ArchiveNotes.deletionCountMax
    let lines = (1...count).map { "deleted \($0) 1 2\n" }.joined()
    let body = "logs-archive 1\ndirectory /x\nthrough 1\n\(lines)"
    try PosixFileSystem().write(
      directory.path + "/archive", Array("\(body)check \(XXH3.hash(ByteString(body).span).hexadecimal)\n".utf8))
    let notes = try Self.notes(directory)
    #expect(notes.content?.deletions.count == count)
    // One that touches another makes no more of them.
    try notes.note(ArchiveNotes.Deletion(stream: 1, numbers: 1...3))
    let error = #expect(throws: StoreError.self) { try notes.note(ArchiveNotes.Deletion(stream: 1, numbers: 5...6)) }
    #expect(error?.message.contains("which is the limit") == true)
  }

  @Test func `work that ends at any place leaves an archive that is whole, and is done the next time`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = CheckTests.quick(directory, clock)
    do {
      let test = try TestStore(configuration, in: directory)
      ArchiveTests.fill(test, clock, 1...4)
      test.close()
    }
    configuration.archive = directory.path + "/archive"
    let path = directory.path + "/archive"
    let paths = StorePaths(directory: directory.data)
    let found = try Recovery(configuration, paths: paths).run()
    let catalog = Catalog(newestID: found.nextStreamID - 1)
    catalog.publish(found.streams)
    let notes = try ArchiveNotes(paths, PosixFileSystem())
    let pool = ConnectionPool(configuration)
    defer { pool.closeIdle() }
    var (failedCount, wholeCount) = (0, 0)
    let web = try #require(catalog[StreamName(stored: "web")])
    for limit in 0...60 {
      var left = limit % 12
      let scene = ArchiveScene(
        configuration: configuration, directory: found.directory, pool: pool, catalog: catalog, notes: notes
      ) { () throws(FileError) in
        left -= 1
        if left < 0 { throw FileError(operation: "stop", path: path, code: ECANCELED) }
      }
      if limit == 12 {
        // As the server does.
        var remaining = web
        remaining.removals.add(Removal(numbers: 2...5, reason: .deleted, byteCount: 10))
        catalog.publish([remaining])
        try notes.note(ArchiveNotes.Deletion(stream: web.id, numbers: 2...5))
      }
      do throws(StoreError) {
        var pass = try ArchivePass(scene, at: path)
        try pass.run(isReady: { _ in true }, now: nil, isRetrying: false)
      } catch {
        #expect(left < 0, "\(error)")
        failedCount += 1
      }
      guard directory.names("archive").contains("manifest") else { continue }
      wholeCount += 1
      #expect(try CheckTests.damage(path) == [], "in pass \(limit)")
    }
    #expect(failedCount > 3 && wholeCount > 20)
    #expect(notes.content == .init(directory: path, through: 4))
    #expect(directory.names("archive/segments").count == 5 && !directory.names("archive").contains("next"))
    let place = TestDirectory()
    _ = try StoreRestore(of: path, to: place.data).run(keepsIncarnations: false)
    let reading = try TestStore(place, clock).readAll("web")
    #expect(reading.texts == (["1"] + (6...12).map { "\($0)" }))
    #expect(reading.skips == [.init(from: 2, to: 5, reason: .deleted)])
  }
}
