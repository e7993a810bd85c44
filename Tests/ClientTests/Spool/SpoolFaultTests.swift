import CFaultVFS
import CSQLite
import LogsWire
import Testing

@testable import LogsClient

/// A failing disk loses nothing that was stored, and a call that threw has stored nothing.
@Suite struct SpoolFaultTests {
  @Test(arguments: [SQLITE_FULL, SpoolDisk.failedSync, SQLITE_IOERR | (3 << 8)])
  func `wherever a store fails, it has stored nothing, and the next one succeeds`(code: Int32) throws {
    for skip in 0..<12 {
      let directory = try TestDirectory()
      let disk = SpoolDisk()
      var generator = SeededGenerator(seed: 5)
      do {
        let test = try TestSpool(directory.path, vfs: disk.name)
        let ids = try test.store("1", "2", "3")
        let before = test.spool.totals
        disk.inject(.init(code: code, skip: skip, count: code == SQLITE_FULL ? .max : 1))
        do {
          _ = try test.spool.store([.test("4"), .large(10_000, using: &generator)], removing: [ids[0]])
          #expect(disk.failedCount == 0)
        } catch {
          #expect(error.code == .spoolFailed && error.isRetryable)
          #expect(error.message.contains("disk is full") == (code == SQLITE_FULL), "\(error)")
          #expect(test.spool.totals == before)
          #expect(test.spool.oldestID == ids[0])
          disk.heal()
          #expect(try test.texts() == ["1", "2", "3"])
          _ = try test.spool.store([.test("4"), .test("5")], removing: [ids[0]])
        }
        disk.heal()
        #expect(try test.window().map(\.number) == [2, 3, 4, 5])
        #expect(test.damages.isEmpty)
      }
      let test = try TestSpool(directory.path)
      #expect(try test.window().map(\.number) == [2, 3, 4, 5])
      #expect(try test.texts().prefix(3) == ["2", "3", "4"])
      #expect(test.damages.isEmpty)
    }
  }

  /// Whether all of the WAL is checkpointed when it fails, as after an opening, or is still needed.
  @Test(arguments: [false, true])
  func `a batch whose sync failed is gone however the spool is opened next`(isWalNeeded: Bool) throws {
    let directory = try TestDirectory()
    let copy = try TestDirectory()
    let disk = SpoolDisk()
    do { try TestSpool(directory.path).store("1") }
    let test = try TestSpool(directory.path, vfs: disk.name)
    var texts = ["1"]
    if isWalNeeded {
      try test.store("2")
      texts.append("2")
    }
    disk.inject(.init(operations: [FAULT_SYNC.rawValue], code: SpoolDisk.failedSync, count: 1))
    #expect(throws: LogError.self) { try test.store("failed") }
    disk.heal()
    #expect(try test.texts() == texts)
    try SpoolFiles.copy(directory.path, to: copy.path)
    #expect(try TestSpool(copy.path).texts() == texts)
    try test.store("3")
    #expect(try test.texts() == texts + ["3"])
  }

  @Test func `a full disk lets answered batches go, as long as the WAL can be checkpointed`() throws {
    let directory = try TestDirectory()
    let disk = SpoolDisk()
    let test = try TestSpool(directory.path, vfs: disk.name)
    let ids = try test.store("1", "2", "3")
    disk.inject(.init(operations: [FAULT_WRITE.rawValue], code: SQLITE_FULL, count: 1))
    _ = try test.spool.store([], removing: [ids[0]])
    #expect(disk.failedCount == 1)
    #expect(try test.texts() == ["2", "3"])
    disk.inject(.init(operations: [FAULT_WRITE.rawValue], code: SQLITE_FULL))
    #expect(throws: LogError.self) { try test.spool.store([], removing: [ids[1]]) }
    // Stored batches can be read and sent.
    #expect(try test.texts() == ["2", "3"])
    disk.heal()
    _ = try test.spool.store([], removing: [ids[1]])
    #expect(try test.texts() == ["3"])
  }

  @Test func `nothing works while a disk fails, and everything works again afterwards`() throws {
    let directory = try TestDirectory()
    let disk = SpoolDisk()
    let test = try TestSpool(directory.path, vfs: disk.name)
    try test.store("1")
    disk.inject(.init(code: SQLITE_IOERR | (3 << 8)))
    for _ in 0..<5 { #expect(throws: LogError.self) { try test.store("lost") } }
    disk.heal()
    try test.store("2")
    #expect(try test.texts() == ["1", "2"])
    #expect(test.damages.isEmpty)
  }

  @Test func `a read that fails once costs nothing, and one that always fails costs only what cannot be read`() throws {
    let directory = try TestDirectory()
    let disk = SpoolDisk()
    var generator = SeededGenerator(seed: 6)
    do {
      let test = try TestSpool(directory.path, vfs: disk.name)
      _ = try test.spool.store((0..<40).map { _ in .large(100_000, using: &generator) }, removing: [])
    }
    let test = try TestSpool(directory.path, vfs: disk.name)
    let numbers = try test.window().map(\.number)
    disk.inject(.init(operations: [FAULT_READ.rawValue], code: SpoolDisk.failedRead, count: 1))
    #expect(try test.window().map(\.number) == numbers)
    #expect(disk.failedCount == 1)
    #expect(test.damages.isEmpty)
    // SQLite cannot read, but the pages can still be read.
    disk.inject(.init(operations: [FAULT_READ.rawValue], code: SpoolDisk.failedRead, count: 2))
    #expect(try test.window().map(\.number) == numbers)
    #expect(test.damages.map(\.batchCount) == [0])
    #expect(test.damages.first?.text.contains("nothing was lost") == true)
  }

  @Test func `a full disk when the spool is opened fails only the opening`() throws {
    let directory = try TestDirectory()
    let copy = try TestDirectory()
    let disk = SpoolDisk()
    do {
      let test = try TestSpool(directory.path)
      try test.store("1", "2")
      try SpoolFiles.copy(directory.path, to: copy.path)
    }
    for skip in 0..<30 {
      disk.inject(.init(code: SQLITE_FULL, skip: skip, count: 1))
      do {
        let test = try TestSpool(copy.path, vfs: disk.name)
        disk.heal()
        #expect(try test.texts() == ["1", "2"])
      } catch { #expect((error as? LogError)?.code == .spoolFailed) }
    }
    let test = try TestSpool(copy.path)
    #expect(try test.texts() == ["1", "2"])
    #expect(test.damages.isEmpty)
  }
}
