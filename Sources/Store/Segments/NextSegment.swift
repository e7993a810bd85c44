internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// The next segment while it is being made: a temporary file that becomes a segment at the rollover.
///
/// It is filled from a snapshot while the writer works on, then gets what has changed since, between two transactions.
/// No connection stays open in between: an open SQLite database would not survive the renaming of its file.
struct NextSegment: Sendable {
  let number: Int64
  let path: String
  let vfs: String?

  /// What a segment begins with.
  struct Content {
    var createdAt: Int64
    var trimmedBelow: Int64
    /// No stream that exists has this id or a higher one.
    var nextStreamID: Int64
    var streams: [StreamInfo]
    var marks: [SegmentWriter.LocatedMark]
    /// The log in front of it, nil if there is none, and its position.
    var journal: JournalAnchor?
  }

  /// Creates the empty file: SQLite would make it readable by everyone. SQLite gives the files beside it the same mode.
  func create(_ files: any FileSystem) throws(FileError) { try files.write(path, []) }

  /// Fills the file with these streams and marks. Does not sync it; that is done before it is renamed.
  func make(
    store: InstanceID, _ content: Content
  ) throws(SQLiteError) {
    let database = try Database(path, mode: .readWrite, vfs: vfs)
    try database.execute("PRAGMA page_size=\(SegmentSchema.pageByteCount)")
    try Self.disableJournal(database)
    try database.execute(
      """
      BEGIN;
      PRAGMA application_id=\(SegmentSchema.applicationID);
      PRAGMA user_version=\(SegmentSchema.format);
      \(SegmentSchema.tables)
      """)
    let insert = try database.prepare(
      """
      INSERT INTO segment(number, store, created, trimmed_below, marks_through, indexed_through, next_stream, compacted)
      VALUES(?1, ?2, ?3, ?4, 0, 0, ?5, 0)
      """)
    insert.bind(1, number)
    insert.bind(2, copying: store.bytes)
    insert.bind(3, content.createdAt)
    insert.bind(4, content.trimmedBelow)
    insert.bind(5, content.nextStreamID)
    try insert.run()
    try Self.write(content, database)
    try database.execute("COMMIT")
  }

  /// Brings the file up to date.
  ///
  /// - Parameter deleted: the ids of streams that were deleted since it was made.
  func update(_ content: Content, deleted: Set<Int64>) throws(SQLiteError) {
    let database = try Database(path, mode: .readWrite, vfs: vfs)
    try Self.disableJournal(database)
    try database.execute("BEGIN")
    let update = try database.prepare("UPDATE segment SET created = ?1, trimmed_below = ?2, next_stream = ?3")
    update.bind(1, content.createdAt)
    update.bind(2, content.trimmedBelow)
    update.bind(3, content.nextStreamID)
    try update.run()
    try database.execute("DELETE FROM journal")
    if let anchor = content.journal { try SegmentWriter.write(anchor, database) }
    for table in ["streams WHERE id", "marks WHERE stream", "removals WHERE stream"] {
      let delete = try database.prepare("DELETE FROM \(table) = ?1")
      for stream in deleted {
        delete.bind(1, stream)
        try delete.run()
      }
    }
    try Self.write(content, database)
    try database.execute("COMMIT")
  }

  /// No journal and no sync: until the file has its name, a start removes it, whatever is in it.
  private static func disableJournal(_ database: borrowing Database) throws(SQLiteError) {
    try database.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
  }

  private static func write(_ content: Content, _ database: borrowing Database) throws(SQLiteError) {
    let insertStream = try database.prepare(
      """
      INSERT OR REPLACE INTO streams(id, name, incarnation, state, next, entries, bytes, received)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      """)
    let removals = try RemovalStatements(database)
    for stream in content.streams {
      SegmentWriter.bind(insertStream, stream)
      try insertStream.run()
      try removals.write(stream)
    }
    let insertMark = try database.prepare(SegmentWriter.insertMarkText)
    for mark in content.marks {
      try SegmentWriter.write(mark.mark.records, of: mark.producer, on: mark.stream, with: insertMark)
    }
  }
}
