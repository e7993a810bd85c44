import Glibc
import LogsDisk
import LogsWire
import Testing

@testable import LogsClient

/// The files of a process killed at any moment.
@Suite struct SpoolCrashTests {
  /// What the spool has confirmed, and what it is doing.
  private struct Known: Sendable {
    /// Stored but not removed.
    var live: Set<String> = []
    /// What the current call adds and removes.
    var adding: Set<String> = []
    var removing: Set<String> = []
    /// What a kill would leave, and what was known then.
    var copies: [Copy] = []
  }

  private struct Copy: Sendable {
    let directory: TestDirectory
    let live: Set<String>
    let adding: Set<String>
    let removing: Set<String>
  }

  @Test func `a kill at any write loses nothing that was stored, brings nothing back, and stores all or nothing`()
    throws
  {
    var generator = SeededGenerator(seed: testSeed())
    for _ in 0..<testRounds(2) {
      let directory = try TestDirectory()
      let disk = SpoolDisk()
      let path = directory.path
      let known = Shared(Known())
      // Every few writes, what a kill would leave is copied; the spool is written by this thread alone.
      let interval = Int.random(in: 3...25, using: &generator)
      let counter = Shared(0)
      let test = try TestSpool(path, vfs: disk.name)
      disk.onChange {
        counter.change { $0 += 1 }
        guard counter.value % interval == 0, known.value.copies.count < 20 else { return }
        do {
          let copy = try TestDirectory()
          try SpoolFiles.copy(path, to: copy.path)
          known.change {
            $0.copies.append(Copy(directory: copy, live: $0.live, adding: $0.adding, removing: $0.removing))
          }
        } catch { fatalError("\(error)") }
      }
      for step in 0..<60 {
        let stream = StreamName(checked: ["a", "b"].randomElement(using: &generator)!)
        let answered = try test.window(stream).prefix(Int.random(in: 0...8, using: &generator))
        let texts = (0..<Int.random(in: 0...5, using: &generator)).map { "\(stream) \(step).\($0)" }
        let drafts = texts.map { text in
          let filler = String(repeating: "x", count: Int.random(in: 0...20_000, using: &generator))
          return EncodedBatch(
            stream: stream, content: .batch(ByteString("\(text) \(filler)"), entryCount: 1), entryCount: 1, accepted: 1)
        }
        known.change {
          $0.adding = Set(texts)
          $0.removing = Set(answered.map(name))
        }
        _ = try test.spool.store(drafts, removing: answered.map(\.id))
        known.change {
          $0.live.formUnion($0.adding)
          $0.live.subtract($0.removing)
          $0.adding = []
          $0.removing = []
        }
      }
      disk.onChange(nil)
      #expect(known.value.copies.count > 5)
      for copy in known.value.copies {
        let test = try TestSpool(copy.directory.path)
        var found: Set<String> = []
        var numbers: [AppendQueue.Key: UInt64] = [:]
        try test.drain { batch in
          #expect(found.insert(name(of: batch)).inserted)
          #expect(batch.number > numbers[batch.key] ?? 0)
          numbers[batch.key] = batch.number
        }
        #expect(test.damages.isEmpty, "\(test.damages.map(\.text))")
        let after = copy.live.union(copy.adding).subtracting(copy.removing)
        #expect(found == copy.live || found == after)
      }
    }
  }

  private func name(of batch: BacklogBatch) -> String {
    guard case .batch(let bytes, _) = batch.content else { return "" }
    return bytes.text.split(separator: " ").prefix(2).joined(separator: " ")
  }

  @Test func `a crash while a new database replaces the damaged one is repaired`() throws {
    let source = try TestDirectory()
    do { try TestSpool(source.path).store("1", "2") }
    let bytes = try #require(SpoolFiles.read("\(source.path)/spool.db"))
    let damaged = [UInt8](repeating: 0x55, count: 20_000)
    // Complete, with the damaged one still in its place, moved, and half moved.
    for hasDatabase in [true, false] {
      for hasWal in [true, false] {
        let directory = try TestDirectory()
        try SpoolFiles.write(bytes, to: "\(directory.path)/spool.db.new")
        try SpoolFiles.write(damaged, to: "\(directory.path)/spool.db.tmp")
        if hasDatabase { try SpoolFiles.write(damaged, to: "\(directory.path)/spool.db") }
        if hasWal { try SpoolFiles.write(damaged, to: "\(directory.path)/spool.db-wal") }
        let test = try TestSpool(directory.path)
        #expect(try test.texts() == ["1", "2"])
        #expect(test.damages.count == (hasDatabase || hasWal ? 1 : 0))
        test.spool.close()
        let kept = hasDatabase || hasWal ? ["spool.db.damaged-1"] + (hasWal ? ["spool.db.damaged-1-wal"] : []) : []
        #expect(directory.names == ["lock", "reserve", "spool.db"] + kept)
      }
    }
    // Incomplete: it is ignored.
    let directory = try TestDirectory()
    try SpoolFiles.write(bytes, to: "\(directory.path)/spool.db")
    try SpoolFiles.write(damaged, to: "\(directory.path)/spool.db.tmp")
    let test = try TestSpool(directory.path)
    #expect(try test.texts() == ["1", "2"])
    #expect(test.damages.isEmpty)
    #expect(!directory.names.contains("spool.db.tmp"))
  }
}
