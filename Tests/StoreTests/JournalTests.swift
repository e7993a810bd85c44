import CFaultVFS
import CSQLite
import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// The journal in front of the active segment: what went into it is acknowledged, once, whatever comes next.
@Suite struct JournalTests {
  private static func configuration(_ directory: TestDirectory, byteCount: Int = 1 << 20) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory)
    configuration.journalByteCount = byteCount
    // A copy stands for what a crash leaves.
    configuration.noticesCopies = false
    configuration.tailCacheByteCountMax = 0
    // A lock stands for an applier that has not come so far, however long a test takes meanwhile.
    configuration.lockTimeMax = TestSink.patience
    return configuration
  }

  /// A store that has acknowledged these texts, of which the segment has nothing yet, as a crash leaves it.
  private static func crashed(_ texts: [String], byteCount: Int = 1 << 20) throws -> TestDirectory {
    let directory = TestDirectory()
    let test = try TestStore(configuration(directory, byteCount: byteCount), in: directory, commitsHere: true)
    test.append("web", .test("first"), number: 1)
    #expect(try test.readAll("web").texts == ["first"])
    let lock = try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
    try lock.execute("BEGIN IMMEDIATE")
    for (index, text) in texts.enumerated() {
      #expect(test.append("web", .test(text), number: UInt64(index) + 2)?.first == UInt64(index) + 2)
    }
    let copy = directory.copy()
    try lock.execute("ROLLBACK")
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
    return copy
  }

  private static let texts = (1...20).map { "\($0) " + String(repeating: "x", count: $0 * 40) }

  @Test func `what was acknowledged and is not in the segment comes from the journal`() throws {
    let directory = try Self.crashed(Self.texts)
    let test = try TestStore(Self.configuration(directory), in: directory)
    #expect(test.sink.waitForLine("20 groups of appends acknowledged before the crash came from the journal"))
    #expect(try test.readAll("web").texts == ["first"] + Self.texts)
    #expect(test.append("web", .test(Self.texts[19]), number: 21)?.isDuplicate == true)
    #expect(test.append("web", .test("next"), number: 22)?.first == 22)
    test.close()
    let again = try TestStore(Self.configuration(directory), in: directory)
    #expect(try again.readAll("web").texts == ["first"] + Self.texts + ["next"])
  }

  @Test func `a segment that only the journal has anything of is sealed after a crash`() throws {
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
    test.append("web", .test("1"), number: 1)
    test.store.seal()
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    let lock = try Database(directory.data + "/segments/0000000002.db", mode: .readWrite, vfs: nil)
    try lock.execute("BEGIN IMMEDIATE")
    #expect(test.append("web", .test("2"), number: 2)?.first == 2)
    let crash = directory.copy()
    try lock.execute("ROLLBACK")
    test.close()
    let again = try TestStore(Self.configuration(crash), in: crash)
    again.store.seal()
    #expect(again.sink.waitForLine("segment 2 is sealed"))
    #expect(try again.readAll("web").texts == ["1", "2"])
  }

  @Test func `another program is shown that a crash left something in the journal`() throws {
    let directory = try Self.crashed(Self.texts)
    let reader = try StoreReader(directory: directory.data)
    #expect(reader.unseen?.contains("start the server once") == true && reader.streams.map(\.head) == [1])
    let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
    #expect(test.append("web", .test("next"), number: 22)?.first == 22)
    // While a server runs, it waits.
    let beside = try StoreReader(directory: directory.data)
    #expect(beside.unseen == nil && beside.streams.map(\.head) == [22])
  }

  @Test func `it is applied once, however often the start is repeated`() throws {
    let directory = try Self.crashed(Self.texts)
    let copies = (0..<2).map { _ in directory.copy() }
    for copy in copies {
      do {
        let test = try TestStore(Self.configuration(copy), in: copy)
        #expect(try test.readAll("web").texts == ["first"] + Self.texts)
      }
      let crash = copy.copy()
      #expect(try TestStore(Self.configuration(crash), in: crash).readAll("web").texts == ["first"] + Self.texts)
    }
  }

  @Test func `without a journal in the settings, what is in it comes from it all the same`() throws {
    let directory = try Self.crashed(Self.texts)
    let test = try TestStore(Self.configuration(directory, byteCount: 0), in: directory)
    #expect(try test.readAll("web").texts == ["first"] + Self.texts)
    test.close()
    #expect(!directory.names("data").contains("journal"))
    // And back again.
    let again = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
    #expect(again.append("web", .test("next"), number: 22)?.first == 22)
    again.close()
    #expect(directory.names("data").contains("journal"))
    #expect(try TestStore(Self.configuration(directory), in: directory).info("web")?.head == 22)
  }

  @Test(arguments: [64 << 10, 3 << 20]) func `another size makes another journal`(byteCount: Int) throws {
    let directory = try Self.crashed(Self.texts)
    let test = try TestStore(Self.configuration(directory, byteCount: byteCount), in: directory, commitsHere: true)
    #expect(test.append("web", .test("next"), number: 22)?.first == 22)
    test.close()
    #expect(directory.contents("data/journal").count == byteCount + 4096)
    #expect(try TestStore(Self.configuration(directory), in: directory).readAll("web").texts.last == "next")
  }

  @Test func `a torn record was never acknowledged; one that is damaged stops the start`() throws {
    let directory = try Self.crashed(Self.texts)
    let journal = directory.contents("data/journal")
    let records = Self.records(in: journal)
    #expect(records.count >= 20)
    let (last, damaged) = (directory.copy(), directory.copy())
    var bytes = journal
    bytes[records[records.count - 1] + 100] ^= 1
    last.write("data/journal", bytes)
    #expect(try TestStore(Self.configuration(last), in: last).readAll("web").texts == ["first"] + Self.texts.dropLast())
    bytes = journal
    bytes[records[records.count - 5] + 100] ^= 1
    damaged.write("data/journal", bytes)
    Self.expectRefusal(damaged, "is damaged: there is no record at position")
  }

  /// Where records begin in a journal's file.
  private static func records(in file: [UInt8]) -> [Int] {
    stride(from: 4096, to: file.count, by: 512).filter { Array(file[$0 + 20..<$0 + 24]) == Array("JREC".utf8) }
  }

  private static func expectRefusal(_ directory: TestDirectory, _ text: String) {
    do {
      _ = try TestStore(configuration(directory), in: directory)
      Issue.record("the start was not refused")
    } catch {
      #expect(error.message.contains(text), "\(error)")
    }
  }

  @Test func `a journal that is missing, foreign or no journal stops a start after a crash`() throws {
    let directory = try Self.crashed(Self.texts)
    let other = try Self.crashed(["other"])
    let (missing, foreign, damaged) = (directory.copy(), directory.copy(), directory.copy())
    missing.remove("data/journal")
    Self.expectRefusal(missing, "journal is missing, and the last stop was not clean")
    foreign.write("data/journal", other.contents("data/journal"))
    Self.expectRefusal(foreign, "journal belongs to another store")
    damaged.write("data/journal", Array(repeating: 7, count: 5000))
    Self.expectRefusal(damaged, "is damaged, or is no journal")
    // An empty file in its place says that it is given up.
    damaged.write("data/journal", [])
    let test = try TestStore(Self.configuration(damaged), in: damaged)
    #expect(
      test.sink.waitForLine("journal is empty: what was acknowledged in the last moments before the crash is given"))
    #expect(try test.readAll("web").texts == ["first"])
    // The numbers of what is given up are given again.
    let before = try TestStore(Self.configuration(directory), in: directory).info("web")?.incarnation
    #expect(before != nil && test.info("web")?.incarnation != before)
  }

  @Test func `after a clean stop the journal has nothing that is needed`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
      for number in 1...5 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
      test.close()
    }
    directory.remove("data/journal")
    let test = try TestStore(Self.configuration(directory), in: directory)
    #expect(try test.readAll("web").texts == ["1", "2", "3", "4", "5"])
  }

  @Test func `a reader finds what was acknowledged, small or large, at once`() throws {
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory, byteCount: 64 << 10), in: directory, commitsHere: true)
    var texts: [String] = []
    for number in 1...300 as ClosedRange<UInt64> {
      // Every tenth is too large for the journal, and the ring is full every few dozen.
      texts.append("\(number) " + String(repeating: "y", count: number % 10 == 0 ? 300_000 : Int(number) * 7))
      #expect(test.append("s\(number % 3)", .test(texts[texts.count - 1]), number: number, floor: number)?.first != nil)
      #expect(try test.readAll("s\(number % 3)").texts.last == texts.last)
    }
    for stream in 0..<3 {
      let expected = texts.enumerated().filter { ($0.offset + 1) % 3 == stream }.map(\.element)
      #expect(try test.readAll("s\(stream)").texts == expected)
    }
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }

  @Test func `a reader that keeps the WAL from being checkpointed holds up nothing`() throws {
    let directory = TestDirectory()
    var configuration = Self.configuration(directory)
    configuration.walByteCountMax = 64 << 10
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    test.append("web", .test("first"), number: 1)
    #expect(try test.readAll("web").texts == ["first"])
    let reader = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
    try reader.execute("BEGIN; SELECT count(*) FROM runs")
    var texts = ["first"]
    for number in 2...200 as ClosedRange<UInt64> {
      texts.append("\(number) " + String(repeating: "z", count: 3_000))
      #expect(test.append("web", .test(texts[texts.count - 1]), number: number)?.first == number)
      #expect(try test.readAll("web", from: number).texts == [texts[texts.count - 1]])
    }
    #expect(test.store.statistics.checkpointCount < 1_000)
    try reader.execute("COMMIT")
    test.close()
    #expect(try TestStore(configuration, in: directory).readAll("web").texts == texts)
  }

  @Test func `many small appends are few rows`() throws {
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
    for number in 1...500 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    test.close()
    let database = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
    let rowCount = try database.integer("SELECT count(*) FROM runs")
    #expect(rowCount < 250, "\(rowCount)")
    #expect(try database.integer("SELECT sum(span) FROM runs") == 500)
    let again = try TestStore(Self.configuration(directory), in: directory)
    #expect(try again.readAll("web").texts == (1...500).map(String.init))
    #expect(again.append("web", .test("500"), number: 500)?.isDuplicate == true)
  }

  @Test func `a full disk behind the journal refuses appends until there is room, and loses nothing`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory)
    configuration.journalByteCount = 1 << 20
    configuration.tailCacheByteCountMax = 0
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    test.append("web", .test("first"), number: 1)
    #expect(try test.readAll("web").texts == ["first"])
    disk.inject(.init(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL))
    #expect(test.append("web", .test("second"), number: 2)?.first == 2)
    #expect(test.store.statistics.unappliedByteCount > 0)
    #expect(test.sink.waitForLine("is in the journal and cannot be put into its segment for now"))
    #expect(test.append("web", .test("third"), number: 3)?.refusal?.code == .diskFull)
    disk.heal()
    #expect(test.sink.waitForLine("what was acknowledged last is in its segment now"))
    #expect(test.append("web", .test("third"), number: 3)?.first == 3)
    #expect(try test.readAll("web").texts == ["first", "second", "third"])
  }

  @Test func `a journal of another size for which there is no room leaves the old one`() throws {
    for fault in [
      FaultDisk.Fault(operation: FAULT_WRITE, suffix: "/journal.tmp", code: SQLITE_FULL),
      FaultDisk.Fault(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL),
    ] {
      let directory = try Self.crashed(Self.texts)
      // What is in the old one is in the segment first, for which there is room.
      do { _ = try TestStore(Self.configuration(directory), in: directory) }
      let disk = FaultDisk()
      var configuration = disk.configuration(directory)
      configuration.journalByteCount = 2 << 20
      configuration.noticesCopies = false
      disk.inject(fault)
      let test = try TestStore(configuration, in: directory, commitsHere: true)
      #expect(test.sink.waitForLine("it keeps the size that it had, \(1 << 20) bytes"))
      disk.heal()
      #expect(test.append("web", .test("next"), number: 22)?.first == 22)
      #expect(try test.readAll("web").texts == ["first"] + Self.texts + ["next"])
      test.close()
      #expect(directory.contents("data/journal").count == (1 << 20) + 4096)
      #expect(!directory.names("data").contains("journal.tmp"))
    }
  }

  @Test func `a backup that waits in vain for what is in the journal changes nothing of the one before`() throws {
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
    let target = directory.path + "/backup"
    func back(patience: Duration) throws {
      var backup = try StoreBackup(of: directory.data, to: target, usesLinks: false, patience: patience)
      _ = try backup.run()
    }
    test.append("web", .test("first"), number: 1)
    try back(patience: TestSink.patience)
    let manifest = directory.contents("backup/manifest")
    let lock = try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
    try lock.execute("BEGIN IMMEDIATE")
    #expect(test.append("web", .test("second"), number: 2)?.first == 2)
    let error = #expect(throws: StoreError.self) { try back(patience: .milliseconds(10)) }
    #expect(error?.code == .busy && error?.message.contains("does not get what it has acknowledged") == true)
    #expect(directory.contents("backup/manifest") == manifest)
    try lock.execute("ROLLBACK")
    try back(patience: TestSink.patience)
    #expect(directory.contents("backup/manifest") != manifest)
  }

  @Test func `a read waits 5 s for what is in the journal and cannot be put into its segment`() throws {
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
    test.append("web", .test("first"), number: 1)
    #expect(try test.readAll("web").texts == ["first"])
    let lock = try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
    try lock.execute("BEGIN IMMEDIATE")
    #expect(test.append("web", .test("second"), number: 2)?.first == 2)
    #expect(test.store.statistics.unappliedByteCount > 0)
    let start = ContinuousClock.now
    do {
      _ = try test.readAll("web")
      Issue.record("it was read, though it is in no segment")
    } catch let error as StoreError {
      #expect(error.code == .busy && error.message.contains("what was acknowledged last cannot be read yet"))
    }
    #expect(ContinuousClock.now - start >= .seconds(5))
    try lock.execute("ROLLBACK")
    #expect(try test.readAll("web").texts == ["first", "second"])
    #expect(test.store.statistics.unappliedByteCount == 0)
  }

  @Test func `a failed write to the journal stops the store, and the append may be stored`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory)
    configuration.journalByteCount = 1 << 20
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    test.append("web", .test("first"), number: 1)
    disk.inject(.init(operation: FAULT_WRITE, suffix: "/journal", code: SQLITE_IOERR))
    let refusal = test.append("web", .test("second"), number: 2)?.refusal
    #expect(refusal?.code == .storageFailed && refusal?.mayHaveTakenEffect == true)
    #expect(test.append("web", .test("third"), number: 3)?.refusal?.code == .storageFailed)
    test.close()
    let again = try TestStore(TestStore.configuration(directory), in: directory)
    #expect(try again.readAll("web").texts == ["first"])
  }

  @Test func `a segment of an earlier format gets the table when a journal is put in front of it`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(TestStore.configuration(directory), in: directory)
      test.append("web", .test("old"), number: 1)
    }
    let path = directory.data + "/segments/0000000001.db"
    do {
      let database = try Database(path, mode: .readWrite, vfs: nil)
      try database.execute("DROP TABLE journal; PRAGMA user_version=3")
    }
    do {
      let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
      #expect(test.append("web", .test("new"), number: 2)?.first == 2)
      #expect(try test.readAll("web").texts == ["old", "new"])
    }
    #expect(try Database(path, mode: .readOnly, vfs: nil).integer("PRAGMA user_version") == 4)
  }

  @Test func `records of every size are found one behind the other, over the end of the ring`() throws {
    let directory = TestDirectory()
    let files = PosixFileSystem()
    let header = JournalFormat.Header(store: .random(), id: .random(), blockByteCount: 512, ringByteCount: 64 << 10)
    let path = directory.path + "/journal"
    try files.write(path, JournalFormat.encode(header) + [UInt8](repeating: 0, count: header.ringByteCount))
    let journal = try CommitJournal(path, header, end: 0, files)
    var kept: [UInt64] = [0]
    for size in 0..<2_000 {
      var rows = GroupRows()
      rows.streams = (0..<size % 3).map {
        StreamInfo(id: Int64($0 + 1), name: StreamName(stored: "stream \($0)"), incarnation: Incarnation(9))
      }
      rows.rows = (0..<size % 5).map { number in
        SegmentRow(
          stream: 1, numbers: UInt64(number + 1)...UInt64(number + 1), entryCount: 1, minTime: 1, maxTime: 1,
          severities: 1, received: 1, rawLength: 1, producers: "p",
          batches: ByteString(String(repeating: "b", count: size)))
      }
      // The last three are needed.
      #expect(try journal.append(rows, keeping: kept[max(0, kept.count - 3)]))
      kept.append(journal.end)
      let content = try #require(try files.read(path))
      var ring = JournalRing(header) { byteCount, offset in
        Array(content[offset..<min(offset + byteCount, content.count)])
      }
      var position = kept[max(0, kept.count - 4)]
      while let found = try ring.next(at: position) { position = found.end }
      #expect(position == journal.end, "size \(size)")
    }
    #expect(try !journal.append(GroupRows(), keeping: journal.end - UInt64(header.ringByteCount)))
  }

  @Test func `rows of a stream that follow each other become one of at most 1 MiB`() {
    func row(_ stream: Int64, _ numbers: ClosedRange<UInt64>, _ byteCount: Int = 10) -> GroupRows {
      var rows = GroupRows()
      rows.rows = [
        SegmentRow(
          stream: stream, numbers: numbers, entryCount: 1, minTime: Int64(numbers.lowerBound), maxTime: 9,
          severities: 1, received: 1, rawLength: 1, producers: "p",
          batches: ByteString(String(repeating: "b", count: byteCount)))
      ]
      return rows
    }
    let joined = GroupRows(joining: [
      row(1, 1...2), row(2, 1...1), row(1, 3...3), row(1, 5...6), row(2, 2...9, 1 << 20), row(1, 7...7),
    ])
    #expect(joined.rows.map(\.stream) == [1, 2, 1, 2])
    #expect(joined.rows.map(\.numbers) == [1...3, 1...1, 5...7, 2...9])
    #expect(joined.rows.map(\.entryCount) == [2, 1, 2, 1] && joined.rows.map(\.minTime) == [1, 1, 5, 2])
    #expect(joined.rows.map(\.batches.count) == [20, 10, 20, 1 << 20] && joined.rows[0].producers == "pp")
  }

  @Test func `a record says all that its rows are made of`() throws {
    let stream = StreamInfo(
      id: 7, name: StreamName(stored: "a/ü"), incarnation: Incarnation(9), head: 4, isSealed: true, entryCount: 5,
      storedByteCount: 6, lastReceived: -7)
    let row = SegmentRow(
      stream: 7, numbers: 5...9, entryCount: 5, minTime: -1, maxTime: 8, severities: 512, received: 3, rawLength: 99,
      producers: "producers", batches: "batches")
    var rows = GroupRows()
    (rows.streams, rows.rows) = ([stream], [row])
    var writer = ByteWriter()
    rows.encode(into: &writer)
    let bytes = writer.finish()
    var reader = ByteReader(bytes.span)
    let decoded = try GroupRows(from: &reader)
    #expect(reader.isAtEnd && decoded.streams == [stream])
    var again = ByteWriter()
    decoded.encode(into: &again)
    #expect(again.finish() == bytes)
    for count in 0..<bytes.count {
      var short = ByteReader(bytes[0..<count].span)
      #expect(throws: WireDecodingError.self) { () throws in _ = try GroupRows(from: &short) }
    }
  }
}
