internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Takes groups from the queue and commits each in one transaction; owns the one connection that writes.
///
/// Not tied to a thread: its own thread runs it, except for small groups, which the thread that brought them may commit
/// itself (`lead`): the fsync takes 0.1 ms, and each of the two hops between threads that this saves about 10 us. Only
/// the writer's thread checkpoints and begins segments.
///
/// Invariant behind `@unchecked Sendable`: the queue gives the writer to one thread at a time, which alone calls
/// methods.
final class Writer: @unchecked Sendable {
  /// Counts that other threads may read.
  struct Counts: Sendable {
    var commitCount = 0
    var batchCount = 0
    var entryCount: UInt64 = 0
    var recentEntries = MinuteCount()
    var duplicateCount = 0
    var refusalCount = 0
    var diskFullCount = 0
    var commitTime: Int64 = 0
    var commitTimeMax: Int64 = 0
    var commitTimes = TimeHistogram()
    var syncTimes = TimeHistogram()
    var walByteCount = 0
    var activeByteCount = 0
  }

  let configuration: StoreConfiguration
  let sink: any StoreSink
  let queue: WriterQueue
  let catalog: Catalog
  let tail: TailCache
  let rollover: SegmentRollover
  let upkeep: Upkeep
  let retention: Retention
  let counts = Mutex(Counts())
  private(set) var active: SegmentWriter
  /// What the active segment's size is to be added to, for what segments have grown since the start.
  private var grownByteCount: Int
  /// What small groups go through; nil if all go to the segment at once.
  let applier: Applier?
  let checkpointer: Checkpointer
  private var clock: ClockWatch
  private var slowSyncs: SlowSyncs
  /// Whether a full disk or a lock made the last transaction fail.
  private var hasObstacle = false
  /// Times of the monotonic clock.
  private var nextRollAt: Int64 = 0
  private var nextTrimAt: Int64 = 0
  /// The recent average time of a commit, failed ones included, in nanoseconds.
  private var recentCommitTime: Int64 = 0
  /// Whether another thread may make the next commit: the last one was fast and did not fail, and no table lags behind
  /// that the commit would have to bring up to date.
  private let mayLead: Atomic<Bool>
  /// How many streams there may be.
  let streamCountMax: Atomic<Int>

  /// How long to wait with a rollover when the marks that go before it found no space.
  private static let rollRetryInterval = Duration.seconds(1)
  /// How often an idle writer checks the age of the segment.
  private static let idleInterval = Duration.seconds(30)
  private static let retryAfterMilliseconds: UInt32 = 1000
  /// Up to this size, what waits is committed by the thread that brought it; more is left to the writer's thread, which
  /// has nothing else to do.
  private static let leadByteCountMax = 64 << 10
  /// The weight of each commit in `recentCommitTime` is one in this many.
  private static let recentCommitDivisor: Int64 = 8

  init(
    _ configuration: StoreConfiguration, sink: any StoreSink, queue: WriterQueue, catalog: Catalog, tail: TailCache,
    rollover: SegmentRollover, upkeep: Upkeep, retention: Retention, active: SegmentWriter, applier: Applier?,
    lastReceived: Int64
  ) {
    self.configuration = configuration
    self.sink = sink
    self.queue = queue
    self.catalog = catalog
    self.tail = tail
    self.rollover = rollover
    self.upkeep = upkeep
    self.retention = retention
    self.active = active
    grownByteCount = -active.byteCount
    self.applier = applier
    checkpointer = applier?.checkpointer ?? Checkpointer(configuration)
    streamCountMax = Atomic(configuration.streamCountMax)
    mayLead = Atomic(configuration.leadCommitTimeMax > .zero)
    clock = ClockWatch(stepMax: configuration.clockStepMax, latest: lastReceived)
    slowSyncs = SlowSyncs(timeMin: configuration.slowSyncTimeMin)
    noteSizes()
  }

  /// Works until the queue is closed and empty.
  ///
  /// - Throws: what stops the store.
  func run() throws(StoreError) {
    while true {
      switch queue.next(timeout: Self.idleInterval) {
      case .commit(let group):
        try commit(group)
        try maintain(isIdle: !group.hasMore)
      case .maintain: try maintain(isIdle: true)
      case .end: return
      }
      queue.giveBack()
    }
  }

  /// Commits what waits on the caller's thread if that is fast; otherwise the writer's thread does.
  ///
  /// - Parameter failed: called with what stops the store, before anybody else can have the writer.
  func lead(failed: (StoreError) -> Void) {
    var byteCountMax = mayLead.load(ordering: .relaxed) ? Self.leadByteCountMax : 0
    // To wait for room is left to the writer's thread.
    if let applier, !applier.hasRoom(for: CommitJournal.recordByteCountMax) { byteCountMax = 0 }
    guard let group = queue.lead(byteCountMax: byteCountMax) else { return }
    do throws(StoreError) {
      try commit(group)
      queue.giveBack(
        needsMaintenance: applier == nil && checkpointer.isDue(active, isIdle: true)
          || rollover.isStepDue(active, now: configuration.now()))
    } catch {
      // This refuses everything that waits; the writer's thread finds nothing but its end.
      failed(error)
      queue.giveBack()
    }
  }

  /// Decides who commits next, after a commit that took this long, or failed.
  private func noteTime(_ time: Int64) {
    recentCommitTime += (time - recentCommitTime) / Self.recentCommitDivisor
    let isQuick = max(recentCommitTime, time) <= configuration.leadCommitTimeMax.nanoseconds
    // The applier brings both tables up to date.
    let lags = applier == nil && (areMarksDue || active.unindexedRunCount >= configuration.indexLagCountMax)
    mayLead.store(isQuick && !lags && !hasObstacle, ordering: .relaxed)
  }

  // MARK: a group

  /// Whether the table of marks lags so far behind that the next transaction here brings it up to date. An applier
  /// does that before, unless most groups are too large for it.
  private var areMarksDue: Bool {
    queue.unstoredBatchCount >= configuration.markLagCountMax * (applier == nil ? 1 : 2 * Applier.markLagFactor)
  }

  private func commit(_ group: WriterQueue.Group) throws(StoreError) {
    var draft = GroupDraft(group, catalog: catalog, context: context(obstacle: retentionObstacle(group)))
    if !draft.isEmpty {
      let start = SystemClock.monotonic()
      defer { noteTime(SystemClock.monotonic() - start) }
      #if PLANTED_BUGS
        if PlantedBug.planted == .ackBeforeCommit { PlantedBug.answer(draft.replies, sink) }
      #endif
      let isTaken = try takeAhead(draft, group)
      do throws(SQLiteError) {
        if !isTaken { try commitHere(draft) }
        note(draft, time: SystemClock.monotonic() - start, wasTaken: isTaken)
        if hasObstacle {
          hasObstacle = false
          configuration.log(.notice("appends are taken again"))
        }
      } catch {
        guard error.meansNothingStored else {
          let failure = StoreError(error, while: "append to")
          refuse(group, failure)
          throw failure
        }
        // Nothing of the group is stored, and memory has not been touched: decide again, without storing anything.
        draft = GroupDraft(group, catalog: catalog, context: context(obstacle: obstacle(error)))
      }
    }
    publish(draft, group)
  }

  /// Has the applier take a small group.
  ///
  /// - Returns: false if it has to be committed to the segment here.
  private func takeAhead(_ draft: GroupDraft, _ group: WriterQueue.Group) throws(StoreError) -> Bool {
    guard let applier else { return false }
    do throws(StoreError) {
      guard try applier.take(GroupRows(draft)) else { return false }
    } catch {
      refuse(group, error)
      throw error
    }
    active.note(draft)
    return true
  }

  private func commitHere(_ draft: GroupDraft) throws(SQLiteError) {
    let storesMarks = areMarksDue
    try transact { () throws(SQLiteError) in
      try active.commit(
        draft, marks: storesMarks ? unstoredMarks : nil,
        indexesRuns: active.unindexedRunCount >= configuration.indexLagCountMax)
    }
    if storesMarks { queue.noteMarksStored(in: active.segment.number) }
  }

  /// Calls `body`, which changes the active segment in one transaction, when everything before it is in the segment and
  /// nobody else uses it.
  ///
  /// - Parameter isIndependent: whether it may come before what is not in the segment yet, if that is in the way.
  func transact(isIndependent: Bool = false, _ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
    guard let applier else { return try body() }
    var isSynced = false
    do throws(SQLiteError) { try applier.own() } catch {
      guard isIndependent, error.meansNothingStored else { throw error }
      applier.ownAsItIs()
    }
    defer { applier.disown(active, isSynced: isSynced) }
    try body()
    isSynced = active.database.hasWritten
  }

  func retentionObstacle(_ group: WriterQueue.Group) -> Refusal? {
    retention.obstacle(
      to: group, activeByteCount: active.byteCount + active.database.walByteCount, upkeep)
  }

  func context(obstacle: Refusal?) -> GroupDraft.Context {
    let now = configuration.now()
    if let line = clock.look(now) { configuration.log(.warn(line)) }
    return GroupDraft.Context(
      now: now, nextStreamID: catalog.newestID + 1, streamCount: catalog.count,
      streamCountMax: streamCountMax.load(ordering: .relaxed), creationRefusal: configuration.creationRefusal,
      obstacle: obstacle)
  }

  /// Answers a group when the store cannot go on. The group may be on disk or not.
  private func refuse(_ group: WriterQueue.Group, _ failure: StoreError) {
    queue.finish(group, stored: [])
    let refusal = Refusal(failure, mayHaveTakenEffect: true)
    let replies = group.requests.map { Reply(token: $0.request.token, outcome: .refused(refusal)) }
    sink.committed(Commit(replies: group.rejected + replies, runs: []))
  }

  /// The refusal that a failed transaction, which stored nothing, means for its group.
  private func obstacle(_ error: SQLiteError) -> Refusal {
    noteObstacle(StoreError(error, while: "append to"))
    if error.isDiskFull {
      counts.withLock { $0.diskFullCount += 1 }
      return Refusal(
        .diskFull, "the server's disk is full; nothing was stored, send it again later", isRetryable: true,
        retryAfterMilliseconds: Self.retryAfterMilliseconds)
    }
    return Refusal(
      .overloaded, "another program has locked the server's store; nothing was stored, send it again later",
      isRetryable: true, retryAfterMilliseconds: Self.retryAfterMilliseconds)
  }

  /// Logs once that appends are refused, however many there are.
  private func noteObstacle(_ error: StoreError) {
    if hasObstacle { return }
    hasObstacle = true
    configuration.log(.error("appends are refused for now: \(error)"))
  }

  /// Publishes a committed draft: cache, heads, marks, and then the answers.
  private func publish(_ draft: GroupDraft, _ group: WriterQueue.Group) {
    let runs = publish(draft)
    queue.finish(group, stored: draft.stored)
    if !runs.isEmpty { rollover.note(draft) }
    counts.withLock { counts in
      counts.refusalCount += group.rejected.count
      for reply in draft.replies {
        switch reply.outcome {
        case .stored(_, _, _, let isDuplicate):
          if isDuplicate { counts.duplicateCount += 1 } else { counts.batchCount += 1 }
        case .refused: counts.refusalCount += 1
        }
      }
      let entryCount = runs.reduce(0) { $0 + $1.entryCount }
      counts.entryCount += entryCount
      counts.recentEntries.add(entryCount, at: SystemClock.monotonic())
    }
    let replies = group.rejected.isEmpty ? draft.replies : group.rejected + draft.replies
    sink.committed(Commit(replies: replies, runs: runs))
  }

  /// Shows readers what was stored.
  func publish(_ draft: GroupDraft) -> [CommittedRun] {
    var runs: [CommittedRun] = []
    runs.reserveCapacity(draft.streams.count)
    for stream in draft.streams {
      for index in stream.runs.indices {
        runs.append(
          CommittedRun(
            stream: stream.info, isNewStream: stream.isNew && index == 0, run: stream.runs[index].run,
            entryCount: stream.runs[index].entryCount,
            sealed: stream.sealsNow && index == stream.runs.count - 1))
      }
    }
    if !runs.isEmpty {
      tail.append(runs)
      catalog.publish(draft.streams.lazy.map(\.info))
    }
    return runs
  }

  func noteSizes() {
    counts.withLock { counts in
      counts.walByteCount = active.database.walByteCount
      counts.activeByteCount = active.byteCount
    }
  }

  /// - Parameter wasTaken: whether it is durable in the log in front of the segment.
  private func note(_ draft: GroupDraft, time: Int64, wasTaken: Bool) {
    retention.noteGrown(grownByteCount + active.byteCount)
    let syncTime = wasTaken ? time : active.database.lastSyncTime
    if let line = slowSyncs.note(syncTime, now: SystemClock.monotonic()) { configuration.log(line) }
    counts.withLock { counts in
      counts.commitCount += 1
      counts.commitTime += time
      counts.commitTimeMax = max(counts.commitTimeMax, time)
      counts.commitTimes.add(time)
      counts.syncTimes.add(syncTime)
      counts.walByteCount = active.database.walByteCount
      counts.activeByteCount = active.byteCount
    }
  }

  // MARK: between two groups

  private func maintain(isIdle: Bool) throws(StoreError) {
    for deletion in queue.takeDeletions() { try delete(deletion) }
    for entries in queue.takeOwnEntries() { try append(entries) }
    if let line = slowSyncs.summary(now: SystemClock.monotonic()) { configuration.log(line) }
    try checkpoint(isIdle: isIdle)
    try trim()
    try rollIfDue()
    retention.noteGrown(grownByteCount + active.byteCount)
  }

  /// Without an applier, which checkpoints behind the writer.
  private func checkpoint(isIdle: Bool) throws(StoreError) {
    guard applier == nil, checkpointer.isDue(active, isIdle: isIdle) else { return }
    do throws(SQLiteError) { try checkpointer.run(active) } catch { throw StoreError(error, while: "checkpoint") }
    noteSizes()
  }

  private func rollIfDue() throws(StoreError) {
    switch rollover.step(active, now: configuration.now()) {
    case .wait: return
    case .prepare: upkeep.add(rollover)
    case .take(let next):
      guard SystemClock.monotonic() >= nextRollAt else { return }
      // The marks first: once the segment is no longer active, nobody looks for marks in its rows.
      guard try storeMarks(), try bringUpToDate() else { return }
      let complete = active
      complete.segment.byteCount = complete.byteCount
      let completeByteCount = complete.byteCount + complete.database.walByteCount
      guard let following = try following(next) else { return }
      grownByteCount += complete.byteCount
      retention.noteComplete(byteCount: completeByteCount)
      noteSizes()
      configuration.log(.upkeep("segment \(following.segment.number) is active"))
      upkeep.add(Sealing(complete))
    }
  }

  /// Makes the next segment the active one, and gives it to the applier.
  private func following(_ next: NextSegment) throws(StoreError) -> SegmentWriter? {
    defer { applier?.disown(active, isSynced: true) }
    guard let following = try rollover.take(next, now: configuration.now(), anchor: applier?.anchor) else { return nil }
    active = following
    return following
  }

  /// Puts everything taken into the active segment, so that it is durable there, and has the segment from then on.
  ///
  /// - Returns: false when the disk is full or locked.
  private func bringUpToDate() throws(StoreError) -> Bool {
    guard let applier else { return true }
    do throws(SQLiteError) {
      try applier.own()
    } catch {
      guard error.meansNothingStored else { throw StoreError(error, while: "append to") }
      nextRollAt = SystemClock.monotonic() &+ Self.rollRetryInterval.nanoseconds
      return false
    }
    do throws(FileError) {
      try active.syncWal(configuration.fileSystem)
      return true
    } catch {
      applier.disown(active, isSynced: false)
      throw StoreError(failedSync: error, while: "sync")
    }
  }

  /// Records what retention has planned, and tells readers. After that the files may go.
  private func trim() throws(StoreError) {
    guard SystemClock.monotonic() >= nextTrimAt else { return }
    if let trim = retention.pendingTrim {
      let isRecorded = try record(while: "trim segments in") { () throws(SQLiteError) in
        try active.commit(trimmedBelow: trim.below)
      }
      guard isRecorded else { return }
      retention.publish(trim, upkeep)
    }
    if let trim = retention.pendingStreamTrim { try self.trim(trim) }
  }

  private func trim(_ trim: StreamTrim) throws(StoreError) {
    var changed: [StreamInfo] = []
    var byteCount: UInt64 = 0
    for (id, part) in trim.parts {
      // It may have been deleted since, or all of this.
      guard var stream = catalog[id], part.through >= stream.firstKept, part.through <= stream.head else { continue }
      let before = stream.keptByteCount
      stream.removals.trim(stream.first...part.through, byteCount: part.byteCount)
      byteCount += before - min(stream.keptByteCount, before)
      changed.append(stream)
    }
    let isRecorded = try record(while: "trim streams in") { () throws(SQLiteError) in
      try active.commit(changed: changed)
    }
    guard isRecorded else { return }
    catalog.publish(changed)
    rollover.note(changed: changed)
    retention.finish(trim, byteCount: byteCount, upkeep)
  }

  /// - Returns: false if there is no space, or a lock; it is tried again later.
  private func record(while action: String, _ body: () throws(SQLiteError) -> Void) throws(StoreError) -> Bool {
    for isRetry in [false, true] {
      do throws(SQLiteError) {
        try transact(isIndependent: true, body)
        return true
      } catch {
        guard error.meansNothingStored else { throw StoreError(error, while: action) }
        if !isRetry, error.isDiskFull, try retention.giveUpReserve() { continue }
        configuration.log(.retry("\(StoreError(error, while: action)); tried again later"))
        nextTrimAt = SystemClock.monotonic() &+ configuration.upkeepRetryInterval.nanoseconds
        return false
      }
    }
    return false
  }

  private var unstoredMarks: [SegmentWriter.LocatedMark] { queue.located(queue.unstoredMarks) }

  /// Brings the active segment's table of marks up to date.
  ///
  /// - Returns: false when the disk is full or locked.
  private func storeMarks() throws(StoreError) -> Bool {
    guard queue.unstoredBatchCount > 0 else { return true }
    do throws(SQLiteError) {
      try transact { () throws(SQLiteError) in try active.commit(marks: unstoredMarks) }
    } catch {
      guard error.meansNothingStored else { throw StoreError(error, while: "write marks to") }
      configuration.log(.retry("\(StoreError(error, while: "write marks to")); tried again later"))
      nextRollAt = SystemClock.monotonic() &+ Self.rollRetryInterval.nanoseconds
      return false
    }
    queue.noteMarksStored(in: active.segment.number)
    return true
  }

  /// Leaves the active segment with all marks and without a WAL.
  ///
  /// - Throws: also when something acknowledged is in the journal only.
  func close() throws(StoreError) {
    _ = try storeMarks()
    do throws(SQLiteError) {
      try transact { () throws(SQLiteError) in
        if try active.database.truncateWal(timeout: Checkpointer.walPatience) { active.database.allowWalRemoval() }
      }
    } catch {
      guard error.isDiskFull || error.isBusy else { throw StoreError(error, while: "checkpoint") }
      if applier?.isBehind == true { throw StoreError(error, while: "append to") }
    }
    do throws(FileError) { try active.syncWal(configuration.fileSystem) } catch {
      throw StoreError(failedSync: error, while: "sync")
    }
  }
}
