import Glibc
import LogsDisk
import LogsWire
import Testing

@testable import LogsClient

/// Damage costs only what is damaged: the spool opens, reports what is lost, and goes on.
@Suite struct SpoolDamageTests {
  enum Damage: CaseIterable {
    case flips, zeros, noise, truncation, firstPages
    /// In pages that name others, and in pointers to the rows of a page.
    case trees
  }

  private static let pageByteCount = 4096

  /// A spool with batches of many sizes, some of them answered or dropped, and the expected content.
  private struct Sample {
    let directory: TestDirectory
    /// All batches ever stored, by the name in their text.
    var contents: [Int: AppendLane.Content] = [:]
    /// All batches that may have been sent, by their identity and number.
    var stored: [AppendQueue.Key: [UInt64: AppendLane.Content]] = [:]
    /// The batches in the spool, by the name in their text.
    var live: [Int: BacklogBatch] = [:]
    var notices = 0

    /// - Parameter isClosed: whether it was closed cleanly, and so has no WAL.
    init(isClosed: Bool, using generator: inout SeededGenerator) throws {
      directory = try TestDirectory()
      let work = try TestDirectory()
      let test = try TestSpool(work.path)
      let streams = ["a", "b/c", "d"].map { StreamName(checked: $0) }
      var name = 0
      for step in 0..<25 {
        var drafts: [EncodedBatch] = []
        for _ in 0..<6 {
          name += 1
          let size = [60, 400, 3_000, 9_000].randomElement(using: &generator)!
          let content = Sample.content(name, byteCount: size)
          contents[name] = content
          drafts.append(
            EncodedBatch(
              stream: streams.randomElement(using: &generator)!, content: content, entryCount: 2, accepted: Int64(step))
          )
        }
        let ids = try test.spool.store(drafts, removing: [])
        for id in ids { try note(id, test) }
        if step % 3 == 2, let stream = streams.randomElement(using: &generator) {
          let answered = try test.window(stream).prefix(Int.random(in: 0...6, using: &generator))
          _ = try test.spool.store([], removing: answered.map(\.id))
        }
        if step == 20 { _ = try test.spool.drop(acceptedBefore: 12) }
      }
      try SpoolFiles.copy(work.path, to: directory.path)
      // The content is read from a copy, since reading empties it.
      let copy = try TestDirectory()
      try SpoolFiles.copy(work.path, to: copy.path)
      let reading = try TestSpool(copy.path)
      try reading.drain { batch in
        if let name = Sample.name(batch.content) { live[name] = batch } else { notices += 1 }
        stored[batch.key, default: [:]][batch.number] = batch.content
      }
      if isClosed {
        test.spool.close()
        unlink("\(directory.path)/spool.db-wal")
        try SpoolFiles.copy(work.path, to: directory.path)
      }
    }

    /// Records the identity and number of a batch.
    private mutating func note(_ id: Int64, _ test: TestSpool) throws {
      for stream in test.spool.streams {
        for batch in try test.window(stream, after: id - 1) where batch.id == id {
          stored[batch.key, default: [:]][batch.number] = batch.content
        }
      }
    }

    /// The name repeated: finding it in a page tells whose page it is.
    static func content(_ name: Int, byteCount: Int) -> AppendLane.Content {
      let word = "<\(100_000 + name)>"
      return .batch(ByteString(String(repeating: word, count: byteCount / word.utf8.count)), entryCount: 2)
    }

    static func name(_ content: AppendLane.Content) -> Int? {
      guard case .batch(let bytes, 2) = content else { return nil }
      return Int(bytes.text.dropFirst().prefix(6)).map { $0 - 100_000 }
    }

    static func isSame(_ left: AppendLane.Content, _ right: AppendLane.Content) -> Bool {
      guard case .batch(let left, let leftCount) = left, case .batch(let right, let rightCount) = right else {
        return false
      }
      return left == right && leftCount == rightCount
    }

    /// The batches that have a part in a page.
    static func names(in page: ArraySlice<UInt8>) -> Set<Int> {
      var names: Set<Int> = []
      var index = page.startIndex
      while index + 8 <= page.endIndex {
        if page[index] == UInt8(ascii: "<"), page[index + 7] == UInt8(ascii: ">"),
          let number = Int(String(decoding: page[index + 1..<index + 7], as: UTF8.self))
        {
          names.insert(number - 100_000)
          index += 8
        } else {
          index += 1
        }
      }
      return names
    }
  }

  /// - Returns: the changed pages.
  private func apply(
    _ damage: Damage, to bytes: inout [UInt8], using generator: inout SeededGenerator
  ) -> Set<Int> {
    let before = bytes
    let pageCount = bytes.count / Self.pageByteCount
    switch damage {
    case .flips:
      for _ in 0..<Int.random(in: 1...20, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
    case .trees:
      let pages = stride(from: 0, to: pageCount * Self.pageByteCount, by: Self.pageByteCount)
      let interiors = pages.filter { [0x02, 0x05].contains(bytes[$0]) }
      let leaves = pages.filter { [0x0a, 0x0d].contains(bytes[$0]) }
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let isInterior = Int.random(in: 0..<4, using: &generator) > 0
        guard let page = (isInterior ? interiors : leaves).randomElement(using: &generator) else { continue }
        // There are zeros between the cell pointers and the cells.
        let used = (page..<page + (isInterior ? Self.pageByteCount : 60)).filter { bytes[$0] != 0 }
        guard let index = used.randomElement(using: &generator) else { continue }
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
    case .zeros, .noise:
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let start = Int.random(in: 0..<pageCount, using: &generator) * Self.pageByteCount
        for index in start..<start + Self.pageByteCount {
          bytes[index] = damage == .zeros ? 0 : UInt8.random(in: 0...255, using: &generator)
        }
      }
    case .truncation: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
    case .firstPages:
      let start = Int.random(in: 0..<4, using: &generator) * Self.pageByteCount
      for index in start..<min(start + Self.pageByteCount * 2, bytes.count) where index % 7 != 0 { bytes[index] = 0x5a }
    }
    return Set(
      (0..<pageCount).filter { page in
        let range = page * Self.pageByteCount..<(page + 1) * Self.pageByteCount
        return range.upperBound > bytes.count || bytes[range] != before[range]
      })
  }

  @Test(arguments: Damage.allCases)
  func `damage to a closed spool costs the batches in the damaged pages, and is reported`(damage: Damage) throws {
    var generator = SeededGenerator(seed: testSeed())
    let sample = try Sample(isClosed: true, using: &generator)
    let intact = try #require(SpoolFiles.read("\(sample.directory.path)/spool.db"))
    for round in 0..<testRounds(10) {
      var bytes = intact
      let damagedPages = apply(damage, to: &bytes, using: &generator)
      let directory = try TestDirectory()
      try SpoolFiles.write(bytes, to: "\(directory.path)/spool.db")
      let test = try TestSpool(directory.path)
      let found = try drainAndCheck(test, sample, "\(damage), round \(round)")
      // Answered or dropped batches do not come back.
      #expect(found.isSubset(of: sample.live.keys), "\(damage), round \(round)")

      let touched = damagedPages.reduce(into: Set<Int>()) { names, page in
        names.formUnion(
          Sample.names(in: intact[page * Self.pageByteCount..<(page + 1) * Self.pageByteCount]))
      }
      let safe = Set(sample.live.keys).subtracting(touched)
      #expect(safe.subtracting(found).isEmpty, "\(damage), round \(round): \(test.damages.map(\.text))")

      let lost = Set(sample.live.keys).subtracting(found)
      if !lost.isEmpty { #expect(!test.damages.isEmpty, "\(damage), round \(round)") }
      let told = test.damages.flatMap(\.dropped).reduce(0) { $0 + $1.entryCount }
      if test.damages.allSatisfy(\.isComplete) {
        #expect(told == 2 * UInt64(lost.count), "\(damage), round \(round): \(test.damages.map(\.text))")
      } else {
        #expect(told <= 2 * UInt64(lost.count), "\(damage), round \(round): \(test.damages.map(\.text))")
      }
    }
  }

  @Test(arguments: Damage.allCases)
  func `damage to the files of a killed process never yields a batch that was not stored, and no number twice`(
    damage: Damage
  ) throws {
    var generator = SeededGenerator(seed: testSeed())
    let sample = try Sample(isClosed: false, using: &generator)
    for round in 0..<testRounds(6) {
      let directory = try TestDirectory()
      try SpoolFiles.copy(sample.directory.path, to: directory.path)
      for name in SpoolFiles.names.shuffled(using: &generator).prefix(Int.random(in: 1...2, using: &generator)) {
        guard var bytes = SpoolFiles.read("\(directory.path)/\(name)"), bytes.count > 5 * Self.pageByteCount else {
          continue
        }
        _ = apply(damage, to: &bytes, using: &generator)
        try SpoolFiles.write(bytes, to: "\(directory.path)/\(name)")
      }
      _ = try drainAndCheck(try TestSpool(directory.path), sample, "\(damage), round \(round)")
    }
  }

  /// Takes everything out, then puts new batches in and takes them out.
  ///
  /// - Returns: the batches of the sample that came out.
  private func drainAndCheck(_ test: TestSpool, _ sample: Sample, _ hint: String) throws -> Set<Int> {
    var found: Set<Int> = []
    var seen: [AppendQueue.Key: Set<UInt64>] = [:]
    var noticed: UInt64 = 0
    var ids: Set<Int64> = []
    try test.drain { batch in
      #expect(ids.insert(batch.id).inserted, "\(hint)")
      #expect(seen[batch.key, default: []].insert(batch.number).inserted, "\(hint): \(batch.number) twice")
      if let name = Sample.name(batch.content) {
        found.insert(name)
        #expect(sample.contents[name].map { Sample.isSame($0, batch.content) } == true, "\(hint)")
        // A state from before a drop still has the batch that a notice replaced.
        if let stored = sample.stored[batch.key]?[batch.number], DropNotice.all(in: stored).isEmpty {
          #expect(Sample.name(stored) == name, "\(hint)")
        }
      } else if let notice = DropNotice.all(in: batch.content).first {
        if notice.reason == .spoolDamaged { noticed += notice.entryCount }
      } else {
        Issue.record("\(hint): a batch that was never stored")
      }
    }
    #expect(noticed <= test.damages.flatMap(\.dropped).reduce(0) { $0 + $1.entryCount }, "\(hint)")
    #expect(test.spool.totals == BacklogTotals(), "\(hint)")
    // New batches are sent under unused numbers.
    for stream in ["a", "new"].map({ StreamName(checked: $0) }) {
      try test.store("1", "2", to: stream)
      for batch in try test.window(stream) {
        #expect(sample.stored[batch.key]?[batch.number] == nil, "\(hint)")
        #expect(seen[batch.key]?.contains(batch.number) != true, "\(hint)")
      }
    }
    return found
  }

  @Test func `at most four damaged files are kept, the newest`() throws {
    let directory = try TestDirectory()
    for round in 1...6 {
      try SpoolFiles.write([UInt8](repeating: UInt8(round), count: 10_000), to: "\(directory.path)/spool.db")
      let test = try TestSpool(directory.path)
      #expect(test.damages.count == 1)
      #expect(test.damages.first?.isComplete == false)
      #expect(test.damages.first?.keptAside == "\(directory.path)/spool.db.damaged-\(round)")
    }
    #expect(directory.names == ["lock", "reserve", "spool.db"] + (3...6).map { "spool.db.damaged-\($0)" })
    #expect(SpoolFiles.read("\(directory.path)/spool.db.damaged-6")?.first == 6)
  }

  @Test func `damage found while the spool is in use costs only the damaged part, and ids stay`() throws {
    let directory = try TestDirectory()
    var generator = SeededGenerator(seed: 4)
    let test = try TestSpool(directory.path)
    var ids: [Int64] = []
    for _ in 0..<20 {
      ids += try test.spool.store((0..<10).map { _ in .large(20_000, using: &generator) }, removing: [])
    }
    let producer = test.spool.producer
    // Everything is in the file by now, but most of it not in memory.
    let file = open("\(directory.path)/spool.db", O_RDWR)
    var zeros = [UInt8](repeating: 0, count: Self.pageByteCount)
    let page = try #require(
      (100..<900).first { page in
        pread(file, &zeros, zeros.count, off_t(page * Self.pageByteCount)) == zeros.count && zeros[0] == 0x0d
      })
    zeros = [UInt8](repeating: 0, count: Self.pageByteCount)
    #expect(pwrite(file, &zeros, zeros.count, off_t(page * Self.pageByteCount)) == zeros.count)
    close(file)
    var found: [Int64] = []
    try test.drain { if $0.entryCount > 0 { found.append($0.id) } }
    #expect(test.damages.count == 1)
    let damage = try #require(test.damages.first)
    #expect(damage.isComplete)
    #expect(damage.batchCount > 0 && damage.batchCount < 10)
    #expect(found.count + damage.batchCount == 200)
    #expect(Set(found).isSubset(of: ids))
    #expect(
      damage.dropped == [
        DroppedEntries(stream: web, entryCount: UInt64(damage.batchCount), reason: .spoolDamaged, idLast: 0)
      ])
    #expect(damage.text.contains("\(damage.batchCount) batch"))
    #expect(test.spool.producer != producer)
  }

  @Test func `an index that names another stream's batch is found before the batch is sent`() throws {
    let directory = try TestDirectory()
    let wea = StreamName(checked: "wea")
    let wec = StreamName(checked: "wec")
    do {
      let test = try TestSpool(directory.path)
      try test.store("a", to: wea)
      let ids = try test.store("c1", "c2", to: wec)
      _ = try test.spool.store([], removing: [ids[0]])
    }
    // In the index, which no row's check covers: a page of type 10.
    var bytes = try #require(SpoolFiles.read("\(directory.path)/spool.db"))
    let word = Array("wec".utf8)
    let place = try #require(
      bytes.indices.first { index in
        bytes[index / Self.pageByteCount * Self.pageByteCount] == 0x0a && bytes[index...].starts(with: word)
      })
    bytes[place + 2] = UInt8(ascii: "a")
    try SpoolFiles.write(bytes, to: "\(directory.path)/spool.db")
    let test = try TestSpool(directory.path)
    #expect(try test.texts(wea) == ["a"])
    #expect(try test.texts(wec) == ["c2"])
    #expect(test.damages.map(\.batchCount) == [0])
  }

  @Test func `memory says what is lost where the file cannot`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    try test.store("1", "2", "3")
    let state = test.spool.state
    test.spool.close()
    var bytes = try #require(SpoolFiles.read("\(directory.path)/spool.db"))
    // The streams, and the batches.
    for index in 2 * Self.pageByteCount..<4 * Self.pageByteCount { bytes[index] = 0 }
    try SpoolFiles.write(bytes, to: "\(directory.path)/spool.db")
    let files = SpoolDirectory(directory.path)
    let known = try SpoolSalvage.rebuild(files, known: state, time: 1, vfs: nil)
    #expect(known.isComplete)
    #expect(known.streams.map(\.totals) == [state.header.totals])
    let unknown = try SpoolSalvage.rebuild(files, known: nil, time: 1, vfs: nil)
    #expect(!unknown.isComplete)
    #expect(unknown.streams.isEmpty)
    unlink("\(directory.path)/spool.db.new")
  }

  @Test func `the scan and the inspection survive any bytes, and find only rows that were written`() throws {
    var generator = SeededGenerator(seed: testSeed())
    let sample = try Sample(isClosed: false, using: &generator)
    let directory = try TestDirectory()
    for round in 0..<testRounds(12) {
      for name in SpoolFiles.names {
        guard var bytes = SpoolFiles.read("\(sample.directory.path)/\(name)") else { continue }
        let damage = try #require(Damage.allCases.randomElement(using: &generator))
        _ = apply(damage, to: &bytes, using: &generator)
        // Bytes that locate others: in headers of pages, in cells, and in rows.
        for _ in 0..<50 where !bytes.isEmpty {
          let page = Int.random(in: 0...bytes.count / Self.pageByteCount, using: &generator) * Self.pageByteCount
          let index = page + Int.random(in: 0..<60, using: &generator)
          if index < bytes.count { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
        }
        try SpoolFiles.write(bytes, to: "\(directory.path)/\(name)")
      }
      let pages = try SpoolPages.open("\(directory.path)/spool.db")
      SpoolScan.run(pages) { found in
        guard case .batch(let row) = found, row.kind == .batch else { return }
        let name = Sample.name(row.content) ?? 0
        #expect(sample.contents[name].map { Sample.isSame($0, row.content) } == true, "round \(round)")
      }
      do { _ = try SpoolReport.inspect(directory.path, verifying: true) } catch {
        // The header may say that a newer version has written it.
        #expect(error.message.contains("newer version"), "round \(round): \(error)")
      }
    }
  }

  @Test func `the scan finds all rows, however their payloads are divided among pages`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    // Around the capacity of a page, of a leaf, and of overflow pages.
    let sizes = [0, 1, 100, 127, 128] + (3_850...4_070).map { $0 } + (8_000...8_200).map { $0 } + [70_000, 2 << 20]
    for size in sizes {
      let content = AppendLane.Content.batch(ByteString([UInt8](repeating: 7, count: size)), entryCount: size)
      _ = try test.spool.store([EncodedBatch(stream: web, content: content, entryCount: 1, accepted: 1)], removing: [])
    }
    test.spool.close()
    let pages = try SpoolPages.open("\(directory.path)/spool.db")
    var found: [Int64: Int] = [:]
    SpoolScan.run(pages) { row in
      switch row {
      case .batch(let row): found[row.id] = row.bytes.count
      case .record, .bookmark: break
      case .damaged(let page): Issue.record("page \(page)")
      }
    }
    #expect(found.keys.sorted().compactMap { found[$0] } == sizes)
  }

  @Test func `a miscount that no check can see is found, and reported`() throws {
    let directory = try TestDirectory()
    do {
      let test = try TestSpool(directory.path)
      try test.store("1", "2", "3")
      try test.store("x", to: StreamName(checked: "db"))
    }
    do {
      let database = try Database("\(directory.path)/spool.db", mode: .readWrite, vfs: nil)
      try database.execute("PRAGMA journal_mode=DELETE; DELETE FROM batches WHERE number = 2")
    }
    let test = try TestSpool(directory.path)
    #expect(try test.texts() == ["1", "3"])
    #expect(
      test.damages.map(\.dropped) == [[DroppedEntries(stream: web, entryCount: 1, reason: .spoolDamaged, idLast: 0)]])
    #expect(test.damages.first?.text.contains("lost are 1 batch with 1 entry of stream web") == true)
    var texts: [String] = []
    try test.drain { texts.append($0.text) }
    #expect(texts == ["x", "1", "3", "1 entry dropped: spool damaged"])
  }
}
