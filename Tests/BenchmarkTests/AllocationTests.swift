import LogsBenchmarks
import Testing

/// The server's work on a batch must not allocate for each entry. The counts of the working thread are exact, whatever
/// else runs.
@Suite(.enabled(if: Usage.countsAllocations)) struct AllocationTests {
  /// How many more allocations a batch of 1,000 entries may take than a batch of one.
  private static let growthMax = 12.0

  private func count(_ benchmark: Benchmark) async throws -> Double {
    let measurement = try await benchmark.measure(roundCount: 3, divisor: 20)
    let count = measurement.usage.allocationCount
    #expect(!measurement.exceedsLimit, "\(benchmark.name) takes \(count) allocations")
    return count
  }

  @Test func `a frame is decoded with the same allocations however many entries it has`() async throws {
    #expect(try await count(.frameDecode(1_000)) == count(.frameDecode(1)))
  }

  @Test(arguments: [false, true]) func `the check of a batch does not allocate for each entry`(
    attributes: Bool
  ) async throws {
    let few = try await count(.batchCheck(1, attributes: attributes))
    let many = try await count(.batchCheck(1_000, attributes: attributes))
    #expect(many - few <= Self.growthMax)
  }

  /// Others allocate for each entry unless they are optimized, as they are in `make bench`, which has a limit for all.
  @Test(arguments: [Benchmark.Test.regex, .level]) func `a filter does not allocate for each entry`(
    test: Benchmark.Test
  ) async throws {
    let few = try await count(.evaluate(test, 10))
    let many = try await count(.evaluate(test, 1_000))
    // Arrays double until they hold all rows.
    #expect(many - few <= 4 * Self.growthMax)
  }

  @Test(arguments: [(1, 1), (64, 1), (64, 64)]) func `an append does not allocate for each entry`(
    batchCount: Int, streamCount: Int
  ) async throws {
    func append(of entryCount: Int) -> Benchmark {
      .append(of: entryCount, batches: batchCount, streams: streamCount, isSmall: true, warmUpCount: 20)
    }
    let few = try await count(append(of: 1))
    let many = try await count(append(of: 1_000))
    #expect(many - few <= Self.growthMax)
  }
}
