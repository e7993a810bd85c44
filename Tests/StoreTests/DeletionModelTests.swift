import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Appends, deletions, segments that end, and restarts in any order, against a model of what has to be there.
@Suite struct DeletionModelTests {
  private struct ModelStream {
    /// By number, from 1; nil where it was deleted.
    var texts: [String?] = []
    var incarnation: Incarnation?
    var former: Set<Incarnation> = []
    /// The producer's last number; it goes on when the stream begins anew.
    var number: UInt64 = 0
  }

  private struct Model {
    var generator: SeededGenerator
    var streams = ["a": ModelStream(), "b": ModelStream(), "c": ModelStream()]
    var appendedCount = 0

    mutating func name() -> String { ["a", "b", "c"][generator.below(3)] }
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>) func `nothing that was deleted comes back`(seed: UInt64) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.elapsed = { clock.now }
    configuration.rewriteDelay = .milliseconds(1)
    // One read answers a filter, however busy the machine is.
    configuration.readTimeMax = .seconds(30)
    configuration.upkeepRetryInterval = .milliseconds(5)
    configuration.tailCacheByteCountMax = seed % 2 == 0 ? 0 : 4 << 10
    var model = Model(generator: SeededGenerator(seed: seed))
    var test = try TestStore(configuration, in: directory)
    for _ in 0..<120 {
      switch model.generator.below(16) {
      case 0: test.roll(clock, waitForSeal: model.generator.chance(2))
      case 1:
        test.close()
        test = try TestStore(configuration, in: directory)
      case 2...5: try Self.deleteSome(test, &model)
      case 6 where model.generator.chance(2): try Self.deleteAll(test, &model)
      default: Self.append(test, &model)
      }
      if model.generator.chance(6) { try Self.compare(test, &model, seed) }
    }
    try Self.compare(test, &model, seed)
    test.close()
    test = try TestStore(configuration, in: directory)
    try Self.compare(test, &model, seed)
  }

  private static func append(_ test: TestStore, _ model: inout Model) {
    let name = model.name()
    let countMax = model.generator.chance(4) ? 20 : 5
    let texts = (0...model.generator.below(countMax)).map { _ in
      model.appendedCount += 1
      return "entry \(model.appendedCount)"
    }
    guard var stream = model.streams[name] else { return }
    // Rows of many small batches are packed.
    let batches = model.generator.chance(3) ? texts.map { [$0] } : [texts]
    let requests = batches.map { texts in
      stream.number += 1
      return test.enqueue(name, .batch(.test(texts)), number: stream.number, floor: stream.number)
    }
    test.store.commitQueued()
    for (texts, request) in zip(batches, requests) {
      let outcome = test.sink.outcome(request)
      #expect(outcome?.first == UInt64(stream.texts.count + 1))
      stream.texts += texts
      guard case .stored(let incarnation, _, _, _) = outcome else { continue }
      #expect(stream.incarnation == nil || stream.incarnation == incarnation)
      #expect(!stream.former.contains(incarnation))
      stream.incarnation = incarnation
    }
    model.streams[name] = stream
  }

  private static func deleteSome(_ test: TestStore, _ model: inout Model) throws {
    let name = model.name()
    guard var stream = model.streams[name], !stream.texts.isEmpty else { return }
    let from = model.generator.below(stream.texts.count) + 1
    let to = min(from + model.generator.below(8), Int.max)
    let gone = (from...min(to, stream.texts.count)).filter { stream.texts[$0 - 1] != nil }
    let report = try test.delete(name, UInt64(from)...UInt64(to)).get()
    #expect(report.entryCount == UInt64(gone.count))
    for number in gone { stream.texts[number - 1] = nil }
    model.streams[name] = stream
  }

  private static func deleteAll(_ test: TestStore, _ model: inout Model) throws {
    let name = model.name()
    guard var stream = model.streams[name], let incarnation = stream.incarnation else { return }
    let report = try test.delete(name, of: incarnation).get()
    #expect(report.entryCount == UInt64(stream.texts.count { $0 != nil }))
    stream.former.insert(incarnation)
    stream.incarnation = nil
    stream.texts = []
    model.streams[name] = stream
  }

  private static func compare(_ test: TestStore, _ model: inout Model, _ seed: UInt64) throws {
    for (name, stream) in model.streams {
      guard let info = test.info(name) else {
        #expect(stream.incarnation == nil, "seed \(seed)")
        continue
      }
      #expect(info.incarnation == stream.incarnation)
      let count = UInt64(stream.texts.count)
      let kept = stream.texts.indices.filter { stream.texts[$0] != nil }.map { UInt64($0 + 1) }
      #expect(info.head == count && info.keptEntryCount == UInt64(kept.count))
      let reading = try test.readAll(name)
      #expect(reading.texts == stream.texts.compactMap(\.self), "seed \(seed)")
      #expect(reading.skips.allSatisfy { $0.reason == .deleted })
      // A part, forward and in reverse, plain and with a filter that lets everything through.
      let from = UInt64(model.generator.below(Int(count))) + 1
      let to = min(from + UInt64(model.generator.below(12)), count)
      let wanted = kept.filter { (from...to).contains($0) }
      for isReverse in [false, true] {
        for filter in [nil, SharedFilter(try Filter("entry"))] {
          let request = ReadRequest(stream: info.id, from: from, to: to, isReverse: isReverse, filter: filter)
          let numbers = try Self.numbers(try test.read(request).get(), request, info)
          #expect(numbers == wanted, "seed \(seed), \(isReverse), \(filter == nil)")
        }
      }
    }
  }

  /// The numbers of the entries of a result, which has to cover what was asked for.
  private static func numbers(
    _ result: ReadResult, _ request: ReadRequest, _ info: StreamInfo
  ) throws -> [UInt64] {
    var decoder = BatchDecoder()
    var numbers: [UInt64] = []
    var covered: [ClosedRange<UInt64>] = []
    for piece in result.pieces {
      switch piece {
      case .skip(let range, let reason):
        #expect(reason == .deleted)
        covered.append(range)
      case .batches(let run):
        covered.append(run.numbers)
        for batch in try Batch.run(run.batches) {
          #expect(batch.hasValidCheck && batch.hasValidServerCheck(seed: info.serverSeed))
          for entry in try decoder.entries(of: batch) {
            // What is outside of the piece may come along, but not what was deleted.
            #expect(!info.removals.contains(entry.sequence))
            if run.numbers.contains(entry.sequence) { numbers.append(entry.sequence) }
          }
        }
      }
    }
    if request.isReverse { covered.reverse() }
    #expect(covered.first?.lowerBound == request.from && covered.last?.upperBound == request.to)
    #expect(zip(covered, covered.dropFirst()).allSatisfy { $0.upperBound + 1 == $1.lowerBound })
    return numbers.sorted()
  }
}
