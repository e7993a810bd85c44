import Glibc
import LogsDisk
import LogsWire
import Testing

@testable import LogsClient

@Suite struct SpoolReportTests {
  private let db = StreamName(checked: "db")

  /// The files of a spool with their content, except the index that SQLite rebuilds at each start.
  private func contents(_ directory: TestDirectory) -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    for name in directory.names where name != "spool.db-shm" {
      contents[name] = SpoolFiles.read("\(directory.path)/\(name)")
    }
    return contents
  }

  private func fill(_ test: TestSpool) throws {
    _ = try test.spool.store(
      (1...40).map { .test("\($0)", entryCount: 2, accepted: Int64($0)) } + [.test("x", to: db, accepted: 7)],
      removing: [])
    _ = try test.spool.store([], removing: [try #require(test.window().first).id])
    _ = try test.spool.dropOldest(keeping: test.spool.totals.byteCount - 1)
  }

  private func check(_ report: SpoolReport, _ spool: Spool, isInUse: Bool) {
    #expect(report.producer == spool.producer)
    #expect(report.isInUse == isInUse)
    #expect(report.owner == getpid())
    #expect(report.damage.isEmpty, "\(report.damage)")
    #expect(report.streams.map(\.stream) == [db, web])
    #expect(report.batchCount == spool.totals.batchCount)
    #expect(report.entryCount == spool.totals.entryCount)
    #expect(report.byteCount == spool.totals.byteCount)
    #expect(report.streams.last?.firstNumber == 2)
    #expect(report.streams.last?.lastNumber == 40)
    #expect(report.streams.first?.oldestAccepted == 7)
    #expect(report.streams.last?.oldestAccepted == 2)
  }

  @Test(arguments: [false, true])
  func `a report is right for a spool in use, after a crash and closed, and changes no file`(isVerifying: Bool) throws {
    let directory = try TestDirectory()
    let copy = try TestDirectory()
    let test = try TestSpool(directory.path)
    try fill(test)
    let inUse = contents(directory)
    check(try SpoolReport.inspect(directory.path, verifying: isVerifying), test.spool, isInUse: true)
    #expect(contents(directory) == inUse)
    #expect(directory.names == ["lock", "reserve", "spool.db", "spool.db-shm", "spool.db-wal"])

    try SpoolFiles.copy(directory.path, to: copy.path)
    try SpoolFiles.write(Array("\(getpid())\n".utf8), to: "\(copy.path)/lock")
    let crashed = contents(copy)
    check(try SpoolReport.inspect(copy.path, verifying: isVerifying), test.spool, isInUse: false)
    #expect(contents(copy) == crashed)
    #expect(copy.names == ["lock", "spool.db", "spool.db-wal"])

    test.spool.close()
    let closed = contents(directory)
    check(try SpoolReport.inspect(directory.path + "/", verifying: isVerifying), test.spool, isInUse: false)
    #expect(contents(directory) == closed)
    #expect(directory.names == ["lock", "reserve", "spool.db"])
  }

  @Test func `repeated inspection does not affect a spool`() async throws {
    let directory = try TestDirectory()
    let path = directory.path
    let test = try TestSpool(path)
    try test.store("0")
    let isDone = Shared(false)
    let inspection = Task.detached {
      var count = 0
      while !isDone.value || count == 0 {
        let report = try SpoolReport.inspect(path, verifying: count % 2 == 1)
        #expect(report.damage.isEmpty, "\(report.damage)")
        count += 1
        await Task.yield()
      }
      return count
    }
    var generator = SeededGenerator(seed: 3)
    for number in 1...100 {
      let window = try test.window()
      _ = try test.spool.store(
        [.test("\(number)"), .large(50_000, to: db, using: &generator)],
        removing: window.prefix(Int.random(in: 0...2, using: &generator)).map(\.id))
      await Task.yield()
    }
    isDone.change { $0 = true }
    #expect(try await inspection.value > 0)
    let numbers = try test.window().map(\.number)
    #expect(numbers == Array(numbers[0]..<numbers[0] + UInt64(numbers.count)))
    #expect(test.damages.isEmpty)
  }

  @Test func `verifying finds damage, in use or not, and says where`() throws {
    let directory = try TestDirectory()
    do {
      let test = try TestSpool(directory.path)
      try test.store("1", "2", "3")
      _ = try test.spool.store(
        [
          EncodedBatch(
            stream: db, content: .batch(ByteString("no batch at all"), entryCount: 1), entryCount: 1, accepted: 1)
        ], removing: [])
    }
    let intact = try SpoolReport.inspect(directory.path)
    #expect(intact.damage.isEmpty)
    let report = try SpoolReport.inspect(directory.path, verifying: true)
    #expect(report.damage.count == 1)
    #expect(report.damage.first?.hasPrefix("batch 1 of stream db cannot be decoded") == true, "\(report.damage)")
    do {
      let database = try Database("\(directory.path)/spool.db", mode: .readWrite, vfs: nil)
      try database.execute(
        "PRAGMA journal_mode=DELETE; UPDATE batches SET entries = 5 WHERE stream = 'web' AND number = 2")
    }
    let damaged = try SpoolReport.inspect(directory.path)
    #expect(damaged.damage.contains { $0.contains("cannot be read completely") }, "\(damaged.damage)")
    #expect(damaged.damage.contains { $0 == "stream web lacks 1 of its batches, with 1 entry" }, "\(damaged.damage)")
    let test = try TestSpool(directory.path)
    let live = try SpoolReport.inspect(directory.path, verifying: true)
    #expect(live.damage.contains("batch 2 of stream web fails its check"), "\(live.damage)")
    // The inspection finds it before the producer does; the producer's reaction is tested elsewhere.
    #expect(try test.texts() == ["1", "3"])
    #expect(try SpoolReport.inspect(directory.path).keptAside == ["\(directory.path)/spool.db.damaged-1"])
  }

  @Test func `without a spool a report fails and creates none`() throws {
    let directory = try TestDirectory()
    let error = #expect(throws: LogError.self) { try SpoolReport.inspect(directory.path) }
    #expect(error?.code == .spoolFailed)
    #expect(error?.message.contains("there is no spool in") == true)
    #expect(directory.names.isEmpty)
  }

  @Test func `a completely damaged file is reported as such`() throws {
    let directory = try TestDirectory()
    try SpoolFiles.write([UInt8](repeating: 0x0d, count: 50_000), to: "\(directory.path)/spool.db")
    let report = try SpoolReport.inspect(directory.path, verifying: true)
    #expect(report.producer == nil)
    #expect(report.streams.isEmpty)
    #expect(report.damage.contains("the identity of the producer cannot be read"))
    #expect(report.damage.contains { $0.hasPrefix("SQLite cannot read it") })
  }
}
