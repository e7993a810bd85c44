internal import LogsDisk
internal import LogsWire

/// The one connection that writes and checkpoints the active segment.
///
/// Invariant behind `@unchecked Sendable`: it is used by one thread at a time, first the one that opens the store, then whichever
/// has the writer, then the one that seals the segment.
final class SegmentWriter: @unchecked Sendable {
  let segment: Segment
  let connection: Connection
  private let begin: Statement
  private let commitStatement: Statement
  private let insertStream: Statement
  private let insertRun: Statement
  private let insertMark: Statement
  private let updateMarksThrough: Statement

  /// About what a row costs besides its blobs: for telling when the segment is full without asking SQLite.
  private static let rowByteCount = 96
  private static let cacheKibibyteCount = 16 << 10
  /// How long to wait for an outsider that writes to the segment, which none should.
  private static let busyTimeout = Duration.seconds(2)

  let createdAt: Int64
  /// About the size of the segment.
  private(set) var byteCount: Int
  /// Frames of the WAL, and how many of them a checkpoint has brought home.
  private(set) var walFrameCount = 0
  private var doneFrameCount = 0
  private(set) var isEmpty: Bool
  /// The highest `id` in `runs`; rows are only added, so that SQLite gives the next row the next one.
  private(set) var lastRow: Int64
  /// Batches whose marks the table does not know yet.
  private(set) var unstoredBatchCount = 0
  /// The highest `id` that the table `run_index` knows; nil in a segment of format 1, whose rows have an index from the start.
  private(set) var indexedThrough: Int64?

  /// Opens a segment in WAL mode, which recovers what a crash has left in its WAL. Nothing is written to another file.
  ///
  /// - Parameter store: whose segment it must be, when the caller does not look by itself.
  init(_ segment: Segment, of store: StoreID? = nil, vfs: String?) throws(SQLiteError) {
    self.segment = segment
    connection = try Connection(segment.path, mode: .readWrite, vfs: vfs)
    connection.setBusyTimeout(Self.busyTimeout)
    try connection.require(applicationID: SegmentSchema.applicationID, kind: "segment")
    if let store {
      let identity = try Self.identity(connection)
      if identity.number != segment.number || identity.store != store.bytes {
        throw SQLiteError(damage: "it is not segment \(segment.number) of store \(store)", path: segment.path)
      }
    }
    let mode = try connection.text("PRAGMA journal_mode=WAL")
    if mode != "wal" {
      throw SQLiteError(
        code: SQLiteError.busyCode, text: "its journal mode stays '\(mode ?? "")'", path: segment.path, systemError: 0)
    }
    // FULL: every COMMIT is an fsync of the WAL (P2).
    // Cells are checked, or a wrong count of them on one page would be written into its neighbours.
    try connection.execute(
      "PRAGMA cell_size_check=ON; PRAGMA synchronous=FULL; PRAGMA cache_size=-\(Self.cacheKibibyteCount)")
    begin = try connection.prepare("BEGIN IMMEDIATE")
    commitStatement = try connection.prepare("COMMIT")
    insertStream = try connection.prepare(Self.insertStreamText)
    insertRun = try connection.prepare(
      """
      INSERT INTO runs(
        stream, first_seq, span, count, min_time, max_time, severities, received, raw_length, producers, batches)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
      """)
    insertMark = try connection.prepare(Self.insertMarkText)
    updateMarksThrough = try connection.prepare("UPDATE segment SET marks_through = ?1")
    createdAt = try connection.integer("SELECT created FROM segment")
    byteCount = Int(try connection.integer("PRAGMA page_count")) * SegmentSchema.pageByteCount
    lastRow = try connection.integer("SELECT max(id) FROM runs")
    isEmpty = lastRow == 0
    if try SegmentSchema.has(SegmentSchema.runIndex, connection) {
      indexedThrough = try connection.integer("SELECT indexed_through FROM segment")
    }
  }

  /// Rows are only added, and numbered from 1.
  var runCount: Int { Int(lastRow) }

  /// Rows that the index does not know yet.
  var unindexedRunCount: Int64 { indexedThrough.map { lastRow - $0 } ?? 0 }

  static let insertStreamText = """
    INSERT INTO streams(id, name, incarnation, state, next, entries, bytes, received)
    VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(id) DO UPDATE SET state = excluded.state
    """
  static let insertMarkText = "INSERT OR REPLACE INTO marks VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"

  /// Stores the draft in one transaction.
  ///
  /// Any failure takes all of it back. SQLite does so by itself after some errors (then no transaction is open any more, and
  /// a further statement would commit on its own), after others it is left to us.
  ///
  /// - Parameters:
  ///   - marks: all marks that the segment's table lags behind, as they were before the draft, when it is time to bring it up
  ///     to date. Written with each batch, the marks of 64 producers would be 64 pages in each commit.
  ///   - indexesRuns: whether it is time to bring the index of the rows before the draft's up to date.
  func commit(_ draft: GroupDraft, marks: [LocatedMark]?, indexesRuns: Bool) throws(SQLiteError) {
    try transact { () throws(SQLiteError) in
      if let marks { try write(marks) }
      if indexesRuns { try connection.execute(SegmentSchema.indexRunsText) }
      try write(draft)
    }
    isEmpty = false
    if indexesRuns { indexedThrough = lastRow }
    if marks != nil { unstoredBatchCount = 0 }
    unstoredBatchCount += draft.stored.count
    for stream in draft.streams {
      for run in stream.runs {
        lastRow += 1
        byteCount += run.batches.count + run.producers.count + Self.rowByteCount
      }
    }
  }

  /// Brings the table of marks up to date in a transaction of its own.
  func commit(marks: [LocatedMark]) throws(SQLiteError) {
    try transact { () throws(SQLiteError) in try write(marks) }
    unstoredBatchCount = 0
  }

  /// Batches found at the start whose marks the table does not know.
  func noteUnstored(_ batchCount: Int) { unstoredBatchCount += batchCount }

  private func transact(_ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
    do throws(SQLiteError) {
      try begin.run()
      try body()
      try commitStatement.run()
    } catch {
      if connection.isInTransaction { try connection.execute("ROLLBACK") }
      throw error
    }
    let frameCount = connection.walFrameCount
    // Fewer than before: SQLite has begun the WAL anew, which it does once all of it is home.
    if frameCount < walFrameCount { doneFrameCount = 0 }
    walFrameCount = frameCount
  }

  private func write(_ draft: GroupDraft) throws(SQLiteError) {
    for stream in draft.streams {
      if stream.isNew || stream.sealsNow {
        Self.bind(insertStream, stream.row)
        try insertStream.run()
      }
      for run in stream.runs {
        insertRun.bind(1, stream.info.id)
        insertRun.bind(2, bits: run.first)
        insertRun.bind(3, Int64(run.span))
        insertRun.bind(4, Int64(run.entryCount))
        insertRun.bind(5, run.minTime)
        insertRun.bind(6, run.maxTime)
        insertRun.bind(7, Int64(run.severities))
        insertRun.bind(8, run.received)
        insertRun.bind(9, Int64(run.rawLength))
        insertRun.bind(10, copying: run.producers)
        try insertRun.run(11, run.batches)
      }
    }
  }

  /// A producer's mark and the stream that it is on.
  typealias LocatedMark = (stream: Int64, producer: ProducerID, mark: ProducerMark)

  private func write(_ marks: [LocatedMark]) throws(SQLiteError) {
    for (stream, producer, mark) in marks {
      try Self.write(mark.unstored(in: segment.number), of: producer, on: stream, with: insertMark)
    }
    updateMarksThrough.bind(1, lastRow)
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

  // MARK: the WAL

  /// Whether a reader that does not go keeps the WAL from being emptied.
  var isWalHeld = false

  var walByteCount: Int { walFrameCount * SegmentSchema.frameByteCount }
  /// What a checkpoint would have to bring home.
  var pendingWalByteCount: Int { (walFrameCount - doneFrameCount) * SegmentSchema.frameByteCount }

  /// Brings home what readers allow, without waiting for them.
  func checkpoint() throws(SQLiteError) {
    let (frameCount, doneCount) = try connection.checkpoint(.passive)
    walFrameCount = max(frameCount, 0)
    doneFrameCount = max(doneCount, 0)
  }

  /// Brings everything home and empties the WAL, waiting for readers at most for `timeout`.
  ///
  /// - Returns: whether no reader was in the way.
  func truncateWal(timeout: Duration) throws(SQLiteError) -> Bool {
    connection.setBusyTimeout(timeout)
    defer { connection.setBusyTimeout(Self.busyTimeout) }
    do throws(SQLiteError) {
      _ = try connection.checkpoint(.truncate)
    } catch {
      if error.isBusy { return false }
      throw error
    }
    walFrameCount = 0
    doneFrameCount = 0
    return true
  }

  // MARK: sealing

  /// Gives the rows the index of a sealed segment, and brings it home. Readers go on; those that come later use it.
  ///
  /// - Complexity: 0.3 s of processor time and 25 MB of memory for 900,000 rows in 256 MiB.
  func makeFinalIndex() throws(SQLiteError) {
    // Else sorting needs a directory for temporary files, which may be full or not there.
    try connection.execute("PRAGMA temp_store=MEMORY")
    try connection.execute(
      "CREATE UNIQUE INDEX IF NOT EXISTS \(SegmentSchema.finalIndex) ON runs(stream, first_seq)")
    try checkpoint()
  }

  /// Removes what the final index replaces. No other connection may be open whose statements need it.
  func dropRunIndex() throws(SQLiteError) {
    guard try SegmentSchema.has(SegmentSchema.finalIndex, connection) else { return }
    // What is in it is in the rows, too: no need to overwrite its pages, as Debian's SQLite does by default.
    try connection.execute("PRAGMA secure_delete=OFF; DROP TABLE IF EXISTS \(SegmentSchema.runIndex)")
  }

  /// Lets closing the connection remove the WAL, if no other has the segment open.
  func allowWalRemoval() { connection.setCheckpointOnClose(true) }

  /// Leaves WAL mode, for which no other connection may be open.
  ///
  /// - Returns: whether it worked.
  func leaveWal() throws(SQLiteError) -> Bool {
    do throws(SQLiteError) {
      return try connection.text("PRAGMA journal_mode=DELETE") == "delete"
    } catch {
      if error.isBusy { return false }
      throw error
    }
  }
}
