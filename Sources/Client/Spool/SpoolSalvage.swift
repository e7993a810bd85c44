internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Makes a new database from what can still be read of a damaged one.
///
/// Every row whose check holds is taken, wherever it is. The counts, and what is missing, follow from the rows. New
/// batches get a new identity, so that nothing depends on numbers that may be from an older state.
enum SpoolSalvage {
  /// Makes a database without batches.
  static func makeEmpty(_ directory: SpoolDirectory, vfs: String?) throws(LogError) {
    try make(directory, vfs) { database throws(SQLiteError) in
      var state = SpoolState(header: SpoolState.Header(producer: .random()))
      // Its numbers are unused.
      state.setClosed(true)
      try write(state, database)
    }
  }

  /// Makes a database from the rows of the existing one, which is closed and stays unchanged.
  ///
  /// Each stream with missing entries gets a notice at its end. Takes as much space as is saved.
  /// - Parameters:
  ///   - known: what the database last contained; nil if only the database itself can tell.
  ///   - time: of the notices, in ns since 1970.
  static func rebuild(
    _ directory: SpoolDirectory, known: SpoolState?, time: Int64, vfs: String?
  ) throws(LogError) -> SpoolLosses {
    let pages = try directory.pages()
    var losses = SpoolLosses(isComplete: true)
    try make(directory, vfs) { database throws(SQLiteError) in
      var expected = SpoolExpectation()
      let insert = try database.prepare(SpoolFile.insertText("OR IGNORE"))
      let insertBookmark = try database.prepare(SpoolBookmark.insertText)
      try SpoolScan.run(pages) { found throws(SQLiteError) in
        switch found {
        case .batch(let row): try SpoolFile.insert(row, with: insert)
        case .record(let record): expected.add(record)
        case .bookmark(let bookmark): try bookmark.insert(with: insertBookmark)
        case .damaged: break
        }
      }
      if let known { expected = SpoolExpectation(known) }
      // With old and new pages mixed, a dropped batch and the notice that replaced it may both be there, with one
      // number.
      try database.execute(
        """
        DELETE FROM batches WHERE id IN (SELECT id FROM (
          SELECT id, row_number() OVER (PARTITION BY stream, producer, number ORDER BY id DESC) AS place FROM batches)
        WHERE place > 1)
        """)
      var state = try count(database, nextIDMin: expected.nextID)
      losses = expected.losses(state)
      for stream in losses.streams where stream.totals.entryCount > 0 {
        let notice = DropNotice(entryCount: stream.totals.entryCount, reason: .spoolDamaged)
        try SpoolFile.insert(
          state.add(
            EncodedBatch(stream: stream.name, content: notice.content(time: time), entryCount: 0, accepted: time)),
          with: insert)
      }
      try write(state, database)
    }
    return losses
  }

  /// Makes a database that replaces the other one once it is complete.
  private static func make(
    _ directory: SpoolDirectory, _ vfs: String?, _ fill: (borrowing Database) throws(SQLiteError) -> Void
  ) throws(LogError) {
    try directory.makeTemporary()
    do throws(SQLiteError) {
      let database = try Database(directory.temporary, mode: .readWrite, vfs: vfs)
      // No journal: nobody uses it before it is complete.
      try database.execute(
        """
        PRAGMA page_size=\(SpoolSchema.pageByteCount); PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
        PRAGMA secure_delete=ON; PRAGMA application_id=\(SpoolSchema.applicationID);
        PRAGMA user_version=\(SpoolSchema.format); BEGIN
        """)
      try database.execute(SpoolSchema.tables)
      try fill(database)
      try database.execute("COMMIT")
    } catch {
      try directory.removeTemporary()
      throw directory.failure(error)
    }
    try directory.completeTemporary()
  }

  /// The totals of the table of batches.
  private static func count(_ database: borrowing Database, nextIDMin: Int64) throws(SQLiteError) -> SpoolState {
    var header = SpoolState.Header(producer: .random())
    // Ids of batches are even, those of notices odd: take the next even one.
    header.nextID = max(nextIDMin, (try database.integer("SELECT max(id) FROM batches") / 2 + 1) * 2)
    let groups = try database.prepare(
      "SELECT stream, count(*), sum(entries), sum(\(SpoolFile.byteCountText)) FROM batches GROUP BY stream")
    var streams: [StreamName: SpoolState.Stream] = [:]
    while try groups.step() {
      let batchCount = Int(groups.integer(1))
      let totals = BacklogTotals(
        batchCount: batchCount, entryCount: groups.bits(2),
        byteCount: Int(groups.integer(3)) + batchCount * BacklogBatch.overheadByteCount)
      streams[StreamName(stored: groups.text(0))] = SpoolState.Stream(row: header.nextID, nextNumber: 1, totals: totals)
      header.nextID += 2
      header.totals += totals
    }
    return SpoolState(header: header, streams: streams)
  }

  private static func write(_ state: SpoolState, _ database: borrowing Database) throws(SQLiteError) {
    let insertStream = try database.prepare(SpoolFile.writeStreamText)
    for name in state.streams.keys.sorted() {
      guard let stream = state.streams[name] else { continue }
      try SpoolFile.write(.stream(name, stream), with: insertStream)
    }
    let insertSpool = try database.prepare(SpoolFile.writeSpoolText)
    try SpoolFile.write(.spool(state.header, streamCount: state.streams.count), with: insertSpool)
  }
}

/// What a spool should contain by its own records.
struct SpoolExpectation {
  private(set) var nextID: Int64 = 2
  private var streamCount: Int?
  private var streams: [StreamName: BacklogTotals] = [:]

  init() {}

  init(_ state: SpoolState) {
    nextID = state.header.nextID
    streamCount = state.streams.count
    streams = state.streams.mapValues(\.totals)
  }

  mutating func add(_ record: SpoolRecord) {
    switch record {
    case .spool(let header, let count):
      nextID = max(nextID, header.nextID)
      streamCount = count
    case .stream(let name, let stream): streams[name] = stream.totals
    }
  }

  /// What is missing in `state`.
  func losses(_ state: SpoolState) -> SpoolLosses {
    let unknown = state.streams.keys.contains { streams[$0] == nil }
    var losses = SpoolLosses(isComplete: streams.count == streamCount && !unknown)
    for name in streams.keys.sorted() {
      let found = state.streams[name]?.totals ?? BacklogTotals()
      guard let expected = streams[name], expected.includes(found), expected != found else { continue }
      var missing = expected
      missing -= found
      losses.streams.append((name, missing))
    }
    return losses
  }
}
