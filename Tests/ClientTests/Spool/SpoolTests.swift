import Glibc
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsClient

@Suite struct SpoolTests {
  private let db = StreamName(checked: "db")

  @Test func `stored batches are there after reopening, under the same identity and numbers`() throws {
    let directory = try TestDirectory()
    var first: [BacklogBatch] = []
    var producer: ProducerID?
    do {
      let test = try TestSpool(directory.path)
      #expect(test.spool.streams.isEmpty)
      #expect(test.spool.oldestID == nil)
      try test.store("1", "2", "3")
      try test.store("a", to: db)
      first = try test.window()
      producer = test.spool.producer
      #expect(test.spool.totals.batchCount == 4)
    }
    #expect(directory.names == ["lock", "reserve", "spool.db"])
    let test = try TestSpool(directory.path)
    #expect(test.spool.producer == producer)
    #expect(test.spool.streams == [db, web])
    let again = try test.window()
    #expect(again.map(\.text) == ["1", "2", "3"])
    #expect(again.map(\.id) == first.map(\.id))
    #expect(again.map(\.number) == [1, 2, 3])
    #expect(again.allSatisfy { $0.key == AppendQueue.Key(producer: test.spool.producer, stream: web) })
    #expect(test.spool.oldestID == first[0].id)
    try test.store("4")
    #expect(try test.window(after: first[2].id).map(\.number) == [4])
    #expect(test.damages.isEmpty)
  }

  @Test func `one transaction removes answered batches and adds new ones, and numbers keep rising`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    let ids = try test.store("1", "2", "3")
    let more = try test.spool.store([.test("4"), .test("b", to: db)], removing: [ids[0], ids[1]])
    #expect(more.count == 2 && more[0] < more[1] && ids[2] < more[0])
    #expect(try test.texts() == ["3", "4"])
    #expect(try test.window().map(\.number) == [3, 4])
    // An id that is gone does not matter.
    #expect(try test.spool.store([], removing: [ids[0], ids[2], more[0]]).isEmpty)
    #expect(test.spool.streams == [db])
    #expect(test.spool.totals.batchCount == 1 && test.spool.totals.entryCount == 1)
    #expect(test.spool.oldestID == more[1])
    // A forgotten stream begins above the numbers that it has used.
    try test.store("5")
    #expect(try #require(test.window().first).number == 5)
  }

  @Test func `a completion and a notice keep their places, and do not count as entries`() throws {
    let directory = try TestDirectory()
    do {
      let test = try TestSpool(directory.path)
      let notice = DropNotice(entryCount: 7, reason: .queueFull)
      _ = try test.spool.store(
        [
          .test("1", entryCount: 3),
          EncodedBatch(stream: web, content: notice.content(time: 5), entryCount: 0, accepted: 1),
          EncodedBatch(stream: web, content: .completion(text: "bye"), entryCount: 0, accepted: 1),
        ], removing: [])
      #expect(test.spool.totals.entryCount == 3)
    }
    let test = try TestSpool(directory.path)
    let batches = try test.window()
    #expect(batches.map(\.text) == ["1", "7 entries dropped: queue full", "complete bye"])
    #expect(batches.map(\.entryCount) == [3, 0, 0])
    #expect(DropNotice.all(in: batches[1].content).first == DropNotice(entryCount: 7, reason: .queueFull))
    #expect(DropNotice.all(in: batches[0].content).first == nil)
    #expect(DropNotice(entryCount: 1, reason: .tooOld).text == "1 entry dropped: too old")
    let bytes = batches.reduce(0) { $0 + $1.content.byteCount + BacklogBatch.overheadByteCount }
    #expect(test.spool.totals == BacklogTotals(batchCount: 3, entryCount: 3, byteCount: bytes))
  }

  @Test func `the window is the first 32 batches, and moves on as they are answered`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    let ids = try test.spool.store((1...100).map { .test("\($0)") }, removing: [])
    #expect(try test.window().map(\.number) == Array(1...32))
    #expect(try test.window(after: ids[29]).map(\.number) == [31, 32])
    #expect(try test.window(after: ids[40]).isEmpty)
    _ = try test.spool.store([], removing: [ids[1], ids[2]])
    // The first has no answer: a mark with the 33rd would have forgotten it.
    #expect(try test.window().map(\.number) == [1] + Array(4...32))
    _ = try test.spool.store([], removing: [ids[0]])
    #expect(try test.window().map(\.number) == Array(4...35))
    #expect(try test.window(db).isEmpty)
  }

  @Test func `a new identity waits until the batches of the old one are answered`() throws {
    let directory = try TestDirectory()
    let copy = try TestDirectory()
    let old: ProducerID
    do {
      let test = try TestSpool(directory.path)
      try test.store("1", "2")
      old = test.spool.producer
      try SpoolFiles.copy(directory.path, to: copy.path)
    }
    // Not closed cleanly: its WAL may have lost commits without a trace.
    let test = try TestSpool(copy.path)
    #expect(test.spool.producer != old)
    try test.store("3")
    let batches = try test.window()
    #expect(batches.map(\.text) == ["1", "2"])
    #expect(batches.allSatisfy { $0.key.producer == old })
    _ = try test.spool.store([], removing: batches.map(\.id))
    #expect(try test.texts() == ["3"])
    #expect(try test.window().map(\.key.producer) == [test.spool.producer])
  }

  @Test func `files are accessible only to their owner`() throws {
    let directory = try TestDirectory()
    let path = "\(directory.path)/spool"
    let test = try TestSpool(path)
    try test.store("secret")
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
    for name in ["lock", "reserve", "spool.db", "spool.db-wal", "spool.db-shm"] {
      #expect(stat("\(path)/\(name)", &status) == 0 && status.st_mode & 0o777 == 0o600, "\(name)")
    }
    test.spool.close()
    for name in ["lock", "reserve", "spool.db"] { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  @Test func `removed batches are nowhere in the files`() throws {
    let directory = try TestDirectory()
    do {
      let test = try TestSpool(directory.path)
      let secret = "the number of the card is 4556 7375 8689 9855"
      let ids = try test.spool.store(
        [
          EncodedBatch(
            stream: web, content: .batch(ByteString(String(repeating: secret, count: 1000)), entryCount: 1),
            entryCount: 1,
            accepted: 1), .test("other"),
        ], removing: [])
      _ = try test.spool.store([], removing: [ids[0]])
    }
    let bytes = try #require(SpoolFiles.read("\(directory.path)/spool.db"))
    let needle = Array("4556 7375".utf8)
    #expect(!bytes.indices.contains { bytes[$0...].starts(with: needle) })
  }

  @Test func `a second owner is refused with the process id of the first`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    let error = #expect(throws: LogError.self) { try TestSpool(directory.path) }
    #expect(error?.code == .spoolInUse)
    #expect(error?.message.contains("process \(getpid())") == true, "\(error?.message ?? "")")
    test.spool.close()
    _ = try TestSpool(directory.path)
  }

  @Test func `a newer version's spool is refused and left unchanged`() throws {
    let directory = try TestDirectory()
    do { try TestSpool(directory.path).store("1") }
    let path = "\(directory.path)/spool.db"
    do {
      let database = try Database(path, mode: .readWrite, vfs: nil)
      try database.execute(
        "PRAGMA journal_mode=DELETE; UPDATE spool SET checksum = 0; PRAGMA user_version=2")
    }
    let before = SpoolFiles.read(path)
    let error = #expect(throws: LogError.self) { try TestSpool(directory.path) }
    #expect(error?.code == .spoolFailed)
    #expect(error?.message.contains("newer version (format 2") == true, "\(error?.message ?? "")")
    #expect(SpoolFiles.read(path) == before)
    #expect(directory.names == ["lock", "reserve", "spool.db"])
  }

  @Test func `failing to make the directory is reported as such`() throws {
    let error = #expect(throws: LogError.self) { try TestSpool("/proc/none/spool") }
    #expect(error?.code == .spoolFailed)
    #expect(error?.message.contains("/proc/none/spool") == true, "\(error?.message ?? "")")
  }

  @Test func `the WAL stays short, and an empty spool gives its space back`() throws {
    let directory = try TestDirectory()
    var generator = SeededGenerator(seed: testSeed())
    let test = try TestSpool(directory.path)
    var ids: [Int64] = []
    for _ in 0..<30 {
      ids += try test.spool.store((0..<5).map { _ in .large(100_000, using: &generator) }, removing: [])
      let wal = try #require(try PosixFileSystem().byteCount("\(directory.path)/spool.db-wal"))
      #expect(wal < 8 << 20)
    }
    let database = "\(directory.path)/spool.db"
    #expect(try #require(try PosixFileSystem().byteCount(database)) > 10 << 20)
    while !ids.isEmpty {
      _ = try test.spool.store([], removing: Array(ids.suffix(10)))
      ids.removeLast(min(10, ids.count))
    }
    #expect(try #require(try PosixFileSystem().byteCount(database)) < 100_000)
    try test.store("goes on")
    #expect(try test.texts() == ["goes on"])
  }
}
