import Foundation
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Which places a start refuses to have an archive in, and what an archive says of itself where one is not as it was.
@Suite struct ArchivePlaceTests {
  private static let files = FileManager.default

  private static func makeDirectory(_ path: String) throws {
    try files.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  @Test func `a place where there can be none is named, with what to do`() throws {
    let place = TestDirectory()
    #expect(Self.files.createFile(atPath: place.path + "/file", contents: nil))
    for name in ["data", "empty", "full", "backup", "lost+found"] { try Self.makeDirectory("\(place.path)/\(name)") }
    #expect(Self.files.createFile(atPath: place.path + "/full/photo", contents: nil))
    let manifest = BackupManifest(store: InstanceID.random(), newest: 1, madeAt: 1)
    try PosixFileSystem().write(place.path + "/backup/manifest", Array(manifest.text.utf8))
    for (path, words) in [
      ("\(place.path)/file", "is no directory; name one"),
      ("\(place.path)/file/archive", "cannot be made, since \(place.path)/file is no directory"),
      ("\(place.path)/no/such/archive", "cannot be made, since \(place.path)/no/such does not exist; mount its disk"),
      ("/proc/archive", "is in a file system of the kernel"), ("/proc", "is in a file system of the kernel"),
      ("\(place.path)/full", "is not empty and is no archive; name another directory"),
      ("\(place.path)/backup", "holds a backup, and not an archive"),
    ] {
      let obstacle = try ArchivePlace.obstacle(path, data: place.data)
      let text = obstacle?.text ?? ""
      #expect(text.hasPrefix(path) && text.contains(words), "\(path): \(text)")
      #expect(obstacle?.mayPass == words.contains("mount its disk"), "\(path)")
    }
    for name in ["empty", "new", "file.new", "./empty/../new"] {
      #expect(try ArchivePlace.obstacle("\(place.path)/\(name)", data: place.data) == nil, "\(name)")
    }
    #expect(!Self.files.fileExists(atPath: place.path + "/new"))
  }

  @Test func `an archive that there was may be away`() throws {
    let bench = try ArchiveBench(segments: 1)
    let disk = bench.directory.path + "/disk"
    try Self.makeDirectory(disk)
    try bench.pass(at: "\(disk)/archive")
    #expect(bench.notes.content?.through == 1)
    func obstacle(_ name: String) throws -> String? {
      try ArchivePlace.obstacle("\(disk)/\(name)", data: bench.directory.data)?.text
    }
    #expect(try obstacle("archive") == nil)
    try Self.files.removeItem(atPath: disk)
    #expect(try obstacle("archive") == nil)
    // There never was another one.
    #expect(try obstacle("other")?.contains("\(disk) does not exist") == true)
    // That a file is in its place is no matter of time.
    #expect(Self.files.createFile(atPath: disk, contents: nil))
    #expect(try obstacle("archive")?.contains("\(disk) is no directory") == true)
    try Self.files.removeItem(atPath: disk)
    // What cannot be read may say that there was one.
    bench.directory.write("data/archive", Array("damaged".utf8))
    #expect(try obstacle("other") == nil)
  }

  @Test func `an archive that cannot be opened is called one, and so is a backup`() throws {
    let bench = try ArchiveBench(segments: 1)
    try bench.pass()
    for (path, kind) in [(bench.path, BackupKind.archive), (bench.directory.path + "/backup", .backup)] {
      try Self.makeDirectory(path)
      try? Self.files.removeItem(atPath: path + "/lock")
      try Self.makeDirectory(path + "/lock")
      let error = #expect(throws: StoreError.self) { try BackupDirectory.make(path, kind) }
      #expect(error?.message.hasPrefix("cannot lock the \(kind) at \(path)/lock") == true, "\(error?.message ?? "")")
    }
    let error = #expect(throws: StoreError.self) { try StoreRestore(of: bench.path, to: bench.directory.path + "/r") }
    #expect(error?.message.hasPrefix("cannot lock the archive at") == true, "\(error?.message ?? "")")
    let parent = #expect(throws: StoreError.self) { try bench.pass(at: bench.directory.path + "/a/b") }
    #expect(
      parent?.message
        == "cannot make the archive: \(bench.directory.path)/a/b cannot be made, since \(bench.directory.path)/a does "
        + "not exist; mount its disk, make it, or name another directory")
  }

  @Test func `what is said to help with a damaged file of an archive does help`() throws {
    let bench = try ArchiveBench(segments: 3)
    try bench.pass(3)
    let name = "segments/0000000002.db"
    let content = bench.directory.contents("archive/" + name)
    bench.directory.write("archive/" + name, [UInt8](repeating: 7, count: content.count))
    let rescue = BackupKind.archive.rescue
    let finding = try CheckTests.damage(bench.path).first
    #expect(finding?.file == name && finding?.text == "it is not what was archived")
    let refused = #expect(throws: StoreError.self) { try bench.restored() }
    #expect(refused?.message.contains("is not what was archived: nothing is restored. \(rescue)") == true)
    try bench.delete("web", 1...1)
    let remarks = try bench.pass().remarks
    #expect(remarks.count == 1 && remarks[0].hasSuffix(rescue), "\(remarks)")
    // A repair of the archive itself is refused, and of a copy without its manifest it saves the rest.
    let copy = bench.directory.path + "/copy"
    try Self.files.copyItem(atPath: bench.path, toPath: copy)
    let repair = { () throws(StoreError) in
      var repair = try StoreRepair(directory: copy, isDryRun: false, keepsDamaged: false)
      return try repair.run { _ in }
    }
    let error = #expect(throws: StoreError.self) { try repair() }
    #expect(
      error?.message.contains("is an archive") == true && error?.message.contains("remove the file manifest") == true)
    try Self.files.removeItem(atPath: copy + "/manifest")
    #expect(try repair().rebuiltSegments == [2])
    #expect(try CheckTests.damage(copy) == [])
    // The data directory has the same file.
    #expect(bench.directory.contents("data/" + name) == content)
    bench.directory.write("archive/" + name, bench.directory.contents("data/" + name))
    #expect(try CheckTests.damage(bench.path) == [])
    try bench.pass()
    #expect(bench.notes.content?.unreadable == [])
    #expect(try bench.restored().readAll("web").texts == (2...9).map(String.init))
  }

  @Test func `a damaged head or manifest of an archive asks for a copy of it, or for another directory`() throws {
    let bench = try ArchiveBench(segments: 1)
    try bench.pass()
    for name in ["segments/0000000002.db", "manifest"] {
      let content = bench.directory.contents("archive/" + name)
      var damaged = content
      damaged[damaged.count - 2] ^= 1
      bench.directory.write("archive/" + name, damaged)
      let error = #expect(throws: StoreError.self) { try bench.pass() }
      #expect(error?.message.contains(BackupKind.archive.renewal) == true, "\(error?.message ?? "")")
      bench.directory.write("archive/" + name, content)
      try bench.pass()
    }
  }
}
