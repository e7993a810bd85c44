import Testing

@testable import LogsSimulation
@testable import LogsWire

/// Several batches become one, and their entries stay what they were.
@Suite struct BatchMergerTests {
  private let unpacker = BatchUnpacker()

  @Test(arguments: TestSeeds.first(60)) func `entries of merged batches are the ones that were appended`(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    let replay = TestSeeds.replay(seed, "BatchMerger")
    let dictionary = seed % 2 == 0 ? nil : try BatchDictionary(content: Self.texts(&random))
    var merger = BatchMerger(level: 1, dictionary: dictionary, seed: 1)
    var decoder = BatchDecoder()
    var checker = BatchChecker()
    var expected: [LogEntry] = []
    var digests: [EntryDigest] = []
    var next = UInt64.random(in: 1...1_000_000, using: &random)
    let first = next
    var received: Int64 = 1_000
    for _ in 0..<Int.random(in: 1...12, using: &random) {
      let count = Int.random(in: 1...40, using: &random)
      let isUntimed = Bool.random(using: &random)
      let entries = (0..<count).map { _ in
        var entry = RandomValues.entry(&random, large: false)
        if isUntimed { entry.time = 0 }
        return entry
      }
      if Bool.random(using: &random) { received += Int64.random(in: -50...500, using: &random) }
      var batch = try Batches.built(entries).numbered(firstSequence: next, received: received, seed: Sample.seed)
      if count > 1, Int.random(in: 0..<4, using: &random) == 0 {
        // Some were deleted.
        let kept = next...(next + UInt64.random(in: 0..<UInt64(count - 1), using: &random))
        batch = try #require(try FilterEvaluator().extract([kept], of: batch, seed: Sample.seed))
      }
      let rows = BatchRows(batch, unpacker)
      expect(try merger.add(rows), .added, replay)
      digests += try rows.digests()
      expected += try decoder.entries(of: batch)
      next += UInt64(count)
    }
    let finished = merger.finish(seed: Sample.seed)
    let merged = try #require(finished)
    #expect(merged.hasValidCheck && merged.hasValidServerCheck(seed: Sample.seed), replay)
    try checker.check(numbered: merged)
    #expect(merged.header.firstSequence == first && merged.header.lastSequence == next - 1, replay)
    #expect(merged.header.flags.contains(.reencoded), replay)
    if try decoder.entries(of: merged) != expected { Issue.record(replay) }
    let rows = BatchRows(merged, unpacker)
    #expect(try rows.digests() == digests, replay)
    let times = expected.map(\.effectiveTime)
    #expect(try decoder.effectiveTimes(of: merged) == times, replay)
    #expect(try (0..<rows.count).map(rows.time) == times, replay)
    #expect(try (0..<rows.count).map(rows.received) == expected.map(\.received), replay)
    #expect(merged.header.effectiveTimes == (times.min() ?? 0)...(times.max() ?? 0), replay)
    let isEmpty = merger.isEmpty
    #expect(isEmpty)
    // For readers who do not have the dictionary.
    let plain = try FilterEvaluator().plain(merged, seed: Sample.seed)
    try checker.check(numbered: plain)
    #expect(plain.header.dictionary == 0 && plain.hasValidServerCheck(seed: Sample.seed), replay)
    #expect(try BatchRows(plain, unpacker).digests() == digests, replay)

    // What is cut from it, and merged again, is the same still.
    let middle = first + (next - first) / 2
    if let part = try FilterEvaluator().extract([middle...next], of: merged, seed: Sample.seed) {
      try checker.check(numbered: part)
      #expect(try decoder.entries(of: part) == expected.filter { $0.sequence >= middle }, replay)
      expect(try merger.add(BatchRows(part, unpacker)), .added, replay)
      let finishedAgain = merger.finish(seed: Sample.seed)
      let again = try #require(finishedAgain)
      try checker.check(numbered: again)
      #expect(try decoder.entries(of: again) == expected.filter { $0.sequence >= middle }, replay)
    }
  }

  /// Messages end to end.
  private static func texts(_ random: inout SeededGenerator) -> ByteString {
    var writer = ByteWriter(capacity: 0)
    while writer.count < Limits.dictionaryByteCountMin { writer.append(RandomValues.entry(&random).message) }
    return writer.finish()
  }

  // The macros cannot take what owns a merger.
  private func expect(_ outcome: BatchMerger.Outcome, _ expected: BatchMerger.Outcome, _ comment: Comment? = nil) {
    #expect(outcome == expected, comment)
  }

  private func expectFinished(_ batch: Batch?, _ count: Int) { #expect(batch?.header.count == UInt32(count)) }

  @Test func `a batch that would be too large has to be finished first`() throws {
    var merger = BatchMerger(level: 1, seed: 1)
    func add(_ count: Int, at first: UInt64, byteCount: Int = 1) throws -> BatchMerger.Outcome {
      let entry = LogEntry(message: ByteString([UInt8](repeating: 65, count: byteCount)))
      let entries = Array(repeating: entry, count: count)
      let batch = try Batches.built(entries).numbered(firstSequence: first, received: 1, seed: Sample.seed)
      return try merger.add(BatchRows(batch, unpacker))
    }
    let max = BatchMerger.Size.large.entryCount
    expect(try add(max - 1, at: 1), .added)
    expect(try add(2, at: UInt64(max)), .full)
    expect(try add(1, at: UInt64(max)), .added)
    let count = merger.count
    #expect(count == max)
    expectFinished(merger.finish(seed: Sample.seed), max)
    // By bytes.
    expect(try add(10, at: 1, byteCount: 60_000), .added)
    expect(try add(10, at: 11, byteCount: 60_000), .full)
    expectFinished(merger.finish(seed: Sample.seed), 10)
    // The first one may be as large as any batch.
    expect(try add(65_536, at: 1), .added)
    expect(try add(1, at: 65_537), .full)
    expectFinished(merger.finish(seed: Sample.seed), 65_536)
  }

  @Test func `a constant that would be written out too often stays as it is`() throws {
    // 60,000 entries with a message of 1,000 bytes, which the batch has once.
    var payload = ByteWriter()
    let start = payload.beginColumn(ColumnID.message, .constant)
    payload.append(ColumnEncoding.lengths.rawValue)
    payload.append(varint: 1_000)
    payload.append(ByteString([UInt8](repeating: 65, count: 1_000)))
    payload.endColumn(start)
    let header = BatchHeader(
      codec: .none, flags: [.untimed], count: 60_000, minTime: 0, maxTime: 0, severities: 1,
      rawLength: UInt32(payload.count), storedLength: UInt32(payload.count))
    let batch = Batch(unnumbered: header, payload: payload.span)
      .numbered(firstSequence: 1, received: 1, seed: Sample.seed)
    var checker = BatchChecker()
    try checker.check(numbered: batch)
    var merger = BatchMerger(level: 1, seed: 1)
    expect(try merger.add(BatchRows(batch, unpacker)), .apart)
    let isEmpty = merger.isEmpty
    #expect(isEmpty)
  }

  @Test(arguments: [9, 17, 40] as [UInt16]) func `a batch with a column that is not known stays as it is`(
    _ id: UInt16
  ) throws {
    var payload = ByteWriter()
    payload.appendColumn(ColumnID.message, .lengths, ByteString([1, 65]).span)
    payload.appendColumn(id, .delta, ByteString([2]).span)
    let header = BatchHeader(
      codec: .none, flags: [.untimed], count: 1, minTime: 0, maxTime: 0, severities: 1,
      rawLength: UInt32(payload.count), storedLength: UInt32(payload.count))
    let batch = Batch(unnumbered: header, payload: payload.span)
      .numbered(firstSequence: 1, received: 1, seed: Sample.seed)
    var merger = BatchMerger(level: 1, seed: 1)
    expect(try merger.add(BatchRows(batch, unpacker)), .apart)
  }

  @Test func `a producer's flag for times received means nothing`() throws {
    var payload = ByteWriter()
    payload.appendColumn(ColumnID.message, .lengths, ByteString([1, 65]).span)
    payload.appendColumn(ColumnID.received, .delta, ByteString([2]).span)
    let header = BatchHeader(
      codec: .none, flags: [.untimed, .receivedTimes], count: 1, minTime: 0, maxTime: 0, severities: 1,
      rawLength: UInt32(payload.count), storedLength: UInt32(payload.count))
    let batch = Batch(unnumbered: header, payload: payload.span)
    var checker = BatchChecker()
    try checker.check(appended: batch)
    let numbered = batch.numbered(firstSequence: 1, received: 77, seed: Sample.seed)
    var decoder = BatchDecoder()
    #expect(try decoder.entries(of: numbered).map(\.received) == [77])
    #expect(numbered.header.effectiveTimes == 77...77)
    // A part of it does not mean more.
    let part = try #require(try FilterEvaluator().extract([1...1], of: numbered, seed: Sample.seed))
    #expect(try decoder.entries(of: part).map(\.received) == [77])
  }
}
