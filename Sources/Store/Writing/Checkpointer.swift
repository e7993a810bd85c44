internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Checkpoints the WAL of the active segment: the writer between two groups, or the applier behind it.
final class Checkpointer: Sendable {
  private struct State {
    /// Times of the monotonic clock.
    var nextPatienceAt: Int64 = 0
    var nextAt: Int64 = 0
    var counts = Counts()
  }

  struct Counts {
    var count = 0
    /// In nanoseconds.
    var time: Int64 = 0
  }

  private let state = Mutex(State())
  private let walByteCountMax: Int
  private let heldWalByteCountMax: Int
  private let log: @Sendable (LogLine) -> Void

  /// Readers that stay in old parts of the WAL let it grow to this many times its maximum before they are waited for.
  private static let walPatienceFactor = 16
  static let walPatience = Duration.milliseconds(100)
  /// How long it goes on before a reader that stayed is waited for again.
  private static let walPatienceInterval = Duration.seconds(10)
  /// How long to wait after a checkpoint that failed on a full disk.
  private static let retryInterval = Duration.seconds(5)
  /// How long to wait after a checkpoint that readers kept from getting far.
  private static let heldInterval = Duration.milliseconds(100)
  /// While nothing is stored, a WAL of this fraction of its maximum is checkpointed.
  private static let idleWalDivisor = 4

  /// - Parameter walByteCountMax: how much is checkpointed at once, if that is less than in the configuration.
  init(_ configuration: StoreConfiguration, walByteCountMax: Int = .max) {
    self.walByteCountMax = min(walByteCountMax, configuration.walByteCountMax)
    heldWalByteCountMax = configuration.walByteCountMax * Self.walPatienceFactor
    log = configuration.log
  }

  var counts: Counts { state.withLock { $0.counts } }

  func isDue(_ active: SegmentWriter, isIdle: Bool) -> Bool {
    let limit = isIdle ? walByteCountMax / Self.idleWalDivisor : walByteCountMax
    guard active.database.pendingWalByteCount > limit else { return false }
    return SystemClock.monotonic() >= state.withLock { $0.nextAt }
  }

  /// Whether it is to go before everything else.
  func isOverdue(_ active: SegmentWriter) -> Bool {
    active.database.pendingWalByteCount > 2 * walByteCountMax && isDue(active, isIdle: false)
  }

  /// - Throws: what stops the store.
  func run(_ active: SegmentWriter) throws(SQLiteError) {
    let start = SystemClock.monotonic()
    var retryAt: Int64 = 0
    do throws(SQLiteError) {
      try active.database.checkpoint()
      // A reader that stays long keeps the WAL from starting over. Beyond the limit, wait for it.
      if active.database.walByteCount > heldWalByteCountMax,
        start >= state.withLock({ $0.nextPatienceAt }),
        try !active.database.truncateWal(timeout: Self.walPatience)
      {
        state.withLock { $0.nextPatienceAt = SystemClock.monotonic() &+ Self.walPatienceInterval.nanoseconds }
        noteHeldWal(active)
      }
    } catch {
      // A full disk, or a lock: the WAL keeps everything until a later checkpoint.
      guard error.isDiskFull || error.isBusy else { throw error }
      log(.retry("\(StoreError(error, while: "checkpoint")); tried again later"))
      retryAt = start &+ Self.retryInterval.nanoseconds
    }
    let end = SystemClock.monotonic()
    // Readers are in the way. What is stored meanwhile must not wait for them, nor they for a processor.
    if active.database.pendingWalByteCount > walByteCountMax {
      retryAt = max(retryAt, end &+ Self.heldInterval.nanoseconds)
    }
    state.withLock { state in
      state.nextAt = max(state.nextAt, retryAt)
      state.counts.count += 1
      state.counts.time += end - start
    }
  }

  /// Has the next segment begin, which has a WAL of its own. Such readers are other programs: this process's are gone
  /// within milliseconds.
  private func noteHeldWal(_ active: SegmentWriter) {
    if active.isWalHeld { return }
    active.isWalHeld = true
    log(
      .warn(
        """
        another program reads \(active.segment.path) in one long transaction, so that its WAL has grown to \
        \(active.database.walByteCount >> 20) MiB and cannot be emptied; the next segment begins. Keep such \
        transactions short, or read a copy
        """))
  }
}
