internal import Glibc
internal import LogsDisk
internal import LogsSystem

/// The files of a spool, and its owner.
///
/// | name | what it is |
/// |---|---|
/// | `lock` | the owner's process id; the owner holds `flock(LOCK_EX)` on it |
/// | `reserve` | room reserved for emptying the spool on a full disk |
/// | `spool.db`, `-wal`, `-shm` | the database |
/// | `spool.db.tmp` | a new one that is being made; meaningless after a crash |
/// | `spool.db.new` | a new one that is complete and about to replace the other |
/// | `spool.db.damaged-1`, `-wal` | a damaged one, kept to be looked at |
struct SpoolDirectory {
  static let damagedCountMax = 4
  /// What removing a batch may take, including everything overwritten: a batch of 2 MiB and a few pages, twice.
  static let reserveByteCount = 4 << 20
  /// How long to wait for the lock: an inspection holds it for an instant.
  private static let lockTryCount = 20
  private static let lockTryMicroseconds: useconds_t = 5_000
  private static let damagedMark = "spool.db.damaged-"

  let path: String
  private let files = PosixFileSystem(readableBy: .nobody)

  var database: String { "\(path)/spool.db" }
  var wal: String { "\(database)-wal" }
  var index: String { "\(database)-shm" }
  var temporary: String { "\(database).tmp" }
  private var complete: String { "\(database).new" }
  private var lockFile: String { "\(path)/lock" }
  private var reserve: String { "\(path)/reserve" }

  init(_ path: String) { self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }

  // MARK: The owner

  /// Creates the directory if it is missing, and locks it for this process.
  func take() throws(LogError) -> FileLock {
    do throws(FileError) {
      _ = try files.makeDirectory(path)
      for _ in 0..<Self.lockTryCount {
        if let lock = try files.lock(lockFile) { return lock }
        usleep(Self.lockTryMicroseconds)
      }
    } catch { throw failure(error) }
    let owner = try owner().map { "process \($0)" } ?? "another process"
    throw LogError(
      .spoolInUse, "the spool \(path) is in use by \(owner); end it, or give each producer a directory of its own",
      isRetryable: true)
  }

  /// Whether a process uses the spool.
  func isInUse() throws(LogError) -> Bool {
    do { return try files.isLocked(lockFile) } catch { throw failure(error) }
  }

  /// The process that used it last.
  func owner() throws(LogError) -> Int32? {
    do { return FileLock.owner(noted: try files.read(lockFile)) } catch { throw failure(error) }
  }

  // MARK: The reserve

  /// Reserves room for emptying the spool: a file that is allocated and never written.
  ///
  /// - Returns: whether it is reserved now. If the disk is full, none of it is.
  func fillReserve() throws(LogError) -> Bool {
    do throws(FileError) {
      if try files.byteCount(reserve) == Self.reserveByteCount { return true }
      do throws(FileError) { try files.allocate(reserve, byteCount: Self.reserveByteCount) } catch {
        try files.remove(reserve)
        guard error.isDiskFull else { throw error }
        return false
      }
    } catch { throw failure(error) }
    return true
  }

  /// Frees the reserved room.
  func releaseReserve() throws(LogError) { do { try files.remove(reserve) } catch { throw failure(error) } }

  // MARK: Files

  func exists() throws(LogError) -> Bool {
    do { return try hasDatabase() } catch { throw failure(error) }
  }

  /// A WAL alone counts as a database as well: one that has lost its file.
  private func hasDatabase() throws(FileError) -> Bool {
    if try files.byteCount(database) != nil { return true }
    return try files.byteCount(wal) != nil
  }

  /// An empty file for a new database; SQLite gives its other files the same mode.
  func makeTemporary() throws(LogError) {
    do {
      try files.remove(temporary)
      try files.make(temporary)
    } catch { throw failure(error) }
  }

  func removeTemporary() throws(LogError) { do { try files.remove(temporary) } catch { throw failure(error) } }

  /// Makes the new database durable. From here on it is the valid one, even after a crash.
  func completeTemporary() throws(LogError) {
    do {
      try files.synchronize(file: temporary)
      try files.rename(temporary, to: complete)
      try files.synchronize(directory: path)
    } catch { throw failure(error) }
  }

  /// Moves the new database into place, if there is one, and sets the old one aside.
  ///
  /// - Returns: where the old one is kept; nil if there was none.
  func adoptComplete() throws(LogError) -> String? {
    do {
      try files.remove(temporary)
      guard try files.byteCount(complete) != nil else { return nil }
      var aside: String?
      if try hasDatabase() {
        let kept = try keptNumbers()
        let path = "\(path)/\(Self.damagedMark)\((kept.last ?? 0) + 1)"
        // The WAL first: after a crash it must never be beside the new database.
        if try files.byteCount(wal) != nil { try files.rename(wal, to: "\(path)-wal") }
        if try files.byteCount(database) != nil {
          try files.rename(database, to: path)
        } else {
          try files.write(path, [])
        }
        for number in (kept + [(kept.last ?? 0) + 1]).dropLast(Self.damagedCountMax) {
          for end in ["", "-wal"] { try files.remove("\(self.path)/\(Self.damagedMark)\(number)\(end)") }
        }
        aside = path
      }
      try files.remove(index)
      try files.synchronize(directory: path)
      try files.rename(complete, to: database)
      try files.synchronize(directory: path)
      return aside
    } catch { throw failure(error) }
  }

  /// The numbers of the databases set aside, ascending.
  private func keptNumbers() throws(FileError) -> [Int] {
    try files.list(path).compactMap { name in
      name.hasPrefix(Self.damagedMark) ? Int(name.dropFirst(Self.damagedMark.count)) : nil
    }.sorted()
  }

  /// The databases set aside, oldest first.
  func keptAside() throws(LogError) -> [String] {
    do { return try keptNumbers().map { "\(path)/\(Self.damagedMark)\($0)" } } catch { throw failure(error) }
  }

  /// Fails if a newer version has written the database, before SQLite touches it.
  func refuseNewerFormat() throws(LogError) {
    let pages = try pages()
    // The version in the header may be damaged: it is if there is a row of this version.
    guard let format = pages.format(applicationID: SpoolSchema.applicationID), format > SpoolSchema.format,
      SpoolScan.spool(pages) == nil
    else { return }
    throw LogError(
      .spoolFailed,
      """
      the spool \(path) was written by a newer version (format \(format), this one knows \(SpoolSchema.format)); \
      update this program
      """
    )
  }

  /// The pages of the database, which must not be open anywhere.
  func pages() throws(LogError) -> SpoolPages {
    do { return try SpoolPages.open(database) } catch { throw failure(error) }
  }

  /// Truncates the WAL after its first bytes.
  func truncateWal(to byteCountMax: Int) throws(LogError) {
    do { try files.truncate(wal, to: byteCountMax) } catch { throw failure(error) }
  }

  // MARK: Errors

  func failure(_ error: FileError) -> LogError {
    if error.isDiskFull { return diskFull(error.text) }
    return LogError(
      .spoolFailed, "the spool \(path) cannot be used: \(error.operation) of \(error.path): \(error.text)",
      isRetryable: true, cause: error.text)
  }

  func failure(_ error: SQLiteError) -> LogError {
    if error.isDiskFull { return diskFull(error.codeText) }
    let what = error.isBusy ? "another program holds \(error.path); end it" : "\(error.path): \(error.text)"
    return LogError(.spoolFailed, "the spool \(path) cannot be used: \(what)", isRetryable: true, cause: error.codeText)
  }

  func diskFull(_ cause: String) -> LogError {
    LogError(
      .spoolFailed, "the spool \(path) cannot be written: its disk is full; free space, or allow the spool fewer bytes",
      isRetryable: true, cause: cause)
  }
}
