internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// The file of a segment that is rewritten, while it is made: what is kept of the old one, stream by stream, with a new
/// index.
///
/// Invariant behind `@unchecked Sendable`: only the upkeep thread uses it.
final class SegmentCopy: SQLRunner, @unchecked Sendable {
  let path: String
  private let source: Database
  private let target: Database
  private let catalog: Catalog
  private let rows: Statement
  private let insertRow: Statement
  private let incarnations: Statement
  private let evaluator = FilterEvaluator()
  private var compaction: BatchCompaction
  /// The last row of the old file that was looked at.
  private var place: (stream: Int64, sequence: UInt64) = (.min, 0)
  /// As the streams were when a row of theirs was met first: both the copy and its check go by that.
  private(set) var streams: [Int64: StreamInfo?] = [:]
  private var signers: [Int64: BatchSigner] = [:]

  /// Whether the new file counts as compacted.
  private let isCompacted: Bool

  /// Begins a file at `path`, which exists and is empty.
  ///
  /// - Parameter isCompacting: whether small batches become large ones.
  init(
    of segment: Segment, at path: String, _ catalog: Catalog, isCompacting: Bool, vfs: String?
  ) throws(SQLiteError) {
    self.path = path
    self.catalog = catalog
    compaction = BatchCompaction(merges: isCompacting, path: segment.path)
    source = try Database(segment.path, mode: .immutable, vfs: vfs)
    try source.require(applicationID: SegmentSchema.applicationID, kind: "segment")
    let wasCompacted = try SegmentSchema.isCompacted(source)
    isCompacted = isCompacting || wasCompacted
    target = try Database(path, mode: .readWrite, vfs: vfs)
    try target.execute(SegmentSchema.beginText(pageByteCount: SegmentSchema.compactedPageByteCount))
    rows = try source.prepare(
      """
      SELECT \(SegmentRow.columns) FROM runs INDEXED BY \(SegmentSchema.finalIndex)
      WHERE (stream, first_seq) > (?1, ?2) ORDER BY stream, first_seq
      """)
    insertRow = try target.prepare(SegmentRow.insertText)
    incarnations = try source.prepare(SegmentSchema.incarnationsText)
    try copyTables()
    try target.execute("COMMIT")
  }

  func execute(_ sql: String) throws(SQLiteError) { try target.execute(sql) }
  func prepare(_ sql: String) throws(SQLiteError) -> Statement { try target.prepare(sql) }

  /// Copies everything but `runs`, without what belongs to deleted streams.
  private func copyTables() throws(SQLiteError) {
    let segment = try source.prepare("SELECT number, store, created, trimmed_below FROM segment")
    guard try segment.step() else { throw SQLiteError(damage: "its table segment is empty", path: source.path) }
    let insertSegment = try target.prepare(
      """
      INSERT INTO segment(number, store, created, trimmed_below, marks_through, indexed_through, next_stream, compacted)
      VALUES(?1, ?2, ?3, ?4, 0, 0, 1, ?5)
      """)
    insertSegment.bind(1, segment.integer(0))
    insertSegment.bind(2, copying: segment.bytes(1))
    insertSegment.bind(3, segment.integer(2))
    insertSegment.bind(4, segment.integer(3))
    insertSegment.bind(5, isCompacted ? 1 : 0)
    try insertSegment.run()

    let streams = try source.prepare(
      "SELECT id, name, incarnation, state, next, entries, bytes, received FROM streams ORDER BY id")
    let insertStream = try target.prepare("INSERT INTO streams VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
    while try streams.step() {
      guard let stream = catalog[streams.integer(0)] else { continue }
      for column in [0, 3, 4, 5, 6, 7] as [Int32] { insertStream.bind(column + 1, streams.integer(column)) }
      // All batches are signed for the incarnation that the stream has now.
      insertStream.bind(3, bits: stream.incarnation.value)
      insertStream.bind(2, streams.text(1))
      try insertStream.run()
    }

    let lost = try LostRanges.read(source)
    if !lost.isEmpty { try lost.write(target) }

    let former = try source.prepare("SELECT stream, next, incarnation FROM former_incarnations")
    let insertFormer = try target.prepare("INSERT INTO former_incarnations VALUES(?1, ?2, ?3)")
    while try former.step() {
      guard catalog[former.integer(0)] != nil else { continue }
      for column in 0...2 as ClosedRange<Int32> { insertFormer.bind(column + 1, former.integer(column)) }
      try insertFormer.run()
    }

    let marks = try source.prepare(
      "SELECT stream, producer, slot, number, first_seq, count, producer_check FROM marks ORDER BY 1, 2, 3")
    let insertMark = try target.prepare(SegmentWriter.insertMarkText)
    while try marks.step() {
      guard catalog[marks.integer(0)] != nil else { continue }
      for column in [0, 2, 3, 4, 5, 6] as [Int32] { insertMark.bind(column + 1, marks.integer(column)) }
      insertMark.bind(2, copying: marks.bytes(1))
      try insertMark.run()
    }
  }

  /// Copies rows until `deadline`.
  ///
  /// - Returns: whether all are copied, and found by their numbers.
  func copyRows(until deadline: Int64) throws(SQLiteError) -> Bool {
    try target.execute("BEGIN")
    let isEnd = try copySomeRows(until: deadline)
    if isEnd {
      try target.execute(
        """
        UPDATE segment SET marks_through = coalesce((SELECT max(id) FROM runs), 0);
        CREATE UNIQUE INDEX \(SegmentSchema.finalIndex) ON runs(stream, first_seq)
        """)
    }
    try target.execute("COMMIT")
    return isEnd
  }

  private func copySomeRows(until deadline: Int64) throws(SQLiteError) -> Bool {
    rows.bind(1, place.stream)
    rows.bind(2, bits: place.sequence)
    defer { rows.reset() }
    repeat {
      guard try rows.step() else {
        for row in compaction.finish() { try row.insert(with: insertRow) }
        return true
      }
      let row = try SegmentRow(rows)
      place = (row.stream, row.numbers.lowerBound)
      try copy(row)
    } while SystemClock.monotonic() < deadline
    return false
  }

  private func copy(_ row: SegmentRow) throws(SQLiteError) {
    guard let stream = stream(row.stream) else { return }
    var signer = signers[row.stream] ?? BatchSigner(stream)
    let batches = try row.keptBatches(stream, &signer, evaluator, path: source.path) { () throws(SQLiteError) in
      try incarnations(of: row.stream)
    }
    signers[row.stream] = signer
    for batch in batches {
      for row in try compaction.add(batch, of: stream) { try row.insert(with: insertRow) }
    }
  }

  private func stream(_ id: Int64) -> StreamInfo? {
    if let known = streams[id] { return known }
    let stream = catalog[id]
    streams[id] = .some(stream)
    return stream
  }

  private func incarnations(of stream: Int64) throws(SQLiteError) -> [Incarnation] {
    defer { incarnations.reset() }
    incarnations.bind(1, stream)
    var found: [Incarnation] = []
    while try incarnations.step() { found.append(Incarnation(incarnations.bits(0))) }
    return found
  }
}
