internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// Each connection appends one entry, waits until it is durable, and appends the next.
///
/// All connections and the tasks that wait share one thread: together they need far less than one core, and with a
/// thread each, switching threads would dominate the measurement.
struct AckWorkload: Workload {
  private let target: BenchTarget
  private let corpus: Corpus
  private let seconds: Double
  private let streamCount: Int
  private let thread: ClientThread
  private let clients: [LogClient]

  let unit = "acks"

  init(_ target: BenchTarget, _ configuration: BenchConfiguration, _ corpus: Corpus) throws {
    self.target = target
    self.corpus = corpus
    seconds = configuration.seconds
    streamCount = configuration.streamCount
    let thread = try ClientThread(name: "logs-bench")
    self.thread = thread
    clients = try (0..<configuration.connectionCount).map { _ in try LogClient(target.configuration, on: thread) }
  }

  var settings: [BenchSetting] {
    [
      BenchSetting("connections", clients.count), BenchSetting("streams", streamCount),
      BenchSetting("seconds", seconds: seconds),
    ]
  }

  /// The warm-up takes a fifth of a run, and at most this long.
  private static let warmUpSecondsMax = 1.0

  func prepare() async throws { _ = try await append(for: min(seconds / 5, Self.warmUpSecondsMax), Meter()) }

  func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome { try await append(for: seconds, meter) }

  private func append(for seconds: Double, _ meter: Meter) async throws -> RunOutcome {
    let start = MonotonicTime.now()
    let nanoseconds = UInt64(seconds * 1e9)
    let end = start.advanced(byNanoseconds: nanoseconds)
    try await withThrowingTaskGroup { group in
      for (index, client) in clients.enumerated() {
        let stream = try target.stream("ack/\(index % streamCount)")
        let place = Double(index) / Double(clients.count)
        group.addTask(executorPreference: thread) { [corpus] in
          var reader = CorpusReader(corpus, share: place)
          var begun = MonotonicTime.now()
          while begun < end {
            var byteCount: UInt64 = 0
            _ = try await client.append(reader.next(1, byteCount: &byteCount), to: stream)
            let now = MonotonicTime.now()
            // Acknowledgements that come later belong to no run.
            if now <= end { meter.record(now.nanoseconds(since: begun), byteCount: byteCount) }
            begun = now
          }
        }
      }
      try await group.waitForAll()
    }
    return RunOutcome(nanoseconds: nanoseconds)
  }

  func end() async { await close(clients) }
}
