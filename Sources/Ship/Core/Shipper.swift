package import LogsClient
internal import LogsSystem
package import LogsTransport
package import LogsWire

/// Reads sources and appends what they have: one producer with one spool for all streams.
///
/// All sources are read on one thread, the loop's. `begin` starts them, `stop` ships what was read and waits for the
/// server for a while; what it has not acknowledged stays in the spool for the next shipper.
package actor Shipper {
  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  private let configuration: ShipperConfiguration
  private let client: LogClient
  private let producer: LogProducer
  private let desk: TurnDesk
  private var sources: [any Source] = []
  /// Who waits until all shipments are on disk.
  private var idleWaiters: [CheckedContinuation<Void, Never>] = []
  /// Groups that the producer does not have yet.
  private var handed = Deque<GroupBox>()
  private var inFlightCount = 0
  private var progress: (@Sendable (ShipperStatus) -> Void)?
  private var progressInterval = Duration.zero
  private var progressTimer: LoopTimer?
  private var countTimer: LoopTimer?
  private var countedLast: UInt64 = 0
  private var failure: LogError?
  private let onFailure: @Sendable (LogError) -> Void

  /// - Parameters:
  ///   - report: called on the loop with each line of the shipper's log.
  ///   - onFailure: called when a shipment cannot be stored, and nothing more will be: the shipper is to be stopped.
  ///   - onEvent: what becomes of entries, as `LogProducerConfiguration.onEvent`.
  /// - Throws: `LogError`: `spoolInUse`, `spoolFailed`, `invalidConfiguration`.
  package static func start(
    _ configuration: ShipperConfiguration, client: LogClient,
    onEvent: (@Sendable (ProducerEvent) -> Void)? = nil, onFailure: @escaping @Sendable (LogError) -> Void = { _ in },
    report: @escaping @Sendable (LogSeverity, String) -> Void
  ) async throws -> Shipper {
    var settings = LogProducerConfiguration()
    settings.whenFull = .wait
    var spool = SpoolConfiguration(
      directory: "\(configuration.stateDirectory)/spool", byteCountMax: configuration.spoolByteCountMax)
    spool.commit = configuration.commit
    settings.spool = spool
    settings.handsOverAtExit = false
    settings.queueByteCountMax = queueByteCountMax
    settings.onEvent = onEvent
    let stream = configuration.ownStream ?? StreamName(stored: "ship")
    let producer = try LogProducer(client, stream: stream, configuration: settings)
    let bookmarks = try await producer.bookmarks
    let loop = try EventLoop.start(name: "logs-ship")
    return Shipper(
      loop, configuration, client: client, producer: producer, bookmarks: bookmarks, onFailure: onFailure,
      report: report)
  }

  /// Shipments that wait to be encoded.
  private static let queueByteCountMax = 4 << 20

  private init(
    _ loop: EventLoop, _ configuration: ShipperConfiguration, client: LogClient, producer: LogProducer,
    bookmarks: [String: ByteString], onFailure: @escaping @Sendable (LogError) -> Void,
    report: @escaping @Sendable (LogSeverity, String) -> Void
  ) {
    self.loop = loop
    self.configuration = configuration
    self.client = client
    self.producer = producer
    self.onFailure = onFailure
    let box = ShipperBox()
    desk = TurnDesk(
      loop, configuration, bookmarks: bookmarks, makeGroup: { producer.group() },
      hand: { group in box.shipper?.hand(group) }, keep: { notes in box.shipper?.keep(notes) }, report: report)
    box.shipper = self
  }

  /// Begins to read. Called again, other sources take the place of those before, and go on where these were.
  ///
  /// - Throws: what `make` throws; then nothing has changed.
  package func begin(_ make: @Sendable (EventLoop) throws -> [any Source]) throws {
    let made = try make(loop)
    let isFirst = sources.isEmpty
    if !isFirst {
      for source in sources { source.end() }
      desk.shipAll()
    }
    sources = made
    FileSource.introduce(sources.compactMap { $0 as? FileSource })
    FileSource.shareOpenFiles(among: sources)
    for source in sources { source.begin(desk) }
    // With it, the bookmarks of what was found are stored, too.
    let names = sources.map(\.name).joined(separator: ", ")
    desk.add(
      LogEntry(
        message: ByteString("ship \(isFirst ? "started" : "reloaded"): \(names)"), time: SystemClock.wall(),
        severity: .info, source: "logs ship",
        attributes: [LogAttribute("action", .string(isFirst ? "start" : "reload"))], kind: .status))
  }

  /// Calls `body` on the loop when something was shipped or acknowledged, at most once in `interval`: a shipper
  /// with nothing to do sleeps.
  package func onProgress(_ interval: Duration, _ body: @escaping @Sendable (ShipperStatus) -> Void) {
    progressInterval = interval
    progress = body
    tellSoon()
  }

  private func tellSoon() {
    guard progressTimer == nil, progress != nil else { return }
    progressTimer = loop.schedule(after: progressInterval) { [weak self] in
      self?.assumeIsolated { $0.tell() }
    }
  }

  private func tell() {
    progressTimer = nil
    progress?(status)
    if producer.counts.waiting > 0 { tellSoon() }
  }

  /// An entry with counts in the shipper's own stream, a minute after something was shipped.
  private func countSoon() {
    guard countTimer == nil else { return }
    countTimer = loop.schedule(after: Self.countInterval) { [weak self] in
      self?.assumeIsolated { shipper in
        shipper.countTimer = nil
        shipper.desk.add(shipper.status.entry)
      }
    }
  }

  private static let countInterval = Duration.seconds(60)

  /// Passes a signal on to the commands that are run.
  package func pass(_ signal: Int32) {
    for source in sources { (source as? ProcessSource)?.pass(signal) }
  }

  /// Calls `body` on the loop again and again: a sign of life.
  package func every(_ interval: Duration, _ body: @escaping @Sendable () -> Void) { loop.every(interval, body) }

  package var status: ShipperStatus {
    ShipperStatus(
      time: SystemClock.wall(), commit: configuration.commit, shipped: desk.counts, producer: producer.counts,
      sources: sources.map { ShipperStatus.SourceStatus(name: $0.name, lag: $0.lag) })
  }

  /// Whether nothing waits to be read, nor for the disk.
  package var isIdle: Bool { desk.isIdle && inFlightCount == 0 }

  // MARK: Shipments

  private nonisolated func hand(_ group: consuming AppendGroup) {
    let box = GroupBox(group)
    assumeIsolated { shipper in
      shipper.inFlightCount += 1
      shipper.handed.append(box)
    }
    Task { await self.acceptNext() }
  }

  /// If it fails, they are stored with their entries.
  private nonisolated func keep(_ notes: [SourceBookmark]) {
    let producer = producer
    Task { try? await producer.note(notes) }
  }

  /// In the order of `handed`, whichever task comes first: nothing is awaited before the producer has the group.
  private func acceptNext() async {
    // Behind one that was not stored nothing is, or its bookmarks would cover what is missing.
    if let group = handed.popFirst()?.take(), failure == nil {
      do throws(LogError) { try await producer.accept(group) } catch {
        failure = error
        onFailure(error)
      }
    }
    inFlightCount -= 1
    desk.accepted()
    tellSoon()
    // Its own entries alone are nothing to count.
    if desk.counts.sourceEntryCount > countedLast {
      countedLast = desk.counts.sourceEntryCount
      countSoon()
    }
    guard inFlightCount == 0 else { return }
    for waiter in idleWaiters { waiter.resume() }
    idleWaiters = []
  }

  // MARK: The end

  /// Stops reading, ships what was read, and waits for the server until the drain time is over.
  ///
  /// - Parameter drain: another time than the configuration's.
  /// - Returns: whether everything was acknowledged; if not, the rest is in the spool, or with `Commit.server` still
  ///   in its sources.
  /// - Throws: why a shipment was not stored, if one was not: it is read again.
  @discardableResult
  package func stop(drain: Duration? = nil) async throws -> Bool {
    for source in sources { source.end() }
    desk.finish()
    if inFlightCount > 0 { await withCheckedContinuation { idleWaiters.append($0) } }
    let isDrained = await producer.shutdown(deadline: drain ?? configuration.drainTime)
    let loop = loop
    Task.detached { loop.stop() }
    if let failure { throw failure }
    return isDrained
  }
}

/// The way from a desk to its shipper, which is made after it.
private final class ShipperBox {
  weak var shipper: Shipper?
}

/// Carries a group into a task. Taken once.
private final class GroupBox: @unchecked Sendable {
  private var group: AppendGroup?
  init(_ group: consuming AppendGroup) { self.group = consume group }
  func take() -> AppendGroup? { group.take() }
}
