import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// A backup shows one moment, costs what has changed, and becomes a data directory again.
@Suite struct BackupTests {
  @discardableResult
  static func backup(_ directory: TestDirectory, links: Bool = false) throws -> StoreBackup.Summary {
    var backup = try StoreBackup(of: directory.data, to: directory.path + "/backup", usesLinks: links)
    return try backup.run()
  }

  /// What a restore of the directory's backup has of a stream.
  static func restored(
    _ directory: TestDirectory, _ clock: TestClock, keepsIncarnations: Bool = false
  ) throws -> (store: TestStore, place: TestDirectory) {
    let place = TestDirectory()
    _ = try StoreRestore(of: directory.path + "/backup", to: place.data).run(keepsIncarnations: keepsIncarnations)
    #expect(try CheckTests.findings(place.data) == [])
    return (try TestStore(place, clock), place)
  }

  @Test(arguments: [true, false]) func `what was acknowledged is in it, of an open store and of a closed one`(
    isOpen: Bool
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: !isOpen, hasJournal: true)
    let summary = try Self.backup(directory)
    #expect(summary.segmentCount == 3 && summary.copiedSegmentCount == 3 && summary.missing == [])
    #expect(try CheckTests.findings(directory.path + "/backup") == [])
    let before = isOpen ? test.info("web") : nil
    if isOpen {
      test.append("web", .test("later"), number: 11)
      test.close()
    }
    let (store, _) = try Self.restored(directory, clock)
    #expect(try store.readAll("web").texts == (1...30).map { "\($0)" })
    #expect(try store.readAll("app/db").texts.count == 60)
    if let before { #expect(store.info("web")?.incarnation != before.incarnation) }
    // Its numbers go on, and what was sent before is known.
    #expect(store.append("web", .test("30"), producer: 1, number: 10)?.isDuplicate == true)
    #expect(store.append("web", .test("31"), producer: 1, number: 11)?.first == 31)
  }

  @Test func `the same store again keeps its incarnations`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false)
    let incarnation = test.info("web")?.incarnation
    test.close()
    try Self.backup(directory)
    let (store, _) = try Self.restored(directory, clock, keepsIncarnations: true)
    #expect(store.info("web")?.incarnation == incarnation)
  }

  @Test func `the next backup copies what is new, and loses what retention and rewrites have removed`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = CheckTests.quick(directory, clock)
    let test = try TestStore(configuration, in: directory)
    for number in 1...9 as ClosedRange<UInt64> {
      test.append("web", .test(["\(number)", "x"]), number: number)
      if number % 3 == 0 { test.roll(clock) }
    }
    #expect(try Self.backup(directory).copiedSegmentCount == 4)
    // The newest is always copied.
    #expect(try Self.backup(directory).copiedSegmentCount == 1)
    _ = try test.delete("web", 2...3).get()
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    let inode = try PosixFileSystem().identity(directory.path + "/backup/segments/0000000002.db")
    #expect(try Self.backup(directory).copiedSegmentCount == 2)
    #expect(try PosixFileSystem().identity(directory.path + "/backup/segments/0000000002.db") == inode)
    #expect(try CheckTests.findings(directory.path + "/backup") == [])
    do {
      let (store, _) = try Self.restored(directory, clock)
      #expect(try store.readAll("web").texts == test.readAll("web").texts)
    }
    test.roll(clock)
    var shorter = configuration
    shorter.retention.ageMax = .seconds(60 * 3600)
    test.store.apply(shorter)
    #expect(test.sink.waitForLine("trimmed"))
    let summary = try Self.backup(directory)
    #expect(summary.removedSegmentCount > 0)
    let kept = directory.names("backup/segments")
    #expect(kept.count == test.store.statistics.segmentCount)
    // Files of what is trimmed are removed later.
    #expect(directory.names("data/segments").filter { $0.hasSuffix(".db") }.suffix(kept.count) == kept[...])
    let (store, _) = try Self.restored(directory, clock)
    #expect(try store.readAll("web") == test.readAll("web"))
  }

  /// What a crash leaves after each step of the next backup's taking its place.
  @Test func `a backup that was interrupted in taking its place is completed`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false)
    try Self.backup(directory)
    let files = FileManager.default
    let (backup, before) = (directory.path + "/backup", directory.path + "/before")
    try files.copyItem(atPath: backup, toPath: before)
    for number in 11...40 as ClosedRange<UInt64> { test.append("web", .test("\(number + 20)"), number: number) }
    test.roll(clock)
    try Self.backup(directory)
    test.close()
    let segments = directory.names("backup/segments").map { "segments/\($0)" }
    let order = ["/store"] + segments.map { "next/\($0)" } + ["next/store", "next/manifest"]
    for count in 0...order.count {
      let place = TestDirectory()
      let (path, next) = (place.path + "/backup", place.path + "/backup/next")
      try files.copyItem(atPath: before, toPath: path)
      try files.createDirectory(atPath: next + "/segments", withIntermediateDirectories: true)
      for name in segments + ["store", "manifest"] {
        try files.copyItem(atPath: backup + "/" + name, toPath: next + "/" + name)
      }
      for step in order.prefix(count) {
        if step == "/store" {
          place.remove("backup/store")
        } else {
          let target = path + step.dropFirst("next".count)
          #expect(rename(path + "/" + step, target) == 0)
        }
      }
      if count < order.count {
        // It is neither the old one nor the new one.
        #expect(throws: StoreError.self) { try CheckTests.findings(path) }
        #expect(throws: StoreError.self) { try StoreRepair(directory: path, isDryRun: true, keepsDamaged: true) }
      }
      let (store, _) = try Self.restored(place, clock)
      #expect(try store.readAll("web").texts == (1...60).map { "\($0)" }, "after \(count) steps")
      // What has no manifest is a beginning that the next backup goes on with.
      #expect(place.names("backup").contains("next") == (count == order.count))
    }
  }

  @Test(arguments: [true, false]) func `what the data directory has lost stays in the backup`(isGone: Bool) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    try Self.backup(directory)
    let before = directory.contents("backup/segments/0000000001.db")
    if isGone {
      directory.remove("data/segments/0000000001.db")
    } else {
      directory.write("data/segments/0000000001.db", Array(before.prefix(5_000)))
    }
    for _ in 0..<2 {
      let summary = try Self.backup(directory)
      #expect(summary.kept == [1] && summary.missing == [])
      #expect(directory.contents("backup/segments/0000000001.db") == before)
    }
    let (store, _) = try Self.restored(directory, clock)
    #expect(try store.readAll("web").texts == (1...30).map { "\($0)" })
  }

  @Test func `what a server has stored on a backup is not replaced by one that was interrupted`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    try Self.backup(directory)
    let (files, path) = (FileManager.default, directory.path + "/backup")
    // Complete, and not in place yet.
    try files.copyItem(atPath: path, toPath: directory.path + "/next")
    try files.moveItem(atPath: directory.path + "/next", toPath: path + "/next")
    try files.removeItem(atPath: path + "/next/lock")
    let used = TestDirectory()
    try files.copyItem(atPath: path, toPath: used.data)
    let test = try TestStore(used, clock)
    test.append("web", .test("acknowledged"), producer: 50, number: 1)
    test.close()
    try files.removeItem(atPath: path)
    try files.copyItem(atPath: used.data, toPath: path)
    let stored = directory.contents("backup/store")
    #expect(throws: StoreError.self) { try Self.backup(directory) }
    #expect(throws: StoreError.self) { try StoreRestore(of: path, to: directory.path + "/place") }
    #expect(try TestStore(used, clock).readAll("web").texts.last == "acknowledged")
    #expect(directory.contents("backup/store") == stored)
  }

  @Test func `links are the same files, and a rewrite leaves them alone`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    let summary = try Self.backup(directory, links: true)
    #expect(summary.copiedSegmentCount == 3)
    let files = PosixFileSystem()
    let (own, backed) = (directory.data + "/segments/", directory.path + "/backup/segments/")
    #expect(try files.isSame(own + "0000000001.db", backed + "0000000001.db"))
    #expect(try !files.isSame(own + "0000000003.db", backed + "0000000003.db"))
    #expect(try Self.backup(directory, links: true).copiedSegmentCount == 1)
    let (store, _) = try Self.restored(directory, clock)
    #expect(try store.readAll("web").texts.count == 30)
  }

  @Test func `what a crash has left is backed up with its journal`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false, hasJournal: true)
    test.append("web", .test("31"), number: 11)
    let crashed = directory.copy()
    test.close()
    try Self.backup(crashed)
    let (store, _) = try Self.restored(crashed, clock)
    #expect(try store.readAll("web").texts == (1...31).map { "\($0)" })
  }

  @Test func `a file of a backup that is not what it was is found, and nothing is restored`() throws {
    let directory = TestDirectory()
    _ = try CheckTests.make(directory, TestClock())
    try Self.backup(directory)
    var content = directory.contents("backup/segments/0000000001.db")
    content[content.count / 2] ^= 1
    directory.write("backup/segments/0000000001.db", content)
    #expect(
      try CheckTests.damage(directory.path + "/backup").contains {
        $0.file == "segments/0000000001.db" && $0.text == "it is not what was backed up"
      })
    let place = TestDirectory()
    #expect(throws: StoreError.self) {
      try StoreRestore(of: directory.path + "/backup", to: place.data).run(keepsIncarnations: false)
    }
    #expect(place.names("data") == ["lock"])
  }

  @Test func `a kept file that has changed is noticed and copied anew`() throws {
    let directory = TestDirectory()
    _ = try CheckTests.make(directory, TestClock())
    try Self.backup(directory)
    let file = "backup/segments/0000000001.db"
    let whole = directory.contents(file)
    var content = whole
    content[content.count / 2] ^= 1
    func backUp(readsKept: Bool = false) throws -> StoreBackup.Summary {
      var backup = try StoreBackup(
        of: directory.data, to: directory.path + "/backup", usesLinks: false, readsKept: readsKept)
      return try backup.run()
    }
    for changed in [content, Array(content.prefix(1_000))] {
      directory.write(file, changed)
      #expect(try backUp().replaced == [1])
      #expect(directory.contents(file) == whole)
      #expect(try backUp().replaced == [])
    }
    // A disk that loses bits leaves the times as they are: only reading finds that.
    let path = directory.path + "/" + file
    let times = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
    directory.write(file, content)
    try FileManager.default.setAttributes([.modificationDate: try #require(times)], ofItemAtPath: path)
    #expect(try backUp().replaced == [])
    #expect(directory.contents(file) == content)
    #expect(try backUp(readsKept: true).replaced == [1])
    #expect(directory.contents(file) == whole)
    // A new time alone is no change, and what was removed on purpose is only copied.
    directory.write(file, whole)
    #expect(try backUp().replaced == [])
    directory.remove(file)
    #expect(try backUp().replaced == [] && directory.contents(file) == whole)
    #expect(try CheckTests.findings(directory.path + "/backup") == [])
  }

  @Test func `what retention removes meanwhile is not said to be lost`() throws {
    let directory = TestDirectory()
    _ = try CheckTests.make(directory, TestClock())
    try Self.backup(directory)
    // It is still listed, and cannot be opened any more.
    directory.write("data/segments/0000000001.db", [])
    try PartialDamageTests.change(directory, "UPDATE segment SET trimmed_below = 2", file: "0000000003.db")
    let summary = try Self.backup(directory)
    #expect(summary.kept == [] && summary.missing == [] && summary.removedSegmentCount == 1)
    #expect(directory.names("backup/segments") == ["0000000002.db", "0000000003.db"])
  }

  @Test func `places that are none for a backup or a restore are refused`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    _ = try CheckTests.make(directory, clock)
    let other = TestDirectory()
    _ = try CheckTests.make(other, clock)
    func refused(_ source: String, _ target: String) -> Bool {
      do {
        var backup = try StoreBackup(of: source, to: target, usesLinks: false)
        _ = try backup.run()
        return false
      } catch { return true }
    }
    #expect(refused(directory.data, directory.data))
    #expect(refused(directory.data, other.data))
    #expect(refused(directory.path, directory.path + "/none"))
    try Self.backup(directory)
    #expect(refused(other.data, directory.path + "/backup"))
    // One that a server has been started on is a data directory of its own from then on.
    var configuration = TestStore.configuration(directory, clock)
    configuration.directory = directory.path + "/backup"
    let test = try TestStore(configuration)
    #expect(try test.readAll("web").texts.count == 30)
    test.close()
    #expect(refused(directory.data, directory.path + "/backup"))
    #expect(throws: StoreError.self) { try StoreRestore(of: directory.path + "/backup", to: directory.path + "/new") }
    #expect(throws: StoreError.self) { try StoreRestore(of: other.data, to: directory.path + "/new") }
  }
}
