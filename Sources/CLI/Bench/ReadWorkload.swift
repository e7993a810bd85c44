internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// Reads a stream from its first entry to its last, as fast as it comes.
///
/// Latency is how long the reader waited for each batch.
struct ReadWorkload: Workload {
  private let target: BenchTarget
  private let corpus: Corpus
  private let given: StreamName?
  private let entryCount: UInt64
  private let decoding: BenchConfiguration.Decoding
  private let client: LogClient
  private let stream: StreamName
  /// Bytes of all lines, which are not known when only batches are read.
  private var byteCount: UInt64 = 0

  let unit = "entries"

  init(_ target: BenchTarget, _ configuration: BenchConfiguration, _ corpus: Corpus) throws {
    self.target = target
    self.corpus = corpus
    given = configuration.stream
    stream = try configuration.stream ?? target.stream("read")
    entryCount = configuration.entryCount
    decoding = configuration.decoding
    client = try LogClient(target.configuration)
  }

  var settings: [BenchSetting] {
    [BenchSetting("stream", given == nil ? "made" : stream.text), BenchSetting("decode", decoding.rawValue)]
      + (given == nil ? [BenchSetting("entries", entryCount)] : [])
  }

  mutating func prepare() async throws {
    if given == nil {
      var reader = CorpusReader(corpus)
      let append = BulkAppend(client: client, streams: [stream], batchEntryCount: BenchConfiguration.bulkEntryCount)
      try await append.run(entryCount, &reader, Meter())
    } else {
      try await MissingStreams.check(stream, client)
    }
    let meter = Meter()
    try await read(.entries, meter)
    byteCount = meter.byteCount
    if meter.entryCount == 0 {
      throw CommandError("stream \(stream) has no entries to read; push some, or leave --stream out")
    }
  }

  func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome {
    let start = MonotonicTime.now()
    try await read(decoding, meter)
    let end = MonotonicTime.now()
    if decoding == .batches { meter.add(byteCount: byteCount) }
    return RunOutcome(nanoseconds: end.nanoseconds(since: start))
  }

  private func read(_ decoding: BenchConfiguration.Decoding, _ meter: Meter) async throws {
    var begun = MonotonicTime.now()
    for try await event in client.follow([.stream(stream)], from: .first, until: FollowEnd(atHead: true)) {
      guard case .batch(let batch) = event else { continue }
      let waited = MonotonicTime.now().nanoseconds(since: begun)
      switch decoding {
      case .batches: meter.record(waited, entryCount: batch.range.upperBound - batch.range.lowerBound + 1)
      case .entries:
        let entries = try batch.entries()
        let byteCount = entries.reduce(0) { $0 + $1.message.count + 1 }
        meter.record(waited, entryCount: UInt64(entries.count), byteCount: UInt64(byteCount))
      }
      begun = MonotonicTime.now()
    }
    try Task.checkCancellation()
  }

  func end() async { await close([client]) }
}
