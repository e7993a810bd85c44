internal import LogsDisk
internal import LogsSystem
internal import Synchronization

/// Takes groups into the log in front of the segments, and applies them to the active segment behind the writer, in
/// larger transactions.
///
/// The active segment's connection is used by one thread at a time: by this thread, or by the writer between `own` and
/// `disown`, when everything taken has been applied.
///
/// What was taken is in the segment's file at most `lingerTime` later. A reader that needs it before waits for it with
/// `catchUp`, so that nobody else has to know of what is not applied yet; it gets what a full disk keeps out of the
/// segment instead.
final class Applier: Sendable {
  fileprivate struct State {
    var waiting: [GroupRows] = []
    var byteCount = 0
    /// When the first of it was taken.
    var waitsSince: Int64 = 0
    /// So much of the log is applied without waiting for more.
    let logByteCountMax: UInt64
    /// The positions behind what was taken, what is in the segment, and what a power loss cannot take from it.
    var taken: UInt64
    var applied: UInt64
    var durable: UInt64
    /// Somebody waits until everything before this is applied.
    var wanted: UInt64 = 0
    var isBusy = false
    var isOwned = false
    var isClosing = false
    /// Why nothing can be applied for now.
    var obstacle: SQLiteError?
    var isObstacleLogged = false
    /// All that was taken and is not in the segment, once a full disk has kept it out and until it has been applied.
    /// Meanwhile nothing is taken but what was on its way into the log.
    var unapplied: UnappliedRows?
    /// What has stopped the store.
    var failure: SQLiteError?
    /// Whether what waits has waited long enough.
    var hasLingered = false
    /// Nil once the thread has ended.
    var active: SegmentWriter?
  }

  fileprivate enum Order {
    case apply([GroupRows], MarkPortion?, through: UInt64, SegmentWriter)
    case checkpoint(SegmentWriter)
    /// Little waits, and more may come.
    case linger(Duration)
    case end
  }

  let log: any CommitLog
  /// The log's id, as the active segment names it.
  let id: JournalAnchor.ID
  private let ringByteCount: UInt64
  private let configuration: StoreConfiguration
  private let monitor: Monitor<State>
  /// Whether something that was taken is not applied, for readers in a hurry.
  private let lags = Atomic(false)
  private let durable: Atomic<UInt64>
  let checkpointer: Checkpointer
  private let queue: WriterQueue
  private let failed: @Sendable (StoreError) -> Void
  /// Frees what is reserved on a full disk, and says whether that was anything.
  private let makeRoom: @Sendable () -> Bool

  /// What waits is applied when it is so large, or that part of the log, without waiting for more. With more, 64
  /// connections wait for the processor while it is applied: it is their 99th percentile.
  fileprivate static let applyByteCount = 256 << 10
  private static let applyDivisor: UInt64 = 4
  /// Long enough that rows have many batches, and that fewer than one append in a hundred meets the applier, which a
  /// single connection would otherwise have as its 99th percentile.
  fileprivate static let lingerTime = Duration.milliseconds(40)
  /// Between two steps of what is applied.
  private static let restTime = Duration.microseconds(400)
  fileprivate static let retryInterval = Duration.seconds(1)
  /// What is checkpointed at once: appends wait for the disk as long as its sync takes, and that is as long as it is
  /// large.
  private static let walByteCountMax = 1 << 20
  /// How long a reader waits for what cannot be applied for now.
  private static let patience = Duration.seconds(5)
  /// The segment's WAL is synced when this part of the log is still needed only because it is not.
  private static let syncDivisor: UInt64 = 4
  /// The marks may lag this many times further behind than without an applier: what a start reads takes little longer,
  /// and each of them is stored less often.
  static let markLagFactor = 4
  /// A small ring is called full when less than this part of it is free.
  private static let roomDivisor: UInt64 = 4

  /// - Parameter position: the position behind everything in `active`, all of which is durable.
  init(
    _ configuration: StoreConfiguration, log: any CommitLog, id: JournalAnchor.ID, ringByteCount: Int,
    active: SegmentWriter, queue: WriterQueue, makeRoom: @escaping @Sendable () -> Bool,
    failed: @escaping @Sendable (StoreError) -> Void
  ) {
    self.configuration = configuration
    self.log = log
    self.id = id
    self.ringByteCount = UInt64(ringByteCount)
    self.queue = queue
    self.failed = failed
    self.makeRoom = makeRoom
    checkpointer = Checkpointer(configuration, walByteCountMax: Self.walByteCountMax)
    durable = Atomic(log.end)
    monitor = Monitor(
      State(
        logByteCountMax: UInt64(ringByteCount) / Self.applyDivisor, taken: log.end, applied: log.end,
        durable: log.end, active: active))
  }

  var isBehind: Bool { lags.load(ordering: .acquiring) }

  /// Bytes of the log that are not in the segment yet.
  var unappliedByteCount: Int { monitor.withLock { Int(clamping: $0.taken - $0.applied) } }

  // MARK: for the thread that has the writer

  /// What a segment begins with when everything so far is in those before it.
  var anchor: JournalAnchor { JournalAnchor(id: id, position: log.end) }

  /// Whether groups of this many bytes are most likely taken.
  func hasRoom(for byteCount: Int) -> Bool {
    log.hasRoom(
      for: min(byteCount, Int(ringByteCount / Self.roomDivisor)), keeping: durable.load(ordering: .relaxed))
  }

  /// Makes a group durable; it is applied later.
  ///
  /// - Returns: false if there is no room, or an obstacle: `own` the segment and commit it there.
  /// - Throws: what stops the store. The group may be durable or not.
  func take(_ rows: GroupRows) throws(StoreError) -> Bool {
    guard monitor.withLock({ $0.obstacle == nil && $0.failure == nil }) else { return false }
    guard try log.append(rows, keeping: durable.load(ordering: .relaxed)) else { return false }
    let wakes = monitor.withLock { state in
      lags.store(true, ordering: .releasing)
      let wasEmpty = state.waiting.isEmpty
      let wasLarge = state.isLarge
      if wasEmpty { state.waitsSince = SystemClock.monotonic() }
      state.waiting.append(rows)
      state.unapplied?.append(rows)
      state.byteCount += rows.byteCount
      state.taken = log.end
      return wasEmpty || !wasLarge && state.isLarge
    }
    if wakes { monitor.signal() }
    return true
  }

  /// Gives the caller the active segment, once everything taken has been applied.
  ///
  /// - Throws: why it cannot be applied.
  func own() throws(SQLiteError) {
    let outcome = monitor.withLock { state in
      state.wanted = state.taken
      // What was in the way may be gone.
      state.obstacle = nil
      return state.own()
    }
    if let outcome { return try outcome.get() }
    monitor.signal()
    // A wait without a timeout ends with a result.
    try monitor.wait { $0.own() }?.get()
  }

  /// Gives the caller the active segment, whatever is not applied: for what does not depend on it.
  func ownAsItIs() {
    _ = monitor.wait { state -> Bool? in
      if state.isBusy { return nil }
      state.isOwned = true
      return true
    }
  }

  /// Gives the segment back.
  ///
  /// - Parameters:
  ///   - active: the segment that is active from now on.
  ///   - isSynced: whether everything in it is durable now.
  func disown(_ active: SegmentWriter, isSynced: Bool) {
    monitor.withLock { state in
      state.isOwned = false
      state.active = active
      if isSynced { state.durable = state.applied }
      durable.store(state.durable, ordering: .relaxed)
    }
    monitor.signal()
  }

  // MARK: for readers

  /// Waits until everything that was acknowledged before is in the active segment, unless a full disk keeps it out.
  ///
  /// - Returns: what it keeps out. A snapshot of the segment that is taken later may have it, too.
  func catchUp() throws(SQLiteError) -> UnappliedRows {
    guard isBehind else { return UnappliedRows() }
    let goal = monitor.withLock { state in
      state.wanted = max(state.wanted, state.taken)
      return state.taken
    }
    monitor.signal()
    let outcome = monitor.wait(timeout: Self.patience) { state -> UnappliedRows?? in
      if state.applied >= goal { return .some(UnappliedRows()) }
      if state.failure != nil { return .some(nil) }
      // A full disk may stay full for long; a lock goes.
      return state.unapplied.map { .some($0) }
    }
    if case .some(.some(let unapplied)) = outcome { return unapplied }
    throw SQLiteError(
      code: SQLiteError.busyCode, text: "what was acknowledged last cannot be read yet: \(problem)",
      path: configuration.directory, systemError: 0)
  }

  private var problem: String { monitor.withLock { ($0.failure ?? $0.obstacle)?.text ?? "the disk is too slow" } }

  // MARK: the thread

  /// Applies until it is closed, or the store has failed.
  func run() {
    while true {
      let order: Order? = monitor.wait { $0.order(checkpointer, marks: marks) }
      switch order {
      case .apply(let groups, let marks, let position, let active): apply(groups, marks, through: position, active)
      case .checkpoint(let active): checkpoint(active)
      case .linger(let time):
        _ = monitor.wait(timeout: time) { state -> Bool? in state.isPressed ? true : nil }
        monitor.withLock { $0.hasLingered = true }
      // A wait without a timeout ends with a result.
      case .end, nil: return
      }
    }
  }

  /// Applies what was taken, unless something is in the way, and ends the thread.
  func close() {
    monitor.withLock { $0.isClosing = true }
    monitor.signal()
  }

  /// Lets go of the segment, which can then be closed. The thread has ended.
  func release() { monitor.withLock { $0.active = nil } }

  /// The marks that go along with these groups, all that wait.
  ///
  /// Nothing can be taken meanwhile. So every mark that is there is of batches among these or in the segment already,
  /// and every batch in the segment has its mark there: its group was published before the next one was taken.
  private func marks(with groups: [GroupRows], _ active: SegmentWriter) -> MarkPortion? {
    queue.markPortion(
      lagMax: configuration.markLagCountMax * Self.markLagFactor,
      batchCount: groups.reduce(0) { $0 + $1.batchCount }, lastRow: active.lastRow)
  }

  private func apply(
    _ groups: [GroupRows], _ marks: MarkPortion?, through position: UInt64, _ active: SegmentWriter
  ) {
    do throws(SQLiteError) {
      try active.apply(
        GroupRows(joining: groups), through: position, marks: queue.located(marks?.marks ?? []),
        markedThrough: marks?.through, indexesRuns: active.unindexedRunCount >= configuration.indexLagCountMax,
        isSynced: false, pace: WorkPace { [self] in rest() })
    } catch {
      return obstruct(error, groups)
    }
    if let marks { queue.noteStored(marks, in: active.segment.number) }
    let (hadObstacle, isSyncDue) = monitor.withLock { state in
      defer { (state.obstacle, state.isObstacleLogged, state.unapplied) = (nil, false, nil) }
      state.applied = position
      if state.waiting.isEmpty { lags.store(false, ordering: .releasing) }
      let isSyncDue = state.taken - state.durable > ringByteCount / Self.syncDivisor
      state.isBusy = isSyncDue
      return (state.isObstacleLogged, isSyncDue)
    }
    monitor.signal()
    if hadObstacle { configuration.log(.notice("what was acknowledged last is in its segment now")) }
    if isSyncDue { sync(active, through: position) }
  }

  /// Leaves the processor to others, unless somebody waits for what is being applied, or enough for the next time does.
  private func rest() { _ = monitor.wait(timeout: Self.restTime) { state -> Bool? in state.isAwaited ? true : nil } }

  /// Makes what was applied durable, so that the log may go on over it.
  private func sync(_ active: SegmentWriter, through position: UInt64) {
    do throws(FileError) {
      try active.syncWal(configuration.fileSystem)
    } catch {
      return stop(SQLiteError(failedSync: error.text, path: error.path, systemError: error.code), while: "sync")
    }
    monitor.withLock { state in
      state.isBusy = false
      state.durable = position
      durable.store(position, ordering: .relaxed)
    }
    monitor.signal()
  }

  /// Puts back what could not be applied, or stops the store.
  private func obstruct(_ error: SQLiteError, _ groups: [GroupRows]) {
    guard error.meansNothingStored else { return stop(error, while: "append to") }
    // It is little, and can be read only from its segment.
    let hasRoom = error.isDiskFull && makeRoom()
    let isFirst = monitor.withLock { state in
      state.hasLingered = hasRoom
      defer { state.isObstacleLogged = true }
      state.obstacle = error
      state.isBusy = false
      state.putBack(groups)
      if error.isDiskFull, state.unapplied == nil {
        state.unapplied = UnappliedRows(state.waiting, behind: state.applied)
      }
      return !state.isObstacleLogged
    }
    monitor.signal()
    if isFirst {
      let text = StoreError(error, while: "append to").description
      configuration.log(
        .error("what was acknowledged last is in the journal and cannot be put into its segment for now: \(text)"))
    }
  }

  private func stop(_ error: SQLiteError, while action: String) {
    monitor.withLock { state in
      state.isBusy = false
      state.failure = error
    }
    monitor.signal()
    failed(StoreError(error, while: action))
  }

  private func checkpoint(_ active: SegmentWriter) {
    do throws(SQLiteError) { try checkpointer.run(active) } catch { return stop(error, while: "checkpoint") }
    // Then SQLite has synced the WAL, and the segment after it.
    let isDurable = active.database.pendingWalByteCount == 0
    monitor.withLock { state in
      state.isBusy = false
      guard isDurable else { return }
      state.durable = state.applied
      durable.store(state.durable, ordering: .relaxed)
    }
    monitor.signal()
  }
}

extension Applier.State {
  /// What to do now, which then has the segment; nil if there is nothing.
  ///
  /// - Parameter marks: what goes along with groups that are applied.
  fileprivate mutating func order(
    _ checkpointer: Checkpointer, marks: ([GroupRows], SegmentWriter) -> MarkPortion?
  ) -> Applier.Order? {
    guard failure == nil, let active else { return .end }
    guard !isOwned else { return nil }
    if checkpointer.isOverdue(active) {
      isBusy = true
      return .checkpoint(active)
    }
    let lingered = Duration.nanoseconds(SystemClock.monotonic() &- waitsSince)
    if !waiting.isEmpty, isPressed || hasLingered || (obstacle == nil && lingered >= Applier.lingerTime) {
      defer {
        waiting = []
        byteCount = 0
        hasLingered = false
        isBusy = true
      }
      return .apply(waiting, marks(waiting, active), through: taken, active)
    }
    if isClosing { return .end }
    if checkpointer.isDue(active, isIdle: false) {
      isBusy = true
      return .checkpoint(active)
    }
    if waiting.isEmpty { return nil }
    return .linger(obstacle == nil ? Applier.lingerTime - lingered : Applier.retryInterval)
  }

  /// Whether what waits is to be applied at once: somebody waits for it, or it is enough.
  fileprivate var isPressed: Bool { failure != nil || obstacle == nil && isAwaited }

  /// The same of what is being applied.
  fileprivate var isAwaited: Bool { wanted > applied || isLarge || isClosing }

  fileprivate var isLarge: Bool { byteCount >= Applier.applyByteCount || taken - applied >= logByteCountMax }

  fileprivate mutating func putBack(_ groups: [GroupRows]) {
    waiting = groups + waiting
    byteCount = waiting.reduce(0) { $0 + $1.byteCount }
  }

  fileprivate mutating func own() -> Result<Void, SQLiteError>? {
    if let failure { return .failure(failure) }
    guard !isBusy else { return nil }
    if waiting.isEmpty {
      isOwned = true
      return .success(())
    }
    return obstacle.map { .failure($0) }
  }
}
