internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// A producer that hands over entries at a steady rate, and followers that receive all of them, each on a connection of
/// its own.
///
/// A batch counts as received when the follower's task has it, checked and not yet decompressed. The task that hands
/// over entries runs on the thread of the producer's connection; all followers and their tasks share another one.
struct TailWorkload: Workload {
  private let corpus: Corpus
  private let rate: UInt64
  private let batchEntryCount: Int
  private let seconds: Double
  private let stream: StreamName
  private let board = TailBoard()
  private let sending: ClientThread
  private let receiving: ClientThread
  private let producer: LogClient
  private let followers: [LogClient]
  private var tasks: [Task<Void, Never>] = []
  /// Entries that have been handed over.
  private var handedCount: UInt64 = 0

  let unit = "deliveries"

  init(_ target: BenchTarget, _ configuration: BenchConfiguration, _ corpus: Corpus) throws {
    self.corpus = corpus
    rate = configuration.rate
    batchEntryCount = configuration.batchEntryCount
    seconds = configuration.seconds
    stream = try target.stream("tail")
    let sending = try ClientThread(name: "logs-send")
    self.sending = sending
    let receiving = try ClientThread(name: "logs-receive")
    self.receiving = receiving
    producer = try LogClient(target.configuration, on: sending)
    followers = try (0..<configuration.followerCount).map { _ in try LogClient(target.configuration, on: receiving) }
  }

  var settings: [BenchSetting] {
    [
      BenchSetting("rate", rate), BenchSetting("followers", followers.count), BenchSetting("batch", batchEntryCount),
      BenchSetting("seconds", seconds: seconds),
    ]
  }

  // MARK: Before

  /// The warm-up takes a fifth of a run, and at most this long.
  private static let warmUpSecondsMax = 1.0

  mutating func prepare() async throws {
    // Creates the stream, so that its followers are live at once.
    var byteCount: UInt64 = 0
    var reader = CorpusReader(corpus)
    _ = try await producer.append(reader.next(1, byteCount: &byteCount), to: stream)
    handedCount = 1
    let (live, ready) = AsyncStream.makeStream(of: Void.self)
    for client in followers {
      tasks.append(
        Task(executorPreference: receiving) { [stream, board] in
          do {
            try await Self.follow(client, stream, board) { ready.yield() }
          } catch {
            board.fail(error)
            ready.finish()
          }
        })
    }
    var liveCount = 0
    for await _ in live {
      liveCount += 1
      if liveCount == followers.count { break }
    }
    try Task.checkCancellation()
    try board.check()
    _ = try await run(for: min(seconds / 5, Self.warmUpSecondsMax), Meter())
  }

  private static func follow(
    _ client: LogClient, _ stream: StreamName, _ board: TailBoard, isLive: () -> Void
  ) async throws {
    var wasLive = false
    for try await event in client.follow([.stream(stream)], from: .from(2)) {
      switch event {
      case .batch(let batch): board.received(batch.range, at: .now())
      case .live:
        if !wasLive { isLive() }
        wasLive = true
      case .announced, .resolved, .deleted, .skipped, .behind, .interrupted, .resumed, .ended: break
      }
    }
  }

  // MARK: A run

  mutating func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome { try await run(for: seconds, meter) }

  /// How long after the last hand-over missing entries may still arrive.
  private static let patience = Duration.seconds(10)
  /// The time from the start of a run until its first batch is due.
  private static let leadNanoseconds: UInt64 = 1_000_000

  private mutating func run(for seconds: Double, _ meter: Meter) async throws -> RunOutcome {
    let batchCount = max(1, UInt64(seconds * Double(rate) / Double(batchEntryCount)))
    let pace = Pace(
      start: MonotonicTime.now().advanced(byNanoseconds: Self.leadNanoseconds), firstSequence: handedCount + 1,
      batchEntryCount: UInt64(batchEntryCount), batchCount: batchCount, rate: rate)
    handedCount += pace.entryCount
    let delivered = board.begin(pace, followerCount: followers.count, meter)
    let byteCount = try await handOver(pace)
    let timer = Task { [board] in
      try await Task.sleep(for: Self.patience)
      board.stopWaiting()
    }
    defer { timer.cancel() }
    for await _ in delivered {}
    try Task.checkCancellation()
    try board.check()
    guard let outcome = board.end() else { preconditionFailure("a run that has begun has an outcome") }
    if let deliveries = outcome.deliveries { meter.add(byteCount: byteCount * deliveries.made / pace.entryCount) }
    return outcome
  }

  /// - Returns: how many bytes the lines have.
  private func handOver(_ pace: Pace) async throws -> UInt64 {
    let (queue, sent) = AsyncStream.makeStream(of: PendingAppend.self)
    let handing = Task(executorPreference: sending) { [corpus, producer, stream, sending] in
      defer { sent.finish() }
      var reader = CorpusReader(corpus)
      var byteCount: UInt64 = 0
      for batch in 0..<pace.batchCount {
        let entries = reader.next(Int(pace.batchEntryCount), byteCount: &byteCount)
        // When late, give the thread a chance to do its other work.
        if batch % Self.yieldBatchCount == 0 { await Task.yield() }
        try await Self.wait(until: pace.due(batch: batch), on: sending)
        sent.yield(try await producer.submit(entries, to: stream))
      }
      return byteCount
    }
    let acknowledging = Task(executorPreference: sending) {
      do { for await pending in queue { _ = try await pending.receipt } } catch {
        handing.cancel()
        throw error
      }
    }
    return try await withTaskCancellationHandler {
      let handed = await handing.result
      try await acknowledging.value
      return try handed.get()
    } onCancel: {
      handing.cancel()
      acknowledging.cancel()
    }
  }

  private static let yieldBatchCount: UInt64 = 16
  /// How long it may take to notice that the run was cancelled.
  private static let waitMillisecondsMax: UInt64 = 100

  private static func wait(until due: MonotonicTime, on thread: ClientThread) async throws {
    while MonotonicTime.now() < due {
      try Task.checkCancellation()
      let next = MonotonicTime.now().advanced(byMilliseconds: waitMillisecondsMax)
      await thread.wait(until: min(next, due))
    }
  }

  // MARK: After

  func end() async {
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
    await close([producer] + followers)
  }
}
