internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// The producer's thread: takes drafts, encodes them, keeps them in the backlog, hands each stream's window to the
/// client, and removes what is answered.
///
/// It is the one that waits for a disk or compresses; callers and the client's thread never do.
actor ProducerCore {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  private struct Flush {
    /// All drafts up to this one.
    let ordinal: UInt64
    /// All batches up to this one, once the drafts are in the backlog.
    var id: Int64?
    let whenDone: (Bool) -> Void
  }

  private let intake: Intake
  private let answers: AnswerBox
  private let backlog: any Backlog
  private let backlogByteCountMax: Int
  private let configuration: LogProducerConfiguration
  private let client: LogClient
  private let compressor = Compressor()

  /// What is encoded but not in the backlog yet.
  private var unstored: [EncodedBatch] = []
  /// Whether batches have been stored since it was last seen what may be dropped.
  private var mayDrop = false
  /// The batch that was stored last. Of those found at the start it is only known that all others come later: they
  /// count as `.max` until there is another one.
  private var idStoredLast = Int64.max
  private var windows: [StreamName: SendWindow] = [:]
  /// Streams that may have something to hand over, in the order of their turns.
  private var streamsToServe = UniqueQueue<StreamName>()
  /// Bytes that the client has been given and has not answered.
  private var handedByteCount = 0
  /// Who waits for what is in the backlog and has not been handed over.
  private var shares: [StreamName: [Int64: [Share]]] = [:]
  /// Answered, and not removed from the backlog yet. A window that begins anew passes them over, or they were answered
  /// and counted twice.
  private var answered: Set<Int64> = []
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
  /// Whether everything had been answered at the end.
  private var isDrained = false

  /// Answers of a stream with no more than this are removed together with those that come soon: each removal is an
  /// fsync.
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

  var waitingShareCount: Int { shares.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.count } } }

  /// Whether the client has enough.
  private var isBusy: Bool { handedByteCount >= configuration.handedByteCountMax }

  /// Sends what the spool holds from an earlier life.
  func begin() {
    let restored = backlog.totals
    intake.count { counts in
      counts.restored += restored.entryCount
      counts.waitingByteCount = restored.byteCount
    }
    streamsToServe.append(backlog.streams)
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
      streamsToServe.append(stream)
      handedByteCount -= answer.batch.byteCount
      switch answer.outcome {
      case .acknowledged:
        failureCount = 0
        windows[stream]?.answered(answer.batch.id)
        answered.insert(answer.batch.id)
        answeredStreams.insert(stream)
        intake.count { $0.answer(entryCount, \.acknowledged) }
      case .refused(let error):
        windows[stream]?.answered(answer.batch.id)
        answered.insert(answer.batch.id)
        answeredStreams.insert(stream)
        intake.count { $0.answer(entryCount, \.refused) }
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
    guard error.code == .closed else { return }
    isClientClosed = true
    // Room for which nobody can be told when it comes.
    intake.stopWaiting(error)
  }

  /// Hands everything over once more after a wait, when the client has given an answer for all it was handed.
  private func retryLater(_ retryAfter: Duration?) {
    guard retryTimer == nil, !isClientClosed, windows.values.contains(where: \.isStuck) else { return }
    let delay = client.retryDelay(attempt: failureCount, retryAfter: retryAfter)
    failureCount += 1
    retryTimer = loop.schedule(after: delay) {
      self.retryTimer = nil
      self.windows = self.windows.filter { !$0.value.isStuck }
      self.streamsToServe.append(self.backlog.streams)
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
      for share in shares[stream]?.removeValue(forKey: id) ?? [] { share.pending.failed(error) }
    }
    if shares[stream]?.isEmpty == true { shares[stream] = nil }
  }

  private func dropOld() {
    guard let age = configuration.spool?.ageMax else { return }
    let time = SystemClock.wall() - age.nanoseconds
    do throws(LogError) { dropped(try backlog.drop(acceptedBefore: time)) } catch { storeFailed(error) }
  }

  private func dropped(_ entries: [DroppedEntries]) {
    let byteCount = backlog.totals.byteCount
    intake.count { $0.waitingByteCount = byteCount }
    for entries in entries {
      // Those in the window have been handed over, or have been told that sending failed.
      failWaiters(of: entries.stream, through: entries.idLast, .queueFull)
      streamsToServe.append(entries.stream)
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
    if mustRemove || isFull { commit() }
    makeRoom()
    // Also what it held at the start, what has come out little by little, and windows in which nothing may be dropped.
    if isDurable { intake.setSpoolFull(isFull) }
    take()
    guard !unstored.isEmpty else { return }
    makeRoom()
    guard commit() else { return }
    // There may be more, but what is stored goes out first.
    loop.execute { self.assumeIsolated { $0.work() } }
  }

  /// Whether there is no room for more until something is answered.
  private var isFull: Bool {
    let byteCount = backlog.totals.byteCount
    // Where the oldest make room, it is full when windows alone are too much: nothing in them may be dropped.
    return configuration.whenFull == .dropOldest ? byteCount > backlogByteCountMax : byteCount >= backlogByteCountMax
  }

  /// Drops what is too much together with what is to be stored, where the oldest make room for the newest.
  private func makeRoom() {
    guard configuration.whenFull == .dropOldest, mayDrop || !unstored.isEmpty else { return }
    let incoming = unstored.reduce(0) { $0 + $1.content.byteCount + BacklogBatch.overheadByteCount }
    let kept = max(backlogByteCountMax - incoming, 0)
    do throws(LogError) {
      if backlog.totals.byteCount > kept { dropped(try backlog.dropOldest(keeping: kept)) }
      mayDrop = false
    } catch { storeFailed(error) }
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
          nanoseconds: now.nanoseconds - min(UInt64(clamping: configuration.linger.nanoseconds), now.nanoseconds)),
        windows: windows, full: isDurable ? .max : Limits.producerBatchCountMax, isBusy: isBusy) : .all
    let (drafts, begunFirst) = intake.take(byteCountMax: isFull ? 0 : Self.takenByteCountMax, due)
    unstored = drafts.map { $0.encode(with: compressor) }
    if !drafts.isEmpty { intake.giveBack(drafts) }
    lingerTimer?.cancel()
    lingerTimer = nil
    guard let begunFirst, !isFull else { return }
    let lingered = now.nanoseconds(since: begunFirst)
    let linger = UInt64(clamping: configuration.linger.nanoseconds)
    // What is due and was too much for one turn comes with the next one, which follows at once.
    let delay = lingered < linger ? linger - lingered : max(linger, 1_000_000)
    lingerTimer = loop.schedule(after: .nanoseconds(Int64(clamping: delay))) { self.work() }
  }

  /// Stores what is not stored yet, and takes out what is answered.
  ///
  /// - Returns: whether all of it was stored.
  @discardableResult
  private func commit() -> Bool {
    guard let failure = keep(unstored) else {
      mayDrop = mayDrop || !unstored.isEmpty
      unstored = []
      return true
    }
    keepLittleByLittle()
    if !unstored.isEmpty || !answered.isEmpty { storeFailed(failure) }
    return unstored.isEmpty
  }

  /// Whatever a disk that is nearly full takes, when it does not take all at once: each batch that is answered and goes
  /// makes room for the others.
  private func keepLittleByLittle() {
    for id in answered.sorted() {
      do throws(LogError) { _ = try backlog.store([], removing: [id]) } catch { return }
      answered.remove(id)
      streamsToServe.append(answeredStreams.sorted())
    }
    while let first = unstored.first, keep([first]) == nil {
      unstored.removeFirst()
      mayDrop = true
    }
  }

  /// - Returns: why not.
  private func keep(_ batches: [EncodedBatch]) -> LogError? {
    guard !batches.isEmpty || !answered.isEmpty else { return nil }
    let ids: [Int64]
    do throws(LogError) { ids = try backlog.store(batches, removing: answered.sorted()) } catch {
      return error
    }
    answered = []
    streamsToServe.append(answeredStreams.sorted())
    answeredStreams = []
    removalTimer?.cancel()
    removalTimer = nil
    // Before anybody learns that there was room; where the oldest make room, that comes first.
    if isDurable, configuration.whenFull != .dropOldest { intake.setSpoolFull(isFull) }
    if idStoredLast == .max, let first = ids.first {
      // Who waits for what was found at the start waits for nothing else.
      for key in flushes.keys where flushes[key]?.id == .max { flushes[key]?.id = first - 1 }
    }
    for (id, batch) in zip(ids, batches) {
      idStoredLast = id
      streamsToServe.append(batch.stream)
      for share in batch.shares { share.pending.accepted() }
      let waiting = batch.shares.filter(\.pending.wantsReceipt)
      if !waiting.isEmpty { shares[batch.stream, default: [:]][id] = waiting }
    }
    if isClientClosed { failWaiters(LogError.closed.afterSending(true)) }
    let byteCount = backlog.totals.byteCount
    intake.count { $0.waitingByteCount = byteCount }
    return nil
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
  /// Hands over what the windows have room for, and as much as the connection can be kept busy with: of many streams
  /// with a spool the windows alone could be more than fits into memory.
  private func serve() {
    var batches: [NumberedBatch] = []
    var unread: [StreamName] = []
    while !isBusy, let stream = streamsToServe.popFirst() {
      do throws(LogError) { batches += try nextBatches(of: stream) } catch {
        unread.append(stream)
        storeFailed(error)
      }
    }
    streamsToServe.append(unread)
    if !batches.isEmpty { client.append(batches) }
    if !answered.isEmpty, removalTimer == nil {
      removalTimer = loop.schedule(after: Self.removalDelay) {
        self.removalTimer = nil
        self.commit()
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
      handedByteCount += answer.byteCount
      batches.append(
        NumberedBatch(key: batch.key, number: batch.number, content: batch.content, answer: answer, cost: 0))
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
    guard !isOver else { return isDrained }
    flushKeyLast += 1
    let key = flushKeyLast
    let timer = loop.schedule(after: timeout) { self.endFlush(key, false) }
    let isDone = await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        flushes[key] = Flush(ordinal: intake.ordinalNewest) { waiter.resume(returning: $0) }
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
      guard let id = flush.id, answered.isEmpty else {
        if isClientClosed, isFull { endFlush(key, false) }
        continue
      }
      if backlog.oldestID.map({ $0 > id }) ?? true {
        endFlush(key, true)
      } else if isClientClosed {
        endFlush(key, false)
      }
    }
  }

  private func endFlush(_ key: UInt64, _ isDone: Bool) {
    flushes.removeValue(forKey: key)?.whenDone(isDone)
  }

  /// The process ends: what was handed over is stored, or without a spool sent.
  ///
  /// - Parameter whenDone: called when it is on disk, or the disk does not take it; without a spool when it is
  ///   answered.
  func handOver(_ whenDone: @escaping @Sendable () -> Void) {
    guard !isOver else { return whenDone() }
    guard isDurable else {
      flushKeyLast += 1
      flushes[flushKeyLast] = Flush(ordinal: intake.ordinalNewest) { _ in whenDone() }
      return work()
    }
    takeAll()
    // What cannot be stored now cannot be stored by waiting, either.
    commit()
    whenDone()
  }

  /// Takes all drafts, whatever they are waiting for.
  private func takeAll() {
    let (drafts, _) = intake.take(byteCountMax: .max, .all)
    unstored += drafts.map { $0.encode(with: compressor) }
  }

  /// Keeps what can be kept, and ends; who still waits for an acknowledgement fails.
  ///
  /// - Returns: whether it has ended by this; it was over before otherwise.
  @discardableResult
  func end() -> Bool {
    guard !isOver else { return false }
    takeAnswers()
    takeAll()
    if isDurable { commit() }
    for timer in [lingerTimer, removalTimer, storeTimer, retryTimer, ageTimer] { timer?.cancel() }
    isOver = true
    answers.close()
    client.withdraw(Set(windows.values.flatMap { $0.handed.values.map(\.key) }))
    for batch in unstored { for share in batch.shares { share.pending.rejected(.producerClosed) } }
    failWaiters(LogError.producerClosed.afterSending(true))
    backlog.close()
    for key in flushes.keys.sorted() { endFlush(key, false) }
    isDrained = intake.counts.waiting == 0
    let (isDurable, lostCount) = (isDurable, unstored.reduce(0) { $0 + UInt64($1.entryCount) })
    intake.count { $0.dropped += isDurable ? lostCount : $0.waiting }
    return true
  }
}
