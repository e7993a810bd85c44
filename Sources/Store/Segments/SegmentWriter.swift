internal import LogsDisk
internal import LogsWire
internal import Synchronization

/// The one connection that writes and checkpoints the active segment.
///
/// Invariant behind `@unchecked Sendable`: it is used by one thread at a time, first the one that opens the store, then
/// whichever has the writer or, behind it, the applier, then the one that seals the segment. What both look at is
/// atomic; all else that is not about the connection is the writer's.
final class SegmentWriter: @unchecked Sendable {
  let segment: Segment
  let database: WALDatabase
  private let insertStream: Statement
  private let insertRun: Statement
  private let insertMark: Statement
  private let updateMarksThrough: Statement
  private let packer: RowPacker?

  let createdAt: Int64
  /// The size of the segment, with what will soon be in it.
  var byteCount: Int {
    pageCount.load(ordering: .relaxed) * SegmentSchema.pageByteCount + awaited.load(ordering: .relaxed)
  }
  private let pageCount = Atomic(0)
  private let pageCountStatement: Statement
  /// Bytes of batches that were noted and are not in the segment yet, before they are packed.
  private let awaited = Atomic(0)
  /// Whether a reader that stays keeps the WAL from being emptied.
  var isWalHeld: Bool {
    get { walIsHeld.load(ordering: .relaxed) }
    set { walIsHeld.store(newValue, ordering: .relaxed) }
  }
  private let walIsHeld = Atomic(false)
  private(set) var isEmpty: Bool
  /// The highest `id` in `runs`; rows are only added, so that SQLite gives the next row the next one.
  var lastRow: Int64 { rowCount.load(ordering: .relaxed) }
  private let rowCount: Atomic<Int64>
  /// The format that the segment has now.
  private(set) var format: Int64
  /// The highest `id` in `run_index`; nil in a segment of format 1, whose rows have had an index from the start.
  var indexedThrough: Int64? {
    let row = indexedRow.load(ordering: .relaxed)
    return row == Self.noIndex ? nil : row
  }
  private let indexedRow: Atomic<Int64>
  private static let noIndex = Int64.min

  /// Opens a segment in WAL mode, which recovers what a crash has left in its WAL. No other file is written to.
  ///
  /// - Parameter store: the store that the segment must belong to, unless the caller checks that itself.
  init(
    _ segment: Segment, of store: InstanceID? = nil, _ configuration: StoreConfiguration
  ) throws(SQLiteError) {
    self.segment = segment
    let settings = WALDatabase.Configuration(
      applicationID: SegmentSchema.applicationID, kind: "segment", cacheKibibyteCount: 16 << 10,
      busyTimeout: configuration.lockTimeMax)
    database = try WALDatabase(segment.path, settings, vfs: configuration.vfs) {
      database throws(SQLiteError) in
      guard let store else { return }
      let identity = try Self.identity(database)
      if identity.number != segment.number || identity.store != store.bytes {
        throw SQLiteError(damage: "it is not segment \(segment.number) of store \(store)", path: segment.path)
      }
    }
    insertStream = try database.prepare(Self.insertStreamText)
    let packing = try RowPacking(of: database.connection)
    let pageCount = try database.integer("PRAGMA page_count")
    packer =
      packing.isKnown
      ? try RowPacker(
        of: database.connection, pageCount: Int(pageCount), samplesByteCount: configuration.rowSamplesByteCount) : nil
    insertRun = try database.prepare(SegmentRow.insertText(packing))
    insertMark = try database.prepare(Self.insertMarkText)
    updateMarksThrough = try database.prepare("UPDATE segment SET marks_through = ?1")
    pageCountStatement = try database.prepare("PRAGMA page_count")
    createdAt = try database.integer("SELECT created FROM segment")
    format = try database.integer("PRAGMA user_version")
    isEmpty = true
    rowCount = Atomic(try database.integer("SELECT max(id) FROM runs"))
    let hasIndex = try SegmentSchema.has(SegmentSchema.runIndex, database.connection)
    indexedRow = Atomic(hasIndex ? try database.integer("SELECT indexed_through FROM segment") : Self.noIndex)
    try count()
  }

  /// Counts what is in the segment: when it is opened, and when a start has added to it.
  func count() throws(SQLiteError) {
    pageCount.store(try currentPageCount(), ordering: .relaxed)
    awaited.store(0, ordering: .relaxed)
    isEmpty = lastRow == 0
  }

  /// Rows are only added, and numbered from 1.
  var runCount: Int { Int(lastRow) }

  /// Rows not in the index yet.
  var unindexedRunCount: Int64 { indexedThrough.map { lastRow - $0 } ?? 0 }

  static let insertStreamText = """
    INSERT INTO streams(id, name, incarnation, state, next, entries, bytes, received)
    VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(id) DO UPDATE SET state = excluded.state
    """
  static let insertMarkText = "INSERT OR REPLACE INTO marks VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"

  /// Stores the draft in one transaction.
  ///
  /// Any failure takes all of it back.
  ///
  /// - Parameters:
  ///   - marks: if it is time to bring the segment's table of marks up to date, all marks that it lacks, as they were
  ///     before the draft. Written with each batch, the marks of 64 producers would be 64 pages in each commit.
  ///   - indexesRuns: whether it is time to bring the index up to date, with the rows before the draft's.
  func commit(_ draft: GroupDraft, marks: [LocatedMark]?, indexesRuns: Bool) throws(SQLiteError) {
    try change(addsRows: true) { () throws(SQLiteError) in
      if let marks { try write(marks, through: lastRow) }
      if indexesRuns { try database.execute(SegmentSchema.indexRunsText) }
      try write(draft)
    }
    if indexesRuns { noteIndexed() }
    addRows(of: draft)
  }

  /// Changes the segment in one transaction, and looks how large it is then.
  ///
  /// - Parameter addsRows: whether it is to take what the packer adds, too; what frees space has to fit on a full disk.
  func change(
    isSynced: Bool = true, addsRows: Bool = false, _ body: () throws(SQLiteError) -> Void
  ) throws(SQLiteError) {
    var count = pageCount.load(ordering: .relaxed)
    try database.transact(isSynced: isSynced) { () throws(SQLiteError) in
      if addsRows { try packer?.begin(database.connection, pageCount: count) }
      try body()
      count = try currentPageCount()
    }
    if addsRows { packer?.noteCommitted() }
    pageCount.store(count, ordering: .relaxed)
  }

  private func currentPageCount() throws(SQLiteError) -> Int {
    defer { pageCountStatement.reset() }
    return try pageCountStatement.step() ? Int(pageCountStatement.integer(0)) : 0
  }

  private func addRows(of draft: GroupDraft) {
    isEmpty = false
    addRows(draft.streams.reduce(0) { $0 + $1.runs.count })
  }

  private func addRows(_ count: Int) { rowCount.wrappingAdd(Int64(count), ordering: .relaxed) }

  private func noteIndexed() { indexedRow.store(lastRow, ordering: .relaxed) }

  /// Counts what soon will be in the segment: what `apply` is given later.
  func note(_ draft: GroupDraft) {
    isEmpty = false
    awaited.wrappingAdd(draft.byteCount, ordering: .relaxed)
  }

  func noteFormat(_ format: Int64) { self.format = format }

  /// Adds what came through the log in front of the segment, and notes up to where that is.
  ///
  /// - Parameters:
  ///   - marks: marks to store along with it, of batches that are in the segment or among these.
  ///   - markedThrough: the row up to which the table of marks is complete with them, if that is news.
  ///   - indexesRuns: whether it is time to bring the index up to date, with the rows before these.
  ///   - isSynced: whether it has to be durable. Otherwise a later transaction, or a sync of the WAL, makes it so.
  func apply(
    _ rows: GroupRows, through position: UInt64, marks: [LocatedMark] = [], markedThrough: Int64? = nil,
    indexesRuns: Bool, isSynced: Bool, pace: WorkPace? = nil
  ) throws(SQLiteError) {
    try change(isSynced: isSynced, addsRows: true) { () throws(SQLiteError) in
      if indexesRuns { try database.execute(SegmentSchema.indexRunsText) }
      for stream in rows.streams {
        Self.bind(insertStream, stream)
        try insertStream.run()
      }
      for row in rows.rows { try row.insert(with: insertRun, packer, pace: pace) }
      try write(marks, through: markedThrough)
      let update = try database.prepare("UPDATE journal SET position = ?1")
      update.bind(1, bits: position)
      try update.run()
    }
    awaited.wrappingSubtract(rows.byteCount, ordering: .relaxed)
    if indexesRuns { noteIndexed() }
    addRows(rows.rows.count)
  }

  /// Brings the table of marks up to date in a transaction of its own.
  func commit(marks: [LocatedMark]) throws(SQLiteError) {
    try change { () throws(SQLiteError) in try write(marks, through: lastRow) }
  }

  /// Records that retention removes the segments below this number.
  func commit(trimmedBelow number: Int64) throws(SQLiteError) {
    try change { () throws(SQLiteError) in
      let update = try database.prepare("UPDATE segment SET trimmed_below = ?1")
      update.bind(1, number)
      try update.run()
    }
  }

  /// Records in one transaction what is no longer kept, and stores what the server says of it.
  ///
  /// - Parameters:
  ///   - changed: streams of which more was removed.
  ///   - deleted: a stream that is gone.
  func commit(changed: [StreamInfo], deleted: StreamInfo? = nil, _ draft: GroupDraft? = nil) throws(SQLiteError) {
    try change { () throws(SQLiteError) in
      if format < SegmentSchema.removalsFormat { try database.execute(SegmentSchema.removalsUpgrade) }
      let removals = try RemovalStatements(database.connection)
      for stream in changed { try removals.write(stream) }
      if let deleted {
        try removals.remove(deleted.id)
        // Its name may be used again; no stream has such a name.
        let rename = try database.prepare("UPDATE streams SET state = ?2, name = 'deleted ' || id WHERE id = ?1")
        rename.bind(1, deleted.id)
        rename.bind(2, SegmentSchema.StreamState.deleted.rawValue)
        try rename.run()
      }
      if let draft { try write(draft) }
    }
    format = max(format, SegmentSchema.removalsFormat)
    if let draft { addRows(of: draft) }
  }

  private func write(_ draft: GroupDraft) throws(SQLiteError) {
    for stream in draft.streams {
      if stream.isNew || stream.sealsNow {
        Self.bind(insertStream, stream.row)
        try insertStream.run()
      }
      for run in stream.runs { try SegmentRow(run, of: stream.info.id).insert(with: insertRun, packer) }
    }
  }

  /// A producer's mark and the stream that it is on.
  typealias LocatedMark = (stream: Int64, producer: ProducerID, mark: ProducerMark)

  /// - Parameter row: the last row whose marks are all in the table then; nil if that has not changed.
  private func write(_ marks: [LocatedMark], through row: Int64?) throws(SQLiteError) {
    for (stream, producer, mark) in marks {
      try Self.write(mark.unstored(in: segment.number), of: producer, on: stream, with: insertMark)
    }
    guard let row else { return }
    updateMarksThrough.bind(1, row)
    try updateMarksThrough.run()
  }

  /// Binds a row of `streams`: what the stream was before this segment's first entry.
  static func bind(_ statement: borrowing Statement, _ stream: StreamInfo) {
    let state: SegmentSchema.StreamState = stream.isSealed ? .sealed : .open
    statement.bind(1, stream.id)
    statement.bind(2, stream.name.text)
    statement.bind(3, bits: stream.incarnation.value)
    statement.bind(4, state.rawValue)
    statement.bind(5, bits: stream.head + 1)
    statement.bind(6, bits: stream.entryCount)
    statement.bind(7, bits: stream.storedByteCount)
    statement.bind(8, stream.lastReceived)
  }

  static func write(
    _ records: [ProducerMark.Record], of producer: ProducerID, on stream: Int64, with statement: borrowing Statement
  ) throws(SQLiteError) {
    statement.bind(1, stream)
    statement.bind(2, copying: producer.bytes)
    for record in records {
      statement.bind(3, bits: record.slot)
      statement.bind(4, bits: record.number)
      statement.bind(5, bits: record.first)
      statement.bind(6, Int64(record.count))
      statement.bind(7, bits: record.check)
      try statement.run()
    }
  }

  // MARK: sealing

  /// Gives the rows the index of a sealed segment, and checkpoints it. Readers continue; new ones use it.
  ///
  /// - Complexity: 0.3 s of processor time and 25 MB of memory for 900,000 rows in 256 MiB.
  func makeFinalIndex() throws(SQLiteError) {
    // Otherwise sorting needs a directory for temporary files, which may be full or missing.
    try database.execute("PRAGMA temp_store=MEMORY")
    try database.execute("CREATE UNIQUE INDEX IF NOT EXISTS \(SegmentSchema.finalIndex) ON runs(stream, first_seq)")
    try database.checkpoint()
  }

  /// Removes what the final index replaces. No other connection may be open whose statements need it.
  func dropRunIndex() throws(SQLiteError) {
    guard try SegmentSchema.has(SegmentSchema.finalIndex, database.connection) else { return }
    // Its content is also in the rows: no need to overwrite its pages, as Debian's SQLite does by default.
    try database.execute("PRAGMA secure_delete=OFF; DROP TABLE IF EXISTS \(SegmentSchema.runIndex)")
  }
}
