internal import Glibc
package import LogsClient
internal import LogsSystem
package import LogsTransport
package import LogsWire
internal import Synchronization

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
  /// Streams that the server refuses until somebody mends it, and why.
  private var held: [StreamName: String] = [:]
  /// Streams of which something was refused for good.
  private var refused: Set<StreamName> = []
  private var notes = RepeatedNotes()
  private var noting: Task<Void, Never>?
  private nonisolated let sendingFailure = Mutex<LogError?>(nil)
  private nonisolated let holding = Mutex<LogError?>(nil)
  /// nil is a mark: what came before it was noted.
  private let events: AsyncStream<ProducerEvent?>.Continuation
  private var notedWaiters: [CheckedContinuation<Void, Never>] = []
  private let report: @Sendable (LogSeverity, String) -> Void
  /// Entries that found no room by the end.
  package private(set) var unstoredEntryCount = 0
  private var isClosing = false
  private var isDrained: Bool?
  /// The spool's lock, as it was when it was taken.
  private let lock: OpenFileIdentity?
  /// Whether the state directory was removed, or another one is at its place.
  package private(set) var isStateLost = false
  private let onFailure: @Sendable (LogError) -> Void

  /// - Parameters:
  ///   - report: called on the loop with each line of the shipper's log.
  ///   - onFailure: called when a shipment cannot be stored, and nothing more will be: the shipper is to be stopped.
  /// - Throws: `LogError`: `spoolInUse`, `spoolFailed`, `invalidConfiguration`.
  package static func start(
    _ configuration: ShipperConfiguration, client: LogClient,
    onFailure: @escaping @Sendable (LogError) -> Void = { _ in },
    report: @escaping @Sendable (LogSeverity, String) -> Void
  ) async throws -> Shipper {
    var settings = LogProducerConfiguration()
    settings.whenFull = .wait
    var spool = SpoolConfiguration(
      directory: configuration.spoolDirectory, byteCountMax: configuration.spoolByteCountMax)
    spool.commit = configuration.commit
    settings.spool = spool
    settings.handsOverAtExit = false
    settings.queueByteCountMax = queueByteCountMax
    // A token that may not append is mended by its operator, and no line is to be lost until then.
    settings.waitsForPermission = true
    let (events, happened) = AsyncStream.makeStream(of: ProducerEvent?.self)
    settings.onEvent = { happened.yield($0) }
    let stream = configuration.ownStream ?? StreamName(stored: "ship")
    let isUnclosed = Self.isUnclosed(configuration.spoolDirectory)
    let producer = try LogProducer(client, stream: stream, configuration: settings)
    let bookmarks = try await producer.bookmarks
    let loop = try EventLoop.start(name: "logs-ship")
    let shipper = Shipper(
      loop, configuration, client: client, producer: producer, bookmarks: bookmarks, events: happened,
      onFailure: onFailure, report: report)
    await shipper.follow(events)
    if isUnclosed { await shipper.tellRecovery() }
    return shipper
  }

  /// A spool that is closed has no WAL.
  private static func isUnclosed(_ directory: String) -> Bool {
    var status = stat()
    return unsafe stat("\(directory)/spool.db-wal", &status) == 0 && status.st_size > 0
  }

  private func tellRecovery() {
    desk.log(
      .notice,
      """
      the spool was recovered: the ship before was killed, or the machine stopped. What had been stored is sent. If \
      its disk has lost writes, or the directory was copied meanwhile, the last lines are read and stored again
      """)
  }

  /// Shipments that wait to be encoded.
  private static let queueByteCountMax = 4 << 20

  private init(
    _ loop: EventLoop, _ configuration: ShipperConfiguration, client: LogClient, producer: LogProducer,
    bookmarks: [String: ByteString], events: AsyncStream<ProducerEvent?>.Continuation,
    onFailure: @escaping @Sendable (LogError) -> Void,
    report: @escaping @Sendable (LogSeverity, String) -> Void
  ) {
    self.loop = loop
    self.configuration = configuration
    self.client = client
    self.producer = producer
    self.onFailure = onFailure
    self.events = events
    self.report = report
    lock = OpenFileIdentity(path: Self.lockPath(configuration))
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
    checkState()
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

  private static func lockPath(_ configuration: ShipperConfiguration) -> String {
    "\(configuration.spoolDirectory)/lock"
  }

  /// Without its name the spool takes everything as before, and nothing of it is ever found again.
  private func checkState() {
    guard !isStateLost, !isClosing, let lock, OpenFileIdentity(path: Self.lockPath(configuration)) != lock else {
      return
    }
    isStateLost = true
    let text = "the spool in \(configuration.spoolDirectory) was removed or replaced while it is in use"
    desk.log(.error, text)
    // What a command writes is read to its end: it can be read only now.
    if !sources.contains(where: { $0 is ProcessSource }) { onFailure(LogError(.spoolFailed, text)) }
  }

  private static let countInterval = Duration.seconds(60)

  /// Passes a signal on to the commands that are run.
  ///
  /// - Parameter isThere: whether they have it already, from their terminal.
  package func pass(_ signal: Int32, isThere: Bool = false) {
    for source in sources { (source as? ProcessSource)?.pass(signal, isThere: isThere) }
  }

  /// Why nothing could be sent when it was tried last.
  package nonisolated var standstill: LogError? { sendingFailure.withLock { $0 } }

  /// Why a stream is held back, if one is.
  package nonisolated var obstacle: LogError? { holding.withLock { $0 } }

  /// What has become of entries so far.
  package nonisolated var producerCounts: ProducerCounts { producer.counts }

  /// Calls `body` on the loop again and again: a sign of life.
  package func every(_ interval: Duration, _ body: @escaping @Sendable () -> Void) { loop.every(interval, body) }

  package var status: ShipperStatus {
    ShipperStatus(
      time: SystemClock.wall(), commit: configuration.commit, shipped: desk.counts, producer: producer.counts,
      held: held.sorted { $0.key < $1.key }.map { ShipperStatus.Held(stream: $0.key, reason: $0.value) },
      sources: sources.map { ShipperStatus.SourceStatus(name: $0.name, lag: $0.lag) })
  }

  /// Whether nothing waits to be read, nor for the disk.
  package var isIdle: Bool {
    desk.isIdle && inFlightCount == 0 && !sources.contains { $0.isHeldBack || $0.isCatchingUp }
  }

  /// What cannot be read now, and why, by its source.
  package var problems: [String] { sources.compactMap { source in source.problem.map { "\(source.name): \($0)" } } }

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
    checkState()
    // Behind one that was not stored nothing is, or its bookmarks would cover what is missing.
    if let group = handed.popFirst()?.take(), failure == nil {
      let entryCount = group.entryCount
      do throws(LogError) { try await producer.accept(group) } catch {
        if isClosing, error.code == .closed {
          unstoredEntryCount += entryCount
        } else {
          failure = error
          onFailure(error)
        }
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
    if inFlightCount == 0 { resumeIdleWaiters() }
  }

  private func resumeIdleWaiters() {
    for waiter in idleWaiters { waiter.resume() }
    idleWaiters = []
  }

  /// Waits until all shipments are on disk, `time` is over, or the task is cancelled.
  private func waitUntilIdle(_ time: Duration) async {
    guard inFlightCount > 0 else { return }
    let resume: @Sendable () -> Void = { [weak self] in self?.assumeIsolated { $0.resumeIdleWaiters() } }
    let timer = loop.schedule(after: time, resume)
    await withTaskCancellationHandler {
      await withCheckedContinuation { idleWaiters.append($0) }
    } onCancel: {
      // Runs after this turn at the earliest, when the waiter is set.
      loop.execute(resume)
    }
    timer.cancel()
  }

  private static let closingTime = Duration.seconds(1)

  // MARK: What becomes of entries

  private func follow(_ events: AsyncStream<ProducerEvent?>) {
    noting = Task { [weak self] in
      for await event in events {
        if let event { await self?.note(event) } else { await self?.resumeNotedWaiters() }
      }
    }
  }

  private func resumeNotedWaiters() {
    for waiter in notedWaiters { waiter.resume() }
    notedWaiters = []
  }

  /// Waits until everything that has happened so far is noted.
  private func waitUntilNoted() async {
    await withCheckedContinuation { waiter in
      notedWaiters.append(waiter)
      events.yield(nil)
    }
  }

  private func note(_ event: ProducerEvent) {
    switch event {
    case .heldBack(let stream, let error):
      held[stream] = error.message
      holding.withLock { $0 = error }
      say(
        .error,
        "\(stream) waits: \(error.message). Its lines stay in the spool and are tried again; others go on", of: stream)
    case .released(let stream):
      release(stream)
      say(.notice, "\(stream) is accepted again", of: stream)
    case .refused(let stream, _, let error):
      release(stream)
      guard refused.insert(stream).inserted else { break }
      say(
        .error, "\(stream) is refused for good: \(error.message). Its lines are lost; logs ship status counts them",
        of: stream)
    case .dropped(let stream, let count, let reason): say(.error, "\(count) of \(stream) lost: \(reason)", of: stream)
    case .failed(let error):
      sendingFailure.withLock { $0 = error }
      say(.error, error.message, of: configuration.ownStream)
    case .spoolFailed(let error): say(.error, error.message, of: configuration.ownStream)
    case .spoolDamaged(let text): say(.error, text, of: nil)
    }
    tellSoon()
  }

  private func release(_ stream: StreamName) {
    held[stream] = nil
    if held.isEmpty { holding.withLock { $0 = nil } }
  }

  /// What is about the shipper's own stream does not go there, or it would never end.
  private func say(_ severity: LogSeverity, _ text: String, of stream: StreamName?) {
    guard notes.isDue(text, loop.now) else { return }
    if stream == configuration.ownStream { report(severity, text) } else { desk.log(severity, text) }
  }

  // MARK: The end

  /// Stops reading, ships what was read, and waits for the spool and the server until the drain time is over. What
  /// found no room in the spool by then is `unstoredEntryCount`; its bookmarks are not stored either.
  ///
  /// - Parameter drain: another time than the configuration's.
  /// - Returns: whether everything was acknowledged; if not, the rest is in the spool, or with `Commit.server` still
  ///   in its sources.
  /// - Throws: why a shipment was not stored, if one was not: it is read again.
  @discardableResult
  package func stop(drain: Duration? = nil) async throws -> Bool {
    if let isDrained { return isDrained }
    checkState()
    let time = drain ?? configuration.drainTime
    let loop = loop
    let begun = loop.now
    for source in sources { source.end() }
    desk.finish()
    func left() -> Duration {
      max(.zero, time - .nanoseconds(Int64(clamping: loop.now.nanoseconds(since: begun))))
    }
    await waitUntilIdle(time)
    await producer.flush(timeout: left())
    // What is said about refusals on the way is shipped, too.
    await waitUntilNoted()
    desk.finish()
    await waitUntilIdle(left())
    isClosing = true
    let isDrained = await producer.shutdown(deadline: left())
    self.isDrained = isDrained
    // Those that still wait for room have failed.
    await waitUntilIdle(Self.closingTime)
    events.finish()
    await noting?.value
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
