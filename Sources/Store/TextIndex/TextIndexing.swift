internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Makes the index of a complete segment's text, a little at a time.
///
/// What it has written counts at once: entries without an index are looked at. A start finds an index that was not
/// finished, and makes it anew.
///
/// Invariant behind `@unchecked Sendable`: only the upkeep thread uses it.
final class TextIndexing: @unchecked Sendable {
  private let database: WALDatabase
  private let insertBlock: Statement
  private let insertPage: Statement
  private let rows: Statement
  private let compressor = Compressor(level: 6)
  private var builder = TextIndexBuilder()
  private var sectionCount: Int64 = 0
  /// The last row that was added.
  private var place: (stream: Int64, sequence: UInt64) = (.min, 0)

  /// - Parameter database: of a segment with its final index.
  init(_ database: WALDatabase) throws(SQLiteError) {
    self.database = database
    try database.execute(
      "DROP TABLE IF EXISTS \(TextIndexSchema.blocks); DROP TABLE IF EXISTS \(TextIndexSchema.pages)")
    try database.execute(TextIndexSchema.tables)
    insertBlock = try database.prepare("INSERT INTO \(TextIndexSchema.blocks) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
    insertPage = try database.prepare("INSERT INTO \(TextIndexSchema.pages) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
    rows = try database.prepare(
      """
      SELECT stream, first_seq, batches FROM runs WHERE (stream, first_seq) > (?1, ?2) ORDER BY stream, first_seq
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
    var sections: [TextIndexBuilder.Section] = []
    let progress = try read(until: deadline, &sections)
    if case .done = progress, let last = builder.finish() { sections.append(last) }
    guard !sections.isEmpty else { return progress }
    try database.execute("BEGIN IMMEDIATE")
    do throws(SQLiteError) {
      for section in sections { try write(section) }
      try database.execute("COMMIT")
    } catch {
      // If rolling back fails, the connection is closed without having committed.
      do throws(SQLiteError) { try database.execute("ROLLBACK") } catch {}
      throw error
    }
    return progress
  }

  private func read(
    until deadline: Int64, _ sections: inout [TextIndexBuilder.Section]
  ) throws(SQLiteError) -> Progress {
    rows.bind(1, place.stream)
    rows.bind(2, bits: place.sequence)
    defer { rows.reset() }
    repeat {
      guard try rows.step() else { return .done }
      let (stream, first) = (rows.integer(0), rows.bits(1))
      do {
        for batch in try Batch.run(rows.bytes(2)) {
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

  private func write(_ section: TextIndexBuilder.Section) throws(SQLiteError) {
    let number = sectionCount
    for block in section.blocks {
      let filter = block.filter.stored
      insertBlock.bind(1, block.stream)
      insertBlock.bind(2, bits: block.numbers.lowerBound)
      insertBlock.bind(3, bits: block.numbers.upperBound)
      insertBlock.bind(4, number)
      insertBlock.bind(
        5, bits: TextIndexSchema.check(stream: block.stream, block.numbers, section: number, filter: filter))
      try insertBlock.run(6, filter)
    }
    for page in section.pages {
      let (first, end) = (ByteString(page.first), ByteString(page.end))
      let rawLength = Int64(page.tokens.count)
      let tokens = compressor.frame(page.tokens)
      insertPage.bind(1, number)
      insertPage.bind(2, copying: first)
      insertPage.bind(3, copying: end)
      insertPage.bind(4, rawLength)
      insertPage.bind(
        5,
        bits: TextIndexSchema.check(section: number, first: first, end: end, rawLength: rawLength, tokens: tokens))
      try insertPage.run(6, tokens)
    }
    sectionCount += 1
  }
}
