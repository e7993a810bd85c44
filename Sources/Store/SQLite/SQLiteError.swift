internal import CSQLite
internal import Glibc

/// What SQLite answered, and about which file.
struct SQLiteError: Error, Hashable, Sendable {
  /// SQLite's extended result code.
  var code: Int32
  var text: String
  var path: String
  /// The `errno` of the system call underneath, 0 if there was none.
  var systemError: Int32

  static let busyCode = SQLITE_BUSY
  static let notADatabaseCode = SQLITE_NOTADB

  var primaryCode: Int32 { code & 0xff }
  var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
  var isDamage: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }

  /// Whether the file, or a part of it, is gone or cannot be read any more.
  var isLoss: Bool {
    isDamage || primaryCode == SQLITE_IOERR || (primaryCode == SQLITE_CANTOPEN && systemError == ENOENT)
  }

  /// Whether space is what is missing, so that the same may work later.
  ///
  /// SQLite says `SQLITE_FULL` only for ENOSPC in a write; a quota, and growing the WAL index, come as I/O errors. A failed
  /// fsync is never among them: what it was to make durable is unknown, whatever its reason.
  var isDiskFull: Bool {
    if primaryCode == SQLITE_FULL { return true }
    let isSpace = systemError == ENOSPC || systemError == EDQUOT
    // SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_TRUNCATE: macros of arithmetic that Swift does not import.
    return isSpace && [3, 19, 6].contains(where: { code == SQLITE_IOERR | ($0 << 8) })
  }

  var codeText: String {
    let name = unsafe String(cString: sqlite3_errstr(code))
    return systemError == 0 ? "SQLite \(code): \(name)" : "SQLite \(code): \(name), errno \(systemError)"
  }
}
