internal import LogsStore
internal import LogsWire
internal import Synchronization

/// The store alone: what appends cost the submitting thread and the writer's, and what reads cost the reader's.
extension Benchmark {
  package static var store: [Benchmark] {
    let shapes = [(1, 1), (64, 1), (64, 64)]
    return shapes.flatMap { batchCount, streamCount in
      [1, 10, 100, 1_000].map { append(of: $0, batches: batchCount, streams: streamCount) }
    } + [catchUp, newestRead]
  }

  /// A commit of batches from as many producers, spread over streams: one fsync, one row for each stream.
  ///
  /// The rounds follow enough commits that each stream has its own index pages, as in most of a segment.
  package static func append(
    of entryCount: Int, batches batchCount: Int, streams streamCount: Int, isSmall: Bool = false,
    warmUpCount: Int = 1_000
  ) -> Benchmark {
    Benchmark(
      "store append, \(entryCount), \(batchCount) a commit, \(streamCount) streams", operations: 200,
      allocationsMax: AllocationLimits.append(batches: batchCount, streams: streamCount)
    ) {
      let batch = isSmall ? try SampleEntries.smallBatch(entryCount) : try SampleEntries.batch(entryCount)
      let streams = try (0..<streamCount).map { try StreamName("bench/\($0)") }
      // The tail cache keeps one batch of each size: every commit adds one and drops one.
      let session = try StoreSession { $0.tailCacheEntryCountMax = entryCount }
      var number: UInt64 = 0
      func commit() throws -> Usage {
        number += 1
        for index in 0..<batchCount {
          try session.submit(to: streams[index % streamCount], producer: UInt64(index), number: number, batch)
        }
        return try session.commit()
      }
      var last = Usage()
      for _ in 0..<warmUpCount { last = try commit() }
      return Prepared(entryCount: entryCount * batchCount) { count in
        let (before, writerBefore) = (Usage.ofThread(), last)
        for _ in 0..<count { last = try commit() }
        var usage = Usage.ofThread() - before
        let writer = last - writerBefore
        usage.processorNanoseconds += writer.processorNanoseconds
        usage.allocationCount += writer.allocationCount
        return usage
      } end: {
        session.close()
      }
    }
  }

  /// A read of 256 KiB from a segment, as a follower that is behind gets it; nothing is in the tail cache.
  private static var catchUp: Benchmark {
    Benchmark("catch-up read, 256 KiB", operations: 200, allocationsMax: AllocationLimits.catchUpRead) {
      let session = try StoreSession { configuration in
        configuration.tailCacheByteCountMax = 0
        configuration.readerThreadCount = 1
      }
      let name = try StreamName("bench")
      let batch = try SampleEntries.batch(1_000)
      for number in 1...2_000 {
        try session.submit(to: name, producer: 1, number: UInt64(number), batch)
        _ = try session.commit()
      }
      return try Reading(session.store, name, from: 1).prepared { session.close() }
    }
  }

  /// A read of the newest entry of one of 64 streams, in the middle of the rows that the index does not know yet.
  private static var newestRead: Benchmark {
    Benchmark("newest read, 1 of 64 streams", operations: 200, allocationsMax: AllocationLimits.newestRead) {
      let session = try StoreSession { configuration in
        configuration.tailCacheByteCountMax = 0
        configuration.readerThreadCount = 1
      }
      let names = try (0..<64).map { try StreamName("bench/\($0)") }
      let batch = try SampleEntries.batch(1)
      // Not a multiple of the index's lag.
      for number in 1...(1_000 + 8) {
        for (producer, name) in names.enumerated() {
          try session.submit(to: name, producer: UInt64(producer), number: UInt64(number), batch)
        }
        _ = try session.commit()
      }
      return try Reading(session.store, names[0], from: nil).prepared { session.close() }
    }
  }

  /// Reads a stream from a number to its end, again and again.
  private final class Reading: Sendable {
    private struct State {
      var next: UInt64
      var result: Result<ReadResult, StoreError>?
      /// Of the reader's thread.
      var usage = Usage()
    }

    private let store: Store
    private let stream: StreamInfo
    private let first: UInt64
    private let state: Mutex<State>
    private let done = Gate()

    /// - Parameter first: where to begin; nil for the last number.
    init(_ store: Store, _ name: StreamName, from first: UInt64?) throws {
      guard let stream = store.stream(named: name) else { throw BenchmarkError("the stream \(name) is not there") }
      self.store = store
      self.stream = stream
      self.first = first ?? stream.head
      state = Mutex(State(next: self.first))
    }

    func prepared(_ end: @escaping () -> Void) throws -> Prepared {
      _ = try next()
      let entryCount = Int(try next())
      return Prepared(entryCount: entryCount) { count in
        let before = self.state.withLock { $0.usage }
        for _ in 0..<count { _ = try self.next() }
        return self.state.withLock { $0.usage } - before
      } end: {
        end()
      }
    }

    /// - Returns: how many entries were read.
    private func next() throws -> UInt64 {
      let from = state.withLock { $0.next > stream.head ? first : $0.next }
      store.read([ReadRequest(stream: stream.id, from: from, to: stream.head, byteCountMax: 256 << 10)]) { results in
        let usage = Usage.ofThread()
        self.state.withLock { state in
          state.result = results.first
          state.usage = usage
        }
        self.done.open()
      }
      done.pass()
      let result = state.withLock { $0.result.take() }
      guard let read = try result?.get() else { throw BenchmarkError("a read had no answer") }
      state.withLock { $0.next = read.next }
      return read.next - from
    }
  }
}
