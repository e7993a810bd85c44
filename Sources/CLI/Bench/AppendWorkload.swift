internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// Producers that append as fast as they are acknowledged, each with a connection, a thread and streams of its own.
///
/// All runs append to the same streams, which the warm-up creates.
struct AppendWorkload: Workload {
  private let corpus: Corpus
  private let batchEntryCount: Int
  private let entryCount: UInt64
  /// Of each client.
  private let streams: [[StreamName]]
  private let clients: [LogClient]

  let unit = "entries"

  init(_ target: BenchTarget, _ configuration: BenchConfiguration, _ corpus: Corpus) throws {
    self.corpus = corpus
    batchEntryCount = configuration.batchEntryCount
    entryCount = configuration.entryCount
    streams = try (0..<configuration.producerCount).map { first in
      try stride(from: first, to: configuration.streamCount, by: configuration.producerCount).map {
        try target.stream("append/\($0)")
      }
    }
    clients = try (0..<configuration.producerCount).map { _ in try LogClient(target.configuration) }
  }

  var settings: [BenchSetting] {
    [
      BenchSetting("producers", clients.count), BenchSetting("streams", streams.reduce(0) { $0 + $1.count }),
      BenchSetting("batch", batchEntryCount), BenchSetting("entries", entryCount),
      BenchSetting("in_flight", BulkAppend.inFlightCount),
    ]
  }

  /// The warm-up takes a tenth of a run: at most this many entries, and at least one batch for each stream.
  private static let warmUpEntryCountMax: UInt64 = 200_000

  func prepare() async throws {
    let count = min(entryCount / 10 + 1, Self.warmUpEntryCountMax)
    let streamCount = streams.reduce(0) { $0 + $1.count }
    try await append(max(count, UInt64(streamCount * batchEntryCount)), Meter())
  }

  func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome {
    let start = MonotonicTime.now()
    try await append(entryCount, meter)
    return RunOutcome(nanoseconds: MonotonicTime.now().nanoseconds(since: start))
  }

  private func append(_ count: UInt64, _ meter: Meter) async throws {
    let producerCount = UInt64(clients.count)
    try await withThrowingTaskGroup { group in
      for (index, client) in clients.enumerated() {
        let append = BulkAppend(client: client, streams: streams[index], batchEntryCount: batchEntryCount)
        let share = count / producerCount + (UInt64(index) < count % producerCount ? 1 : 0)
        let place = Double(index) / Double(producerCount)
        group.addTask { [corpus] in
          var reader = CorpusReader(corpus, share: place)
          try await append.run(share, &reader, meter)
        }
      }
      try await group.waitForAll()
    }
  }

  func end() async { await close(clients) }
}
