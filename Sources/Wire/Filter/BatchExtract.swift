/// Makes a sparse batch of some entries of another (`spec/wire.md`, section 5): columns are cut row by row, whatever
/// they mean.
struct BatchExtract {
  let columns: BatchColumns
  /// Ascending, at least one.
  let rows: [Int]

  /// The batch, numbered as the one it was made of.
  ///
  /// - Parameter seed: of the stream whose check it gets.
  func batch(seed: UInt64, compressor: borrowing Compressor) throws(FilterFailure) -> Batch {
    let source = columns.header
    let facts = try self.facts()
    var payload = ByteWriter(capacity: 256)
    try FilterFailure.wrapping { () throws(WireDecodingError) in try write(into: &payload) }
    var flags: BatchHeader.Flags = [.sparse, .reencoded]
    if facts.times.isUntimed { flags.insert(.untimed) }
    if source.flags.haveReceivedTimes { flags.insert(.receivedTimes) }
    return compressor.compress {
      $0.append(payload)
    } finish: { stored, codec, rawByteCount in
      let header = BatchHeader(
        codec: codec, flags: flags, count: UInt32(rows.count), minTime: facts.times.lowest,
        maxTime: facts.times.highest, severities: facts.severities, rawLength: UInt32(rawByteCount),
        storedLength: UInt32(stored.byteCount))
      return Batch(unnumbered: header, payload: stored)
    }
    .numbered(firstSequence: source.firstSequence, received: source.received, span: source.span, seed: seed)
  }

  /// What the header says of the entries.
  private func facts() throws(FilterFailure) -> (times: TimeRange, severities: UInt32) {
    var range = TimeRange()
    var mask: UInt32 = 0
    let times = try columns.ownTimes()
    let received = try columns.ownReceivedTimes()
    let severities = try columns.severities()
    for row in rows {
      mask |= 1 << UInt32(severities[row])
      range.add(times.isEmpty ? 0 : times[row], received: received.isEmpty ? nil : received[row])
    }
    return (range, mask)
  }

  private func write(into payload: inout ByteWriter) throws(WireDecodingError) {
    let bytes = columns.payload
    let span = bytes.span
    var hasOffsets = false
    for column in columns.columns {
      if !hasOffsets, column.id >= ColumnID.sequenceOffsets {
        try writeOffsets(into: &payload)
        hasOffsets = true
      }
      if column.id == ColumnID.sequenceOffsets { continue }
      if column.isConstant {
        let start = payload.beginColumn(column.id, .constant)
        payload.append(column.encoding.rawValue)
        payload.append(span.extracting(column.content))
        payload.endColumn(start)
      } else {
        let start = payload.beginColumn(column.id, column.encoding)
        try writeRows(of: column, in: span, into: &payload)
        payload.endColumn(start)
      }
    }
    if !hasOffsets { try writeOffsets(into: &payload) }
  }

  private func writeRows(
    of column: Column, in span: RawSpan, into payload: inout ByteWriter
  ) throws(WireDecodingError) {
    switch column.encoding {
    case .bytes: write(width: 1, column, span, into: &payload)
    case .fixed8: write(width: 8, column, span, into: &payload)
    case .fixed16: write(width: 16, column, span, into: &payload)
    case .delta: write(deltas: try column.integers(in: span, count: columns.count), into: &payload)
    case .lengths:
      let ranges = try column.rowRanges(in: span, count: columns.count)
      for row in rows { payload.append(varint: UInt64(ranges[row].count)) }
      for row in rows { payload.append(span.extracting(ranges[row])) }
    case .dictionary: try writeDictionary(column, span, into: &payload)
    case .constant: preconditionFailure("a constant column carries its inner encoding")
    }
  }

  private func write(width: Int, _ column: Column, _ span: RawSpan, into payload: inout ByteWriter) {
    for row in rows {
      let start = column.content.lowerBound + row * width
      payload.append(span.extracting(start..<start + width))
    }
  }

  private func write(deltas values: [Int64], into payload: inout ByteWriter) {
    var last: Int64 = 0
    for row in rows {
      payload.append(zigzag: values[row] &- last)
      last = values[row]
    }
  }

  private func writeDictionary(
    _ column: Column, _ span: RawSpan, into payload: inout ByteWriter
  ) throws(WireDecodingError) {
    let text = try TextColumn(column, in: columns.payload, count: columns.count)
    guard let indices = text.indices else { preconditionFailure("a dictionary has indices") }
    var used: [Int] = []
    var places = [Int](repeating: -1, count: text.rows.count)
    for row in rows where places[indices[row]] < 0 {
      places[indices[row]] = used.count
      used.append(indices[row])
    }
    payload.append(varint: UInt64(used.count))
    for index in used { payload.append(varint: UInt64(text.rows[index].count)) }
    for index in used { payload.append(span.extracting(text.rows[index])) }
    for row in rows { payload.append(varint: UInt64(places[indices[row]])) }
  }

  private func writeOffsets(into payload: inout ByteWriter) throws(WireDecodingError) {
    let start = payload.beginColumn(ColumnID.sequenceOffsets, .delta)
    if let own = columns.column(ColumnID.sequenceOffsets) {
      let bytes = columns.payload
      write(deltas: try own.integers(in: bytes.span, count: columns.count), into: &payload)
    } else {
      var last = 0
      for row in rows {
        payload.append(zigzag: Int64(row - last))
        last = row
      }
    }
    payload.endColumn(start)
  }
}
