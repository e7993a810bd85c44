internal import LogsDisk
internal import LogsWire

/// A row of `bookmarks`, with its own check.
struct SpoolBookmark {
  let id: Int64
  let key: String
  let value: ByteString

  private var checksum: UInt64 {
    var writer = ByteWriter()
    writer.append(i64: id)
    writer.append(u64: UInt64(value.count))
    writer.append(value)
    writer.append(utf8: key)
    return XXH3.hash(writer.span, seed: SpoolSchema.Seed.bookmark)
  }

  init(id: Int64, key: String, value: ByteString) {
    self.id = id
    self.key = key
    self.value = value
  }

  /// nil if its check fails.
  init?<Values: SpoolValues & ~Copyable>(id: Int64, values: borrowing Values) {
    self.init(id: id, key: values.text(1), value: values.bytes(2))
    if checksum != UInt64(bitPattern: values.integer(3)) { return nil }
  }

  static let insertText = "INSERT OR REPLACE INTO bookmarks VALUES(?1, ?2, ?3, ?4)"

  func insert(with statement: borrowing Statement) throws(SQLiteError) {
    statement.bind(1, id)
    statement.bind(2, key)
    statement.bind(3, copying: value)
    statement.bind(4, bits: checksum)
    try statement.run()
  }
}

/// The bookmarks of a spool, and where they are. In memory there is only a number for each.
struct SpoolBookmarks {
  private var rows: [String: Int64] = [:]
  private var rowLast: Int64 = 0
  /// Whether the file had the table when it was opened.
  private let hadTable: Bool

  /// Finds them in a file.
  ///
  /// - Throws: if one of them is damaged.
  init(_ database: WALDatabase) throws(SQLiteError) {
    hadTable = try Self.hasTable(database)
    for bookmark in try all(database) {
      rows[bookmark.key] = bookmark.id
      rowLast = max(rowLast, bookmark.id)
    }
  }

  private static func hasTable(_ database: WALDatabase) throws(SQLiteError) -> Bool {
    try database.integer("SELECT count(*) FROM sqlite_master WHERE name = 'bookmarks'") == 1
  }

  func all(_ database: WALDatabase) throws(SQLiteError) -> [SpoolBookmark] {
    guard try Self.hasTable(database) else { return [] }
    let select = try database.prepare("SELECT * FROM bookmarks")
    var found: [SpoolBookmark] = []
    while try select.step() {
      guard let bookmark = SpoolBookmark(id: select.integer(0), values: select) else {
        throw SQLiteError(damage: "a bookmark fails its check", path: database.path)
      }
      found.append(bookmark)
    }
    return found
  }

  /// Writes those whose keys never had one.
  mutating func writeNew(_ bookmarks: [SourceBookmark], _ database: WALDatabase) throws(SQLiteError) {
    try write(bookmarks.filter { rows[$0.key] == nil }, database)
  }

  /// Writes those of batches that are stored in the same transaction. If that is rolled back, rows that were given to
  /// new keys stay theirs.
  mutating func write(_ bookmarks: [SourceBookmark], _ database: WALDatabase) throws(SQLiteError) {
    if bookmarks.isEmpty { return }
    if !hadTable { try database.execute(SpoolSchema.bookmarks) }
    let insert = try database.prepare(SpoolBookmark.insertText)
    let delete = try database.prepare("DELETE FROM bookmarks WHERE id = ?1")
    for bookmark in bookmarks {
      if let value = bookmark.value {
        if rows[bookmark.key] == nil {
          rowLast += 1
          rows[bookmark.key] = rowLast
        }
        guard let row = rows[bookmark.key] else { continue }
        try SpoolBookmark(id: row, key: bookmark.key, value: value).insert(with: insert)
      } else if let row = rows[bookmark.key] {
        delete.bind(1, row)
        try delete.run()
      }
    }
  }
}
