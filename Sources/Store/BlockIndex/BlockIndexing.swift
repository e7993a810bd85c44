internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Makes the index of a complete segment's blocks, a little at a time.
///
/// What it has written counts at once: entries without an index are looked at. A start finds an index that was not
/// finished, and makes it anew.
///
/// Invariant behind `@unchecked Sendable`: only the upkeep thread uses it.
final class BlockIndexing: @unchecked Sendable {
  private let database: any SQLRunner
  private let insertGroup: Statement
  private let insertPage: Statement
  private let rows: Statement
  private let dictionaries: SegmentDictionaries?
  private let unpacker: RowUnpacker
  private let compressor = Compressor(level: 1)
  private var builder = BlockIndexBuilder()
  /// The last row that was added.
  private var place: (stream: Int64, sequence: UInt64) = (.min, 0)

  /// - Parameter database: of a segment with its final index.
  init(_ database: any SQLRunner) throws(SQLiteError) {
    self.database = database
    // One table without the other would be damage.
    try Self.transact(database) { () throws(SQLiteError) in
      try database.execute(
        "DROP TABLE IF EXISTS \(BlockIndexSchema.groups); DROP TABLE IF EXISTS \(BlockIndexSchema.pages)")
      try database.execute(BlockIndexSchema.tables)
    }
    insertGroup = try database.prepare(
      "INSERT INTO \(BlockIndexSchema.groups) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
    insertPage = try database.prepare(
      "INSERT INTO \(BlockIndexSchema.pages) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
    dictionaries = try SegmentDictionaries(database)
    unpacker = RowUnpacker(dictionaries)
    let packing = try RowPacking(of: database)
    rows = try database.prepare(
      """
      SELECT stream, first_seq, \(packing.unpackedLength), batches FROM runs
      WHERE (stream, first_seq) > (?1, ?2) ORDER BY stream, first_seq
      """)
  }

  enum Progress {
    case unfinished
    case done
    /// It holds what cannot be indexed; readers find without an index what can be found.
    case impossible(String)
  }

  /// Works for about as long as `time`.
  func work(for time: Duration) throws(SQLiteError) -> Progress {
    let deadline = SystemClock.monotonic() &+ time.nanoseconds
    var sections: [BlockIndexBuilder.Section] = []
    let progress = try read(until: deadline, &sections)
    if case .done = progress, let last = builder.finish() { sections.append(last) }
    guard !sections.isEmpty else { return progress }
    try Self.transact(database) { () throws(SQLiteError) in for section in sections { try write(section) } }
    return progress
  }

  private static func transact(_ database: any SQLRunner, _ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
    try database.execute("BEGIN IMMEDIATE")
    do throws(SQLiteError) {
      try body()
      try database.execute("COMMIT")
    } catch {
      // If rolling back fails, the connection is closed without having committed.
      do throws(SQLiteError) { try database.execute("ROLLBACK") } catch {}
      throw error
    }
  }

  private func read(
    until deadline: Int64, _ sections: inout [BlockIndexBuilder.Section]
  ) throws(SQLiteError) -> Progress {
    rows.bind(1, place.stream)
    rows.bind(2, bits: place.sequence)
    defer { rows.reset() }
    repeat {
      guard try rows.step() else { return .done }
      let (stream, first) = (rows.integer(0), rows.bits(1))
      let dictionary = try dictionaries?.dictionary(of: stream)
      let batches = try unpacker.batches(rows, 2)
      if batches.isEmpty { return .impossible("a row cannot be unpacked") }
      do {
        for batch in try Batch.run(batches, dictionary) {
          // What is damaged in memory or on the disk now may be whole when it is read.
          guard batch.hasValidCheck else { return .impossible("a batch does not pass its check") }
          if let section = try builder.add(batch, of: stream) { sections.append(section) }
        }
      } catch {
        return .impossible("\(error)")
      }
      place = (stream, first)
    } while SystemClock.monotonic() < deadline
    return .unfinished
  }

  private func write(_ section: BlockIndexBuilder.Section) throws(SQLiteError) {
    for (stream, group) in section.groups {
      insertGroup.bind(1, stream)
      insertGroup.bind(2, bits: group.numbers.lowerBound)
      insertGroup.bind(3, bits: group.numbers.upperBound)
      insertGroup.bind(4, group.section)
      insertGroup.bind(5, Int64(group.firstBlock))
      insertGroup.bind(6, group.times.lowerBound)
      insertGroup.bind(7, group.times.upperBound)
      insertGroup.bind(8, Int64(group.severities))
      insertGroup.bind(9, bits: BlockIndexSchema.check(stream: stream, group))
      try insertGroup.run(10, group.packed)
    }
    guard let number = section.groups.first?.group.section else { return }
    for page in section.pages {
      let content = page.page
      let row = BlockIndexSchema.PageRow(
        section: number, first: ByteString(page.first), end: ByteString(page.end), tokenCount: content.tokenCount,
        tokensByteCount: content.tokens.count, placesByteCount: content.places.count,
        tokens: compressor.frame(content.tokens), places: compressor.frame(content.places))
      insertPage.bind(1, number)
      insertPage.bind(2, copying: row.first)
      insertPage.bind(3, copying: row.end)
      insertPage.bind(4, Int64(row.tokenCount))
      insertPage.bind(5, Int64(row.tokensByteCount))
      insertPage.bind(6, Int64(row.placesByteCount))
      insertPage.bind(7, bits: row.check)
      insertPage.bind(8, copying: row.tokens)
      try insertPage.run(9, row.places)
    }
  }
}
