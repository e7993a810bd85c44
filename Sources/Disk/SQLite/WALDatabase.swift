internal import LogsSystem
internal import Synchronization

/// A database in WAL mode, with the one connection that writes to it and checkpoints it.
///
/// A transaction is durable when `transact` returns, unless it need not be. Checkpoints happen only when the
/// owner asks for one. For one thread at a time; any may ask for the sizes of the WAL.
package final class WALDatabase {
  package struct Configuration {
    /// SQLite's `application_id`.
    package var applicationID: Int64
    /// The word for such a file.
    package var kind: String
    package var cacheKibibyteCount: Int
    /// How long to wait for another program that holds a lock.
    package var busyTimeout: Duration
    /// Further PRAGMAs.
    package var pragmas: String

    package init(
      applicationID: Int64, kind: String, cacheKibibyteCount: Int, busyTimeout: Duration, pragmas: String = ""
    ) {
      self.applicationID = applicationID
      self.kind = kind
      self.cacheKibibyteCount = cacheKibibyteCount
      self.busyTimeout = busyTimeout
      self.pragmas = pragmas
    }
  }

  package let connection: Database
  private let begin: Statement
  private let commit: Statement
  private let busyTimeout: Duration
  /// A page and its header in the WAL.
  private let frameByteCount: Int
  /// How long the last COMMIT of `transact` took, in nanoseconds.
  package private(set) var lastSyncTime: Int64 {
    get { syncTime.load(ordering: .relaxed) }
    set { syncTime.store(newValue, ordering: .relaxed) }
  }
  private let syncTime = Atomic<Int64>(0)
  private var isSynced = true
  /// Whether the last transaction has written something: one that has not syncs nothing either.
  package private(set) var hasWritten = false
  /// Committed frames in the WAL, and how many of them are checkpointed: copied into the database file.
  private let frames = Atomic(0)
  private let homeFrames = Atomic(0)
  private var frameCount: Int {
    get { frames.load(ordering: .relaxed) }
    set { frames.store(newValue, ordering: .relaxed) }
  }
  private var homeFrameCount: Int {
    get { homeFrames.load(ordering: .relaxed) }
    set { homeFrames.store(newValue, ordering: .relaxed) }
  }

  private static let headerByteCount = 32
  private static let frameHeaderByteCount = 24

  /// Opens a database, which recovers what a crash has left in its WAL. No other file is written to.
  ///
  /// - Parameter check: throws if the file must not be written to; called before anything is.
  package init(
    _ path: String, _ configuration: Configuration, vfs: String?,
    check: (borrowing Database) throws(SQLiteError) -> Void = { _ throws(SQLiteError) in }
  ) throws(SQLiteError) {
    connection = try Database(path, mode: .readWrite, vfs: vfs)
    connection.setBusyTimeout(configuration.busyTimeout)
    try connection.require(applicationID: configuration.applicationID, kind: configuration.kind)
    try check(connection)
    let mode = try connection.text("PRAGMA journal_mode=WAL")
    if mode != "wal" {
      throw SQLiteError(
        code: SQLiteError.busyCode, text: "its journal mode stays '\(mode ?? "")'", path: path, systemError: 0)
    }
    // FULL: every COMMIT syncs the WAL. Cells are checked, or a wrong cell count on one page would be written into its
    // neighbours, which would then be lost as well.
    try connection.execute(
      """
      PRAGMA cell_size_check=ON; PRAGMA synchronous=FULL; PRAGMA cache_size=-\(configuration.cacheKibibyteCount);
      \(configuration.pragmas)
      """)
    begin = try connection.prepare("BEGIN IMMEDIATE")
    commit = try connection.prepare("COMMIT")
    busyTimeout = configuration.busyTimeout
    frameByteCount = Int(try connection.integer("PRAGMA page_size")) + Self.frameHeaderByteCount
  }

  // MARK: transactions

  /// Runs `body` in a transaction: all of it or nothing.
  ///
  /// - Parameter isSynced: whether it is durable on return, as is everything before it. If not, a power loss may take
  ///   it back, and what came after it.
  ///
  /// After some errors SQLite rolls back by itself (then no transaction is open, and a further statement would commit
  /// on its own); after others it is up to us.
  package func transact<Result>(
    isSynced: Bool = true, _ body: () throws(SQLiteError) -> Result
  ) throws(SQLiteError) -> Result {
    let result: Result
    try setSync(isSynced)
    do throws(SQLiteError) {
      try begin.run()
      result = try body()
      let start = SystemClock.monotonic()
      try commit.run()
      lastSyncTime = SystemClock.monotonic() - start
    } catch {
      if connection.isInTransaction { try connection.execute("ROLLBACK") }
      throw error
    }
    noteCommit()
    return result
  }

  /// Has every COMMIT sync the WAL, or only checkpoints.
  private func setSync(_ isSynced: Bool) throws(SQLiteError) {
    guard isSynced != self.isSynced else { return }
    try connection.execute("PRAGMA synchronous=\(isSynced ? "FULL" : "NORMAL")")
    self.isSynced = isSynced
  }

  /// Runs statements, in a transaction or as transactions of their own.
  package func execute(_ sql: String) throws(SQLiteError) {
    if !connection.isInTransaction { try setSync(true) }
    try connection.execute(sql)
    noteCommit()
  }

  package func prepare(_ sql: String) throws(SQLiteError) -> Statement { try connection.prepare(sql) }

  /// The first column of the first row, 0 without a row.
  package func integer(_ sql: String) throws(SQLiteError) -> Int64 { try connection.integer(sql) }

  package var path: String { connection.path }

  private func noteCommit() {
    hasWritten = false
    guard let count = connection.takeWalFrameCount() else { return }
    hasWritten = true
    // SQLite starts the WAL over once all of it is checkpointed, even if it then grows to the same length.
    if count < frameCount || homeFrameCount == frameCount { homeFrameCount = 0 }
    frameCount = count
  }

  // MARK: the WAL

  package var walByteCount: Int { frameCount * frameByteCount }

  /// What the next checkpoint has to copy.
  package var pendingWalByteCount: Int { (frameCount - homeFrameCount) * frameByteCount }

  /// How much of the WAL is committed and still needed: what a failed transaction has left behind that must never be
  /// found.
  package var neededWalByteCount: Int {
    frameCount == homeFrameCount ? 0 : Self.headerByteCount + frameCount * frameByteCount
  }

  /// Checkpoints as far as readers allow, without waiting for them; or, with `truncate`, all of it, and empties the
  /// WAL.
  package func checkpoint(_ mode: Database.Checkpoint = .passive) throws(SQLiteError) {
    let (count, homeCount) = try connection.checkpoint(mode)
    frameCount = max(count, 0)
    homeFrameCount = max(homeCount, 0)
  }

  /// Checkpoints everything and empties the WAL, waiting for readers for at most `timeout`.
  ///
  /// - Returns: whether no reader was in the way.
  package func truncateWal(timeout: Duration) throws(SQLiteError) -> Bool {
    connection.setBusyTimeout(timeout)
    defer { connection.setBusyTimeout(busyTimeout) }
    do throws(SQLiteError) {
      try checkpoint(.truncate)
      return true
    } catch {
      if error.isBusy { return false }
      throw error
    }
  }

  /// Lets closing the connection checkpoint the WAL and remove it, if no other connection has the database open.
  package func allowWalRemoval() { connection.setCheckpointOnClose(true) }

  /// Leaves WAL mode, for which no other connection may be open.
  ///
  /// - Returns: whether it worked.
  package func leaveWal() throws(SQLiteError) -> Bool {
    do throws(SQLiteError) {
      return try connection.text("PRAGMA journal_mode=DELETE") == "delete"
    } catch {
      if error.isBusy { return false }
      throw error
    }
  }
}
