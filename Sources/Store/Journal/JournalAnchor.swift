internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// What a segment says of the log in front of it: which one it is, and up to where its records are in the segment.
struct JournalAnchor: Equatable, Sendable {
  typealias ID = InstanceID

  var id: ID
  /// Everything before it is in the segment.
  var position: UInt64

  /// Nil if nothing is in front of the segment.
  static func find(in segment: borrowing Database) throws(SQLiteError) -> JournalAnchor? {
    guard try segment.integer("PRAGMA user_version") >= SegmentSchema.journalFormat else { return nil }
    let statement = try segment.prepare("SELECT id, position FROM journal")
    guard try statement.step() else { return nil }
    guard let id = InstanceID(stored: statement.bytes(0)) else {
      throw SQLiteError(damage: "the table 'journal' has no id of 16 bytes", path: segment.path)
    }
    return JournalAnchor(id: id, position: statement.bits(1))
  }
}

extension SegmentWriter {
  /// Makes durable what was committed without a sync.
  func syncWal(_ files: any FileSystem) throws(FileError) {
    let path = segment.path + "-wal"
    // None of SQLite's locks is on this file, so that closing it again takes none away.
    if try files.byteCount(path) != nil { try files.synchronize(file: path) }
  }

  /// Nil if nothing is in front of the segment.
  func journalAnchor() throws(SQLiteError) -> JournalAnchor? { try JournalAnchor.find(in: database.connection) }

  /// Names the log in front of the segment, nil if there is none, in a transaction of its own.
  func setJournal(_ anchor: JournalAnchor?) throws(SQLiteError) {
    try change { () throws(SQLiteError) in
      if format < SegmentSchema.removalsFormat { try database.execute(SegmentSchema.removalsUpgrade) }
      if format < SegmentSchema.journalFormat { try database.execute(SegmentSchema.journalUpgrade) }
      try database.execute("DELETE FROM journal")
      if let anchor { try Self.write(anchor, database.connection) }
    }
    noteFormat(SegmentSchema.journalFormat)
  }

  static func write(_ anchor: JournalAnchor, _ database: borrowing Database) throws(SQLiteError) {
    let insert = try database.prepare("INSERT INTO journal(id, position) VALUES(?1, ?2)")
    insert.bind(1, copying: anchor.id.bytes)
    insert.bind(2, bits: anchor.position)
    try insert.run()
  }
}
