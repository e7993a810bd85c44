internal import LogsStore
internal import LogsText
internal import LogsWire

/// Goes through entries, stream by stream, a read at a time.
final class EntriesCursor: TableCursor {
  private let source: EntrySource
  private var streams: [StreamInfo] = []
  private var wanted: ClosedRange<UInt64> = 1...1
  /// What of that the stream that is read has.
  private var bounds: ClosedRange<UInt64> = 1...1
  private var filter: SharedFilter?
  private var isReverse = false

  /// The stream that is read, among `streams`.
  private var streamIndex = 0
  /// The next number of it that is to be read; nil before the first read of the stream.
  private var position: UInt64?
  /// The stream that the batches are of.
  private var stream: StreamInfo?
  /// Batches that have been read, with the next one last.
  private var batches: [Batch] = []
  private var rows: BatchRows?
  private var row = 0

  private var clock = ClockText(.utc)
  private var text: [UInt8] = []
  private var json = JSONWriter()

  init(_ source: EntrySource) { self.source = source }

  private(set) var isAtEnd = true

  func begin(_ search: TableSearch) throws(SQLFailure) {
    let selection = try EntrySelection(search.terms, of: source.store.streams, now: source.now)
    isReverse = search.isReverse
    streams = isReverse ? selection.streams.reversed() : selection.streams
    filter = try selection.filter().map { SharedFilter($0) }
    wanted = selection.numbers.range.map { UInt64($0.lowerBound)...UInt64($0.upperBound) } ?? 1...1
    (streamIndex, position, batches, rows) = (0, nil, [], nil)
    isAtEnd = false
    try next()
  }

  func next() throws(SQLFailure) {
    if let rows, try step(rows) { return }
    while true {
      if let batch = batches.popLast() {
        let rows = BatchRows(batch, source.unpacker)
        self.rows = rows
        row = isReverse ? rows.count : -1
        if try step(rows) { return }
      } else if try !read() {
        rows = nil
        isAtEnd = true
        return
      }
    }
  }

  /// Goes to the batch's next row that is wanted.
  private func step(_ rows: BatchRows) throws(SQLFailure) -> Bool {
    row += isReverse ? -1 : 1
    while row >= 0, row < rows.count {
      let number = try decoded { () throws(WireDecodingError) in try rows.sequence(at: row) }
      if bounds.contains(number) { return true }
      row += isReverse ? -1 : 1
    }
    return false
  }

  /// Reads on, in the next stream where this one has no more.
  ///
  /// - Returns: false at the end of the last stream.
  private func read() throws(SQLFailure) -> Bool {
    guard streamIndex < streams.count else { return false }
    let next = streams[streamIndex]
    let (first, last) = (max(wanted.lowerBound, next.first), min(wanted.upperBound, next.head))
    let position = position ?? (isReverse ? last : first)
    guard first <= position, position <= last else {
      (streamIndex, self.position) = (streamIndex + 1, nil)
      return true
    }
    let result = try source.read(
      ReadRequest(
        stream: next.id, from: isReverse ? first : position, to: isReverse ? position : last, isReverse: isReverse,
        filter: filter))
    stream = next
    bounds = first...last
    self.position = result.next
    for piece in result.pieces { try take(piece, of: next) }
    batches.reverse()
    return true
  }

  private func take(_ piece: ReadResult.Piece, of stream: StreamInfo) throws(SQLFailure) {
    switch piece {
    case .batches(let run):
      batches += try decoded { () throws(WireDecodingError) in try Batch.run(run.batches) }
    case .skip(let numbers, .lost): try source.note(lost: numbers, of: stream)
    case .skip(let numbers, .undecided):
      throw EntrySource.undecided(numbers.lowerBound, stream.name)
    case .skip(_, .filtered), .skip(_, .trimmed), .skip(_, .deleted): break
    }
  }

  private func decoded<Value>(_ body: () throws(WireDecodingError) -> Value) throws(SQLFailure) -> Value {
    do throws(WireDecodingError) { return try body() } catch { throw SQLFailure(error, current.name) }
  }

  private var current: StreamInfo {
    guard let stream else { preconditionFailure("a batch has been read of a stream") }
    return stream
  }

  // MARK: columns

  private var entries: BatchRows {
    guard let rows else { preconditionFailure("SQLite asks for columns of rows that are there") }
    return rows
  }

  /// The stream's place among all, and the number.
  func rowID() throws(SQLFailure) -> Int64 {
    let (entries, row) = (entries, row)
    let number = try decoded { () throws(WireDecodingError) in try entries.sequence(at: row) }
    guard let place = source.place(of: current), number < 1 << EntrySource.numberBitCount else {
      throw SQLFailure(.limit, "the numbers of '\(current.name)' are too high for this query: write it without OR")
    }
    return Int64(place) << EntrySource.numberBitCount | Int64(number)
  }

  func write(column: Int, to result: borrowing ColumnResult) throws(SQLFailure) {
    do throws(WireDecodingError) { try write(EntryColumn(rawValue: column), to: result) } catch {
      throw SQLFailure(error, current.name)
    }
  }

  private func write(_ column: EntryColumn?, to result: borrowing ColumnResult) throws(WireDecodingError) {
    let entries = entries
    switch column {
    case .stream: result.set(current.name.text)
    case .seq: result.set(Int64(clamping: try entries.sequence(at: row)))
    case .time: write(time: try entries.time(at: row), to: result)
    case .timeNanoseconds: result.set(try entries.time(at: row))
    case .received: write(time: try entries.received(at: row), to: result)
    case .receivedNanoseconds: result.set(try entries.received(at: row))
    case .level: result.set(LogSeverity(number: try entries.severity(at: row))?.levelName ?? "")
    case .severity: result.set(Int64(try entries.severity(at: row)))
    case .source: result.set(try entries.source(at: row))
    case .kind: result.set(try entries.kind(at: row).description)
    case .message: result.set(try entries.message(at: row))
    case .attributes:
      json.removeAll()
      json.attributes(try entries.attributes(at: row), form: .exact)
      result.set(json.bytes)
    case .entries: result.set(EntriesTable.Row(entries, number: try entries.sequence(at: row), of: current.name))
    case nil: break
    }
  }

  private func write(time: Int64, to result: borrowing ColumnResult) {
    text.removeAll(keepingCapacity: true)
    clock.appendSQL(time, to: &text)
    result.set(text)
  }
}
