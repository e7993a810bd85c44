internal import CSQLite
internal import Glibc

/// An error of SQLite and the file it is about.
package struct SQLiteError: Error, Hashable, Sendable {
  /// SQLite's extended result code.
  package var code: Int32
  package var text: String
  package var path: String
  /// The `errno` of the system call underneath, 0 if there was none.
  package var systemError: Int32

  package static let busyCode = SQLITE_BUSY
  /// SQLITE_IOERR_READ, _SHORT_READ, _DATA, _CORRUPTFS: macros of arithmetic that Swift does not import.
  private static let failedReadCodes: Set<Int32> = [
    SQLITE_IOERR | (1 << 8), SQLITE_IOERR | (2 << 8), SQLITE_IOERR | (32 << 8), SQLITE_IOERR | (33 << 8),
  ]

  /// Readable to SQLite, but not what the store writes.
  package init(damage text: String, path: String) {
    self.init(code: SQLITE_CORRUPT, text: text, path: path, systemError: 0)
  }

  /// The file is there no longer, or is another one.
  package init(gone path: String) {
    self.init(code: SQLITE_CANTOPEN, text: "it has been removed or replaced", path: path, systemError: 0)
  }

  /// A sync of the file outside of SQLite failed.
  package init(failedSync text: String, path: String, systemError: Int32) {
    // SQLITE_IOERR_FSYNC.
    self.init(code: SQLITE_IOERR | (4 << 8), text: text, path: path, systemError: systemError)
  }

  package init(code: Int32, text: String, path: String, systemError: Int32) {
    self.code = code
    self.text = text
    self.path = path
    self.systemError = systemError
  }

  package var primaryCode: Int32 { code & 0xff }
  /// Whether a rollback journal has to be applied first, which a connection that only reads cannot do.
  package var isRollbackNeeded: Bool { code == SQLITE_READONLY | (3 << 8) }

  package var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
  package var isDamage: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }

  /// Whether rows contradict a rule of their table, as two with the same key do.
  package var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }

  /// Whether the disk could not read: for good, or for a moment.
  package var isFailedRead: Bool { Self.failedReadCodes.contains(code) }
  /// Whether a part of the file cannot be read.
  package var isLoss: Bool { isDamage || isFailedRead }
  /// The file is missing, or a descriptor, memory or a permission is: SQLite does not say which.
  package var isFailedOpen: Bool { primaryCode == SQLITE_CANTOPEN }

  /// Whether the disk is full, so that the same operation may succeed later.
  ///
  /// SQLite reports `SQLITE_FULL` only for ENOSPC in a write; a quota, and growing the WAL index, come as I/O errors. A
  /// failed fsync never counts as a full disk: what it should have made durable is unknown, whatever the reason.
  package var isDiskFull: Bool {
    if primaryCode == SQLITE_FULL { return true }
    let isSpace = systemError == ENOSPC || systemError == EDQUOT
    // SQLITE_IOERR_WRITE, _TRUNCATE.
    return isSpace && ([3, 6].contains(where: { code == SQLITE_IOERR | ($0 << 8) }) || code == Self.indexCode)
  }

  /// SQLITE_IOERR_SHMSIZE: the WAL index could not grow.
  private static let indexCode = SQLITE_IOERR | (19 << 8)

  /// Whether a transaction that ended with this error has left nothing behind, so that the store can go on without it.
  ///
  /// The WAL index grows after the transaction's frames have been written to the WAL, its COMMIT among them: a restart
  /// may find it.
  package var meansNothingStored: Bool { isBusy || (isDiskFull && code != Self.indexCode) }

  package var codeText: String {
    let name = unsafe String(cString: sqlite3_errstr(code))
    return systemError == 0 ? "SQLite \(code): \(name)" : "SQLite \(code): \(name), errno \(systemError)"
  }
}
