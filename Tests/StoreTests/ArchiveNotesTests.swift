import CFaultVFS
import CSQLite
import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

extension ArchiveNotes {
  /// Notes what was deleted, as a deletion that nothing interrupts does.
  func note(_ deletion: Deletion) throws(StoreError) {
    try intend(Intent(deletion: deletion, entry: 1))
    settle(isRecorded: true)
    // What was settled is written with the next change.
    try finish([])
  }

  /// The archive has done these.
  func finish(_ deletions: [Deletion]) throws(StoreError) {
    let content = content ?? Content()
    try note(
      directory: content.directory, through: content.through, unreadable: Set(content.unreadable),
      rests: Dictionary(uniqueKeysWithValues: deletions.map { ($0, nil) }))
  }
}

/// A deletion is noted for the archive if it is done, and only then, whatever happens in between.
@Suite struct ArchiveNotesTests {
  /// An archive that cannot be reached.
  private static let away = "/dev/null/archive"

  private static func content(_ directory: TestDirectory) throws(StoreError) -> ArchiveNotes.Content? {
    try ArchiveNotes(StorePaths(directory: directory.data), PosixFileSystem()).content
  }

  private static func fill(_ test: TestStore) {
    for number in 1...3 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), number: number)
      test.append("other", .test("\(number)"), producer: 2, number: number)
    }
  }

  private static func write(_ text: String, _ directory: TestDirectory) throws {
    try PosixFileSystem().write(directory.data + "/archive", Array(text.utf8))
  }

  @Test func `ranges of a stream that touch are one, and none is lost when the archive has done a part`() throws {
    let directory = TestDirectory()
    let notes = try ArchiveNotes(StorePaths(directory: directory.path), PosixFileSystem())
    for numbers in [5...6, 1...2, 8...9, 3...4] as [ClosedRange<UInt64>] {
      try notes.note(ArchiveNotes.Deletion(stream: 7, numbers: numbers))
    }
    try notes.note(ArchiveNotes.Deletion(stream: 8, numbers: 7...7))
    let before = try #require(notes.content?.deletions)
    #expect(
      Set(before) == [
        .init(stream: 7, numbers: 1...6), .init(stream: 7, numbers: 8...9), .init(stream: 8, numbers: 7...7),
      ])
    try notes.note(ArchiveNotes.Deletion(stream: 7, numbers: 6...7))
    try notes.finish(before)
    #expect(notes.content?.deletions == [.init(stream: 7, numbers: 1...9)])
    try notes.note(ArchiveNotes.Deletion(stream: 7, numbers: 1...Limits.numberMax))
    let again = try ArchiveNotes(StorePaths(directory: directory.path), PosixFileSystem())
    #expect(again.content?.deletions == [.init(stream: 7, numbers: 1...Limits.numberMax)])
  }

  @Test func `what is intended is kept by a crash, and settled by the entry in the audit`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.archive = Self.away
    let stream: Int64
    do {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test)
      _ = try test.delete("web", 1...1).get()
      stream = try #require(test.info("web")?.id)
      test.close()
    }
    // That a stream is not known says nothing.
    let cases: [(Int64, UInt64, Bool)] = [(stream, 2, false), (stream, 1, true), (900, 4, false), (901, 3, true)]
    for (index, (stream, entry, isRecorded)) in cases.enumerated() {
      let notes = try ArchiveNotes(StorePaths(directory: directory.data), PosixFileSystem())
      let deletion = ArchiveNotes.Deletion(stream: stream, numbers: 3...3)
      let intent = ArchiveNotes.Intent(deletion: deletion, entry: entry)
      try notes.intend(intent)
      #expect(try Self.content(directory)?.intent == intent)
      let test = try TestStore(configuration, in: directory)
      let number = UInt64(index + 1)
      test.append("other", .test("more"), producer: 2, number: number + 3)
      _ = try test.delete("other", number...number).get()
      test.close()
      let deletions = try #require(try Self.content(directory)?.deletions)
      #expect(deletions.contains(deletion) == isRecorded, "\(stream), \(entry): \(deletions)")
    }
  }

  @Test func `what is intended counts as well if its numbers are deleted`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.archive = Self.away
    do {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test)
      _ = try test.delete("web", 1...2).get()
      let stream = try #require(test.info("web")?.id)
      test.close()
      directory.remove("data/archive")
      // As if `$audit` had lost its end in a repair.
      let notes = try ArchiveNotes(StorePaths(directory: directory.data), PosixFileSystem())
      try notes.intend(ArchiveNotes.Intent(deletion: .init(stream: stream, numbers: 1...2), entry: 9))
    }
    let test = try TestStore(configuration, in: directory)
    _ = try test.delete("other", 1...1).get()
    test.close()
    #expect(try Self.content(directory)?.deletions.first?.numbers == 1...2)
  }

  @Test func `a power loss at any moment of a deletion leaves it noted if it is done, and only then`() throws {
    var outcomes: [Bool: Int] = [:]
    for count in 0..<160 {
      let directory = TestDirectory()
      let stream: Int64
      let isWhole = count % 2 == 0
      var isAnswered = false
      var generator = SeededGenerator(seed: UInt64(count))
      let remains: TestDirectory
      do {
        let disk = FaultDisk()
        var configuration = disk.configuration(directory)
        configuration.archive = Self.away
        let test = try TestStore(configuration)
        Self.fill(test)
        stream = try #require(test.info("web")?.id)
        disk.crash(after: count / 2)
        if case .success = test.delete("web", isWhole ? nil : 2...2) { isAnswered = true }
        test.close()
        remains = disk.remains(of: directory, &generator)
      }
      let disk = FaultDisk()
      disk.adopt(remains)
      var configuration = disk.configuration(remains)
      configuration.archive = Self.away
      let test = try TestStore(configuration)
      let info = test.info("web")
      let isDone = isWhole ? info == nil : info?.removals.contains(2) == true
      #expect(isDone || !isAnswered, "after \(count / 2) operations")
      _ = try test.delete("other", 1...1).get()
      test.close()
      let isNoted = try Self.content(remains)?.deletions.contains { $0.stream == stream } == true
      #expect(isNoted == isDone, "after \(count / 2) operations")
      outcomes[isDone, default: 0] += 1
    }
    #expect(outcomes.count == 2, "\(outcomes)")
  }

  @Test func `a deletion that cannot be noted or recorded is not done and not noted`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory)
    configuration.archive = Self.away
    let test = try TestStore(configuration)
    Self.fill(test)
    for suffix in ["archive.tmp", "-wal"] {
      disk.inject(.init(operation: FAULT_WRITE, suffix: suffix, code: SQLITE_FULL))
      for numbers in [2...2, nil] as [ClosedRange<UInt64>?] {
        guard case .failure(let refusal) = test.delete("web", numbers) else {
          Issue.record("done in spite of \(suffix)")
          continue
        }
        #expect(refusal.code == .diskFull && !refusal.mayHaveTakenEffect)
        #expect(refusal.text.contains("nothing was deleted"))
      }
      disk.heal()
      #expect(try test.readAll("web").texts == ["1", "2", "3"])
      #expect(try test.readAll("$audit").texts == [])
    }
    #expect(try Self.content(directory)?.intent == nil)
    #expect(try Self.content(directory)?.deletions == [])
    #expect(try test.delete("web", 2...2).get().entryCount == 1)
    test.close()
  }

  @Test func `at the limit nothing is deleted, and giving the archive up ends it`() throws {
    let directory = TestDirectory()
    let configuration = TestStore.configuration(directory)
    do {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test)
      test.close()
    }
    let lines = (1...ArchiveNotes.deletionCountMax).map { "deleted \($0 + 1000) 1 2\n" }.joined()
    let body = "logs-archive 1\ndirectory \(Self.away)\nthrough 1\n\(lines)"
    try Self.write("\(body)check \(XXH3.hash(ByteString(body).span).hexadecimal)\n", directory)
    do {
      let test = try TestStore(configuration, in: directory)
      for numbers in [2...2, nil] as [ClosedRange<UInt64>?] {
        let error = #expect(throws: Refusal.self) { try test.delete("web", numbers).get() }
        #expect(error?.code == .storageFailed && error?.text.contains("give the archive up") == true)
      }
      #expect(try test.readAll("web").texts == ["1", "2", "3"])
      test.close()
    }
    directory.remove("data/archive")
    let test = try TestStore(configuration, in: directory)
    #expect(try test.delete("web", 2...2).get().entryCount == 1)
    _ = try test.delete("web").get()
    test.close()
    #expect(!directory.names("data").contains("archive"))
  }

  @Test func `notes that cannot be read refuse deletions only while there is an archive`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    do {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test)
      test.close()
    }
    for text in ["damaged", "logs-archive 2\n"] {
      try Self.write(text, directory)
      configuration.archive = Self.away
      do {
        let test = try TestStore(configuration, in: directory)
        #expect(test.sink.waitForLine("nothing can be deleted"))
        for numbers in [2...2, nil] as [ClosedRange<UInt64>?] {
          let error = #expect(throws: Refusal.self) { try test.delete("web", numbers).get() }
          #expect(error?.text.contains("nothing was deleted") == true && error?.mayHaveTakenEffect == false)
        }
        #expect(try test.readAll("web").texts == ["1", "2", "3"])
        test.close()
      }
    }
    configuration.archive = nil
    let test = try TestStore(configuration, in: directory)
    #expect(test.sink.waitForLine("is not noted for the archive that there was"))
    #expect(try test.delete("web", 2...2).get().entryCount == 1)
    _ = try test.delete("web").get()
    #expect(test.info("web") == nil)
    test.close()
  }

  @Test func `how far one archive is says nothing of another`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = ArchiveTests.configuration(directory, clock)
    let test = try TestStore(configuration, in: directory)
    ArchiveTests.fill(test, clock, 1...2)
    ArchiveTests.awaitArchived(test, 2)
    #expect(test.store.statistics.archive?.waitingCount == 0)
    configuration.archive = Self.away
    test.store.apply(configuration)
    #expect(test.store.statistics.archive?.waitingCount == 2)
    test.close()
  }

  @Test func `an older copy of the archive is refused, and the newer one goes on`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = ArchiveTests.configuration(directory, clock)
    let files = FileManager.default
    let (path, old, newer) = (directory.path + "/archive", directory.path + "/old", directory.path + "/newer")
    do {
      let test = try TestStore(configuration, in: directory)
      ArchiveTests.fill(test, clock, 1...2)
      ArchiveTests.awaitArchived(test, 2)
      test.close()
      try files.copyItem(atPath: path, toPath: old)
    }
    do {
      let test = try TestStore(configuration, in: directory)
      ArchiveTests.fill(test, clock, 3...3)
      ArchiveTests.awaitArchived(test, 3)
      test.close()
    }
    try files.moveItem(atPath: path, toPath: newer)
    try files.moveItem(atPath: old, toPath: path)
    let test = try TestStore(configuration, in: directory)
    #expect(test.sink.waitForLine("ends with segment 2, but it had the segments up to 3"))
    #expect(directory.names("archive/segments").count == 3)
    try files.moveItem(atPath: path, toPath: old)
    try files.moveItem(atPath: newer, toPath: path)
    #expect(test.sink.waitForLine("works again"))
    ArchiveTests.fill(test, clock, 4...4)
    ArchiveTests.awaitArchived(test, 4)
    test.close()
  }

  @Test func `what is intended counts if none of its numbers is kept and a command has deleted one`() throws {
    // What is trimmed, what is deleted, and what was intended.
    let cases: [(ClosedRange<UInt64>?, [ClosedRange<UInt64>], ClosedRange<UInt64>, Bool)] = [
      (nil, [1...2, 3...4], 1...4, true), (1...2, [3...4], 1...4, true), (1...3, [5...5], 2...5, false),
      (1...4, [], 1...4, false), (nil, [2...3], 1...3, false), (nil, [1...9], 1...Limits.numberMax, false),
    ]
    for isTrimmed in [false, true] {
      for (trimmed, deleted, numbers, isDone) in cases {
        let bench = try ArchiveBench(segments: 3)
        bench.configuration.archive = nil
        if isTrimmed { try bench.trim(below: 2) }
        var stream = try bench.stream("web")
        if let trimmed { stream.removals.trim(trimmed, byteCount: 10) }
        bench.catalog.publish([stream])
        for numbers in deleted { try bench.delete("web", numbers, isNoted: false) }
        try bench.notes.intend(.init(deletion: .init(stream: stream.id, numbers: numbers), entry: 9))
        let archive = SegmentArchive(
          bench.configuration, directory: bench.found.directory, pool: bench.pool, catalog: bench.catalog)
        archive.start(latest: nil)
        archive.close()
        // The first segment has 1 to 3.
        let isRecorded = isDone || (isTrimmed && numbers == 1...3 && deleted == [2...3])
        let deletions = try Self.content(bench.directory)?.deletions.map(\.numbers)
        #expect(deletions == (isRecorded ? [numbers] : []), "\(numbers), \(deleted), \(isTrimmed)")
      }
    }
  }

  @Test func `a start with a full disk knows what is noted, and writes it later`() throws {
    for isSet in [true, false] {
      let directory = TestDirectory()
      let clock = TestClock()
      let disk = FaultDisk()
      var configuration = ArchiveTests.configuration(directory, clock)
      configuration.fileSystem = FaultFileSystem(disk: disk)
      let stream: Int64
      do {
        let test = try TestStore(configuration, in: directory)
        test.append("other", .test("other"), producer: 2, number: 1)
        ArchiveTests.fill(test, clock, 1...1)
        stream = try #require(test.info("web")?.id)
        test.close()
        let notes = try ArchiveNotes(StorePaths(directory: directory.data), PosixFileSystem())
        try notes.note(.init(stream: stream, numbers: 4...9))
        try notes.intend(.init(deletion: .init(stream: stream, numbers: 1...1), entry: 1))
      }
      disk.inject(.init(operation: FAULT_WRITE, suffix: "archive.tmp", code: SQLITE_FULL))
      if !isSet { configuration.archive = nil }
      do {
        let test = try TestStore(configuration, in: directory)
        #expect(throws: Refusal.self) { try test.delete("other", 1...1).get() }
        disk.heal()
        #expect(try test.delete("other", 1...1).get().entryCount == 1)
        ArchiveTests.fill(test, clock, 2...2)
        if isSet { ArchiveTests.awaitArchived(test, 2) }
        test.close()
      }
      let content = try Self.content(directory)
      #expect(content?.intent == nil)
      // What was intended is not taken for done, though there is an entry of its number.
      #expect(content?.deletions.contains { $0.stream == stream && $0.numbers.contains(1) } == false)
    }
  }

  @Test func `notes that a full disk has left too long do not reach what is stored later`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    var configuration = TestStore.configuration(directory)
    configuration.fileSystem = FaultFileSystem(disk: disk)
    let stream: Int64
    do {
      let test = try TestStore(configuration, in: directory)
      Self.fill(test)
      stream = try #require(test.info("web")?.id)
      test.close()
      let notes = try ArchiveNotes(StorePaths(directory: directory.data), PosixFileSystem())
      try notes.note(.init(stream: stream, numbers: 3...9))
    }
    disk.inject(.init(operation: FAULT_WRITE, suffix: "archive.tmp", code: SQLITE_FULL))
    let test = try TestStore(configuration, in: directory)
    disk.heal()
    test.append("web", .test("4"), number: 4)
    test.close()
    #expect(try Self.content(directory)?.deletions == [.init(stream: stream, numbers: 3...3)])
  }
}
