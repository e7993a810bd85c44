internal import LogsSystem
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// Appends the entries of a service: in batches, in order, each stored once, and without ever blocking the service.
///
/// Entries are collected into batches, and a client sends several batches at once. What the server has not acknowledged
/// is kept in memory, or with a spool on disk, where it survives the process: the next producer sends it again under
/// the same numbers. Calls may be made from several tasks and threads at once; entries of consecutive calls are stored
/// in that order.
///
/// End it with `shutdown`, before the client. If its last reference is released before, it ends at once: the next
/// producer sends what is in the spool, and anything else without an acknowledgement is given up.
public final class LogProducer: Sendable {
  private let client: LogClient
  let stream: StreamName
  let configuration: LogProducerConfiguration
  let loop: EventLoop
  let intake: Intake
  let core: ProducerCore
  private let isDurable: Bool
  private let completion = Completion()
  /// Its key in `ExitHook`; nil if the exit of the process does not wait for it.
  private let exitKey: UInt64?

  /// A producer whose entries go to `stream` unless a call names another one. What is in its spool is sent at once.
  ///
  /// - Throws: `LogError`: `invalidConfiguration`, `spoolInUse`, `spoolFailed`, or `unreachable` if the system has no
  ///   thread or descriptor left.
  public convenience init(
    _ client: LogClient, stream: StreamName, configuration: LogProducerConfiguration = LogProducerConfiguration()
  ) throws(LogError) {
    try self.init(client, stream: stream, configuration: configuration) { intake throws(LogError) in
      try Self.backlog(configuration, intake)
    }
  }

  /// A producer with the backlog that `makeBacklog` returns.
  init(
    _ client: LogClient, stream: StreamName, configuration: LogProducerConfiguration,
    _ makeBacklog: (Intake) throws(LogError) -> sending any Backlog
  ) throws(LogError) {
    try configuration.check()
    self.client = client
    self.stream = stream
    self.configuration = configuration
    isDurable = configuration.spool != nil
    let memory = configuration.queueByteCountMax
    let intakeByteCountMax = isDurable ? memory : memory / 4
    let wake = ProducerWake()
    let intake = Intake(byteCountMax: intakeByteCountMax, configuration: configuration, wake: wake)
    let backlog = try makeBacklog(intake)
    do { loop = try EventLoop.start(name: "logs-producer") } catch { throw LogError(connecting: error) }
    self.intake = intake
    core = ProducerCore(
      loop: loop, intake: intake, answers: AnswerBox(wake: wake), backlog: backlog,
      backlogByteCountMax: configuration.spool?.byteCountMax ?? memory - intakeByteCountMax, client: client,
      configuration: configuration)
    wake.bind(to: core)
    exitKey =
      configuration.handsOverAtExit
      ? ExitHook.add(core, patience: isDurable ? ExitHook.spoolPatience : ExitHook.serverPatience) : nil
    let core = core
    loop.execute { core.assumeIsolated { $0.begin() } }
  }

  deinit {
    leaveExit()
    // Its thread has ended with it: there is nothing left to end.
    guard !completion.isComplete else { return }
    endSoon()
    loop.abandon()
  }

  private static func backlog(
    _ configuration: LogProducerConfiguration, _ intake: Intake
  ) throws(LogError) -> sending any Backlog {
    guard let spool = configuration.spool else { return MemoryBacklog(now: SystemClock.wall) }
    let isOpen = Atomic(false)
    let onEvent = configuration.onEvent
    defer { isOpen.store(true, ordering: .relaxed) }
    let disk = try Spool(spool.directory) { damage in
      for lost in damage.dropped {
        // What was lost before this producer began is in none of its counts yet.
        let isOld = !isOpen.load(ordering: .relaxed)
        intake.count { counts in
          if isOld { counts.restored += lost.entryCount }
          counts.lose(lost.entryCount)
        }
        onEvent?(.dropped(stream: lost.stream, entryCount: lost.entryCount, reason: lost.reason))
      }
      onEvent?(.spoolDamaged(damage.text))
    }
    guard spool.commit == .server else { return disk }
    return VolatileSpool(disk, now: MonotonicTime.now) { onEvent?(.spoolFailed($0)) }
  }

  /// Shares of batches whose receipts are awaited and that have not been handed to the client.
  var waitingShareCount: Int { get async { await core.waitingShareCount } }

  /// What has happened to the entries so far.
  public var counts: ProducerCounts { intake.counts }
}

// MARK: - Handing over

extension LogProducer {
  /// Appends entries and waits until they are durable on the server.
  ///
  /// The same as awaiting the receipt of `submit`.
  public func append(_ entries: [LogEntry], to stream: StreamName? = nil) async throws(LogError) -> AppendReceipt {
    try await submit(entries, to: stream).receipt
  }

  /// Hands entries over and returns once they are accepted: queued, and on disk if there is a spool.
  ///
  /// If the queue is full it waits for room, makes room, or fails, as `whenFull` says. If a receipt fails with
  /// `mayHaveTakenEffect`, the fate of the entries is open: the producer goes on trying as long as it keeps them.
  /// - Throws: `LogError`: `invalidRequest` (no entries), `invalidEntry`, `queueFull`, `closed`, `cancelled`; nothing
  ///   was taken, unless `mayHaveTakenEffect`.
  /// - Complexity: about a hundred bytes are kept for the receipt until the server has answered; `enqueue` keeps none.
  public func submit(_ entries: [LogEntry], to stream: StreamName? = nil) async throws(LogError) -> PendingAppend {
    try await accept(entries, to: stream, wantsReceipt: true)
  }

  /// Hands entries over like `submit`, but without a receipt: `counts`, events and `flush` report what happens to them.
  ///
  /// With a spool, memory does not grow with the number of waiting entries.
  /// - Throws: as `submit`.
  public func enqueue(_ entries: [LogEntry], to stream: StreamName? = nil) async throws(LogError) {
    _ = try await accept(entries, to: stream, wantsReceipt: false)
  }

  private func accept(
    _ entries: [LogEntry], to stream: StreamName?, wantsReceipt: Bool
  ) async throws(LogError) -> PendingAppend {
    guard !entries.isEmpty else { throw LogError(.invalidRequest, "there is nothing to append: no entries") }
    for (index, entry) in entries.enumerated() where entry.kind == .complete {
      throw LogError(
        .invalidEntry, "entry \(index) completes its stream, which complete() does; none of them was appended")
    }
    for (index, entry) in entries.enumerated() where !entry.attributes.isEmpty {
      do throws(InvalidEntry) { try BatchBuilder.check(entry.attributes) } catch {
        throw LogError(
          .invalidEntry, "entry \(index) cannot be appended: \(error); none of them was", cause: error.description)
      }
    }
    let pending = try await intake.submit(entries, to: stream ?? self.stream, wantsReceipt: wantsReceipt)
    if isDurable { try await pending.waitUntilAccepted() }
    return pending
  }

  /// Hands an entry over and returns at once, whatever the state of network, server and disk. Never fails.
  ///
  /// An entry without a time gets the time of the call. If there is no room, `whenFull` says which entries are dropped
  /// (`wait` drops this one). Dropped entries are counted, and the stream gets a notice about them as soon as there is
  /// room. Attributes that no entry can hold are left out, and `logs.truncated_attributes` says how many. An entry of
  /// kind `complete` is stored with kind `status`.
  /// - Complexity: a lock, and one copy of the entry's bytes. The only system call is the clock, plus one to wake the
  ///   producer's thread if it sleeps.
  public func log(_ entry: LogEntry, to stream: StreamName? = nil) {
    var entry = entry
    if entry.time == 0 { entry.time = SystemClock.wall() }
    // The server would refuse the whole batch.
    if entry.kind == .complete { entry.kind = .status }
    intake.log(entry, to: stream ?? self.stream)
  }

  /// Hands over an entry as `log(_:to:)` does.
  public func log(
    _ severity: LogSeverity, _ message: String, attributes: LogAttributes = [:], source: String = "",
    to stream: StreamName? = nil
  ) {
    let entry = LogEntry(
      message: ByteString(message), severity: severity, source: ByteString(source), attributes: attributes)
    log(entry, to: stream)
  }

  /// A sink for another stream, which uses this producer with its queue, spool and identity.
  public func sink(for stream: StreamName) -> any LogSink { StreamSink(producer: self, stream: stream) }

  /// Seals a stream after everything that this producer was given for it, and waits until that is durable.
  ///
  /// - Parameters:
  ///   - stream: which one; nil for the one that this producer was made for.
  ///   - text: the message of the `complete` entry, at most 1,024 bytes.
  /// - Throws: as `append`.
  public func complete(_ stream: StreamName? = nil, text: String = "") async throws(LogError) -> AppendReceipt {
    try LogClient.check(completionText: text)
    return try await intake.complete(stream ?? self.stream, text: text).receipt
  }
}

// MARK: - The end

extension LogProducer {
  /// Sends what waits, and waits until everything that was handed over before is answered.
  ///
  /// - Returns: whether it is; false if `timeout` passed or the task was cancelled first, and at once when all that is
  ///   left waits for a right (`LogProducerConfiguration.waitsForPermission`), which may take without a limit. Then it
  ///   is on disk if there is a spool.
  @discardableResult
  public func flush(timeout: Duration) async -> Bool { await core.flush(timeout: timeout) }

  /// Stops accepting entries, drains until `deadline`, and ends.
  ///
  /// What is not acknowledged by then stays in the spool for the next producer; without a spool it is given up and
  /// counted as dropped. Later calls fail with `closed`; entries that are logged later are counted as dropped.
  /// - Returns: whether everything has been answered.
  @discardableResult
  public func shutdown(deadline: Duration = .seconds(10)) async -> Bool {
    intake.close(.producerClosed)
    let isDone = await core.flush(timeout: deadline)
    await core.end()
    leaveExit()
    completion.complete(.shutDown)
    loop.stop()
    return isDone
  }

  /// Runs until `shutdown` has drained the producer, for services in a task group.
  ///
  /// A producer works without this call. Graceful shutdown is not cancellation: if the task is cancelled, the producer
  /// ends at once, as if its last reference were released.
  /// - Throws: `LogError` with `cancelled` if the cancellation of this task ended the producer, but not if `shutdown`
  ///   had drained it before.
  public func run() async throws(LogError) {
    let reason = await withTaskCancellationHandler {
      await completion.wait()
    } onCancel: {
      if !completion.isComplete { endSoon() }
    }
    switch reason {
    case .shutDown: break
    case .cutShort:
      loop.stop()
      throw .cancelled("running the producer")
    }
  }

  private func leaveExit() { if let exitKey { ExitHook.remove(exitKey) } }

  private func endSoon() {
    intake.close(.producerClosed)
    let (core, completion) = (core, completion)
    loop.execute {
      let isEndedNow = core.assumeIsolated { $0.end() }
      // Otherwise a shutdown has ended it and is about to report that.
      if isEndedNow { completion.complete(.cutShort) }
    }
  }
}
