internal import LogsDisk
internal import LogsWire

/// What a start reads from a segment and repairs in it.
extension SegmentWriter {
  /// Calls `visit` with each stream of the segment's table: as it was when the segment was made, but sealed or not as
  /// of now; and whether it has been deleted.
  func forEachStream(_ visit: (StreamInfo, Bool) -> Void) throws(SQLiteError) {
    try Self.forEachStream(in: database.connection, visit)
  }

  static func forEachStream(
    in database: borrowing Database, _ visit: (StreamInfo, Bool) -> Void
  ) throws(SQLiteError) {
    let statement = try database.prepare(
      "SELECT id, name, incarnation, state, next, entries, bytes, received FROM streams ORDER BY id")
    while try statement.step() {
      visit(
        StreamInfo(
          id: try statement.integer(0, in: ids), name: StreamName(stored: statement.text(1)),
          incarnation: Incarnation(statement.bits(2)), head: UInt64(try statement.integer(4, in: 1...Int64.max)) - 1,
          isSealed: statement.integer(3) == SegmentSchema.StreamState.sealed.rawValue,
          entryCount: UInt64(try statement.integer(5, in: 0...Int64.max)),
          storedByteCount: UInt64(try statement.integer(6, in: 0...Int64.max)), lastReceived: statement.integer(7)),
        statement.integer(3) == SegmentSchema.StreamState.deleted.rawValue)
    }
  }

  /// No stream of earlier segments has this id or a higher one.
  func nextStreamID() throws(SQLiteError) -> Int64 {
    guard format >= SegmentSchema.removalsFormat else { return 1 }
    let statement = try database.prepare("SELECT next_stream FROM segment")
    return try statement.step() ? try statement.integer(0, in: Self.ids) : 1
  }

  /// What was removed of streams, by their ids.
  func removals() throws(SQLiteError) -> [Int64: Removals] {
    try Self.removals(in: database.connection, format: format)
  }

  static func removals(in database: borrowing Database, format: Int64) throws(SQLiteError) -> [Int64: Removals] {
    guard format >= SegmentSchema.removalsFormat else { return [:] }
    let statement = try database.prepare("SELECT stream, first_seq, last_seq, reason, bytes FROM removals")
    var removals: [Int64: Removals] = [:]
    while try statement.step() {
      let first = try statement.integer(1, in: 1...Int64.max)
      let last = try statement.integer(2, in: first...Int64.max)
      let reasons = Int64(SkipReason.trimmed.rawValue)...Int64(SkipReason.deleted.rawValue)
      let isDeleted = try statement.integer(3, in: reasons) == reasons.upperBound
      removals[statement.integer(0), default: Removals()].add(
        Removal(
          numbers: UInt64(first)...UInt64(last), reason: isDeleted ? .deleted : .trimmed,
          byteCount: UInt64(try statement.integer(4, in: 0...Int64.max))))
    }
    return removals
  }

  /// Possible ids: there is always room for more.
  private static let ids: ClosedRange<Int64> = 1...Int64.max / 2

  /// A row of `runs` without its batches.
  struct RunSummary {
    var row: Int64
    var stream: Int64
    var numbers: ClosedRange<UInt64>
    var entryCount: UInt64
    var received: Int64
    var byteCount: UInt64

    fileprivate static func columns(_ packing: RowPacking) -> String {
      "id, stream, first_seq, span, count, received, \(packing.byteCount)"
    }
  }

  /// Calls `visit` with every run, in the order in which they were stored.
  func forEachRun(_ visit: (RunSummary) -> Void) throws(SQLiteError) {
    try Self.forEachRun(in: database.connection, visit)
  }

  static func forEachRun(in database: borrowing Database, _ visit: (RunSummary) -> Void) throws(SQLiteError) {
    let columns = RunSummary.columns(try RowPacking(of: database))
    let statement = try database.prepare("SELECT \(columns) FROM runs ORDER BY id")
    while try statement.step() { visit(try summary(statement)) }
  }

  /// Calls `visit` with runs and their batches, the last one first, until it returns false.
  func forEachRunFromLast(
    _ visit: (RunSummary, _ batches: ByteString) throws(SQLiteError) -> Bool
  ) throws(SQLiteError) {
    let packing = try RowPacking(of: database.connection)
    let statement = try database.prepare(
      "SELECT \(RunSummary.columns(packing)), \(packing.unpackedLength), batches FROM runs ORDER BY id DESC")
    let unpacker = try RowUnpacker(of: database.connection)
    while try statement.step() {
      guard try visit(try Self.summary(statement), try unpacker.batches(statement, 7)) else { return }
    }
  }

  private static func summary(_ statement: borrowing Statement) throws(SQLiteError) -> RunSummary {
    RunSummary(
      row: try statement.integer(0, in: ids), stream: statement.integer(1),
      numbers: try statement.numbers(first: 2, span: 3),
      entryCount: UInt64(try statement.integer(4, in: 0...Int64(UInt32.max))),
      received: statement.integer(5), byteCount: statement.bits(6))
  }

  /// What is wrong with the table that finds rows, nil if nothing: rows that it lacks would be missing.
  ///
  /// Rows are only added, and SQLite numbers them from 1.
  func indexProblem() throws(SQLiteError) -> String? {
    guard let indexedThrough else { return nil }
    guard (0...lastRow).contains(indexedThrough) else {
      return "indexed_through is \(indexedThrough) of \(lastRow) rows"
    }
    let count = try database.integer("SELECT count(*) FROM \(SegmentSchema.runIndex)")
    return count == indexedThrough ? nil : "run_index has \(count) rows of \(indexedThrough)"
  }

  /// Calls `visit` with the stream, the senders and the batches of each row whose marks are not in the table yet.
  func forEachRunWithoutMarks(_ visit: (Int64, _ senders: ByteString, _ batches: ByteString) -> Void)
    throws(SQLiteError)
  {
    let statement = try database.prepare(
      """
      SELECT stream, \(try RowPacking(of: database.connection).unpackedLength), producers, batches FROM runs
      WHERE id > (SELECT marks_through FROM segment) ORDER BY id
      """)
    let unpacker = try RowUnpacker(of: database.connection)
    while try statement.step() {
      let content = try unpacker.content(statement, 1)
      visit(statement.integer(0), content.producers, content.batches)
    }
  }

  /// The incarnations that the stream's batches in this segment may have been signed for.
  func incarnations(of stream: Int64) throws(SQLiteError) -> [Incarnation] {
    let statement = try database.prepare(SegmentSchema.incarnationsText)
    statement.bind(1, stream)
    var incarnations: [Incarnation] = []
    while try statement.step() { incarnations.append(Incarnation(statement.bits(0))) }
    return incarnations
  }

  /// What the segment says of itself.
  func identity() throws(SQLiteError) -> Identity { try Self.identity(database.connection) }

  static func identity(_ database: borrowing Database) throws(SQLiteError) -> Identity {
    let applicationID = try database.integer("PRAGMA application_id")
    let format = try database.integer("PRAGMA user_version")
    let statement = try database.prepare("SELECT number, store, trimmed_below FROM segment")
    guard try statement.step() else { return Identity(applicationID: applicationID, format: format) }
    return Identity(
      applicationID: applicationID, format: format, number: statement.integer(0), store: statement.bytes(1),
      trimmedBelow: statement.integer(2))
  }

  struct Identity {
    var applicationID: Int64
    var format: Int64
    var number: Int64 = 0
    var store = ByteString()
    var trimmedBelow: Int64 = 1
  }

  /// Gives every stream a new incarnation, made by `draw`, and records the old one for what is already stored.
  func replaceIncarnations(_ streams: [StreamInfo], draw: () -> Incarnation) throws(SQLiteError) -> [StreamInfo] {
    var replaced = streams
    try database.transact { () throws(SQLiteError) in
      let remember = try database.prepare(
        "INSERT INTO former_incarnations(stream, next, incarnation) VALUES(?1, ?2, ?3)")
      let update = try database.prepare("UPDATE streams SET incarnation = ?2 WHERE id = ?1")
      for index in replaced.indices {
        remember.bind(1, replaced[index].id)
        remember.bind(2, bits: replaced[index].head + 1)
        remember.bind(3, bits: replaced[index].incarnation.value)
        try remember.run()
        replaced[index].incarnation = draw()
        update.bind(1, replaced[index].id)
        update.bind(2, bits: replaced[index].incarnation.value)
        try update.run()
      }
    }
    return replaced
  }
}
