internal import LogsWire

/// Filters: what a reader thread does with each batch that nothing rules out.
extension Benchmark {
  package static var filters: [Benchmark] {
    Test.allCases.map { evaluate($0, 1_000) } + [filterExtract]
  }

  /// What the filter tests.
  package enum Test: String, CaseIterable, Sendable {
    case literal = #""items/77""#
    case regex = #"/items\/7\d{2} HTTP/"#
    case level = "level>=warn"
    case number = "user>=4500"
    /// Behind the number.
    case text = "region:eu-7"
  }

  /// Counts what passes of a batch, from its compressed bytes.
  package static func evaluate(_ test: Test, _ entryCount: Int) -> Benchmark {
    Benchmark("filter \(test), \(entryCount)", operations: 1_000, allocationsMax: AllocationLimits.filter) {
      let scene = try FilterScene(test.rawValue, entryCount)
      return .onThisThread(entryCount: entryCount) {
        var tally = Tally(.count)
        try scene.evaluator.tally(scene.batch, scene.request, into: &tally)
        guard tally.entryCount < scene.batch.header.count else { throw BenchmarkError("the filter decides nothing") }
      }
    }
  }

  /// Makes the batch that a follower gets of one of which a twentieth passes.
  private static var filterExtract: Benchmark {
    Benchmark("filter extract, 1000", operations: 1_000, allocationsMax: AllocationLimits.filterExtract) {
      let scene = try FilterScene(Test.level.rawValue, 1_000)
      return .onThisThread(entryCount: 1_000) {
        guard case .part = try scene.evaluator.evaluate(scene.batch, scene.request) else {
          throw BenchmarkError("the filter decides nothing")
        }
      }
    }
  }

  private final class FilterScene {
    let evaluator = FilterEvaluator()
    let batch: Batch
    let request: FilterEvaluator.Request

    /// - Parameter entryCount: at least 2: the batch's header must not decide.
    init(_ filter: String, _ entryCount: Int) throws {
      var builder = BatchBuilder(seed: 1)
      for (index, entry) in SampleEntries.make(entryCount, attributes: true).enumerated() {
        var entry = entry
        entry.severity = index % 20 == 1 ? .warning : .info
        _ = try builder.append(entry)
      }
      batch = builder.finish(compressor: Compressor()).numbered(firstSequence: 1, received: 1, seed: 1)
      request = FilterEvaluator.Request(
        filter: try Filter(filter), stream: try StreamName("web"), seed: 1, numbers: 1...UInt64(entryCount))
    }
  }
}
