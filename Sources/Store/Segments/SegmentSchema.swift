/// The tables of a segment file (`spec/storage.md`, section 3).
enum SegmentSchema {
  static let format: Int64 = 1
  /// `PRAGMA application_id`: "LOGS".
  static let applicationID: Int64 = 0x4c4f_4753
  /// 4 KiB is 10 % faster for tiny commits, 16 KiB 40 % faster for bulk.
  static let pageByteCount = 8192
  /// Page and its header in the WAL.
  static let frameByteCount = pageByteCount + 24

  static let tables = """
    CREATE TABLE segment(
      number INTEGER NOT NULL,
      store BLOB NOT NULL,
      created INTEGER NOT NULL,
      trimmed_below INTEGER NOT NULL,
      marks_through INTEGER NOT NULL
    );
    CREATE TABLE streams(
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      incarnation INTEGER NOT NULL,
      state INTEGER NOT NULL,
      next INTEGER NOT NULL,
      entries INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      received INTEGER NOT NULL
    );
    CREATE TABLE former_incarnations(
      stream INTEGER NOT NULL,
      next INTEGER NOT NULL,
      incarnation INTEGER NOT NULL
    );
    CREATE TABLE runs(
      id INTEGER PRIMARY KEY,
      stream INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      span INTEGER NOT NULL,
      count INTEGER NOT NULL,
      min_time INTEGER NOT NULL,
      max_time INTEGER NOT NULL,
      severities INTEGER NOT NULL,
      received INTEGER NOT NULL,
      raw_length INTEGER NOT NULL,
      producers BLOB NOT NULL,
      batches BLOB NOT NULL
    );
    CREATE UNIQUE INDEX runs_by_stream ON runs(stream, first_seq);
    CREATE TABLE marks(
      stream INTEGER NOT NULL,
      producer BLOB NOT NULL,
      slot INTEGER NOT NULL,
      number INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      count INTEGER NOT NULL,
      producer_check INTEGER NOT NULL,
      PRIMARY KEY(stream, producer, slot)
    ) WITHOUT ROWID;
    """

  /// What the batches of stream ?1 in a segment may have been signed under.
  static let incarnationsText = """
    SELECT incarnation FROM streams WHERE id = ?1
    UNION SELECT incarnation FROM former_incarnations WHERE stream = ?1
    """

  /// `streams.state`.
  enum StreamState: Int64 {
    case open = 0
    case sealed = 1
    /// Reserved: its name may be used again by a stream with another id and incarnation.
    case deleted = 2
  }
}
