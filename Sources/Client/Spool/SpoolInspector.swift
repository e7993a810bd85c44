internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Reads a spool for a report, and changes nothing.
///
/// While a producer uses it, it reads through SQLite, which allows readers beside a writer. Otherwise it reads page by
/// page: SQLite would create files there, and damaged parts are read as a salvage would read them.
struct SpoolInspector: ~Copyable {
  private static let stepBatchCount = 256
  private static let busyTimeout = Duration.seconds(5)

  private let directory: SpoolDirectory
  private let isVerifying: Bool
  private var header: SpoolState.Header?
  private var streams: [StreamName: SpoolReport.Stream] = [:]
  /// The first and last batch of each stream found so far: pages come in no particular order.
  private var ends: [StreamName: (first: Int64, last: Int64)] = [:]
  private var damage: [String] = []
  private var checker = BatchChecker()

  private init(_ directory: SpoolDirectory, isVerifying: Bool) {
    self.directory = directory
    self.isVerifying = isVerifying
  }

  static func inspect(_ directory: SpoolDirectory, verifying: Bool) throws(LogError) -> SpoolReport {
    guard try directory.exists() else {
      throw LogError(
        .spoolFailed, "there is no spool in \(directory.path): it holds no spool.db; name a producer's spool directory")
    }
    if try !directory.isInUse() {
      try directory.refuseNewerFormat()
      var inspector = SpoolInspector(directory, isVerifying: verifying)
      try inspector.readPages()
      // If a producer has opened it meanwhile, the pages are from different moments.
      if try !directory.isInUse() { return try inspector.report(isInUse: false) }
    }
    var inspector = SpoolInspector(directory, isVerifying: verifying)
    do throws(SQLiteError) { try inspector.readBesideWriter() } catch {
      guard error.isDamage else { throw directory.failure(error) }
      inspector.note("SQLite cannot read it: \(error.text)")
    }
    return try inspector.report(isInUse: true)
  }

  private consuming func report(isInUse: Bool) throws(LogError) -> SpoolReport {
    SpoolReport(
      path: directory.path, producer: header?.producer, isInUse: isInUse, owner: try directory.owner(),
      streams: streams.values.sorted { $0.stream < $1.stream }, damage: damage, keptAside: try directory.keptAside())
  }

  private mutating func note(_ text: String) {
    if damage.count < SpoolReport.damageCountMax { damage.append(text) }
  }

  private mutating func add(_ batch: SpoolSummary, accepted: Int64) {
    var stream =
      streams[batch.stream]
      ?? SpoolReport.Stream(
        stream: batch.stream, batchCount: 0, entryCount: 0, byteCount: 0, firstNumber: batch.number,
        lastNumber: batch.number, oldestAccepted: accepted)
    var ends = ends[batch.stream] ?? (batch.id, batch.id)
    stream.batchCount += 1
    stream.entryCount += batch.totals.entryCount
    stream.byteCount += batch.totals.byteCount
    stream.oldestAccepted = min(stream.oldestAccepted, accepted)
    if batch.id < ends.first { (ends.first, stream.firstNumber) = (batch.id, batch.number) }
    if batch.id > ends.last { (ends.last, stream.lastNumber) = (batch.id, batch.number) }
    streams[batch.stream] = stream
    self.ends[batch.stream] = ends
  }

  private mutating func add(_ row: SpoolRow) {
    add(row.summary, accepted: row.accepted)
    guard isVerifying, case .batch(let bytes, let count) = row.content else { return }
    do throws(WireDecodingError) {
      let batch = try Batch(wholeOf: bytes)
      try checker.check(appended: batch)
      if Int(batch.header.count) != count {
        let entries = Figures.count(batch.header.count, "entry", "entries")
        note("batch \(row.number) of stream \(row.stream) has \(entries), not \(count)")
      }
    } catch { note("batch \(row.number) of stream \(row.stream) cannot be decoded: \(error)") }
  }

  // MARK: A spool that nobody uses

  private mutating func readPages() throws(LogError) {
    let pages = try directory.pages()
    var expected = SpoolExpectation()
    SpoolScan.run(pages) { found in
      switch found {
      case .batch(let row): add(row)
      case .record(let record):
        expected.add(record)
        if case .spool(let header, _) = record { self.header = header }
      case .bookmark: break
      case .damaged(let page): note("page \(page) of \(directory.database) cannot be read completely")
      }
    }
    if header == nil { note("the identity of the producer cannot be read") }
    noteLosses(expected)
    let isWhole: Bool
    do throws(FileError) { isWhole = try PosixFileSystem().byteCount(directory.wal) ?? 0 == 0 } catch {
      throw directory.failure(error)
    }
    // If there is a WAL, the file alone is an older state.
    guard isVerifying, isWhole else { return }
    do throws(SQLiteError) { try checkIntegrity(try Database(directory.database, mode: .immutable, vfs: nil)) } catch {
      guard error.isDamage else { throw directory.failure(error) }
      note("SQLite cannot read it: \(error.text)")
    }
  }

  private mutating func noteLosses(_ expected: SpoolExpectation) {
    let found = streams.mapValues { stream in
      SpoolState.Stream(
        row: 0, nextNumber: 0,
        totals: BacklogTotals(
          batchCount: stream.batchCount, entryCount: stream.entryCount, byteCount: stream.byteCount))
    }
    let losses = expected.losses(SpoolState(header: SpoolState.Header(producer: .random()), streams: found))
    for stream in losses.streams {
      note(
        """
        stream \(stream.name) lacks \(stream.totals.batchCount) of its batches, with \
        \(Figures.count(stream.totals.entryCount, "entry", "entries"))
        """
      )
    }
    if !losses.isComplete { note("the records of the streams cannot be read completely: more may be missing") }
  }

  // MARK: A spool in use

  private mutating func readBesideWriter() throws(SQLiteError) {
    let database = try Database(directory.database, mode: .readOnly, vfs: nil)
    database.setBusyTimeout(Self.busyTimeout)
    try database.require(applicationID: SpoolSchema.applicationID, kind: "spool")
    let spool = try database.prepare("SELECT * FROM spool")
    if try spool.step(), case .spool(let header, _)? = SpoolRecord(spoolRow: spool) {
      self.header = header
    } else {
      note("the identity of the producer cannot be read")
    }
    spool.reset()
    if isVerifying {
      try readRows(database)
      try checkIntegrity(database)
    } else {
      try readSummaries(database)
    }
  }

  private mutating func readSummaries(_ database: borrowing Database) throws(SQLiteError) {
    let statement = try database.prepare(
      "SELECT id, producer, stream, number, kind, entries, \(SpoolFile.byteCountText), accepted FROM batches")
    while try statement.step() {
      guard let producer = ProducerID(stored: statement.bytes(1)),
        let kind = SpoolRow.Kind(rawValue: statement.integer(4))
      else {
        note("batch \(statement.integer(3)) of stream \(statement.text(2)) has no producer or kind")
        continue
      }
      add(
        SpoolSummary(
          id: statement.integer(0),
          key: AppendQueue.Key(producer: producer, stream: StreamName(stored: statement.text(2))),
          number: statement.bits(3), kind: kind,
          entryCount: UInt64(try statement.integer(5, in: 0...Int64(Int32.max))),
          byteCount: Int(statement.integer(6))), accepted: statement.integer(7))
    }
  }

  /// In steps, so that the writer can checkpoint its WAL in between.
  private mutating func readRows(_ database: borrowing Database) throws(SQLiteError) {
    let statement = try database.prepare("SELECT * FROM batches WHERE id > ?1 ORDER BY id LIMIT ?2")
    var last = Int64.min
    var count = Self.stepBatchCount
    while count == Self.stepBatchCount {
      statement.bind(1, last)
      statement.bind(2, Int64(Self.stepBatchCount))
      count = 0
      while try statement.step() {
        last = statement.integer(0)
        count += 1
        if let row = SpoolRow(id: last, values: statement) {
          add(row)
        } else {
          note("batch \(statement.integer(3)) of stream \(statement.text(2)) fails its check")
        }
      }
      statement.reset()
    }
  }

  /// Not `quick_check`, which does not check the entries of indexes: a batch that is missing there is not sent.
  private mutating func checkIntegrity(_ database: borrowing Database) throws(SQLiteError) {
    let statement = try database.prepare("PRAGMA integrity_check(\(SpoolReport.damageCountMax))")
    while try statement.step() {
      let text = statement.text(0)
      if text != "ok" { note("SQLite finds: \(text.split(separator: "\n").joined(separator: " "))") }
    }
  }
}
