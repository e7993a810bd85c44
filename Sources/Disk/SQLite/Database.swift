internal import CSQLite
internal import LogsWire

/// One connection to a SQLite database, without SQLite's own mutex: for one thread at a time.
@safe package struct Database: ~Copyable {
  package enum Mode {
    case readWrite
    case readOnly
    /// Read-only, without locks: the caller knows that the file never changes.
    case immutable
  }

  package enum Checkpoint {
    case passive
    case truncate
  }

  private let handle: OpaquePointer
  /// Where SQLite's hook puts the number of frames in the WAL after each commit; -1 once that has been taken.
  private let walFrames: UnsafeMutablePointer<Int32>
  package let path: String

  package init(_ path: String, mode: Mode, vfs: String?) throws(SQLiteError) {
    let flags: Int32
    var name = path
    switch mode {
    case .readWrite: flags = SQLITE_OPEN_READWRITE
    case .readOnly: flags = SQLITE_OPEN_READONLY
    case .immutable:
      flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      name = "file:\(Self.percentEncoded(path))?immutable=1"
    }
    var opened = unsafe OpaquePointer?.none
    let code = unsafe sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs)
    guard let opened = unsafe opened else { preconditionFailure("SQLite has no memory for a connection") }
    if code != SQLITE_OK {
      let error = unsafe SQLiteError(
        code: code, text: String(cString: sqlite3_errmsg(opened)), path: path,
        systemError: sqlite3_system_errno(opened))
      unsafe sqlite3_close_v2(opened)
      throw error
    }
    self.path = path
    unsafe handle = opened
    unsafe walFrames = .allocate(capacity: 1)
    unsafe walFrames.initialize(to: -1)
    // The hook replaces SQLite's automatic checkpoints: the owner decides when to checkpoint.
    unsafe sqlite3_wal_hook(
      handle,
      { context, _, _, frames in
        unsafe context?.assumingMemoryBound(to: Int32.self).pointee = frames
        return SQLITE_OK
      }, walFrames)
    setCheckpointOnClose(false)
  }

  deinit {
    // v2: a statement that outlives the connection keeps it open until the statement is finalized, in whatever order
    // the two go.
    unsafe sqlite3_close_v2(handle)
    unsafe walFrames.deallocate()
  }

  /// Frames in the WAL after the last commit of this connection that has written something; nil when there was none
  /// since the last call.
  package func takeWalFrameCount() -> Int? {
    let count = unsafe walFrames.pointee
    unsafe walFrames.pointee = -1
    return count < 0 ? nil : Int(count)
  }

  /// Whether a transaction is open. Check this after every failed statement: SQLite rolls back by itself after some
  /// errors, and later statements would then commit on their own (https://www.sqlite.org/c3ref/get_autocommit.html).
  package var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

  package func execute(_ sql: String) throws(SQLiteError) {
    try check(unsafe sqlite3_exec(handle, sql, nil, nil, nil))
  }

  /// Prepares a statement on tables of a known layout: one that SQLite does not understand means that the file is
  /// damaged.
  package func prepare(_ sql: String) throws(SQLiteError) -> Statement {
    try unsafe Statement(sql, on: handle, path: path)
  }

  /// The first column of the first row as text, nil without a row.
  package func text(_ sql: String) throws(SQLiteError) -> String? {
    let statement = try prepare(sql)
    return try statement.step() ? statement.text(0) : nil
  }

  /// The first column of the first row, 0 without a row.
  package func integer(_ sql: String) throws(SQLiteError) -> Int64 {
    let statement = try prepare(sql)
    return try statement.step() ? statement.integer(0) : 0
  }

  /// Interrupts the statement that another thread is running, if there is one.
  package func interrupt() { unsafe sqlite3_interrupt(handle) }

  /// How long to wait for other connections before `SQLITE_BUSY`.
  package func setBusyTimeout(_ timeout: Duration) {
    unsafe sqlite3_busy_timeout(handle, Int32(clamping: timeout.nanoseconds / 1_000_000))
  }

  /// Whether the last connection to close checkpoints the WAL and removes it. Off by default: after an error that stops
  /// the store nothing more may be written.
  package func setCheckpointOnClose(_ isWanted: Bool) {
    unsafe logs_sqlite_set_checkpoint_on_close(handle, isWanted ? 1 : 0)
  }

  /// - Returns: frames in the WAL, and how many of them are in the database file now.
  package func checkpoint(_ mode: Checkpoint) throws(SQLiteError) -> (frameCount: Int, doneCount: Int) {
    var frameCount: Int32 = 0
    var doneCount: Int32 = 0
    let modeCode =
      switch mode {
      case .passive: SQLITE_CHECKPOINT_PASSIVE
      case .truncate: SQLITE_CHECKPOINT_TRUNCATE
      }
    try check(unsafe sqlite3_wal_checkpoint_v2(handle, nil, modeCode, &frameCount, &doneCount))
    return (Int(frameCount), Int(doneCount))
  }

  /// Makes `target`, which is empty, a copy of this database: page by page, as this connection's transaction sees it.
  ///
  /// - Parameter pause: called after each mebibyte or so.
  package func copy(
    to target: borrowing Database, pause: () throws(SQLiteError) -> Void
  ) throws(SQLiteError) {
    var isDone = false
    if let copying = unsafe sqlite3_backup_init(target.handle, "main", handle, "main") {
      do throws(SQLiteError) {
        while unsafe sqlite3_backup_step(copying, Self.copiedPageCount) == SQLITE_OK { try pause() }
      } catch {
        unsafe sqlite3_backup_finish(copying)
        throw error
      }
      isDone = unsafe sqlite3_backup_finish(copying) == SQLITE_OK
    }
    // The connection of the copy has the error, whichever file it is about.
    if !isDone { try target.check(unsafe sqlite3_errcode(target.handle)) }
  }

  /// Copied at once.
  private static let copiedPageCount: Int32 = 128

  /// Checks that the file is of the caller's kind. To SQLite an empty file is an empty database, which it would happily
  /// write to.
  ///
  /// - Parameters:
  ///   - applicationID: SQLite's `application_id` in its header.
  ///   - kind: the word for such a file.
  package func require(applicationID: Int64, kind: String) throws(SQLiteError) {
    if try integer("PRAGMA application_id") != applicationID {
      throw SQLiteError(code: SQLITE_NOTADB, text: "it is not a \(kind)", path: path, systemError: 0)
    }
  }

  private func check(_ code: Int32) throws(SQLiteError) {
    guard code != SQLITE_OK else { return }
    throw unsafe SQLiteError(
      code: code, text: String(cString: sqlite3_errmsg(handle)), path: path, systemError: sqlite3_system_errno(handle))
  }

  /// A path as a URI takes it.
  private static func percentEncoded(_ path: String) -> String {
    let digits = Array("0123456789ABCDEF")
    var encoded = ""
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        encoded.append(Character(Unicode.Scalar(byte)))
      default:
        encoded.append("%")
        encoded.append(digits[Int(byte >> 4)])
        encoded.append(digits[Int(byte & 15)])
      }
    }
    return encoded
  }
}
