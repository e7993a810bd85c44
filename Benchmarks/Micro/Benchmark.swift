/// An operation that can be measured: prepared once, then done in rounds.
package struct Benchmark: Sendable {
  package let name: String
  /// Allocations that one operation may take (`AllocationLimits`); nil where they are only reported.
  package let allocationCountMax: Double?
  /// Operations of one round.
  let operationCount: Int
  let prepare: @Sendable () async throws -> Prepared

  init(
    _ name: String, operations operationCount: Int, allocationsMax allocationCountMax: Double? = nil,
    prepare: @escaping @Sendable () async throws -> Prepared
  ) {
    self.name = name
    self.operationCount = operationCount
    self.allocationCountMax = allocationCountMax
    self.prepare = prepare
  }

  /// An operation with everything that it needs.
  struct Prepared {
    /// Entries that one operation is about; 0 when it is about none.
    var entryCount: Int
    /// Does the operation this many times.
    var run: (Int) throws -> Usage
    var end: () async -> Void = {}

    init(entryCount: Int, run: @escaping (Int) throws -> Usage, end: @escaping () async -> Void = {}) {
      self.entryCount = entryCount
      self.run = run
      self.end = end
    }

    /// An operation of the calling thread alone.
    static func onThisThread(entryCount: Int, _ operation: @escaping () throws -> Void) -> Prepared {
      Prepared(entryCount: entryCount) { count in
        let before = Usage.ofThread()
        for _ in 0..<count { try operation() }
        return Usage.ofThread() - before
      }
    }
  }

  /// The cost of one operation: for each number, the median of the rounds. The first round does not count.
  ///
  /// - Parameter divisor: of the operations in a round, where only allocations count.
  package func measure(roundCount: Int = 5, divisor: Int = 1) async throws -> Measurement {
    let prepared = try await prepare()
    let count = max(1, operationCount / divisor)
    var rounds: [Usage] = []
    do {
      _ = try prepared.run(count)
      for _ in 0..<roundCount { rounds.append(try prepared.run(count) / Double(count)) }
    } catch {
      await prepared.end()
      throw error
    }
    await prepared.end()
    return Measurement(benchmark: self, entryCount: prepared.entryCount, usage: Usage(medianOf: rounds))
  }
}

/// The cost of one operation.
package struct Measurement: Sendable {
  package let benchmark: Benchmark
  let entryCount: Int
  package let usage: Usage

  /// Nil without entries, and if the noise was larger than a measured difference.
  var entriesPerSecond: Double? {
    entryCount > 0 && usage.wallNanoseconds > 0 ? Double(entryCount) / usage.wallNanoseconds * 1e9 : nil
  }

  /// Whether it allocates more than it may.
  package var exceedsLimit: Bool {
    Usage.countsAllocations && benchmark.allocationCountMax.map { usage.allocationCount > $0 } ?? false
  }
}

/// Why a measurement could not be made.
package struct BenchmarkError: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
