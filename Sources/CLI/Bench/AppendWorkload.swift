internal import LogsClient
internal import LogsWire

/// Producers that append as fast as they are acknowledged, each with a connection, a thread and a stream of its own.
struct AppendWorkload: Workload {
  private let target: BenchTarget
  private let corpus: Corpus
  private let batchEntryCount: Int
  private let entryCount: UInt64
  private let clients: [LogClient]

  let unit = "entries"

  init(_ target: BenchTarget, _ settings: BenchSettings, _ corpus: Corpus) throws {
    self.target = target
    self.corpus = corpus
    batchEntryCount = settings.batchEntryCount
    entryCount = settings.entryCount
    clients = try (0..<settings.producerCount).map { _ in try LogClient(target.configuration) }
  }

  var settings: [BenchSetting] {
    [
      BenchSetting("producers", clients.count), BenchSetting("batch", batchEntryCount),
      BenchSetting("entries", entryCount), BenchSetting("in_flight", BulkAppend.inFlightCount),
    ]
  }

  /// A tenth of a run warms up, at most so many entries.
  private static let warmUpEntryCountMax: UInt64 = 200_000

  func prepare() async throws {
    try await append(min(entryCount / 10 + 1, Self.warmUpEntryCountMax), to: "warm-up", Meter())
  }

  func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome {
    let start = MonotonicTime.now()
    try await append(entryCount, to: "append-\(number)", meter)
    return RunOutcome(nanoseconds: MonotonicTime.now().nanoseconds(since: start))
  }

  private func append(_ count: UInt64, to name: String, _ meter: Meter) async throws {
    let producerCount = UInt64(clients.count)
    try await withThrowingTaskGroup { group in
      for (index, client) in clients.enumerated() {
        let append = BulkAppend(
          client: client, stream: try target.stream("\(name)/\(index)"), batchEntryCount: batchEntryCount)
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
