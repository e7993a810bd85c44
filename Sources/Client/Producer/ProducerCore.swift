internal import LogsTransport
internal import LogsWire

/// The producer's thread: takes drafts, encodes them, keeps them in the backlog, hands each stream's window to the client, and
/// removes what is answered.
///
/// It is the one that waits for a disk or compresses; callers and the client's thread never do.
actor ProducerCore {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  /// What is encoded but not in the backlog yet.
  private struct Encoded {
    let draft: BacklogDraft
    let shares: [Share]
  }

  private struct Flush {
    /// All drafts up to this one.
    let ordinal: UInt64
    /// All batches up to this one, once the drafts are in the backlog.
    var id: Int64?
    let waiter: CheckedContinuation<Bool, Never>
  }

  private let intake: Intake
  private let answers: AnswerBox
  private let backlog: any Backlog
  private let backlogByteCountMax: Int
  private let configuration: LogProducerConfiguration
  private let client: LogClient
  private let compressor = Compressor()

  private var unstored: [Encoded] = []
  /// The batch that was stored last. Of those found at the start it is only known that all others come later: they count as
  /// `.max` until there is another one.
  private var idStoredLast = Int64.max
  private var windows: [StreamName: SendWindow] = [:]
  /// Streams that may have something to hand over.
  private var streamsToServe: Set<StreamName> = []
  /// Who waits for what is in the backlog and has not been handed over.
  private var shares: [StreamName: [Int64: [Share]]] = [:]
  /// Answered, and not removed from the backlog yet.
  private var answered: [Int64] = []
  /// Their streams: removing them may let others into a window.
  private var answeredStreams: Set<StreamName> = []

  private var flushes: [UInt64: Flush] = [:]
  private var flushKeyLast: UInt64 = 0
  private var lingerTimer: LoopTimer?
  private var removalTimer: LoopTimer?
  private var storeTimer: LoopTimer?
  private var retryTimer: LoopTimer?
  private var ageTimer: LoopTimer?
  /// Tries to send that came to nothing since the last acknowledgement.
  private var failureCount = 0
  /// The client was shut down: nothing can be sent any more.
  private var isClientClosed = false
  private var isOver = false

  /// Answers of a stream with no more than this are removed together with those that come soon: each removal is an fsync.
  private static let answeredCountKept = 16
  private static let removalDelay = Duration.milliseconds(50)
  private static let storeRetryInterval = Duration.seconds(1)
  private static let takenByteCountMax = 4 << 20

  init(
    loop: EventLoop, intake: Intake, answers: AnswerBox, backlog: sending any Backlog, backlogByteCountMax: Int,
    client: LogClient, configuration: LogProducerConfiguration
  ) {
    self.loop = loop
    self.intake = intake
    self.answers = answers
    self.backlog = backlog
    self.backlogByteCountMax = backlogByteCountMax
    self.client = client
    self.configuration = configuration
  }

  private var isDurable: Bool { configuration.spool != nil }

  /// Sends what the spool holds from an earlier life.
  func begin() {
    let restored = backlog.totals
    intake.count { counts in
      counts.restored += restored.entryCount
      counts.waitingByteCount = restored.byteCount
    }
    streamsToServe.formUnion(backlog.streams)
    if let age = configuration.spool?.ageMax {
      dropOld()
      ageTimer = loop.every(min(max(age / 10, .seconds(1)), .seconds(60))) {
        self.dropOld()
        self.work()
      }
    }
    work()
  }

  // MARK: One turn

  /// Does all that can be done now.
  func work() {
    guard !isOver else { return }
    takeAnswers()
    store()
    serve()
    endFlushes()
  }

  private func takeAnswers() {
    var failure: LogError?
    for answer in answers.take() {
      let (stream, entryCount) = (answer.batch.stream, UInt64(answer.batch.entryCount))
      streamsToServe.insert(stream)
      switch answer.outcome {
      case .acknowledged:
        failureCount = 0
        windows[stream]?.answered(answer.batch.id)
        answered.append(answer.batch.id)
        answeredStreams.insert(stream)
        intake.count { $0.acknowledged += entryCount }
      case .refused(let error):
        windows[stream]?.answered(answer.batch.id)
        answered.append(answer.batch.id)
        answeredStreams.insert(stream)
        intake.count { $0.refused += entryCount }
        configuration.onEvent?(.refused(stream: stream, entryCount: entryCount, error: error))
      case .failed(let error):
        windows[stream]?.failed(answer.batch.id)
        failure = error
      }
    }
    if let failure { sendingFailed(failure) }
    retryLater(failure?.retryAfter)
  }

  /// The client has given up: it was shut down, or something stands in the way that it cannot mend.
  private func sendingFailed(_ error: LogError) {
    failWaiters(error.afterSending(true))
    configuration.onEvent?(.failed(error))
    if error.code == .closed { isClientClosed = true }
  }

  /// Hands everything over once more after a wait, when the client has given an answer for all it was handed.
  private func retryLater(_ retryAfter: Duration?) {
    guard retryTimer == nil, !isClientClosed, windows.values.contains(where: \.isStuck) else { return }
    let delay = client.retryDelay(attempt: failureCount, retryAfter: retryAfter)
    failureCount += 1
    retryTimer = loop.schedule(after: delay) {
      self.retryTimer = nil
      self.windows = self.windows.filter { !$0.value.isStuck }
      self.streamsToServe.formUnion(self.backlog.streams)
      self.work()
    }
  }

  /// Fails those who wait for what is in the backlog; it is kept all the same.
  private func failWaiters(_ error: LogError) {
    for stream in shares.keys.sorted() { failWaiters(of: stream, error) }
    for stream in windows.keys.sorted() {
      for id in windows[stream]?.handed.keys.sorted() ?? [] { windows[stream]?.handed[id]?.failWaiters(error) }
    }
  }

  /// Fails those who wait for what has not been handed over, up to a batch.
  private func failWaiters(of stream: StreamName, through idLast: Int64 = .max, _ error: LogError) {
    for id in shares[stream]?.keys.sorted() ?? [] where id <= idLast {
      for share in shares[stream]?.removeValue(forKey: id) ?? [] { share.submission.pending.failed(error) }
    }
    if shares[stream]?.isEmpty == true { shares[stream] = nil }
  }

  private func dropOld() {
    guard let age = configuration.spool?.ageMax else { return }
    let time = WallClock.now() - Int64(clamping: age.wholeNanoseconds)
    do throws(LogError) { dropped(try backlog.drop(acceptedBefore: time)) } catch { storeFailed(error) }
  }

  private func dropped(_ entries: [DroppedEntries]) {
    let byteCount = backlog.totals.byteCount
    intake.count { $0.waitingByteCount = byteCount }
    for entries in entries {
      // Those in the window have been handed over, or have been told that sending failed.
      failWaiters(of: entries.stream, through: entries.idLast, .queueFull)
      streamsToServe.insert(entries.stream)
      intake.count { $0.dropped += entries.entryCount }
      configuration.onEvent?(
        .dropped(stream: entries.stream, entryCount: entries.entryCount, reason: entries.reason))
    }
  }
}

// MARK: - Into the backlog

extension ProducerCore {
  private func store() {
    guard storeTimer == nil else { return }
    if mustRemove || isFull { commit([]) }
    take()
    guard !unstored.isEmpty, commitUnstored() else { return }
    // There may be more, but what is stored goes out first.
    loop.execute { self.assumeIsolated { $0.work() } }
  }

  /// Whether there is no room for more until something is answered.
  private var isFull: Bool {
    configuration.whenFull != .dropOldest && backlog.totals.byteCount >= backlogByteCountMax
  }

  private var mustRemove: Bool {
    !answered.isEmpty && (!isDurable || answered.count > Self.answeredCountKept || !flushes.isEmpty)
  }

  private func take() {
    guard unstored.isEmpty else { return }
    let now = loop.now
    // Early encoding wins nothing while a window is full, but on disk the entries are safer.
    let due: DueDrafts =
      flushes.isEmpty
      ? .begun(
        before: MonotonicTime(
          nanoseconds: now.nanoseconds - min(configuration.linger.wholeNanoseconds, now.nanoseconds)),
        windows: windows, full: isDurable ? .max : Limits.producerBatchCountMax) : .all
    let (drafts, begunFirst) = intake.take(byteCountMax: isFull ? 0 : Self.takenByteCountMax, due)
    unstored = drafts.map { draft in
      let (batch, shares) = draft.encode(with: compressor)
      return Encoded(draft: batch, shares: shares)
    }
    if !drafts.isEmpty { intake.giveBack(drafts) }
    lingerTimer?.cancel()
    lingerTimer = nil
    guard let begunFirst, !isFull else { return }
    let lingered = now.nanoseconds(since: begunFirst)
    let linger = configuration.linger.wholeNanoseconds
    // One that waits for its window is looked at again with the others.
    let delay = lingered < linger ? linger - lingered : max(linger, 1_000_000)
    lingerTimer = loop.schedule(after: .nanoseconds(Int64(clamping: delay))) { self.work() }
  }

  /// - Returns: whether it was stored.
  private func commitUnstored() -> Bool {
    if configuration.whenFull == .dropOldest {
      let incoming = unstored.reduce(0) { $0 + $1.draft.content.byteCount + BacklogBatch.overheadByteCount }
      if backlog.totals.byteCount + incoming > backlogByteCountMax {
        do throws(LogError) { dropped(try backlog.dropOldest(keeping: max(backlogByteCountMax - incoming, 0))) } catch {
          storeFailed(error)
          return false
        }
      }
    }
    guard commit(unstored) else { return false }
    unstored = []
    return true
  }

  @discardableResult
  private func commit(_ batches: [Encoded]) -> Bool {
    guard !batches.isEmpty || !answered.isEmpty else { return true }
    let ids: [Int64]
    do throws(LogError) { ids = try backlog.store(batches.map(\.draft), removing: answered) } catch {
      storeFailed(error)
      return false
    }
    answered = []
    streamsToServe.formUnion(answeredStreams)
    answeredStreams = []
    removalTimer?.cancel()
    removalTimer = nil
    if idStoredLast == .max, let first = ids.first {
      // Who waits for what was found at the start waits for nothing else.
      for key in flushes.keys where flushes[key]?.id == .max { flushes[key]?.id = first - 1 }
    }
    for (id, batch) in zip(ids, batches) {
      idStoredLast = id
      streamsToServe.insert(batch.draft.stream)
      if !batch.shares.isEmpty { shares[batch.draft.stream, default: [:]][id] = batch.shares }
      for share in batch.shares { share.submission.accepted() }
    }
    if isClientClosed { failWaiters(LogError.closed.afterSending(true)) }
    let byteCount = backlog.totals.byteCount
    intake.count { $0.waitingByteCount = byteCount }
    return true
  }

  /// What could not be stored is kept in memory; nothing more is taken until it can.
  private func storeFailed(_ error: LogError) {
    guard storeTimer == nil else { return }
    configuration.onEvent?(.spoolFailed(error))
    storeTimer = loop.schedule(after: Self.storeRetryInterval) {
      self.storeTimer = nil
      self.work()
    }
  }
}

// MARK: - To the client

extension ProducerCore {
  /// Hands over what the windows have room for.
  private func serve() {
    var batches: [NumberedBatch] = []
    for stream in streamsToServe.sorted() {
      do throws(LogError) { batches += try nextBatches(of: stream) } catch { storeFailed(error) }
    }
    streamsToServe = []
    if !batches.isEmpty { client.append(batches) }
    if !answered.isEmpty, removalTimer == nil {
      removalTimer = loop.schedule(after: Self.removalDelay) {
        self.removalTimer = nil
        self.commit([])
        self.work()
      }
    }
  }

  private func nextBatches(of stream: StreamName) throws(LogError) -> [NumberedBatch] {
    var window = windows[stream] ?? SendWindow()
    guard !window.hasFailed else { return [] }
    var batches: [NumberedBatch] = []
    for batch in try backlog.window(of: stream, after: window.idLast) where !answered.contains(batch.id) {
      let shares = shares[stream]?.removeValue(forKey: batch.id) ?? []
      let answer = HandedBatch(batch, shares: shares, answers: answers)
      window.hand(answer)
      batches.append(
        NumberedBatch(
          key: batch.key,
          item: AppendLane.Item(number: batch.number, content: batch.content, answer: answer, cost: 0)))
    }
    if shares[stream]?.isEmpty == true { shares[stream] = nil }
    windows[stream] = window.handed.isEmpty ? nil : window
    return batches
  }
}

// MARK: - The end

extension ProducerCore {
  /// Waits until all that was handed over before is answered.
  func flush(timeout: Duration) async -> Bool {
    guard !isOver else { return intake.counts.waiting == 0 }
    flushKeyLast += 1
    let key = flushKeyLast
    let timer = loop.schedule(after: timeout) { self.endFlush(key, false) }
    let isDone = await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        flushes[key] = Flush(ordinal: intake.ordinalNewest, waiter: waiter)
        work()
      }
    } onCancel: {
      // Runs after this turn at the earliest, when the waiter is there.
      loop.execute { self.assumeIsolated { $0.endFlush(key, false) } }
    }
    timer.cancel()
    return isDone
  }

  private func endFlushes() {
    for key in flushes.keys.sorted() {
      guard var flush = flushes[key] else { continue }
      if flush.id == nil, unstored.isEmpty, intake.ordinalOldest ?? .max > flush.ordinal { flush.id = idStoredLast }
      flushes[key] = flush
      guard let id = flush.id, answered.isEmpty else { continue }
      if backlog.oldestID.map({ $0 > id }) ?? true { endFlush(key, true) }
    }
  }

  private func endFlush(_ key: UInt64, _ isDone: Bool) {
    flushes.removeValue(forKey: key)?.waiter.resume(returning: isDone)
  }

  /// Keeps what can be kept, and ends; who still waits for an acknowledgement fails.
  func end() {
    guard !isOver else { return }
    takeAnswers()
    let (drafts, _) = intake.take(byteCountMax: .max, .all)
    unstored += drafts.map { draft in
      let (batch, shares) = draft.encode(with: compressor)
      return Encoded(draft: batch, shares: shares)
    }
    let (isDurable, isStored) = (isDurable, isDurable && commit(unstored))
    for timer in [lingerTimer, removalTimer, storeTimer, retryTimer, ageTimer] { timer?.cancel() }
    isOver = true
    answers.close()
    if !isStored {
      for batch in unstored { for share in batch.shares { share.submission.rejected(.closed) } }
    }
    failWaiters(LogError.closed.afterSending(true))
    backlog.close()
    for key in flushes.keys.sorted() { endFlush(key, false) }
    let lostCount = unstored.reduce(0) { $0 + UInt64($1.draft.entryCount) }
    intake.count { $0.dropped += isDurable ? (isStored ? 0 : lostCount) : $0.waiting }
  }
}
