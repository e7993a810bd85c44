internal import LogsDisk
internal import LogsWire

/// Looks at all of one segment: its structure, every batch, every number, and what finds them.
struct SegmentCheck {
  let number: Int64
  let store: InstanceID?
  let content: StoreContent
  /// What the next segment says of the streams: this one must hold everything before that. Nil if it is the newest, or
  /// the next one cannot be read.
  let above: [Int64: StreamBeginning]?

  /// What it has found.
  struct Result {
    var findings: [Finding] = []
    /// What the segment says of the streams before its first entry; nil if that cannot be read.
    var beginnings: [Int64: StreamBeginning]?
    /// The last number that it holds of each stream that has rows.
    var ends: [Int64: UInt64] = [:]
    var batchCount = 0
    var entryCount: UInt64 = 0

    /// The last number of each stream in the segment or before it.
    var heads: [Int64: UInt64] {
      (beginnings ?? [:]).mapValues { $0.next - 1 }.merging(ends) { max($0, $1) }
    }
  }

  /// Of one segment so many are reported; a disk that has gone bad may have any number.
  static let findingCountMax = 1_000

  private var file: String { DirectorySurvey.name(number) }

  /// No server can store anything in a sealed segment. A repair that was interrupted may leave one as the newest.
  static func sealedNewest(_ number: Int64, _ database: borrowing Database) throws(SQLiteError) -> Finding? {
    guard try SegmentSchema.has(SegmentSchema.finalIndex, database) else { return nil }
    return Finding(
      .damage, DirectorySurvey.name(number), "it is sealed, but is the newest: the segment that follows it is missing")
  }

  /// - Throws: what is no damage: another program has it locked, or it is of a newer version.
  func run(_ database: borrowing Database) throws(StoreError) -> Result {
    var result = Result()
    do throws(SQLiteError) {
      guard try checkIdentity(database, &result) else { return result }
      try checkStructure(database, &result)
    } catch {
      try note(error, &result)
    }
    do throws(SQLiteError) {
      result.beginnings = try StreamBeginning.all(in: database)
      try checkNames(database, &result)
    } catch {
      try note(error, &result)
    }
    try checkDictionaries(database, &result)
    var marks = MarkCheck()
    do throws(SQLiteError) { marks = try MarkCheck(database) } catch { try note(error, &result) }
    do throws(SQLiteError) {
      var rows = RowCheck(self, try LostRanges.read(database))
      try rows.run(database, &marks, &result)
      if rows.needsDictionary { try checkRowDictionary(database, &result) }
    } catch {
      try note(error, &result)
    }
    result.findings += marks.findings(file, content)
    checkBeginnings(&result)
    do throws(SQLiteError) {
      try checkRunIndex(database, &result)
      result.findings += try BlockIndexCheck.run(database, file)
    } catch {
      try note(error, &result)
    }
    if result.findings.count > Self.findingCountMax {
      let rest = result.findings.count - Self.findingCountMax
      result.findings.removeLast(rest)
      result.findings.append(Finding(.damage, file, "\(Figures.count(rest, "finding", "findings")) more"))
    }
    return result
  }

  private func note(_ error: SQLiteError, _ result: inout Result) throws(StoreError) {
    guard error.isLoss || error.isConstraint else { throw StoreError(error, while: "read") }
    let finding = Finding(.damage, file, "it cannot be read: \(error.text)")
    if !result.findings.contains(finding) { result.findings.append(finding) }
  }

  /// Each dictionary is there twice.
  private func checkDictionaries(_ database: borrowing Database, _ result: inout Result) throws(StoreError) {
    var tables: [(name: String, all: Set<Int64>, damaged: Set<Int64>)] = []
    for name in SegmentDictionaries.tables {
      do throws(SQLiteError) {
        let found = try SegmentDictionaries.streams(in: name, database)
        tables.append((name, found.all, found.damaged))
      } catch {
        try note(error, &result)
      }
    }
    // That of packed rows may be there once: none needs it until then.
    for table in tables where table.damaged.contains(SegmentDictionaries.rowsKey) {
      result.findings.append(
        Finding(.damage, file, "the dictionary of its packed rows is damaged in the table \(table.name)"))
    }
    let streams = tables.reduce(into: Set<Int64>()) { $0.formUnion($1.all) }
    for id in streams.sorted() {
      guard let stream = content.streams[id] else { continue }
      for table in tables where !table.all.contains(id) || table.damaged.contains(id) {
        let state = table.all.contains(id) ? "damaged" : "missing"
        result.findings.append(
          Finding(
            .damage, file, stream: stream.name,
            "the dictionary of '\(stream.name)' is \(state) in the table \(table.name)"))
      }
    }
  }

  /// So is the one that rows need.
  private func checkRowDictionary(_ database: borrowing Database, _ result: inout Result) throws(SQLiteError) {
    for table in SegmentDictionaries.tables
    where try !SegmentDictionaries.streams(in: table, database).all.contains(SegmentDictionaries.rowsKey) {
      result.findings.append(
        Finding(.damage, file, "the dictionary of its packed rows is missing in the table \(table)"))
    }
  }

  /// A stream has one name for life.
  private func checkNames(_ database: borrowing Database, _ result: inout Result) throws(SQLiteError) {
    var findings: [Finding] = []
    try SegmentWriter.forEachStream(in: database) { stream, isDeleted in
      guard let known = content.streams[stream.id], !isDeleted, known.name != stream.name else { return }
      findings.append(
        Finding(
          .damage, file, stream: known.name, "its table of streams calls '\(known.name)' '\(stream.name)'"))
    }
    result.findings += findings
  }

  /// As many entries of a stream were stored before the segment as there are numbers. What contradicts itself is not
  /// held against the segment before.
  private func checkBeginnings(_ result: inout Result) {
    for (id, beginning) in (result.beginnings ?? [:]).sorted(by: { $0.key < $1.key })
    where beginning.next != beginning.entryCount + 1 {
      result.beginnings?[id] = nil
      guard let stream = content.streams[id] else { continue }
      result.findings.append(
        Finding(
          .damage, file, stream: stream.name,
          "its table of streams has '\(stream.name)' begin at \(beginning.next) after \(beginning.entryCount) entries"))
    }
  }

  /// - Returns: whether it is the segment that its name says, so that the rest can be looked at.
  private func checkIdentity(_ database: borrowing Database, _ result: inout Result) throws(SQLiteError) -> Bool {
    let identity = try SegmentWriter.identity(database)
    if identity.format > SegmentSchema.format {
      result.findings.append(
        Finding(.damage, file, "it has format \(identity.format), this program knows \(SegmentSchema.format)"))
      return false
    }
    if identity.number != number {
      result.findings.append(Finding(.damage, file, "it says that it is segment \(identity.number)"))
      return false
    }
    if let store, identity.store != store.bytes {
      result.findings.append(Finding(.damage, file, "it belongs to another store"))
      return false
    }
    return true
  }

  private static let problemCountMax = 20

  private func checkStructure(_ database: borrowing Database, _ result: inout Result) throws(SQLiteError) {
    let problems = try database.prepare("PRAGMA integrity_check(\(Self.problemCountMax))")
    while try problems.step() {
      for line in problems.text(0).split(separator: "\n") where line != "ok" && !line.hasPrefix("*** in database") {
        result.findings.append(Finding(.damage, file, String(line)))
      }
    }
  }

  /// `run_index` of a segment that is not sealed; SQLite has checked the index of a sealed one.
  private func checkRunIndex(_ database: borrowing Database, _ result: inout Result) throws(SQLiteError) {
    if try SegmentSchema.has(SegmentSchema.finalIndex, database) { return }
    guard try SegmentSchema.has(SegmentSchema.runIndex, database) else {
      result.findings.append(Finding(.damage, file, "nothing finds its rows: it has no index and no run_index"))
      return
    }
    let through = try database.integer("SELECT indexed_through FROM segment")
    let (count, listed) = (
      try database.integer("SELECT count(*) FROM runs NOT INDEXED WHERE id <= \(through)"),
      try database.integer(
        """
        SELECT count(*) FROM \(SegmentSchema.runIndex) AS listed JOIN runs ON runs.id = listed.run
        AND runs.stream = listed.stream AND runs.first_seq = listed.first_seq
        """)
    )
    let rowCount = try database.integer("SELECT count(*) FROM \(SegmentSchema.runIndex)")
    if count != listed || rowCount != listed {
      result.findings.append(
        Finding(
          .damage, file, "run_index has \(rowCount) rows, \(listed) of them right, and should have \(count)"))
    }
  }
}
