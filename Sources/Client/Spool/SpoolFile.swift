internal import LogsDisk
internal import LogsWire

/// A producer's only connection to its `spool.db`: reads and writes rows, and checkpoints.
///
/// For one thread at a time. All errors are SQLite's own; `Spool` decides what they mean.
final class SpoolFile {
  /// A WAL longer than this is checkpointed after a transaction. SQLite truncates its file to this length when it
  /// starts the WAL over.
  static let walByteCountMax = 4 << 20
  /// The space of an empty spool larger than this is freed.
  static let emptyByteCountMax = 8 << 20

  let database: WALDatabase
  private var bookmarkRows: SpoolBookmarks
  private let insertBatch: Statement
  private let deleteBatch: Statement
  private let writeStream: Statement
  private let deleteStream: Statement
  private let writeSpool: Statement
  private let selectBatch: Statement
  private let selectSummary: Statement
  private let selectFirst: Statement
  private let selectAfter: Statement
  private let selectBefore: Statement
  private let selectIDs: Statement
  private let selectOld: Statement
  private let selectOldest: Statement

  /// Opens a database in WAL mode, which recovers what a crash has left in its WAL.
  init(_ path: String, vfs: String?) throws(SQLiteError) {
    // Removed rows are overwritten with zeros: no log text is left behind, and a scan of the pages of a damaged file
    // (`SpoolScan`) finds no removed rows.
    let configuration = WALDatabase.Configuration(
      applicationID: SpoolSchema.applicationID, kind: "spool", cacheKibibyteCount: 2 << 10, busyTimeout: .seconds(5),
      pragmas: "PRAGMA secure_delete=ON; PRAGMA journal_size_limit=\(Self.walByteCountMax)")
    database = try WALDatabase(path, configuration, vfs: vfs) { database throws(SQLiteError) in
      if try database.integer("PRAGMA user_version") != SpoolSchema.format {
        throw SQLiteError(damage: "its format is not \(SpoolSchema.format)", path: path)
      }
    }
    insertBatch = try database.prepare(Self.insertText(""))
    deleteBatch = try database.prepare("DELETE FROM batches WHERE id = ?1")
    writeStream = try database.prepare(Self.writeStreamText)
    deleteStream = try database.prepare("DELETE FROM streams WHERE id = ?1")
    writeSpool = try database.prepare(Self.writeSpoolText)
    selectBatch = try database.prepare("SELECT * FROM batches WHERE id = ?1")
    selectSummary = try database.prepare(
      "SELECT producer, stream, number, kind, entries, \(Self.byteCountText) FROM batches WHERE id = ?1")
    // Only ids are read from an index. SQLite would also take the stream of a row from there, which may differ from the
    // row itself in a damaged file, and it might reach a row from its neighbour that a lookup by id does not find.
    selectFirst = try database.prepare("SELECT id FROM batches WHERE stream = ?1 ORDER BY id LIMIT 1")
    selectAfter = try database.prepare("SELECT id FROM batches WHERE stream = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
    selectBefore = try database.prepare(
      "SELECT id FROM batches WHERE stream = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1")
    selectIDs = try database.prepare("SELECT id FROM batches WHERE id > ?1 ORDER BY id LIMIT ?2")
    selectOld = try database.prepare(
      """
      SELECT accepted, id FROM batches
      WHERE accepted >= ?1 AND accepted < ?3 AND (accepted > ?1 OR id > ?2) ORDER BY accepted, id LIMIT ?4
      """)
    selectOldest = try database.prepare("SELECT min(id) FROM batches")
    bookmarkRows = try SpoolBookmarks(database)
    // Tells how much of the WAL is needed.
    try database.checkpoint()
  }

  /// The cost of a batch in credit; a completion costs nothing. Too little if a damaged bit turns the content into
  /// text, whose length is counted in characters.
  static let byteCountText = """
    CASE WHEN kind = \(SpoolRow.Kind.completion.rawValue) THEN 0
      WHEN typeof(content) = 'blob' THEN length(content) ELSE -1 END
    """

  static let writeStreamText = "INSERT OR REPLACE INTO streams VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
  static let writeSpoolText = "INSERT OR REPLACE INTO spool VALUES(1, ?1, ?2, ?3, ?4, ?5, ?6)"

  static func insertText(_ conflict: String) -> String {
    "INSERT \(conflict) INTO batches VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
  }

  // MARK: The WAL

  var isWalLong: Bool { database.pendingWalByteCount >= Self.walByteCountMax }

  /// Frees the space of an empty spool.
  ///
  /// By rebuilding the file, not by shrinking it step by step (`auto_vacuum`): that would cost extra pages in every
  /// transaction, and in an empty spool nothing has to be moved.
  func shrinkEmpty() throws(SQLiteError) {
    guard try database.integer("PRAGMA page_count") * Int64(SpoolSchema.pageByteCount) > Self.emptyByteCountMax
    else {
      return
    }
    try database.execute("VACUUM")
    try database.checkpoint()
  }

  // MARK: Batches

  func insert(_ row: SpoolRow) throws(SQLiteError) { try Self.insert(row, with: insertBatch) }

  static func insert(_ row: SpoolRow, with statement: borrowing Statement) throws(SQLiteError) {
    statement.bind(1, row.id)
    statement.bind(2, copying: row.key.producer.bytes)
    statement.bind(3, row.stream.text)
    statement.bind(4, bits: row.number)
    statement.bind(5, row.kind.rawValue)
    statement.bind(6, Int64(row.entryCount))
    statement.bind(7, Int64(row.batchEntryCount))
    statement.bind(8, row.accepted)
    statement.bind(9, bits: row.checksum)
    try statement.run(10, row.bytes)
  }

  func delete(_ id: Int64) throws(SQLiteError) {
    deleteBatch.bind(1, id)
    try deleteBatch.run()
  }

  /// A batch without its content; nil if it is not there.
  func summary(_ id: Int64) throws(SQLiteError) -> SpoolSummary? {
    selectSummary.bind(1, id)
    defer { selectSummary.reset() }
    guard try selectSummary.step() else { return nil }
    guard let producer = ProducerID(stored: selectSummary.bytes(0)),
      let kind = SpoolRow.Kind(rawValue: selectSummary.integer(3))
    else { throw SQLiteError(damage: "batch \(id) has no producer or kind", path: database.path) }
    return SpoolSummary(
      id: id, key: AppendQueue.Key(producer: producer, stream: StreamName(stored: selectSummary.text(1))),
      number: UInt64(try selectSummary.integer(2, in: Self.numbers)), kind: kind,
      entryCount: UInt64(try selectSummary.integer(4, in: 0...Int64(Int32.max))),
      byteCount: Int(try selectSummary.integer(5, in: 0...Int64(Int32.max))))
  }

  /// A row, whose check must hold; nil if it is not there.
  func row(_ id: Int64) throws(SQLiteError) -> SpoolRow? {
    selectBatch.bind(1, id)
    defer { selectBatch.reset() }
    guard try selectBatch.step() else { return nil }
    guard let row = SpoolRow(id: selectBatch.integer(0), values: selectBatch) else {
      throw SQLiteError(damage: "batch \(id) fails its check", path: database.path)
    }
    return row
  }

  /// The window of a stream; nil if the stream has no batches.
  func window(of stream: StreamName) throws(SQLiteError) -> SpoolWindow? {
    selectFirst.bind(1, stream.text)
    defer { selectFirst.reset() }
    guard try selectFirst.step() else { return nil }
    let id = selectFirst.integer(0)
    guard let first = try summary(id) else { throw missing(id) }
    return SpoolWindow(firstID: id, producer: first.key.producer, number: first.number)
  }

  /// The range of valid numbers; there is always room for more.
  private static let numbers: ClosedRange<Int64> = 1...Int64.max / 2

  /// The batches of a stream that are after `id` and in its window.
  func rows(of stream: StreamName, after id: Int64, in window: SpoolWindow) throws(SQLiteError) -> [SpoolRow] {
    selectAfter.bind(1, stream.text)
    selectAfter.bind(2, id)
    selectAfter.bind(3, Int64(Limits.producerBatchCountMax))
    defer { selectAfter.reset() }
    var rows: [SpoolRow] = []
    while try selectAfter.step() {
      let row = try row(selectAfter.integer(0), of: stream)
      guard window.contains(row.summary) else { break }
      if let last = rows.last, last.number >= row.number {
        throw SQLiteError(damage: "batch \(row.number) stands behind batch \(last.number)", path: database.path)
      }
      rows.append(row)
    }
    // Both searches use the index; if it is damaged, one may find what the other does not. Later batches must not be
    // sent before it.
    if window.firstID > id, rows.first?.id != window.firstID {
      throw SQLiteError(
        damage: "batch \(window.firstID) of stream \(stream) is its first and is not found", path: database.path)
    }
    return rows
  }

  /// Checks that batches that are not in the table are not in the index either, from which windows are read.
  ///
  /// - Complexity: reads the whole index, which is sorted by stream and not by id.
  func requireUnnamed(_ ids: Set<Int64>) throws(SQLiteError) {
    let named = try database.prepare("SELECT id FROM batches INDEXED BY batches_by_stream")
    while try named.step() {
      let id = named.integer(0)
      if ids.contains(id) { throw missing(id) }
    }
  }

  /// The last batch of a stream before `id`.
  func row(of stream: StreamName, before id: Int64) throws(SQLiteError) -> SpoolRow? {
    selectBefore.bind(1, stream.text)
    selectBefore.bind(2, id)
    defer { selectBefore.reset() }
    return try selectBefore.step() ? row(selectBefore.integer(0), of: stream) : nil
  }

  /// The next ids.
  func ids(after id: Int64, limit: Int) throws(SQLiteError) -> [Int64] {
    selectIDs.bind(1, id)
    selectIDs.bind(2, Int64(limit))
    defer { selectIDs.reset() }
    var ids: [Int64] = []
    while try selectIDs.step() { ids.append(selectIDs.integer(0)) }
    return ids
  }

  /// A place in the order of acceptance.
  struct Acceptance {
    var time = Int64.min
    var id: Int64 = 0
  }

  /// The next batches that were accepted before `time`, in the order of acceptance.
  func accepted(before time: Int64, after place: Acceptance, limit: Int) throws(SQLiteError) -> [Acceptance] {
    selectOld.bind(1, place.time)
    selectOld.bind(2, place.id)
    selectOld.bind(3, time)
    selectOld.bind(4, Int64(limit))
    defer { selectOld.reset() }
    var places: [Acceptance] = []
    while try selectOld.step() { places.append(Acceptance(time: selectOld.integer(0), id: selectOld.integer(1))) }
    return places
  }

  func oldestID() throws(SQLiteError) -> Int64? {
    defer { selectOldest.reset() }
    return try selectOldest.step() && !selectOldest.isNull(0) ? selectOldest.integer(0) : nil
  }

  /// A row that the index refers to. Its check must hold, and it must be of the stream.
  private func row(_ id: Int64, of stream: StreamName) throws(SQLiteError) -> SpoolRow {
    guard let row = try row(id) else { throw missing(id) }
    if row.stream != stream {
      throw SQLiteError(damage: "batch \(id) is not of stream \(stream)", path: database.path)
    }
    return row
  }

  private func missing(_ id: Int64) -> SQLiteError {
    SQLiteError(damage: "batch \(id) is in the index and not in the table", path: database.path)
  }

  // MARK: Bookmarks

  func bookmarks() throws(SQLiteError) -> [SpoolBookmark] { try bookmarkRows.all(database) }

  func write(_ bookmarks: [SourceBookmark]) throws(SQLiteError) { try bookmarkRows.write(bookmarks, database) }

  /// Stores bookmarks under keys that never had one.
  func note(_ bookmarks: [SourceBookmark]) throws(SQLiteError) {
    let rows = bookmarkRows
    do throws(SQLiteError) {
      try database.transact { () throws(SQLiteError) in try bookmarkRows.writeNew(bookmarks, database) }
    } catch {
      // Nothing is stored: the keys are new when it is tried again.
      bookmarkRows = rows
      throw error
    }
  }

  // MARK: The rest

  /// Writes everything besides the batches that a transaction has changed.
  func write(_ state: SpoolState) throws(SQLiteError) {
    for change in state.changes {
      if let row = change.removedRow {
        deleteStream.bind(1, row)
        try deleteStream.run()
      }
      if let stream = change.stream { try Self.write(.stream(change.name, stream), with: writeStream) }
    }
    try Self.write(.spool(state.header, streamCount: state.streams.count), with: writeSpool)
  }

  static func write(_ record: SpoolRecord, with statement: borrowing Statement) throws(SQLiteError) {
    record.bind(to: statement)
    try statement.run()
  }

  /// Reads what is kept in memory, and checks that there are as many batches as were counted.
  func load() throws(SQLiteError) -> SpoolState {
    let spool = try database.prepare("SELECT * FROM spool")
    guard try spool.step(), case .spool(var header, _)? = SpoolRecord(spoolRow: spool) else {
      throw SQLiteError(damage: "its identity cannot be read", path: database.path)
    }
    var streams: [StreamName: SpoolState.Stream] = [:]
    let statement = try database.prepare("SELECT * FROM streams")
    while try statement.step() {
      guard case .stream(let name, let stream)? = SpoolRecord(streamRow: statement.integer(0), values: statement),
        streams[name] == nil
      else {
        throw SQLiteError(damage: "what it says of a stream fails its check", path: database.path)
      }
      streams[name] = stream
      header.totals += stream.totals
    }
    let count = try database.integer("SELECT count(*) FROM batches")
    if count != header.totals.batchCount {
      throw SQLiteError(
        damage:
          "\(Figures.count(count, "batch is", "batches are")) there, and the count is \(header.totals.batchCount)",
        path: database.path)
    }
    header.oldestID = try oldestID()
    return SpoolState(header: header, streams: streams)
  }
}
