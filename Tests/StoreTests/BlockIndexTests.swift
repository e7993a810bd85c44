import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsSimulation
@testable import LogsStore

/// The index of sealed segments only saves work: with it, without it, and with a damaged one the answers are the
/// same.
@Suite struct BlockIndexTests {
  private static let seed = UInt64.random(in: 0...UInt64.max)
  private static let streams = (0..<9).map { "s\($0)" }

  /// Streams in a sealed segment, each a block of its own at least.
  private static func fill(_ test: TestStore, _ clock: TestClock, _ random: inout SeededGenerator) {
    var number: UInt64 = 0
    for round in 0..<4 {
      for stream in streams {
        number += 1
        let texts = (0..<50).map { _ in message(&random, round) }
        test.append(stream, .test(texts), producer: number, number: 1)
      }
    }
    test.roll(clock)
  }

  private static let words = [
    "GET", "connection", "reset", "timeout", "Öl", "naïve", "blk_", "user", "INFO", "a", "id", "failed", "x-y", "日本",
  ]

  private static func message(_ random: inout SeededGenerator, _ round: Int) -> String {
    (0..<Int.random(in: 0...6, using: &random)).map { _ in
      switch Int.random(in: 0..<8, using: &random) {
      case 0: "\(UInt32.random(in: 0...UInt32.max, using: &random))"
      case 1: "blk_-\(UInt64.random(in: 0...UInt64.max, using: &random))"
      case 2:
        "\u{1b}[3\(Int.random(in: 0...7, using: &random))m" + (words.randomElement(using: &random) ?? "") + "\u{1b}[0m"
      case 3 where random.chance(4):
        String(
          (0..<Int.random(in: 60...70, using: &random)).map { _ in "abcdefgh".randomElement(using: &random) ?? "a" })
      case 4: "round\(round)"
      default: words.randomElement(using: &random) ?? ""
      }
    }.joined(separator: random.chance(3) ? "=" : " ")
  }

  /// A filter for a part of a message, or for something like it.
  private static func filter(_ texts: [String], _ random: inout SeededGenerator) throws -> Filter {
    let text = Array(texts.randomElement(using: &random) ?? "")
    let start = Int.random(in: 0...text.count, using: &random)
    var part = String(text[start..<Int.random(in: start...min(text.count, start + 14), using: &random)])
    if random.chance(4) { part = part.lowercased() }
    if random.chance(6) { part += "q" }
    let quoted = "\"" + part.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
    if part.contains("\u{1b}") || part.isEmpty { return try Filter("timeout OR \"blk_-1\"") }
    let term =
      switch Int.random(in: 0..<5, using: &random) {
      case 0: "=\(quoted)"
      case 1: "\(quoted) -reset"
      case 2: "\(quoted) OR (timeout failed)"
      case 3: "NOT \(quoted)"
      default: quoted
      }
    return try Filter(term)
  }

  /// What a filter lets through, by stream, as the store reads it; and the numbers that it says are lost.
  private static func answer(
    _ test: TestStore, _ filter: Filter, isReverse: Bool = false
  ) throws -> (found: [String: Set<UInt64>], lost: [String: Set<UInt64>], byteCount: Int) {
    var (found, lost, byteCount): ([String: Set<UInt64>], [String: Set<UInt64>], Int) = ([:], [:], 0)
    let shared = SharedFilter(filter)
    var decoder = BatchDecoder()
    for stream in streams {
      guard let info = test.info(stream) else { continue }
      var (from, to): (UInt64, UInt64) = (1, info.head)
      while from <= to {
        let result = try test.read(
          ReadRequest(stream: info.id, from: from, to: to, isReverse: isReverse, filter: shared)
        ).get()
        byteCount += result.evaluatedByteCount
        for piece in result.pieces {
          switch piece {
          case .skip(let numbers, .lost): lost[stream, default: []].formUnion(numbers)
          case .skip: break
          case .batches(let run):
            for batch in try Batch.run(run.batches) {
              found[stream, default: []].formUnion(try decoder.sequences(of: batch).filter { run.numbers.contains($0) })
            }
          }
        }
        if isReverse { to = result.next } else { from = result.next }
      }
    }
    return (found, lost, byteCount)
  }

  /// What it lets through by the plain evaluator.
  private static func plainAnswer(_ test: TestStore, _ filter: Filter) throws -> [String: Set<UInt64>] {
    let evaluator = FilterEvaluator()
    var found: [String: Set<UInt64>] = [:]
    var decoder = BatchDecoder()
    for stream in streams {
      guard let info = test.info(stream) else { continue }
      let result = try test.read(ReadRequest(stream: info.id, from: 1, to: info.head)).get()
      for case .batches(let run) in result.pieces {
        for batch in try Batch.run(run.batches) {
          let numbers = batch.header.firstSequence...batch.header.lastSequence
          let request = FilterEvaluator.Request(
            filter: filter, stream: info.name, seed: info.serverSeed, numbers: numbers)
          switch try evaluator.evaluate(batch, request) {
          case .nothing: break
          case .everything: found[stream, default: []].formUnion(numbers)
          case .part(let part, _, _): found[stream, default: []].formUnion(try decoder.sequences(of: part))
          case .undecided(let number, _): Issue.record("entry \(number) of \(stream) is not decided: \(filter)")
          }
        }
      }
    }
    return found
  }

  private static func texts(_ test: TestStore) throws -> [String] { try streams.flatMap { try test.readAll($0).texts } }

  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = 0
    return configuration
  }

  @Test func `answers with the index are those of the plain evaluator, in both directions`() throws {
    var random = SeededGenerator(seed: Self.seed)
    let clock = TestClock()
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    Self.fill(test, clock, &random)
    let texts = try Self.texts(test)
    var (readByteCount, allByteCount) = (0, 0)
    let all = try Self.answer(test, .all).byteCount
    for round in 0..<200 {
      let filter = try Self.filter(texts, &random)
      let plain = try Self.plainAnswer(test, filter)
      let forward = try Self.answer(test, filter)
      #expect(forward.found == plain && forward.lost.isEmpty, "seed \(Self.seed), \(filter.text)")
      if round % 4 == 0 {
        #expect(try Self.answer(test, filter, isReverse: true).found == plain, "seed \(Self.seed), \(filter.text)")
      }
      readByteCount += forward.byteCount
      allByteCount += all
    }
    #expect(
      readByteCount < allByteCount * 9 / 10, "the index rules out too little: \(readByteCount) of \(allByteCount)")
  }

  @Test func `a needle reads its block and no other`() throws {
    var random = SeededGenerator(seed: Self.seed)
    let clock = TestClock()
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    test.append("s3", .test(["before needle_4711 behind"]), producer: 99, number: 1)
    Self.fill(test, clock, &random)
    let all = try Self.answer(test, .all).byteCount
    for text in ["needle_4711", "edle_47", "=needle_4711", "needle_4"] {
      let answer = try Self.answer(test, Filter(text))
      #expect(answer.found == ["s3": [1]])
      #expect(answer.byteCount < all / 4, "\(text) reads \(answer.byteCount) of \(all) bytes")
    }
  }

  @Test func `numbers that are missing are in no group`() throws {
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory, TestClock()), in: directory)
    for number in 1...3 { test.append("s0", .test(["a", "b"]), producer: 1, number: UInt64(number)) }
    let stream = try #require(test.info("s0")).id
    var batches: [Batch] = []
    for piece in try test.read(ReadRequest(stream: stream, from: 1, to: 6)).get().pieces {
      if case .batches(let run) = piece { batches += try Batch.run(run.batches) }
    }
    try #require(batches.count == 3)
    var builder = BlockIndexBuilder()
    for batch in [batches[0], batches[2]] { _ = try builder.add(batch, of: stream) }
    #expect(builder.finish()?.groups.map(\.group.numbers) == [1...2, 5...6])
  }

  /// Changes in the index: what a row says, what its key says, rows that are gone.
  private static let changes = [
    "UPDATE block_groups SET blocks = zeroblob(length(blocks))", "UPDATE block_groups SET section = section + 1",
    "UPDATE block_groups SET stream = stream + 100000", "UPDATE block_groups SET last_seq = last_seq + 50",
    "UPDATE block_groups SET first_block = first_block + 1", "UPDATE block_groups SET severities = 0",
    "UPDATE block_groups SET min_time = min_time + 1000000000000, max_time = max_time + 1000000000000",
    "DELETE FROM block_groups WHERE stream % 2 = 0",
    "UPDATE token_pages SET tokens = (SELECT tokens FROM token_pages ORDER BY first LIMIT 1)",
    "UPDATE token_pages SET places = (SELECT places FROM token_pages ORDER BY first LIMIT 1)",
    "UPDATE token_pages SET behind = x''", "DELETE FROM token_pages WHERE first != x''", "DELETE FROM token_pages",
    "UPDATE token_pages SET first = first || x'30' WHERE first != x''", "UPDATE token_pages SET tokens = x''",
    "UPDATE token_pages SET token_count = token_count - 1", "DELETE FROM token_pages WHERE first = x''",
  ]

  @Test(arguments: changes) func `a damaged index costs time and no entry`(_ change: String) throws {
    var random = SeededGenerator(seed: Self.seed)
    let clock = TestClock()
    let directory = TestDirectory()
    let configuration = Self.configuration(directory, clock)
    let (filters, plain) = try {
      let test = try TestStore(configuration)
      defer { test.close() }
      Self.fill(test, clock, &random)
      let texts = try Self.texts(test)
      let filters = try (0..<8).map { _ in try Self.filter(texts, &random) }
      return (filters, try filters.map { try Self.plainAnswer(test, $0) })
    }()
    try PartialDamageTests.change(directory, change)
    let test = try TestStore(configuration)
    for (filter, plain) in zip(filters, plain) {
      #expect(try Self.answer(test, filter).found == plain, "seed \(Self.seed), \(filter.text)")
    }
  }

  @Test func `flipped bits never hide an entry`() throws {
    var random = SeededGenerator(seed: Self.seed)
    let clock = TestClock()
    let directory = TestDirectory()
    let configuration = Self.configuration(directory, clock)
    let (filters, plain) = try {
      let test = try TestStore(configuration)
      defer { test.close() }
      Self.fill(test, clock, &random)
      let texts = try Self.texts(test)
      let filters = try (0..<8).map { _ in try Self.filter(texts, &random) }
      return (filters, try filters.map { try Self.plainAnswer(test, $0) })
    }()
    let path = "data/segments/0000000001.db"
    let whole = directory.contents(path)
    for _ in 0..<10 {
      var damaged = whole
      for _ in 0..<4 {
        let place = Int.random(in: 8192..<damaged.count, using: &random)
        damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      directory.write(path, damaged)
      let test = try TestStore(configuration)
      for (filter, plain) in zip(filters, plain) {
        guard let answer = try? Self.answer(test, filter) else { continue }
        for stream in Self.streams {
          let missed = (plain[stream] ?? []).subtracting(answer.found[stream] ?? []).subtracting(
            answer.lost[stream] ?? [])
          #expect(missed.isEmpty, "seed \(Self.seed), \(filter.text) misses \(missed) in \(stream)")
        }
      }
      test.close()
    }
    directory.write(path, whole)
  }
}
