internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// The producer's thread: takes drafts, encodes them, keeps them in the backlog, hands each stream's window to the
/// client, and removes what is answered.
///
/// Only this thread waits for a disk or compresses; callers and the client's thread never do.
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

  /// Encoded batches that are not in the backlog yet.
  private var unstored: [EncodedBatch] = []
  /// Whether batches have been stored since the last time old ones were dropped.
  private var mayDrop = false
  /// The batch that was stored last. `.max` while there are only batches from before the start, whose last id is not
  /// known.
  private var idStoredLast = Int64.max
  /// The first batch that this producer has stored: those before are an earlier one's.
  private var idStoredFirst = Int64.max
  private var sending: SendWindows
  /// The waiters for batches in the backlog that have not been handed over.
  private var shares: [StreamName: [Int64: [Share]]] = [:]

  private var flushes: [UInt64: Flush] = [:]
  private var flushKeyLast: UInt64 = 0
  private var lingerTimer: LoopTimer?
  private var removalTimer: LoopTimer?
  private var storeTimer: LoopTimer?
  private var retryTimer: LoopTimer?
  private var ageTimer: LoopTimer?
  /// Failed attempts to send since the last acknowledgement.
  private var failureCount = 0
  /// The client was shut down: nothing can be sent any more.
  private var isClientClosed = false
  private var isOver = false
  /// Whether everything had been answered at the end.
  private var isDrained = false

  /// Up to this many answered batches wait a moment to be removed together with later ones: each removal costs an
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
    sending = SendWindows(
      handedByteCountMax: configuration.handedByteCountMax, waitsForPermission: configuration.waitsForPermission,
      onEvent: configuration.onEvent)
  }

  private var isDurable: Bool { configuration.spool != nil }

  var waitingShareCount: Int { shares.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.count } } }

  /// Sends what an earlier producer has left in the spool.
  func begin() {
    let restored = backlog.totals
    intake.count { counts in
      counts.restored += restored.entryCount
      counts.waitingByteCount = restored.byteCount
    }
    sending.serve(backlog.streams)
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

  /// Does everything that can be done now.
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
      switch sending.take(answer, isOwn: answer.batch.id >= idStoredFirst) {
      case .heldBack: break
      case .acknowledged:
        failureCount = 0
        intake.count { $0.answer(entryCount, \.acknowledged) }
      case .refused(let error):
        intake.count { $0.answer(entryCount, \.refused) }
        configuration.onEvent?(.refused(stream: stream, entryCount: entryCount, error: error))
      case .failed(let error): failure = error
      }
    }
    if let failure { sendingFailed(failure) }
    retryLater(failure?.retryAfter)
  }

  /// The client has given up: it was shut down, or has failed for a reason that it cannot fix.
  private func sendingFailed(_ error: LogError) {
    failWaiters(error.afterSending(true))
    configuration.onEvent?(.failed(error))
    guard error.code == .closed else { return }
    isClientClosed = true
    // Nothing will make room any more.
    intake.stopWaiting(error)
  }

  /// Once the client has answered for everything, hands it over again after a wait.
  private func retryLater(_ retryAfter: Duration?) {
    guard retryTimer == nil, !isClientClosed, sending.isAnyStuck else { return }
    let delay = client.retryDelay(attempt: failureCount, retryAfter: retryAfter)
    failureCount += 1
    retryTimer = loop.schedule(after: delay) {
      self.retryTimer = nil
      self.sending.beginAgain(self.backlog.streams)
      self.work()
    }
  }

  /// Fails those who wait for batches in the backlog. The batches are kept.
  private func failWaiters(_ error: LogError) {
    for stream in shares.keys.sorted() { failWaiters(of: stream, error) }
    sending.failWaiters(error)
  }

  /// Fails those who wait for batches that have not been handed over, up to `idLast`.
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
      // Batches in the window were handed over, or their waiters have failed already.
      failWaiters(of: entries.stream, through: entries.idLast, .queueFull)
      sending.serve(CollectionOfOne(entries.stream))
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
    // Covers what it held at the start, batches that were removed one by one, and windows that must not be dropped.
    if isDurable { intake.setSpoolFull(isFull) }
    take()
    guard !unstored.isEmpty else { return }
    makeRoom()
    guard commit() else { return }
    // There may be more, but stored batches are handed over first.
    loop.execute { self.assumeIsolated { $0.work() } }
  }

  /// Whether there is no room for more until something is answered.
  private var isFull: Bool {
    let byteCount = backlog.totals.byteCount
    // With `dropOldest` it is full only if the windows, which must not be dropped, take too much by themselves.
    return configuration.whenFull == .dropOldest ? byteCount > backlogByteCountMax : byteCount >= backlogByteCountMax
  }

  /// With `dropOldest`, drops batches to make room for those that are about to be stored.
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
    !sending.answered.isEmpty && (!isDurable || sending.answered.count > Self.answeredCountKept || !flushes.isEmpty)
  }

  private func take() {
    guard unstored.isEmpty else { return }
    let now = loop.now
    // While a window is full, encoding early gains nothing, but entries are safer on disk.
    let due: DueDrafts =
      flushes.isEmpty
      ? .begun(
        before: MonotonicTime(
          nanoseconds: now.nanoseconds - min(UInt64(clamping: configuration.linger.nanoseconds), now.nanoseconds)),
        windows: sending.windows, full: isDurable ? .max : Limits.producerBatchCountMax, isBusy: sending.isBusy) : .all
    let (drafts, begunFirst) = intake.take(byteCountMax: isFull ? 0 : Self.takenByteCountMax, due)
    unstored = drafts.map { $0.encode(with: compressor) }
    if !drafts.isEmpty { intake.giveBack(drafts) }
    lingerTimer?.cancel()
    lingerTimer = nil
    guard let begunFirst, !isFull else { return }
    let lingered = now.nanoseconds(since: begunFirst)
    let linger = UInt64(clamping: configuration.linger.nanoseconds)
    // What was too much for one turn is taken in the next one, which follows at once.
    let delay = lingered < linger ? linger - lingered : max(linger, 1_000_000)
    lingerTimer = loop.schedule(after: .nanoseconds(Int64(clamping: delay))) { self.work() }
  }

  /// Stores what is not stored yet, and removes what is answered.
  ///
  /// - Returns: whether everything was stored.
  @discardableResult
  private func commit() -> Bool {
    guard let failure = keep(unstored) else {
      mayDrop = mayDrop || !unstored.isEmpty
      unstored = []
      return true
    }
    keepLittleByLittle()
    if !unstored.isEmpty || !sending.answered.isEmpty { storeFailed(failure) }
    return unstored.isEmpty
  }

  /// Stores one by one, groups whole, what a nearly full disk does not take at once: each answered batch that is
  /// removed makes room for others.
  private func keepLittleByLittle() {
    for id in sending.answered.sorted() {
      do throws(LogError) { _ = try backlog.store([], removing: [id]) } catch { return }
      sending.removed(id)
    }
    while let end = unstored.firstIndex(where: { !$0.isFollowed }), keep(Array(unstored[...end])) == nil {
      unstored.removeSubrange(...end)
      mayDrop = true
    }
  }

  func bookmarks() throws(LogError) -> [String: ByteString] { try backlog.bookmarks() }

  func note(_ bookmarks: [SourceBookmark]) throws(LogError) {
    guard !isOver else { throw .producerClosed }
    try backlog.note(bookmarks)
  }

  /// - Returns: why it failed, if it did.
  private func keep(_ batches: [EncodedBatch]) -> LogError? {
    guard !batches.isEmpty || !sending.answered.isEmpty else { return nil }
    let ids: [Int64]
    do throws(LogError) { ids = try backlog.store(batches, removing: sending.answered.sorted()) } catch { return error }
    sending.removedAnswered()
    removalTimer?.cancel()
    removalTimer = nil
    // Set before anybody learns that their entries were accepted. With `dropOldest`, room is made first.
    if isDurable, configuration.whenFull != .dropOldest { intake.setSpoolFull(isFull) }
    if idStoredLast == .max, let first = ids.first {
      idStoredFirst = first
      // Flushes that wait for batches from before the start wait for nothing newer.
      for key in flushes.keys where flushes[key]?.id == .max { flushes[key]?.id = first - 1 }
    }
    for (id, batch) in zip(ids, batches) {
      idStoredLast = id
      sending.serve(CollectionOfOne(batch.stream))
      for share in batch.shares { share.pending.accepted() }
      let waiting = batch.shares.filter(\.pending.wantsReceipt)
      if !waiting.isEmpty { shares[batch.stream, default: [:]][id] = waiting }
    }
    if isClientClosed { failWaiters(LogError.closed.afterSending(true)) }
    let byteCount = backlog.totals.byteCount
    intake.count { $0.waitingByteCount = byteCount }
    return nil
  }

  /// What could not be stored is kept in memory, and nothing more is taken until it is stored.
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
  /// Hands over batches of the windows, but only as much as keeps the connection busy: with a spool and many streams,
  /// all windows together could exceed the memory.
  private func serve() {
    var batches: [NumberedBatch] = []
    var unread: [StreamName] = []
    while let stream = sending.nextStream() {
      do throws(LogError) { batches += try nextBatches(of: stream) } catch {
        unread.append(stream)
        storeFailed(error)
      }
    }
    sending.serve(unread)
    if !batches.isEmpty { client.append(batches) }
    if !sending.answered.isEmpty, removalTimer == nil {
      removalTimer = loop.schedule(after: Self.removalDelay) {
        self.removalTimer = nil
        self.commit()
        self.work()
      }
    }
  }

  private func nextBatches(of stream: StreamName) throws(LogError) -> [NumberedBatch] {
    let batches = try sending.hand(stream) { id throws(LogError) in
      try backlog.window(of: stream, after: id)
    } handed: { batch in
      HandedBatch(
        batch, shares: shares[stream]?.removeValue(forKey: batch.id) ?? [], answers: answers,
        waitsForPermission: configuration.waitsForPermission)
    }
    if shares[stream]?.isEmpty == true { shares[stream] = nil }
    return batches
  }
}

// MARK: - The end

extension ProducerCore {
  /// Waits until everything handed over before is answered.
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
      // Runs after this turn at the earliest, when the waiter is set.
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
      guard let id = flush.id, sending.answered.isEmpty else {
        if isClientClosed, isFull { endFlush(key, false) }
        continue
      }
      if backlog.oldestID.map({ $0 > id }) ?? true {
        endFlush(key, true)
      } else if isClientClosed || backlog.streams.allSatisfy({ sending.isHeld($0) }) {
        // Nothing else moves before somebody has mended the reason.
        endFlush(key, false)
      }
    }
  }

  private func endFlush(_ key: UInt64, _ isDone: Bool) {
    flushes.removeValue(forKey: key)?.whenDone(isDone)
  }

  /// The process exits: stores what was handed over, or without a spool sends it.
  ///
  /// - Parameter whenDone: called when it is on disk or cannot be stored; without a spool, when it is answered.
  func handOver(_ whenDone: @escaping @Sendable () -> Void) {
    guard !isOver else { return whenDone() }
    guard isDurable else {
      flushKeyLast += 1
      flushes[flushKeyLast] = Flush(ordinal: intake.ordinalNewest) { _ in whenDone() }
      return work()
    }
    takeAll()
    // Waiting would not help if it cannot be stored now.
    commit()
    whenDone()
  }

  /// Takes all drafts, whatever they wait for.
  private func takeAll() {
    let (drafts, _) = intake.take(byteCountMax: .max, .all)
    unstored += drafts.map { $0.encode(with: compressor) }
  }

  /// Stores what can be stored, and ends. Those who still wait for an acknowledgement fail.
  ///
  /// - Returns: whether this call ended it; otherwise it was over before.
  @discardableResult
  func end() -> Bool {
    guard !isOver else { return false }
    takeAnswers()
    takeAll()
    if isDurable { commit() }
    for timer in [lingerTimer, removalTimer, storeTimer, retryTimer, ageTimer] { timer?.cancel() }
    isOver = true
    answers.close()
    client.withdraw(sending.handedKeys)
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
