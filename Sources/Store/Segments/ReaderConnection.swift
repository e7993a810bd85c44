internal import LogsDisk
internal import LogsWire

/// A read-only connection to one segment, with its statements.
///
/// Every method runs its statement to the end or resets it, so that nothing stays open that would pin the WAL.
/// `ReaderConnection+Finding` finds runs.
///
/// Invariant behind `@unchecked Sendable`: the pool lends it to one thread at a time.
final class ReaderConnection: @unchecked Sendable {
  /// One row of `runs` without its batches.
  struct RunTimes {
    var numbers: ClosedRange<UInt64>
    var minTime: Int64
    var maxTime: Int64
  }

  let segment: Segment
  private let database: Database
  private let packing: RowPacking
  private let nextStatement: Statement
  /// One for each part of the segment that is searched in its own way, in the order of the numbers that the parts hold.
  let runStatements: [RunStatements]
  private let beginStatement: Statement
  private let endStatement: Statement
  private let marksStatement: Statement
  private let incarnationsStatement: Statement
  /// Nil if the segment has none.
  let blockIndex: BlockIndexStatements?
  /// Of streams; nil if the segment has none.
  let dictionaries: SegmentDictionaries?
  let unpacker: RowUnpacker
  /// What a full disk keeps out of the segment: found like rows of its last part, until a snapshot has it.
  var unapplied = UnappliedRows()

  /// The page cache of a reader: reads are sequential, and the system's cache serves repeated ones.
  private static let cacheKibibyteCount = 512
  /// How long a read waits for a lock: only another program that writes can hold one.
  private static let busyTimeout = Duration.seconds(2)

  init(_ segment: Segment, _ cache: DictionaryCache? = nil, vfs: String?) throws(SQLiteError) {
    self.segment = segment
    let isImmutable = segment.state == .sealed
    database = try Database(segment.path, mode: isImmutable ? .immutable : .readOnly, vfs: vfs)
    database.setBusyTimeout(Self.busyTimeout)
    try database.require(applicationID: SegmentSchema.applicationID, kind: "segment")
    // The first statement makes SQLite read the schema: a PRAGMA would not report what is wrong with it.
    nextStatement = try database.prepare("SELECT next FROM streams WHERE id = ?1")
    // No mmap: a bad sector under a mapping would be a signal that ends the process, not an error that costs a range.
    try database.execute("PRAGMA query_only=1; PRAGMA cache_size=-\(Self.cacheKibibyteCount)")
    packing = try RowPacking(of: database)
    if try SegmentSchema.has(SegmentSchema.finalIndex, database) {
      runStatements = [try RunStatements(.indexed, packing, database)]
    } else {
      runStatements = [
        try RunStatements(.listed, packing, database), try RunStatements(.recent, packing, database),
      ]
    }
    beginStatement = try database.prepare("BEGIN")
    endStatement = try database.prepare("COMMIT")
    marksStatement = try database.prepare(
      "SELECT number, first_seq, count, producer_check FROM marks WHERE stream = ?1 AND producer = ?2")
    incarnationsStatement = try database.prepare(SegmentSchema.incarnationsText)
    let hasIndex = isImmutable ? try SegmentSchema.has(BlockIndexSchema.groups, database) : false
    blockIndex = hasIndex ? try BlockIndexStatements(database) : nil
    let dictionaries = try SegmentDictionaries(database, cache)
    self.dictionaries = isImmutable ? dictionaries : nil
    unpacker = RowUnpacker(dictionaries)
  }

  /// The stream's next number when the segment was made; nil if the stream was created after the segment was complete.
  func next(of stream: Int64) throws(SQLiteError) -> UInt64? {
    defer { nextStatement.reset() }
    nextStatement.bind(1, stream)
    return try nextStatement.step() ? UInt64(nextStatement.integer(0, in: 1...Int64.max)) : nil
  }

  /// What was stored of each stream before the segment.
  func beginnings() throws(SQLiteError) -> [Int64: StreamBeginning] { try StreamBeginning.all(in: database) }

  /// The streams as they were when the segment was made, but for names and states, which are as they are now.
  func streamsBefore() throws(SQLiteError) -> [StreamInfo] {
    var streams: [StreamInfo] = []
    try SegmentWriter.forEachStream(in: database) { stream, _ in streams.append(stream) }
    return streams
  }

  func isCompacted() throws(SQLiteError) -> Bool { try SegmentSchema.isCompacted(database) }

  func removableBytes(_ catalog: Catalog) throws(SQLiteError) -> RemovableBytes {
    try RemovableBytes(of: database, catalog)
  }

  /// When the segment became the active one.
  func createdAt() throws(SQLiteError) -> Int64 { try database.integer("SELECT created FROM segment") }

  /// A row of `runs` and what its batches take.
  struct RunSize {
    var row: Int64
    var stream: Int64
    var numbers: ClosedRange<UInt64>
    var byteCount: UInt64
    /// The latest of the received times up to here.
    var received: Int64
  }

  /// The next runs in the order in which they were stored.
  func sizes(ofRunsBehind row: Int64, limit: Int) throws(SQLiteError) -> [RunSize] {
    let statement = try database.prepare(
      """
      SELECT id, stream, first_seq, span, \(packing.byteCount), received FROM runs NOT INDEXED
      WHERE id > ?1 ORDER BY id LIMIT ?2
      """)
    statement.bind(1, row)
    statement.bind(2, Int64(limit))
    return try sizes(from: statement)
  }

  /// All runs of a sealed segment, in the order in which their last entries were received, and those of a stream in the
  /// order of their numbers, even if the clock was set back.
  func sizesOfRunsAsReceived() throws(SQLiteError) -> [RunSize] {
    let statement = try database.prepare(
      """
      SELECT id, stream, first_seq, span, \(packing.byteCount),
        max(received) OVER (PARTITION BY stream ORDER BY first_seq) AS latest
      FROM runs ORDER BY latest, id
      """)
    return try sizes(from: statement)
  }

  private func sizes(from statement: borrowing Statement) throws(SQLiteError) -> [RunSize] {
    var sizes: [RunSize] = []
    while try statement.step() {
      sizes.append(
        RunSize(
          row: statement.integer(0), stream: statement.integer(1), numbers: try statement.numbers(first: 2, span: 3),
          byteCount: statement.bits(4), received: statement.integer(5)))
    }
    return sizes
  }

  /// How much one statement may read before it is reset: it pins the WAL.
  struct Budget {
    var byteCount: Int
    var time: Duration
  }

  /// Runs in the order asked for, and whether there are no more.
  struct Runs {
    var runs: [Run] = []
    var isEnd = false
  }

  /// Times of runs in their order, and whether there are no more.
  struct Times {
    var rows: [RunTimes] = []
    var isEnd = false
  }

  /// From here to `endSnapshot` all statements see the same state of the segment: the one at the first read. Finding
  /// runs needs that: between two statements the writer may bring the index up to date, and a row would be in neither
  /// part.
  func beginSnapshot() throws(SQLiteError) {
    if isChanging, !database.isInTransaction { try beginStatement.run() }
    // All of it comes into the segment in one transaction.
    guard !unapplied.isEmpty, let anchor = try JournalAnchor.find(in: database) else { return }
    if anchor.position > unapplied.position { unapplied = UnappliedRows() }
  }

  func endSnapshot() throws(SQLiteError) {
    if database.isInTransaction { try endStatement.run() }
  }

  /// Whether the segment is searched in parts that change.
  private var isChanging: Bool { runStatements.count > 1 }

  /// What this segment remembers about a producer on a stream.
  func mark(of producer: ProducerID, on stream: Int64) throws(SQLiteError) -> ProducerMark? {
    defer { marksStatement.reset() }
    marksStatement.bind(1, stream)
    marksStatement.bind(2, copying: producer.bytes)
    var records: [ProducerMark.Record] = []
    while try marksStatement.step() {
      records.append(
        ProducerMark.Record(
          number: UInt64(try marksStatement.integer(0, in: 1...Int64.max)),
          first: UInt64(try marksStatement.integer(1, in: 1...Int64.max)),
          count: UInt32(try marksStatement.integer(2, in: 1...Int64(UInt32.max))), check: marksStatement.bits(3)))
    }
    return records.isEmpty ? nil : ProducerMark(records, segment: segment.number)
  }

  /// Calls `visit` with each producer on each stream that the segment has marks of, until it returns false.
  func forEachMarked(_ visit: (Int64, ProducerID) -> Bool) throws(SQLiteError) {
    let statement = try database.prepare("SELECT DISTINCT stream, producer FROM marks")
    while try statement.step() {
      guard let producer = ProducerID(stored: statement.bytes(1)) else {
        throw SQLiteError(damage: "a producer in marks has not 16 bytes", path: segment.path)
      }
      if !visit(statement.integer(0), producer) { return }
    }
  }

  /// The incarnations that this segment's batches of the stream may have been signed under.
  func incarnations(of stream: Int64) throws(SQLiteError) -> [Incarnation] {
    defer { incarnationsStatement.reset() }
    incarnationsStatement.bind(1, stream)
    var incarnations: [Incarnation] = []
    while try incarnationsStatement.step() { incarnations.append(Incarnation(incarnationsStatement.bits(0))) }
    return incarnations
  }

  /// What SQLite finds wrong with the file; empty if nothing.
  func quickCheck() throws(SQLiteError) -> String {
    let text = try database.text("PRAGMA quick_check(10)") ?? ""
    return text == "ok" ? "" : text
  }

  /// Interrupts the check that another thread is running, if there is one. The only method for other threads.
  func interrupt() { database.interrupt() }

  /// Calls `visit` with every row above the lower bound up to the upper one, until it returns false: its id, its stream
  /// and its run, nil if its numbers are impossible.
  func forEachRun(in rows: Range<Int64>, _ visit: (Int64, Int64, Run?) -> Bool) throws(SQLiteError) {
    let statement = try database.prepare(
      """
      SELECT id, stream, first_seq, span, \(packing.unpackedLength), batches FROM runs
      WHERE id > ?1 AND id <= ?2 ORDER BY id
      """)
    statement.bind(1, rows.lowerBound)
    statement.bind(2, rows.upperBound)
    while try statement.step() {
      let numbers: ClosedRange<UInt64>?
      do throws(SQLiteError) { numbers = try statement.numbers(first: 2, span: 3) } catch { numbers = nil }
      var run: Run?
      if let numbers { run = Run(numbers, try unpacker.batches(statement, 4)) }
      if !visit(statement.integer(0), statement.integer(1), run) { return }
    }
  }
}
