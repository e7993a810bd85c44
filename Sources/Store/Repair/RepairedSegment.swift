internal import LogsDisk
internal import LogsWire

/// The file of a sealed segment that is made of what is whole of a damaged one.
final class RepairedSegment: SQLRunner {
  /// A row of `streams`.
  struct Stream {
    var info: StreamInfo
    var next: UInt64
    /// About, of batches before this segment.
    var byteCount: UInt64
    var received: Int64
    /// What some of its batches here are signed under.
    var formerIncarnations: [Incarnation]
  }

  struct Heading {
    var number: Int64
    var store: InstanceID
    var createdAt: Int64
    var trimmedBelow: Int64
    var nextStreamID: Int64
  }

  let path: String
  private let database: Database
  private let insertRow: Statement
  private let packer: RowPacker?
  private let insertMark: Statement

  /// - Parameter path: of an empty file.
  init(_ path: String, _ heading: Heading) throws(SQLiteError) {
    self.path = path
    database = try Database(path, mode: .readWrite, vfs: nil)
    try database.execute(SegmentSchema.beginText(pageByteCount: SegmentSchema.pageByteCount))
    let packing = try RowPacking(of: database)
    packer = packing.packer()
    insertRow = try database.prepare(SegmentRow.insertText(packing))
    insertMark = try database.prepare(
      """
      INSERT INTO marks VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET number = excluded.number,
      first_seq = excluded.first_seq, count = excluded.count, producer_check = excluded.producer_check
      WHERE excluded.number > number
      """)
    let insert = try database.prepare(
      """
      INSERT INTO segment(number, store, created, trimmed_below, marks_through, indexed_through, next_stream, compacted)
      VALUES(?1, ?2, ?3, ?4, 0, 0, ?5, 0)
      """)
    insert.bind(1, heading.number)
    insert.bind(2, copying: heading.store.bytes)
    insert.bind(3, heading.createdAt)
    insert.bind(4, heading.trimmedBelow)
    insert.bind(5, heading.nextStreamID)
    try insert.run()
  }

  func execute(_ sql: String) throws(SQLiteError) { try database.execute(sql) }
  func prepare(_ sql: String) throws(SQLiteError) -> Statement { try database.prepare(sql) }

  func add(_ row: SegmentRow) throws(SQLiteError) { try row.insert(with: insertRow, packer) }

  func add(_ record: ProducerMark.Record, of producer: ProducerID, on stream: Int64) throws(SQLiteError) {
    try SegmentWriter.write([record], of: producer, on: stream, with: insertMark)
  }

  /// Adds everything else and makes the indexes.
  func finish(
    _ streams: [Stream], _ lost: LostRanges, _ dictionaries: [Int64: BatchDictionary]
  ) throws(SQLiteError) {
    try write(dictionaries, into: SegmentDictionaries.tables[0])
    let insert = try database.prepare("INSERT INTO streams VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
    let insertFormer = try database.prepare(
      "INSERT INTO former_incarnations(stream, next, incarnation) VALUES(?1, ?2, ?3)")
    for stream in streams {
      insert.bind(1, stream.info.id)
      insert.bind(2, stream.info.name.text)
      insert.bind(3, bits: stream.info.incarnation.value)
      let state: SegmentSchema.StreamState = stream.info.isSealed ? .sealed : .open
      insert.bind(4, state.rawValue)
      insert.bind(5, bits: stream.next)
      insert.bind(6, bits: stream.next - 1)
      insert.bind(7, bits: stream.byteCount)
      insert.bind(8, stream.received)
      try insert.run()
      for incarnation in stream.formerIncarnations {
        insertFormer.bind(1, stream.info.id)
        insertFormer.bind(2, Int64.max)
        insertFormer.bind(3, bits: incarnation.value)
        try insertFormer.run()
      }
    }
    if !lost.isEmpty { try lost.write(database) }
    try database.execute(
      """
      UPDATE segment SET marks_through = coalesce((SELECT max(id) FROM runs), 0);
      CREATE UNIQUE INDEX \(SegmentSchema.finalIndex) ON runs(stream, first_seq);
      COMMIT
      """)
    let indexing = try BlockIndexing(self)
    while case .unfinished = try indexing.work(for: .seconds(1)) {}
    // Far from the others.
    try database.execute(SegmentDictionaries.schema(of: SegmentDictionaries.tables[1]))
    try write(dictionaries, into: SegmentDictionaries.tables[1])
  }

  private func write(_ dictionaries: [Int64: BatchDictionary], into table: String) throws(SQLiteError) {
    for (stream, dictionary) in dictionaries.sorted(by: { $0.key < $1.key }) {
      try SegmentDictionaries.insert(dictionary, of: stream, into: table, database)
    }
  }
}
