/// Checks everything in a batch that server and readers rely on, without materializing its entries.
///
/// Owns a decompression context and a scratch buffer; keep one per thread.
package struct BatchChecker: ~Copyable {
  private var decompressor = Decompressor()
  private var payload = ByteWriter(capacity: 64 << 10)

  package init() {}

  /// Checks a batch that a client appends (`spec/wire.md`, section 5).
  ///
  /// - Throws: `WireDecodingError`, its offset counted from the start of the batch for the header and of the payload
  ///   for columns.
  /// - Complexity: decompresses once, reads each column once, allocates nothing per entry.
  package mutating func check(appended batch: Batch) throws(WireDecodingError) {
    let header = batch.header
    let forbidden: BatchHeader.Flags = [.sparse, .reencoded]
    if !header.flags.isDisjoint(with: forbidden) {
      throw WireDecodingError("a producer's batch is neither sparse nor re-encoded", at: 42)
    }
    if header.serverCheck != 0 || header.firstSequence != 0 || header.received != 0 || header.span != 0 {
      throw WireDecodingError("the server's part of an appended batch must be zero", at: 0)
    }
    try check(batch, isFromClient: true)
  }

  /// Checks a batch that the server has numbered.
  package mutating func check(numbered batch: Batch) throws(WireDecodingError) {
    if batch.header.firstSequence == 0 || batch.header.span == 0 {
      throw WireDecodingError("a numbered batch has a first sequence number and a span", at: 8)
    }
    try check(batch, isFromClient: false)
  }

  private mutating func check(_ batch: Batch, isFromClient: Bool) throws(WireDecodingError) {
    if batch.bytes.count != batch.header.batchByteCount {
      throw WireDecodingError("the batch has \(batch.bytes.count) bytes, its header says otherwise", at: 72)
    }
    if !batch.hasValidCheck { throw WireDecodingError("the batch's check does not fit its bytes", at: 32) }
    if isFromClient, batch.header.codec == .zstd { try checkWindow(of: batch) }
    payload.removeAll()
    try decompressor.decompress(batch, into: &payload)
    try BatchContent.check(payload.span, of: batch.header, isFromClient: isFromClient)
  }

  /// Not every reader decodes into one buffer, as `Decompressor` does: the window that others need is bounded before a
  /// batch is stored.
  private func checkWindow(of batch: Batch) throws(WireDecodingError) {
    let window = try batch.zstdFrameHeader().windowByteCount
    if window > UInt64(Limits.zstdWindowByteCountMax) {
      throw WireDecodingError(
        "the zstd frame asks for a window of \(window) bytes; the limit is \(Limits.zstdWindowByteCountMax)",
        at: BatchHeader.byteCount)
    }
  }
}

/// The rules for the columns of a payload.
enum BatchContent {
  static func check(_ payload: RawSpan, of header: BatchHeader, isFromClient: Bool) throws(WireDecodingError) {
    let columns = try Column.list(in: payload)
    let count = Int(header.count)
    var times: [Int64] = []
    var received: [Int64] = []
    var range = TimeRange()
    var severities: UInt32 = 0
    var keyColumn: Column?
    var hasValues = false
    var hasOffsets = false
    var expanded = 0
    for column in columns {
      switch column.id {
      case ColumnID.time:
        if header.flags.haveReceivedTimes {
          times = try column.integers(in: payload, count: count)
        } else {
          try column.forEachInteger(in: payload, count: count) { time throws(WireDecodingError) in range.add(time) }
        }
      case ColumnID.received where header.flags.haveReceivedTimes:
        received = try column.integers(in: payload, count: count)
      case ColumnID.severity:
        try column.forEachByte(in: payload, count: count) { severity throws(WireDecodingError) in
          if severity > LogSeverity.highest {
            throw WireDecodingError("severity \(severity) is above 24", at: column.content.lowerBound)
          }
          severities |= 1 << UInt32(severity)
        }
      case ColumnID.source:
        expanded += try checkRows(
          of: column, in: payload, count: count, byteCountMax: Limits.sourceByteCountMax, what: "source")
      case ColumnID.message:
        if column.encoding == .dictionary { throw column.wrongEncoding() }
        expanded += try checkRows(
          of: column, in: payload, count: count, byteCountMax: Limits.messageByteCountMax, what: "message")
      case ColumnID.attributeKeys: keyColumn = column
      case ColumnID.attributeValues:
        if column.encoding == .dictionary { throw column.wrongEncoding() }
        guard let keyColumn else {
          throw WireDecodingError("attribute values without keys", at: column.content.lowerBound)
        }
        expanded += try checkAttributes(keys: keyColumn, values: column, in: payload, count: count)
        hasValues = true
      case ColumnID.kind:
        try column.forEachByte(in: payload, count: count) { kind throws(WireDecodingError) in
          if isFromClient, kind > LogEntry.Kind.status.rawValue {
            throw WireDecodingError("a client may not send entries of kind \(kind)", at: column.content.lowerBound)
          }
        }
      case ColumnID.sequenceOffsets:
        if !header.flags.contains(.sparse) {
          throw WireDecodingError("sequence offsets in a batch that is not sparse", at: column.content.lowerBound)
        }
        try checkOffsets(of: column, in: payload, header: header)
        hasOffsets = true
      default: try column.checkStructure(in: payload, count: count)
      }
    }
    if keyColumn != nil, !hasValues { throw WireDecodingError("attribute keys without values", at: 0) }
    // A few stored bytes must not become gigabytes at every reader: rows may be shared, but not without limit.
    if expanded > Limits.batchExpandedByteCountMax { throw .expands(to: expanded) }
    if header.flags.contains(.sparse), !hasOffsets {
      throw WireDecodingError("a sparse batch without sequence offsets", at: 0)
    }
    if header.flags.haveReceivedTimes {
      guard received.count == count else {
        throw WireDecodingError("a batch without the times received that its flags say it has", at: 42)
      }
      for row in 0..<count { range.add(times.isEmpty ? 0 : times[row], received: received[row]) }
    } else if !columns.contains(where: { $0.id == ColumnID.time }) {
      range.add(0)
    }
    if !columns.contains(where: { $0.id == ColumnID.severity }) { severities = 1 }
    guard header.minTime == range.lowest, header.maxTime == range.highest,
      header.flags.contains(.untimed) == range.isUntimed
    else { throw WireDecodingError("the header's times disagree with the time column", at: 48) }
    guard header.severities == severities else {
      throw WireDecodingError("the header's severity mask disagrees with the severity column", at: 64)
    }
  }

  /// Checks the rows of a source or message column.
  ///
  /// - Returns: their bytes, a row that several entries share counted for each.
  private static func checkRows(
    of column: Column, in payload: RawSpan, count: Int, byteCountMax: Int, what: String
  ) throws(WireDecodingError) -> Int {
    var lengths: [Int] = []
    var byteCount = 0
    let isDictionary = column.encoding == .dictionary
    let dictionary = try column.forEachDistinctRow(in: payload, count: count) { row throws(WireDecodingError) in
      if row.count > byteCountMax {
        throw WireDecodingError("a \(what) has \(row.count) bytes; the limit is \(byteCountMax)", at: row.lowerBound)
      }
      if isDictionary { lengths.append(row.count) } else { byteCount += row.count }
    }
    guard let dictionary else { return column.isConstant ? byteCount * count : byteCount }
    try column.forEachIndex(in: payload, indices: dictionary.indices, distinct: dictionary.distinct, count: count) {
      index throws(WireDecodingError) in byteCount += lengths[index]
    }
    return byteCount
  }

  /// Checks the two rows of each entry's attributes.
  ///
  /// - Returns: their bytes, a row that several entries share counted for each.
  private static func checkAttributes(
    keys: Column, values: Column, in payload: RawSpan, count: Int
  ) throws(WireDecodingError) -> Int {
    var shapes: [Shape] = []
    let dictionary = try keys.forEachDistinctRow(in: payload, count: count) { row throws(WireDecodingError) in
      do throws(WireDecodingError) {
        shapes.append((row.count, try AttributeRows.check(keys: payload.extracting(row))))
      } catch { throw error.moved(by: row.lowerBound) }
    }
    var shapeOfRow: [Int] = []
    if let dictionary {
      shapeOfRow.reserveCapacity(count)
      try keys.forEachIndex(in: payload, indices: dictionary.indices, distinct: dictionary.distinct, count: count) {
        index throws(WireDecodingError) in shapeOfRow.append(index)
      }
    }
    var byteCount =
      dictionary != nil
      ? shapeOfRow.reduce(0) { $0 + shapes[$1].byteCount }
      : shapes.reduce(0) { $0 + $1.byteCount } * (keys.isConstant ? count : 1)
    if values.isConstant {
      let row = try checkConstantValues(
        values, shapes: dictionary == nil ? shapes : shapeOfRow.map { shapes[$0] }, in: payload)
      return byteCount + row * count
    }
    var row = 0
    _ = try values.forEachDistinctRow(in: payload, count: count) { range throws(WireDecodingError) in
      try check(
        values: range, shape: shapes[dictionary != nil ? shapeOfRow[row] : keys.isConstant ? 0 : row], in: payload)
      byteCount += range.count
      row += 1
    }
    return byteCount
  }

  private typealias Shape = (byteCount: Int, keyCount: Int)

  /// A constant row of values must fit the keys of every entry. One pass is enough: a row that holds n values holds no
  /// other number of them, and a pass for each of 65,536 shapes would let a peer waste time.
  ///
  /// - Returns: the row's bytes.
  private static func checkConstantValues(
    _ values: Column, shapes: [Shape], in payload: RawSpan
  ) throws(WireDecodingError) -> Int {
    guard var largest = shapes.first else { return 0 }
    for shape in shapes {
      if shape.keyCount != largest.keyCount {
        throw WireDecodingError("one row of values for different numbers of keys", at: values.content.lowerBound)
      }
      if shape.byteCount > largest.byteCount { largest = shape }
    }
    var byteCount = 0
    _ = try values.forEachDistinctRow(in: payload, count: 1) { range throws(WireDecodingError) in
      try check(values: range, shape: largest, in: payload)
      byteCount = range.count
    }
    return byteCount
  }

  private static func check(values range: Range<Int>, shape: Shape, in payload: RawSpan) throws(WireDecodingError) {
    if shape.byteCount + range.count > Limits.attributesByteCountMax {
      let count = shape.byteCount + range.count
      throw WireDecodingError(
        "an entry's attributes take \(count) bytes; the limit is \(Limits.attributesByteCountMax)",
        at: range.lowerBound)
    }
    do throws(WireDecodingError) {
      try AttributeRows.check(values: payload.extracting(range), count: shape.keyCount)
    } catch { throw error.moved(by: range.lowerBound) }
  }

  static func checkOffsets(of column: Column, in payload: RawSpan, header: BatchHeader) throws(WireDecodingError) {
    if column.isConstant { throw column.wrongEncoding() }
    var previous: Int64 = -1
    try column.forEachInteger(in: payload, count: Int(header.count)) { offset throws(WireDecodingError) in
      guard offset > previous, offset < Int64(header.span) else {
        throw WireDecodingError("sequence offsets must rise and stay below the span", at: column.content.lowerBound)
      }
      previous = offset
    }
  }
}

/// The earliest and latest times, as the batch header states them: those that are not 0, and of other entries the times
/// received, in a batch that says these for each.
struct TimeRange {
  private(set) var isUntimed = false
  /// The first is above the second as long as there is no time.
  private var bounds = (Int64.max, Int64.min)

  var lowest: Int64 { bounds.0 <= bounds.1 ? bounds.0 : 0 }
  var highest: Int64 { bounds.0 <= bounds.1 ? bounds.1 : 0 }

  /// - Parameter received: of the entry, in a batch that says it for each.
  mutating func add(_ time: Int64, received: Int64? = nil) {
    if time == 0 { isUntimed = true }
    guard let counted = time == 0 ? received : time else { return }
    bounds = (min(bounds.0, counted), max(bounds.1, counted))
  }
}

extension WireDecodingError {
  /// - Parameter byteCount: the size of the batch's entries; rows that several of them share count for each.
  static func expands(to byteCount: Int) -> WireDecodingError {
    WireDecodingError(
      "the batch's entries expand to \(byteCount) bytes; the limit is \(Limits.batchExpandedByteCountMax)", at: 0)
  }
}
