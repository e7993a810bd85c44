import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Files damaged at random: a start refuses or serves what is whole, a check finds it, and a repair saves everything
/// that can be read without a damaged page.
@Suite struct RepairFuzzTests {
  private static let seeds: [UInt64] = {
    let environment = ProcessInfo.processInfo.environment
    if let text = environment["LOGS_STORE_SEED"], let seed = UInt64(text) { return [seed] }
    let count = environment["LOGS_STORE_SEED_COUNT"].flatMap { Int($0) } ?? 10
    return (0..<count).map { _ in UInt64.random(in: 0..<1_000_000) }
  }()

  private static let streams = ["web", "app/db", "x"]
  private static let producer: UInt64 = 7

  private static func text(_ stream: String, _ number: UInt64) -> String {
    "\(stream) \(number) " + String(repeating: "y", count: Int(number * 37 % 600))
  }

  private static func configuration(
    _ directory: TestDirectory, _ clock: TestClock, hasJournal: Bool = true
  ) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.journalByteCount = hasJournal ? 64 << 10 : 0
    configuration.tailCacheByteCountMax = 0
    configuration.rewriteDelay = .milliseconds(1)
    configuration.dictionaryStreamByteCountMin = 0
    configuration.rowSamplesByteCount = 4 << 10
    return configuration
  }

  /// A store as it was before the damage.
  private struct Pristine {
    let directory: TestDirectory
    var heads: [String: UInt64] = [:]
    var incarnations: [String: Incarnation] = [:]
    let clock: TestClock
    let hasJournal: Bool

    /// - Parameters:
    ///   - isCrashed: whether it is as a crash leaves it, with a WAL and a journal.
    ///   - isCompacted: whether its first segments are compacted.
    ///   - hasJournal: whether there is a journal in front of its newest segment.
    init(_ generator: inout SeededGenerator, isCrashed: Bool, isCompacted: Bool, hasJournal: Bool) throws {
      clock = TestClock()
      self.hasJournal = hasJournal
      let made = TestDirectory()
      var configuration = RepairFuzzTests.configuration(made, clock, hasJournal: hasJournal)
      configuration.upkeepProcessorPercent = isCompacted ? 100 : 0
      let test = try TestStore(configuration, in: made)
      var next: [String: UInt64] = [:]
      var batchCount: [String: UInt64] = [:]
      for segment in 0..<3 {
        for _ in 0..<20 + generator.below(20) {
          let stream = RepairFuzzTests.streams[generator.below(3)]
          let first = next[stream] ?? 1
          if generator.chance(6) {
            // Their row is packed.
            let texts = (first..<first + 8 + UInt64(generator.below(12))).map { RepairFuzzTests.text(stream, $0) }
            RepairFuzzTests.appendTogether(texts, to: stream, after: batchCount[stream] ?? 0, test)
            batchCount[stream, default: 0] += UInt64(texts.count)
            next[stream] = first + UInt64(texts.count)
            continue
          }
          let count = generator.chance(6) ? 40 : 1 + generator.below(4)
          let texts = (first..<first + UInt64(count)).map { RepairFuzzTests.text(stream, $0) }
          batchCount[stream, default: 0] += 1
          test.append(stream, .test(texts), producer: RepairFuzzTests.producer, number: batchCount[stream] ?? 1)
          next[stream] = first + UInt64(count)
        }
        if segment < 2 { test.roll(clock) }
        if segment < 2, isCompacted { #expect(test.sink.waitForLine("segment \(segment + 1) is compacted")) }
      }
      for stream in RepairFuzzTests.streams {
        heads[stream] = test.info(stream)?.head ?? 0
        incarnations[stream] = test.info(stream)?.incarnation
      }
      if isCrashed {
        directory = made.copy()
        test.close()
      } else {
        test.close()
        directory = made
      }
      _ = made
    }
  }

  /// Appends entries in batches of their own, all in one commit.
  private static func appendTogether(_ texts: [String], to stream: String, after number: UInt64, _ test: TestStore) {
    let batches = texts.map { Batch.test($0) }
    let outcomes = test.appendTogether(batches, to: stream, producer: producer, from: number + 1)
    #expect(outcomes.allSatisfy { $0?.first != nil })
  }

  @Test(arguments: seeds)
  func `what is whole is saved, what is lost is named, and nothing is invented`(seed: UInt64) throws {
    let hint = Comment(
      rawValue: "seed \(seed); again with LOGS_STORE_SEED=\(seed) swift test --filter RepairFuzzTests")
    var generator = SeededGenerator(seed: seed)
    let isCrashed = seed % 3 == 0
    let pristine = try Pristine(
      &generator, isCrashed: isCrashed, isCompacted: seed % 2 == 0, hasJournal: seed % 4 != 1)
    let damaged = pristine.directory.copy()
    let kind = try Self.damage(damaged, hasJournal: pristine.hasJournal, &generator)
    let note = Comment(rawValue: "\(hint); \(kind)")

    let isServed = try Self.serves(damaged.copy(), pristine, note)
    let found = (try? CheckTests.damage(damaged.copy().data)) ?? [Finding(.damage, "", "refused")]
    if !isServed { #expect(!found.isEmpty, note) }

    let loss = try PossibleLoss(pristine.directory, damaged)
    var allowed = try loss.onChangedPages()
    let dry = try RepairTests.repair(damaged, isDryRun: true)
    if dry.summary.isNothingDamaged { allowed.merge(try loss.behindEndOfWAL()) { $0.union($1) } }
    let repaired = try RepairTests.repair(damaged)
    #expect(repaired.summary == dry.summary && repaired.findings == dry.findings, note)
    #expect(try RepairTests.repair(damaged, isDryRun: true).summary.isNothingDamaged, note)
    try Self.verify(damaged, pristine, allowed, note)
  }

  // MARK: damage

  private static func damage(
    _ directory: TestDirectory, hasJournal: Bool, _ generator: inout SeededGenerator
  ) throws -> String {
    let segments = directory.names().filter { $0.hasSuffix(".db") || $0.hasSuffix("-wal") }.map { "segments/\($0)" }
    // One with a WAL is not exchanged: to SQLite the WAL belongs to whatever lies beside it then.
    let databases = segments.filter { $0.hasSuffix(".db") && !segments.contains("\($0)-wal") }
    var file = segments[generator.below(segments.count)]
    var kind = generator.below(12)
    // Without a journal nothing tells where a WAL should end.
    if !hasJournal, file.hasSuffix("-wal") { file = String(file.dropLast("-wal".count)) }
    if !hasJournal, kind == 10 { kind = 0 }
    var content = directory.contents("data/\(file)")
    switch kind {
    case 0...4:
      for _ in 0...generator.below(3) where !content.isEmpty {
        content[generator.below(content.count)] ^= 1 << UInt8(generator.below(8))
      }
      directory.write("data/\(file)", content)
      return "bits of \(file)"
    case 5, 6:
      let page = generator.below(max(content.count / 8192, 1)) * 8192
      for index in page..<min(page + 8192, content.count) { content[index] = generator.chance(2) ? 0 : 0xee }
      directory.write("data/\(file)", content)
      return "a page of \(file) at \(page)"
    case 7:
      let count = generator.below(content.count + 1)
      directory.write("data/\(file)", Array(content.prefix(count)))
      return "\(file) cut at \(count) of \(content.count)"
    case 8:
      directory.remove("data/\(file)")
      return "\(file) removed"
    case 9:
      let other = databases[generator.below(databases.count)]
      let first = databases[generator.below(databases.count)]
      let contents = (directory.contents("data/\(first)"), directory.contents("data/\(other)"))
      directory.write("data/\(first)", contents.1)
      directory.write("data/\(other)", contents.0)
      return "\(first) and \(other) exchanged"
    case 10:
      var journal = directory.contents("data/journal")
      for _ in 0..<20 { journal[generator.below(journal.count)] ^= 1 << UInt8(generator.below(8)) }
      directory.write("data/journal", journal)
      return "bits of the journal"
    default:
      var store = directory.contents("data/store")
      store[generator.below(store.count)] ^= 1
      directory.write("data/store", store)
      return "a bit of store"
    }
  }

  // MARK: outcomes

  /// Whether a start on it serves everything. What it serves is right.
  private static func serves(_ directory: TestDirectory, _ pristine: Pristine, _ note: Comment) throws -> Bool {
    let test: TestStore
    let configuration = configuration(directory, pristine.clock, hasJournal: pristine.hasJournal)
    do { test = try TestStore(configuration, in: directory) } catch { return false }
    var isAll = true
    for stream in streams {
      guard let reading = try? test.readAll(stream) else { return false }
      guard let info = test.info(stream) else {
        isAll = false
        continue
      }
      let lost = expectRight(reading, stream, info, pristine, note)
      if !lost.isEmpty || info.head < pristine.heads[stream] ?? 0 { isAll = false }
    }
    return isAll
  }

  /// - Returns: the numbers that are lost.
  private static func expectRight(
    _ reading: TestStore.Reading, _ stream: String, _ info: StreamInfo, _ pristine: Pristine, _ note: Comment
  ) -> Set<UInt64> {
    #expect(reading.skips.allSatisfy { $0.reason == .lost }, note)
    let lost = Set(reading.skips.flatMap { Array($0.from...$0.to) })
    let there = info.head == 0 ? [] : (1...info.head).filter { !lost.contains($0) }
    #expect(reading.texts == there.map { text(stream, $0) }, note)
    return lost
  }

  private static func verify(
    _ directory: TestDirectory, _ pristine: Pristine, _ allowed: [String: Set<UInt64>], _ note: Comment
  ) throws {
    #expect(try CheckTests.damage(directory.data) == [], note)
    let configuration = configuration(directory, pristine.clock, hasJournal: pristine.hasJournal)
    let test = try TestStore(configuration, in: directory)
    for stream in streams {
      let head = pristine.heads[stream] ?? 0
      guard let info = test.info(stream) else {
        #expect(Set(1...max(head, 1)).isSubset(of: allowed[stream] ?? []), note)
        continue
      }
      var lost = expectRight(try test.readAll(stream), stream, info, pristine, note)
      if info.head < head {
        lost.formUnion(info.head + 1...head)
        // Its numbers are given again.
        #expect(info.incarnation != pristine.incarnations[stream], note)
      }
      #expect(lost.subtracting(allowed[stream] ?? []).isEmpty, note)
      #expect(test.append(stream, .test("next"), producer: 99, number: 1)?.first == info.head + 1, note)
    }
    test.close()
    #expect(try CheckTests.damage(directory.data) == [], note)
  }
}
