internal import LogsDisk

/// The tables of a segment file (`spec/storage.md`, section 3).
enum SegmentSchema {
  /// Format 1 has no `run_index`; a segment of that format stays in use as it is. Formats 1 and 2 have no `removals`
  /// and no `next_stream`, formats 1 to 3 no `journal`; the upgrades add them when they are needed. Formats 1 to 4 have
  /// no `compacted`, and their batches no times received of their own. Formats 1 to 5 have no dictionaries, and formats
  /// 1 to 6 no packed rows, and formats 1 to 7 no dictionary of theirs.
  static let format: Int64 = 8
  static let removalsFormat: Int64 = 3
  static let journalFormat: Int64 = 4
  static let compactedFormat: Int64 = 5
  /// `PRAGMA application_id`: "LOGS".
  static let applicationID: Int64 = 0x4c4f_4753
  /// 4 KiB is 10 % faster for tiny commits, 16 KiB 40 % faster for bulk.
  static let pageByteCount = 8192
  /// Of a compacted segment, whose rows are large.
  static let compactedPageByteCount = 16_384

  static let tables = """
    CREATE TABLE segment(
      number INTEGER NOT NULL,
      store BLOB NOT NULL,
      created INTEGER NOT NULL,
      trimmed_below INTEGER NOT NULL,
      marks_through INTEGER NOT NULL,
      indexed_through INTEGER NOT NULL,
      next_stream INTEGER NOT NULL,
      compacted INTEGER NOT NULL
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
      unpacked_length INTEGER NOT NULL,
      producers BLOB NOT NULL,
      batches BLOB NOT NULL
    );
    CREATE TABLE \(runIndex)(
      stream INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      run INTEGER NOT NULL,
      PRIMARY KEY(stream, first_seq)
    ) WITHOUT ROWID;
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
    \(removals);
    \(journal);
    \(SegmentDictionaries.schema(of: SegmentDictionaries.tables[0]))
    """

  private static let removals = """
    CREATE TABLE removals(
      stream INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      last_seq INTEGER NOT NULL,
      reason INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      PRIMARY KEY(stream, first_seq)
    ) WITHOUT ROWID
    """

  private static let journal = "CREATE TABLE IF NOT EXISTS journal(id BLOB NOT NULL, position INTEGER NOT NULL)"

  /// Makes a segment of an earlier format one that can say what was removed. Earlier versions of the program, which
  /// would show what is gone, refuse it from then on.
  static let removalsUpgrade = """
    \(removals);
    ALTER TABLE segment ADD COLUMN next_stream INTEGER NOT NULL DEFAULT 1;
    PRAGMA user_version=\(removalsFormat)
    """

  /// The same for what is in front of it, which earlier versions would not look for. It can say what was removed.
  static let journalUpgrade = "\(journal); PRAGMA user_version=\(journalFormat)"

  /// The table that finds the rows of a segment that is not sealed, up to `segment.indexed_through`.
  static let runIndex = "run_index"
  /// The index that a sealed segment has instead. With it in the active segment, each row would cost a page of the
  /// index: with 64 streams in a commit that is most of what the commit writes.
  static let finalIndex = "runs_by_stream"

  /// Brings `run_index` up to date: in the order of its pages, so that each of them is written once.
  static let indexRunsText = """
    INSERT INTO \(runIndex)(stream, first_seq, run)
    SELECT stream, first_seq, id FROM runs NOT INDEXED WHERE id > (SELECT indexed_through FROM segment)
    ORDER BY stream, first_seq;
    UPDATE segment SET indexed_through = (SELECT max(id) FROM runs)
    """

  /// Begins the file of a segment that is made as a sealed one, in a transaction. No journal and no sync: until the
  /// file has its name, a start removes it, whatever is in it.
  static func beginText(pageByteCount: Int) -> String {
    """
    PRAGMA page_size=\(pageByteCount); PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
    PRAGMA temp_store=MEMORY;
    BEGIN;
    PRAGMA application_id=\(applicationID);
    PRAGMA user_version=\(format);
    \(tables)
    DROP TABLE \(runIndex);
    """
  }

  /// Whether a segment has a table or an index of this name.
  static func has(_ name: String, _ database: borrowing Database) throws(SQLiteError) -> Bool {
    try has(name, try database.prepare(hasText))
  }

  static func has(_ name: String, _ database: any SQLRunner) throws(SQLiteError) -> Bool {
    try has(name, try database.prepare(hasText))
  }

  /// - Parameter statement: one of the database's.
  static func has(_ name: String, on statement: borrowing Statement) throws(SQLiteError) -> Bool {
    try has(name, try statement.prepareAnother(hasText))
  }

  private static let hasText = "SELECT 1 FROM sqlite_master WHERE name = ?1"

  private static func has(_ name: String, _ statement: borrowing Statement) throws(SQLiteError) -> Bool {
    statement.bind(1, name)
    return try statement.step()
  }

  /// Whether a sealed segment has large batches, and nothing that was small before.
  static func isCompacted(_ database: borrowing Database) throws(SQLiteError) -> Bool {
    guard try database.integer("PRAGMA user_version") >= compactedFormat else { return false }
    return try database.integer("SELECT compacted FROM segment") != 0
  }

  /// The incarnations that the batches of stream ?1 in a segment may have been signed for.
  static let incarnationsText = """
    SELECT incarnation FROM streams WHERE id = ?1
    UNION SELECT incarnation FROM former_incarnations WHERE stream = ?1
    """

  /// `streams.state`.
  enum StreamState: Int64 {
    case open = 0
    case sealed = 1
    /// Its row has another name, and the next segment has no row of it.
    case deleted = 2
  }
}
