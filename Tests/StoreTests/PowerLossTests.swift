import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// P2 and P4 under power loss, at random moments of a random load with rolls, compaction, deletion and trimming.
@Suite struct PowerLossTests {
  private static let seeds: [UInt64] = {
    let environment = ProcessInfo.processInfo.environment
    if let text = environment["LOGS_STORE_SEED"], let seed = UInt64(text) { return [seed] }
    let count = environment["LOGS_STORE_SEED_COUNT"].flatMap { Int($0) } ?? 24
    return (0..<count).map { _ in UInt64.random(in: 0..<1_000_000) }
  }()

  @Test(arguments: seeds)
  func `after a power loss everything acknowledged is stored, once and in order`(seed: UInt64) throws {
    let hint = Comment(
      rawValue: "seed \(seed); again with LOGS_STORE_SEED=\(seed) swift test --filter PowerLossTests")
    var generator = SeededGenerator(seed: seed)
    var directory = TestDirectory()
    let hasJournal = seed % 5 != 0
    var load = Load(
      isTrimmed: seed % 2 == 0, deletes: seed % 4 < 2, hasRule: seed % 3 == 0,
      isSmall: seed % 7 < 3, journalByteCount: hasJournal ? 512 << 10 : 0)
    for _ in 0..<4 {
      // Another size makes another journal.
      if hasJournal, generator.chance(3) { load.journalByteCount = [0, 128 << 10, 512 << 10][generator.below(3)] }
      let disk = FaultDisk()
      disk.adopt(directory)
      // Some come so late that segments have been sealed and compacted.
      disk.crash(after: 5 + generator.below(generator.chance(2) ? 2_000 : 400))
      try load.run(disk, directory, &generator, hint)
      load.work.note(disk)
      directory = disk.remains(of: directory, &generator)
      let found = try Self.damage(directory)
      #expect(found == [], hint)
    }
    // With the power back the producers send unanswered batches again, and everything is stored exactly once.
    let disk = FaultDisk()
    disk.adopt(directory)
    try load.finish(disk, directory, hint)
    let found = try Self.damage(directory)
    #expect(found == [], hint)
    if Self.isLongRun { print("seed \(seed): \(load.work)") }
  }

  /// What a check finds in a copy, which an SQLite without faults may open.
  private static func damage(_ directory: TestDirectory) throws -> [Finding] {
    let copy = directory.copy()
    let isEmpty = copy.contents("data/store").isEmpty && copy.names().isEmpty
    return isEmpty ? [] : try CheckTests.damage(copy.data)
  }

  private static let isLongRun = ProcessInfo.processInfo.environment["LOGS_STORE_SEED_COUNT"] != nil

  /// What the upkeep did, and what power was lost in the middle of.
  struct Work: CustomStringConvertible {
    var counts: [String: Int] = [:]

    static let words = [
      " is compacted: ": "compacted", " is rewritten: ": "rewritten", "trimmed: ": "trimmed", " is sealed": "sealed",
    ]

    mutating func note(_ lines: [String]) {
      for line in lines {
        for (text, word) in Self.words where line.contains(text) { counts[word, default: 0] += 1 }
      }
    }

    mutating func note(_ disk: FaultDisk) {
      let names = disk.state.withLock { $0.names.keys.map { $0.split(separator: "/").last.map(String.init) ?? "" } }
      for name in names where name.hasSuffix(".db.tmp") {
        counts[names.contains(String(name.dropLast(4))) ? "lost in a rewrite" : "lost in a roll", default: 0] += 1
      }
    }

    var description: String {
      counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
  }

  /// Some producers on some streams, and what they know.
  struct Load {
    static let producerCount = 3
    static let streamCount = 2

    struct Key: Hashable {
      var stream: Int
      var producer: Int
    }

    /// Batches acknowledged of each producer on each stream, with their first number.
    var acknowledged: [Key: [UInt64]] = [:]
    var incarnations: [String: Incarnation] = [:]
    /// Whether all is more than may be kept.
    let isTrimmed: Bool
    let deletes: Bool
    /// Whether little is kept of the stream `s1`.
    let hasRule: Bool
    /// Whether many small batches come at once, whose rows are packed.
    let isSmall: Bool
    /// Of the journal that small groups go through, which is full after some hundred; 0 for none.
    var journalByteCount: Int
    /// Numbers that were deleted by stream, and those of which that is not known.
    var deleted: [Int: Set<UInt64>] = [:]
    var maybeDeleted: [Int: Set<UInt64>] = [:]
    var work = Work()

    init(isTrimmed: Bool, deletes: Bool, hasRule: Bool, isSmall: Bool, journalByteCount: Int) {
      self.hasRule = hasRule
      self.isSmall = isSmall
      self.journalByteCount = journalByteCount
      self.isTrimmed = isTrimmed
      self.deletes = deletes
    }

    func text(_ key: Key, _ number: UInt64) -> String {
      let count = Int(number) % 7 * (isSmall ? 20 : 700)
      return "\(key.stream)/\(key.producer)/\(number) " + String(repeating: "x", count: count)
    }

    /// As many may be on their way at once.
    private var requestCountMax: Int { isSmall ? 24 : 4 }

    func configuration(_ disk: FaultDisk, _ directory: TestDirectory) -> StoreConfiguration {
      var configuration = disk.configuration(directory)
      configuration.segmentByteCountMax = 160 << 10
      configuration.walByteCountMax = 64 << 10
      configuration.markLagCountMax = 10
      configuration.indexLagCountMax = 7
      configuration.tailCacheByteCountMax = 0
      configuration.journalByteCount = journalByteCount
      configuration.retentionInterval = .milliseconds(1)
      configuration.rewriteDelay = .zero
      configuration.dictionaryStreamByteCountMin = 0
      configuration.rowSamplesByteCount = 4 << 10
      configuration.upkeepRetryInterval = .milliseconds(5)
      if isTrimmed { configuration.retention.byteCountMax = 600 << 10 }
      if hasRule, let pattern = try? StreamPattern("s1") {
        configuration.retention.rules = [RetentionRule(pattern: pattern, byteCountMax: 30 << 10)]
      }
      return configuration
    }

    mutating func run(
      _ disk: FaultDisk, _ directory: TestDirectory, _ generator: inout SeededGenerator, _ hint: Comment
    ) throws {
      let test: TestStore
      do {
        test = try TestStore(configuration(disk, directory), in: directory, commitsHere: generator.chance(2))
      } catch {
        #expect(disk.isCrashed, "\(hint): \(error)")
        return
      }
      defer {
        test.close()
        work.note(test.sink.lines)
      }
      for _ in 0..<600 where !disk.isCrashed {
        var requests: [(UInt32, Key, UInt64)] = []
        for _ in 0...generator.below(requestCountMax) {
          let key = Key(stream: generator.below(Self.streamCount), producer: generator.below(Self.producerCount))
          let inFlight = UInt64(requests.count { $0.1 == key })
          let number = UInt64(acknowledged[key, default: []].count) + 1 + inFlight
          let request = test.submit(
            "s\(key.stream)", .batch(.test(text(key, number))), producer: UInt64(key.producer), number: number,
            floor: number - inFlight)
          requests.append((request, key, number))
        }
        answers: for (request, key, number) in requests {
          switch test.sink.outcome(request) {
          case .stored(let incarnation, let first, _, _):
            #expect(acknowledged[key, default: []].count + 1 == Int(number), hint)
            acknowledged[key, default: []].append(first)
            let known = incarnations["s\(key.stream)"]
            #expect(known == nil || known == incarnation, hint)
            incarnations["s\(key.stream)"] = incarnation
          case .refused(let refusal):
            // With no room left for one batch, those behind it come out of order.
            let isExpected = isTrimmed && [.overloaded, .outOfOrder].contains(refusal.code)
            #expect(isExpected || refusal.code == .storageFailed, "\(hint): \(refusal)")
          // The store has failed on one thread. Another may still answer those behind it.
          case nil: break answers
          }
        }
        if deletes, generator.chance(5) { deleteSome(test, &generator, hint) }
      }
    }

    private mutating func deleteSome(_ test: TestStore, _ generator: inout SeededGenerator, _ hint: Comment) {
      let stream = generator.below(Self.streamCount)
      guard let head = test.info("s\(stream)")?.head, head > 0 else { return }
      let first = UInt64(generator.below(Int(head))) + 1
      let numbers = first...min(first + UInt64(generator.below(40)), head)
      switch test.delete("s\(stream)", numbers) {
      case .success: deleted[stream, default: []].formUnion(numbers)
      case .failure(let refusal):
        #expect([.storageFailed, .goingAway].contains(refusal.code), "\(hint): \(refusal)")
        maybeDeleted[stream, default: []].formUnion(numbers)
      }
    }

    mutating func finish(_ disk: FaultDisk, _ directory: TestDirectory, _ hint: Comment) throws {
      let test = try TestStore(configuration(disk, directory), in: directory)
      for stream in 0..<Self.streamCount {
        for producer in 0..<Self.producerCount {
          let key = Key(stream: stream, producer: producer)
          let count = UInt64(acknowledged[key, default: []].count)
          // All that were in flight may have been stored without their answer.
          for number in count + 1...count + UInt64(requestCountMax) + 1 {
            let batch = Batch.test(text(key, number))
            var outcome = test.append("s\(stream)", batch, producer: UInt64(producer), number: number, floor: number)
            let deadline = ContinuousClock.now + TestSink.patience
            while isTrimmed, outcome?.refusal?.code == .overloaded, ContinuousClock.now < deadline {
              sched_yield()
              outcome = test.append("s\(stream)", batch, producer: UInt64(producer), number: number, floor: number)
            }
            let first = try #require(outcome?.first, hint)
            acknowledged[key, default: []].append(first)
          }
        }
        let info = try #require(test.info("s\(stream)"), hint)
        #expect(incarnations["s\(stream)"].map { $0 == info.incarnation } ?? true, hint)
        let reading = try test.readAllSettled("s\(stream)").reading
        let trimmed = reading.skips.filter { $0.reason == .trimmed }
        let gone = trimmed.first?.to ?? 0
        #expect(trimmed == (gone == 0 ? [] : [.init(from: 1, to: gone, reason: .trimmed)]), hint)
        #expect(gone == 0 || isTrimmed || (hasRule && stream == 1), hint)
        let skipped = Set(reading.skips.flatMap { $0.from...$0.to })
        let said = skipped.filter { $0 > gone }
        #expect(reading.skips.allSatisfy { $0.reason == .trimmed || $0.reason == .deleted }, hint)
        #expect(deleted[stream, default: []].isSubset(of: skipped), hint)
        #expect(said.isSubset(of: deleted[stream, default: []].union(maybeDeleted[stream, default: []])), hint)
        var expected: [UInt64: String] = [:]
        for (key, firsts) in acknowledged where key.stream == stream {
          for (index, first) in firsts.enumerated() { expected[first] = text(key, UInt64(index) + 1) }
        }
        // What is sent again after its first storing was trimmed has two numbers, of which the first is gone.
        let kept = (1...info.head).filter { !skipped.contains($0) }
        #expect(kept.count == reading.texts.count, hint)
        #expect(expected.keys.filter { !skipped.contains($0) }.sorted() == kept, hint)
        if !isTrimmed { #expect(expected.count == Int(info.head), hint) }
        for (number, text) in zip(kept, reading.texts) { #expect(expected[number] == text, hint) }
      }
      test.close()
      work.note(test.sink.lines)
      #expect(test.sink.monitor.withLock { $0.error } == nil, hint)
    }
  }
}

extension FaultDisk {
  /// Treats the content of a directory as durable.
  func adopt(_ directory: TestDirectory) {
    let files = PosixFileSystem()
    for folder in [directory.data, directory.data + "/segments"] {
      for name in directory.names(String(folder.dropFirst(directory.path.count + 1))) where name != "segments" {
        let path = folder + "/" + name
        guard let content = try? files.read(path) else { continue }
        state.withLock { state in
          state.names[path] = state.files.count
          state.durableNames[path] = state.files.count
          state.files.append(File(durable: content, hasSynced: true))
        }
      }
    }
  }
}
