internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// Counts what passes a filter, over an open connection.
///
/// Entries are all those of the stream, of which the server has to decide each. Latency is the wait for the answer.
struct SearchWorkload: Workload {
  private let target: BenchTarget
  private let corpus: Corpus
  private let given: StreamName?
  private let entryCount: UInt64
  private let filter: Filter
  private let client: LogClient
  private let stream: StreamName
  private var storedCount: UInt64 = 0
  private var foundCount: UInt64 = 0

  let unit = "entries"

  init(_ target: BenchTarget, _ configuration: BenchConfiguration, _ corpus: Corpus) throws {
    self.target = target
    self.corpus = corpus
    given = configuration.stream
    stream = try configuration.stream ?? target.stream("search")
    entryCount = configuration.entryCount
    filter = try configuration.filter()
    client = try LogClient(target.configuration)
  }

  var settings: [BenchSetting] {
    [
      BenchSetting("stream", given == nil ? "made" : stream.text), BenchSetting("filter", filter.text),
      BenchSetting("entries", storedCount), BenchSetting("found", foundCount),
    ]
  }

  mutating func prepare() async throws {
    if given == nil {
      var reader = CorpusReader(corpus)
      let append = BulkAppend(client: client, streams: [stream], batchEntryCount: BenchConfiguration.bulkEntryCount)
      try await append.run(entryCount, &reader, Meter())
    } else {
      try await MissingStreams.check(stream, client)
    }
    storedCount = try await client.count([.stream(stream)]).entryCount
    foundCount = try await client.count([.stream(stream)], filter: filter).entryCount
  }

  func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome {
    let start = MonotonicTime.now()
    let result = try await client.count([.stream(stream)], filter: filter)
    let end = MonotonicTime.now()
    guard result.entryCount == foundCount || given != nil else {
      let entries = Figures.count(result.entryCount, "entry", "entries")
      throw CommandError("the server counts \(entries) where it counted \(foundCount) before")
    }
    meter.record(end.nanoseconds(since: start), entryCount: storedCount)
    return RunOutcome(nanoseconds: end.nanoseconds(since: start))
  }

  func end() async { await close([client]) }
}
