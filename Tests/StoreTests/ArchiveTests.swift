import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// The archive has every sealed segment, keeps what retention removes, and loses what is deleted.
@Suite struct ArchiveTests {
  private static let hour = Duration.seconds(3600)

  static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = CheckTests.quick(directory, clock)
    configuration.archive = directory.path + "/archive"
    configuration.archiveInterval = .milliseconds(2)
    configuration.upkeepRetryInterval = .milliseconds(5)
    return configuration
  }

  /// Seals segments of three entries of `web` each.
  static func fill(_ test: TestStore, _ clock: TestClock, _ segments: ClosedRange<Int>) {
    for segment in segments {
      for place in 1...3 {
        let number = UInt64((segment - 1) * 3 + place)
        test.append("web", .test("\(number)"), number: number)
      }
      test.append("app/db", .test("db \(segment) secret"), producer: 7, number: UInt64(segment))
      roll(test, clock, segment)
    }
  }

  private static func roll(_ test: TestStore, _ clock: TestClock, _ segment: Int) {
    clock.advance(hour * 25)
    test.append("tick", .test("tick"), producer: UInt64(segment) << 32, number: 1)
    #expect(test.sink.waitForLine("segment \(segment) is sealed"))
  }

  static func awaitArchived(_ test: TestStore, _ segment: Int) {
    #expect(test.sink.waitForLine("segment \(segment) is archived"))
    #expect(
      test.sink.monitor.wait(timeout: TestSink.patience) { _ in
        test.store.statistics.archive?.through ?? 0 >= Int64(segment) ? true : nil
      } == true)
  }

  /// Has retention leave only the segments from `number` on.
  private static func trim(_ test: TestStore, _ configuration: StoreConfiguration, _ age: Duration, below number: Int) {
    var shorter = configuration
    shorter.retention.ageMax = age
    test.store.apply(shorter)
    #expect(test.sink.waitForLine("below \(number),"))
    test.store.apply(configuration)
  }

  private static func restored(_ directory: TestDirectory, _ clock: TestClock) throws -> TestStore {
    let place = TestDirectory()
    _ = try StoreRestore(of: directory.path + "/archive", to: place.data).run(keepsIncarnations: false)
    #expect(try CheckTests.damage(place.data) == [])
    return try TestStore(place, clock)
  }

  private static func texts(_ numbers: ClosedRange<Int>) -> [String] { numbers.map(String.init) }

  @Test func `what retention removes stays in the archive, and a restore has it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let test = try TestStore(configuration, in: directory)
    Self.fill(test, clock, 1...4)
    Self.awaitArchived(test, 4)
    #expect(try CheckTests.findings(directory.path + "/archive") == [])
    Self.trim(test, configuration, Self.hour * 45, below: 3)
    #expect(try test.readAll("web").texts == Self.texts(7...12))
    Self.fill(test, clock, 5...5)
    Self.awaitArchived(test, 5)
    let archive = try #require(test.store.statistics.archive)
    #expect(archive.copiedCount == 5 && archive.failure == nil && archive.lostCount == 0)
    #expect(directory.names("archive/segments").count == 6)
    #expect(try CheckTests.findings(directory.path + "/archive") == [])
    let restored = try Self.restored(directory, clock)
    #expect(try restored.readAll("web") == .init(texts: Self.texts(1...15)))
    #expect(try restored.readAll("app/db").texts.count == 5)
    // Its numbers go on, and what was sent before is known.
    #expect(restored.append("web", .test("15"), number: 15)?.isDuplicate == true)
    #expect(restored.append("web", .test("16"), number: 16)?.first == 16)
  }

  @Test func `an archive goes on after a stop, and holds the moment when its last segment ended`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    var without = configuration
    without.archive = nil
    do {
      let test = try TestStore(without, in: directory)
      #expect(test.store.statistics.archive == nil)
      Self.fill(test, clock, 1...2)
      test.close()
      #expect(directory.names("data").contains("archive") == false)
    }
    for segment in 3...4 {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test, clock, segment...segment)
      Self.awaitArchived(test, segment)
      test.close()
    }
    let place = TestDirectory()
    let summary = try StoreRestore(of: directory.path + "/archive", to: place.data).run(keepsIncarnations: false)
    #expect(summary.madeAt == clock.now && summary.segmentCount == 5)
    let restored = try TestStore(place, clock)
    #expect(try restored.readAll("web").texts == Self.texts(1...12))
  }

  @Test func `what is deleted becomes deleted in the archive, also what only that has`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let test = try TestStore(configuration, in: directory)
    test.append("gone", .test("hidden"), producer: 5, number: 1)
    Self.fill(test, clock, 1...4)
    Self.awaitArchived(test, 4)
    Self.trim(test, configuration, Self.hour * 45, below: 3)
    // 1 to 6 are only there.
    let deletion = Deletion(stream: StreamName(stored: "web"), incarnation: .any, numbers: 2...8, author: "user 1")
    #expect(try test.store.look(at: deletion).get().entryCount == 7)
    let summary = try test.delete("web", 2...8).get()
    #expect(summary.entryCount == 7 && summary.numbers == 2...8)
    _ = try test.delete("gone").get()
    for segment in 1...3 { #expect(test.sink.waitForLine("segment \(segment) is rewritten in the archive")) }
    Self.fill(test, clock, 5...5)
    Self.awaitArchived(test, 5)
    #expect(try test.store.look(at: deletion).get().entryCount == 0)
    #expect(try test.delete("web", 1...1).get().entryCount == 1)
    for number in 1...3 {
      let bytes = directory.contents("archive/segments/000000000\(number).db")
      #expect(!bytes.contains(Array("hidden".utf8)))
    }
    let notes = try #require(String(bytes: directory.contents("data/archive"), encoding: .utf8))
    #expect(notes.contains("through 5\n"))
    #expect(
      test.sink.monitor.wait(timeout: TestSink.patience) { _ in
        let notes = String(bytes: directory.contents("data/archive"), encoding: .utf8) ?? ""
        return notes.contains("deleted") || notes.contains("intended") ? nil : true
      } == true)
    test.close()
    #expect(try CheckTests.findings(directory.path + "/archive") == [])
    let restored = try Self.restored(directory, clock)
    #expect(
      try restored.readAll("web")
        == .init(texts: Self.texts(9...15), skips: [.init(from: 1, to: 8, reason: .deleted)]))
    #expect(restored.info("gone") == nil)
    #expect(try restored.readAll("app/db").texts.count == 5)
  }

  @Test func `a deletion waits for an archive that is away, over a stop and a trim`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let files = FileManager.default
    let (path, away) = (directory.path + "/archive", directory.path + "/away")
    do {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test, clock, 1...4)
      Self.awaitArchived(test, 4)
      test.close()
    }
    try files.moveItem(atPath: path, toPath: away)
    do {
      // As after a start without the mount: the place is there and empty.
      try files.createDirectory(atPath: path, withIntermediateDirectories: false)
      let test = try TestStore(configuration, in: directory)
      #expect(test.sink.waitForLine("mount its disk"))
      #expect(test.store.statistics.archive?.failure != nil)
      _ = try test.delete("web", 5...8).get()
      Self.trim(test, configuration, Self.hour * 45, below: 3)
      test.close()
      #expect(directory.names("archive").isEmpty)
      try files.removeItem(atPath: path)
    }
    do {
      let test = try TestStore(configuration, in: directory)
      #expect(test.sink.waitForLine("is missing"))
      try files.moveItem(atPath: away, toPath: path)
      #expect(test.sink.waitForLine("works again"))
      #expect(test.sink.waitForLine("segment 2 is rewritten in the archive"))
      #expect(test.sink.waitForLine("segment 3 is rewritten in the archive"))
      test.close()
    }
    #expect(try CheckTests.findings(path) == [])
    let restored = try Self.restored(directory, clock)
    #expect(
      try restored.readAll("web")
        == .init(texts: Self.texts(1...4) + Self.texts(9...12), skips: [.init(from: 5, to: 8, reason: .deleted)]))
  }

  @Test func `an archived segment that cannot be read is said in the log and in the status until it can be`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    configuration.archiveRetryIntervalMax = .milliseconds(20)
    let test = try TestStore(configuration, in: directory)
    Self.fill(test, clock, 1...2)
    Self.awaitArchived(test, 2)
    let content = directory.contents("archive/segments/0000000001.db")
    directory.write("archive/segments/0000000001.db", [UInt8](repeating: 7, count: content.count))
    _ = try test.delete("web", 2...5).get()
    #expect(test.sink.waitForLine("segment 1 cannot be read: what was deleted stays in it"))
    #expect(test.sink.waitForLine("segment 2 is rewritten in the archive"))
    Self.fill(test, clock, 3...3)
    Self.awaitArchived(test, 3)
    let state = try #require(test.store.statistics.archive)
    #expect(state.unreadableCount == 1 && state.failure == nil)
    directory.write("archive/segments/0000000001.db", content)
    #expect(test.sink.waitForLine("segment 1 is rewritten in the archive"))
    let isDone = test.sink.monitor.wait(timeout: TestSink.patience) { _ in
      test.store.statistics.archive?.unreadableCount == 0 ? true : nil
    }
    #expect(isDone == true)
    test.close()
    #expect(try CheckTests.findings(directory.path + "/archive") == [])
  }

  @Test func `retention does not wait for the archive, and what was lost to it is said`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let (path, away) = (directory.path + "/archive", directory.path + "/away")
    let test = try TestStore(configuration, in: directory)
    Self.fill(test, clock, 1...2)
    Self.awaitArchived(test, 2)
    try FileManager.default.moveItem(atPath: path, toPath: away)
    test.append("new", .test("lost"), producer: 6, number: 1)
    Self.fill(test, clock, 3...6)
    #expect(test.sink.waitForLine("nothing is archived"))
    #expect(test.store.statistics.archive?.waitingCount == 4)
    Self.trim(test, configuration, Self.hour * 45, below: 5)
    #expect(test.sink.waitForLine("retention has removed segments 3 to 4 before they were in the archive"))
    #expect(test.store.statistics.archive?.lostCount == 2)
    try FileManager.default.moveItem(atPath: away, toPath: path)
    Self.awaitArchived(test, 6)
    #expect(test.sink.waitForLine("segments 3 to 4 were gone before they could be archived"))
    #expect(test.store.statistics.archive?.failure == nil)
    test.close()
    let findings = try CheckTests.findings(path)
    #expect(!findings.isEmpty && findings.allSatisfy { $0.kind == .lost }, "\(findings)")
    let restored = try Self.restored(directory, clock)
    let reading = try restored.readAll("web")
    #expect(reading.texts == Self.texts(1...6) + Self.texts(13...18))
    #expect(reading.skips == [.init(from: 7, to: 12, reason: .lost)])
    #expect(try restored.readAll("new").skips == [.init(from: 1, to: 1, reason: .lost)])
    #expect(restored.append("new", .test("next"), producer: 6, number: 2)?.first == 2)
  }

  @Test func `the archive has its own retention`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    configuration.archiveAgeMax = Self.hour * 45
    let test = try TestStore(configuration, in: directory)
    Self.fill(test, clock, 1...6)
    Self.awaitArchived(test, 6)
    #expect(
      test.sink.monitor.wait(timeout: TestSink.patience) { _ in
        test.store.statistics.archive?.expiredCount == 4 ? true : nil
      } == true)
    #expect(try test.readAll("web").texts == Self.texts(1...18))
    test.close()
    #expect(directory.names("archive/segments") == (5...7).map { "000000000\($0).db" })
    #expect(try CheckTests.findings(directory.path + "/archive") == [])
    let restored = try Self.restored(directory, clock)
    #expect(
      try restored.readAll("web")
        == .init(texts: Self.texts(13...18), skips: [.init(from: 1, to: 12, reason: .trimmed)]))
  }

  @Test func `what a rule trims of single streams stays in the archive, or was never in it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    configuration.retention.rules = [RetentionRule(pattern: try StreamPattern("web"), ageMax: Self.hour * 40)]
    let (path, away) = (directory.path + "/archive", directory.path + "/away")
    let test = try TestStore(configuration, in: directory)
    Self.fill(test, clock, 1...1)
    Self.awaitArchived(test, 1)
    try FileManager.default.moveItem(atPath: path, toPath: away)
    Self.fill(test, clock, 2...6)
    // Of 4 and before, until segment 5 began.
    #expect(
      test.sink.monitor.wait(timeout: TestSink.patience) { _ in
        test.info("web").map { $0.firstKept == 13 } == true ? true : nil
      } == true)
    try FileManager.default.moveItem(atPath: away, toPath: path)
    Self.awaitArchived(test, 6)
    test.close()
    #expect(try CheckTests.findings(path) == [])
    let restored = try Self.restored(directory, clock)
    #expect(
      try restored.readAll("web")
        == .init(
          texts: Self.texts(1...3) + Self.texts(13...18), skips: [.init(from: 4, to: 12, reason: .trimmed)]))
    #expect(try restored.readAll("app/db").texts.count == 6)
  }

  @Test func `a directory of something else is refused, and stays as it is`() throws {
    let clock = TestClock()
    let other = TestDirectory()
    do {
      let test = try TestStore(Self.configuration(other, clock), in: other)
      Self.fill(test, clock, 1...2)
      Self.awaitArchived(test, 2)
      test.close()
    }
    try BackupTests.backup(other)
    let manifest = other.contents("archive/manifest")
    let error = #expect(throws: StoreError.self) {
      try StoreBackup(of: other.data, to: other.path + "/archive", usesLinks: false)
    }
    #expect(error?.message.contains("is the archive of a server") == true)
    let directory = TestDirectory()
    for (path, words) in [
      (other.path + "/archive", "is the archive of another store"), (other.path + "/backup", "holds a backup"),
      (other.data, "is not empty"), (directory.data + "/within", "is in the data directory"),
      (directory.data, "is in the data directory"),
    ] {
      var configuration = Self.configuration(directory, clock)
      configuration.archive = path
      let within = directory.data + "/within"
      try FileManager.default.createDirectory(atPath: within, withIntermediateDirectories: true)
      let test = try TestStore(configuration, in: directory)
      #expect(test.sink.waitForLine(words), "\(path)")
      test.append("web", .test("a"), number: 1)
      test.close()
    }
    #expect(other.contents("archive/manifest") == manifest)
  }

  @Test func `another history of the store is refused, and one that was restored from the archive goes on`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    do {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test, clock, 1...1)
      Self.awaitArchived(test, 1)
      test.close()
      try BackupTests.backup(directory)
      let later = try TestStore(configuration, in: directory)
      Self.fill(later, clock, 2...3)
      Self.awaitArchived(later, 3)
      later.close()
    }
    let old = TestDirectory()
    _ = try StoreRestore(of: directory.path + "/backup", to: old.data).run(keepsIncarnations: false)
    do {
      // What goes on later begins with a segment that is not old.
      let clock = TestClock()
      clock.advance(Self.hour * 75)
      var refused = Self.configuration(old, clock)
      refused.archive = configuration.archive
      let test = try TestStore(refused, in: old)
      #expect(test.sink.waitForLine("was restored from an older copy"))
      // Now there is a segment of the same number with other entries.
      for segment in 2...4 {
        clock.advance(Self.hour * 26)
        test.append("other", .test("\(segment)"), producer: 3, number: UInt64(segment - 1))
        #expect(test.sink.waitForLine("segment \(segment) is sealed"))
      }
      #expect(test.sink.waitForLine("another history of this store"))
      test.close()
    }
    let place = TestDirectory()
    _ = try StoreRestore(of: directory.path + "/archive", to: place.data).run(keepsIncarnations: false)
    var next = Self.configuration(place, clock)
    next.archive = configuration.archive
    do {
      let test = try TestStore(next, in: place)
      Self.fill(test, clock, 4...4)
      Self.awaitArchived(test, 4)
      #expect(test.store.statistics.archive?.failure == nil)
      test.close()
    }
    #expect(try CheckTests.findings(directory.path + "/archive") == [])
    let reading = try Self.restored(directory, clock).readAll("web")
    #expect(reading == .init(texts: Self.texts(1...12)))
  }
}
