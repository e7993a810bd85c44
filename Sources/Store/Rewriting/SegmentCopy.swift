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
  private let packer: RowPacker?
  private let incarnations: Statement
  private let evaluator = FilterEvaluator()
  private var compaction: BatchCompaction
  private let extent: Statement
  private let rowsFrom: Statement
  /// Of the old file.
  private let dictionaries: SegmentDictionaries?
  private let unpacker: RowUnpacker
  /// The stream whose rows are copied, and what its batches may need in the old file.
  private var current: (stream: Int64, dictionary: BatchDictionary?)?
  /// The last row of the old file that was looked at.
  private var place: (stream: Int64, sequence: UInt64) = (.min, 0)
  /// As the streams were when a row of theirs was met first: both the copy and its check go by that.
  private(set) var streams: [Int64: StreamInfo?] = [:]
  private var signers: [Int64: BatchSigner] = [:]

  private let isCompacting: Bool
  private let dictionaryStreamByteCountMin: Int
  /// Whether the new file counts as compacted.
  private let isCompacted: Bool

  /// Begins a file at `path`, which exists and is empty.
  ///
  /// - Parameter isCompacting: whether small batches become large ones.
  init(
    of segment: Segment, at path: String, _ catalog: Catalog, isCompacting: Bool, _ configuration: StoreConfiguration
  ) throws(SQLiteError) {
    self.path = path
    dictionaryStreamByteCountMin = configuration.dictionaryStreamByteCountMin
    let vfs = configuration.vfs
    self.catalog = catalog
    self.isCompacting = isCompacting
    compaction = BatchCompaction(path: segment.path)
    source = try Database(segment.path, mode: .immutable, vfs: vfs)
    try source.require(applicationID: SegmentSchema.applicationID, kind: "segment")
    let wasCompacted = try SegmentSchema.isCompacted(source)
    isCompacted = isCompacting || wasCompacted
    target = try Database(path, mode: .readWrite, vfs: vfs)
    try target.execute(SegmentSchema.beginText(pageByteCount: SegmentSchema.compactedPageByteCount))
    let columns = SegmentRow.columns(try RowPacking(of: source))
    rows = try source.prepare(
      """
      SELECT \(columns) FROM runs INDEXED BY \(SegmentSchema.finalIndex)
      WHERE (stream, first_seq) > (?1, ?2) ORDER BY stream, first_seq
      """)
    rowsFrom = try source.prepare(
      """
      SELECT \(columns) FROM runs INDEXED BY \(SegmentSchema.finalIndex)
      WHERE stream = ?1 AND first_seq >= ?2 ORDER BY first_seq LIMIT 1
      """)
    extent = try source.prepare(
      "SELECT min(first_seq), max(first_seq + span - 1), sum(raw_length) FROM runs WHERE stream = ?1")
    dictionaries = try SegmentDictionaries(source)
    unpacker = RowUnpacker(dictionaries)
    let packing = try RowPacking(of: target)
    packer = packing.packer()
    insertRow = try target.prepare(SegmentRow.insertText(packing))
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
      // Far from the others: what damages one does not damage both.
      try target.execute(SegmentDictionaries.copyText)
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
        try endStream()
        return true
      }
      let row = try SegmentRow(rows, unpacker)
      place = (row.stream, row.numbers.lowerBound)
      try copy(row)
    } while SystemClock.monotonic() < deadline
    return false
  }

  private func copy(_ row: SegmentRow) throws(SQLiteError) {
    guard let stream = stream(row.stream) else { return }
    if current?.stream != stream.id {
      try endStream()
      try begin(stream)
    }
    for batch in try batches(of: row, stream) {
      for row in try compaction.add(batch) { try row.insert(with: insertRow, packer) }
    }
  }

  private func begin(_ stream: StreamInfo) throws(SQLiteError) {
    current = (stream.id, try dictionaries?.dictionary(of: stream.id))
    let plan = try plan(for: stream, old: current?.dictionary)
    if let dictionary = plan.dictionary {
      try SegmentDictionaries.insert(dictionary, of: stream.id, into: SegmentDictionaries.tables[0], target)
    }
    compaction.begin(stream, plan)
  }

  private func endStream() throws(SQLiteError) {
    guard current != nil else { return }
    current = nil
    for row in try compaction.finish() { try row.insert(with: insertRow, packer) }
  }

  /// - Parameter old: the dictionary of the old file.
  private func plan(for stream: StreamInfo, old: BatchDictionary?) throws(SQLiteError) -> BatchCompaction.Plan {
    let isPlain = !isCompacting && old == nil
    guard !isPlain, let extent = try extent(of: stream.id) else {
      return BatchCompaction.Plan(merges: isCompacting, dictionary: nil)
    }
    if isCompacting { return BatchCompaction.Plan(merges: true, dictionary: try train(on: extent, of: stream)) }
    // A dictionary has parts of entries: with some of them it has to go, too.
    let hasRemoved = stream.removals.count(in: extent.numbers) > 0
    return BatchCompaction.Plan(merges: hasRemoved, dictionary: hasRemoved ? nil : old)
  }

  private func extent(of stream: Int64) throws(SQLiteError) -> DictionaryTraining.Extent? {
    defer { extent.reset() }
    extent.bind(1, stream)
    guard try extent.step(), let first = UInt64(exactly: extent.integer(0)), first > 0,
      let last = UInt64(exactly: extent.integer(1)), first <= last
    else { return nil }
    return DictionaryTraining.Extent(numbers: first...last, rawByteCount: Int(clamping: extent.integer(2)))
  }

  private func train(
    on extent: DictionaryTraining.Extent, of stream: StreamInfo
  ) throws(SQLiteError) -> BatchDictionary? {
    guard extent.rawByteCount >= dictionaryStreamByteCountMin else { return nil }
    return try DictionaryTraining(extent) { (position) throws(SQLiteError) in
      // What was removed is not even read.
      if let removal = stream.removals.first(from: position), removal.numbers.contains(position) {
        return ([], removal.numbers.upperBound + 1)
      }
      self.rowsFrom.bind(1, stream.id)
      self.rowsFrom.bind(2, bits: position)
      defer { self.rowsFrom.reset() }
      guard try self.rowsFrom.step() else { return nil }
      let row = try SegmentRow(self.rowsFrom, self.unpacker)
      return (try self.batches(of: row, stream), row.numbers.upperBound + 1)
    }
    .run(isForced: dictionaryStreamByteCountMin == 0)
  }

  /// What is kept of a row of the old file.
  private func batches(of row: SegmentRow, _ stream: StreamInfo) throws(SQLiteError) -> [Batch] {
    var signer = signers[row.stream] ?? BatchSigner(stream)
    defer { signers[row.stream] = signer }
    return try row.keptBatches(
      stream, &signer, current?.dictionary, evaluator, path: source.path
    ) { () throws(SQLiteError) in
      try incarnations(of: row.stream)
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
