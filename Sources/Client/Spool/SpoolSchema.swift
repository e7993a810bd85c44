/// The tables of `spool.db` (`docs/spool.md`).
enum SpoolSchema {
  /// `PRAGMA user_version`, and part of every check, so that no row of another version is taken for one of this.
  static let format: Int64 = 1
  /// `PRAGMA application_id`: "LSPL".
  static let applicationID: Int64 = 0x4c53_504c
  /// Small batches, committed one by one, cost a few pages each.
  static let pageByteCount = 4096
  /// A page and its header in the WAL.
  static let frameByteCount = pageByteCount + 24
  static let walHeaderByteCount = 32

  /// Seeds of the checks: a row of one table is never taken for one of another.
  enum Seed {
    static let batch: UInt64 = 0x6c73_706c_0001_0001
    static let stream: UInt64 = 0x6c73_706c_0001_0002
    static let spool: UInt64 = 0x6c73_706c_0001_0003
    static let bookmark: UInt64 = 0x6c73_706c_0001_0004
  }

  /// Spools made before there were bookmarks get the table with their first one.
  static let bookmarks = """
    CREATE TABLE IF NOT EXISTS bookmarks(
      id INTEGER PRIMARY KEY,
      key TEXT NOT NULL,
      value BLOB NOT NULL,
      checksum INTEGER NOT NULL
    )
    """

  /// `spool` is the first table, so that its page is always the second one of the file. Large columns are the last ones
  /// of a row, so that the others can be read without them.
  static let tables = """
    CREATE TABLE spool(
      id INTEGER PRIMARY KEY,
      producer BLOB NOT NULL,
      next_id INTEGER NOT NULL,
      next_number INTEGER NOT NULL,
      streams INTEGER NOT NULL,
      is_closed INTEGER NOT NULL,
      checksum INTEGER NOT NULL
    );
    CREATE TABLE streams(
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL,
      next_number INTEGER NOT NULL,
      batches INTEGER NOT NULL,
      entries INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      checksum INTEGER NOT NULL
    );
    CREATE TABLE batches(
      id INTEGER PRIMARY KEY,
      producer BLOB NOT NULL,
      stream TEXT NOT NULL,
      number INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      entries INTEGER NOT NULL,
      count INTEGER NOT NULL,
      accepted INTEGER NOT NULL,
      checksum INTEGER NOT NULL,
      content BLOB NOT NULL
    );
    \(bookmarks);
    CREATE INDEX batches_by_stream ON batches(stream);
    CREATE INDEX batches_by_acceptance ON batches(accepted);
    """
}
