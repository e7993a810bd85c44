/// Turns batches into entries; keep one a thread.
package struct BatchDecoder: ~Copyable {
  private var decompressor = Decompressor()

  package init() {}

  /// The entries of a numbered batch, in order. Messages and sources share the decompressed payload's memory.
  ///
  /// - Throws: `DecodingError` when the payload breaks a rule. Checks over the stored bytes are the caller's to verify.
  package mutating func entries(of batch: Batch) throws(DecodingError) -> [Entry] {
    let header = batch.header
    let payload = try payload(of: batch)
    let span = payload.span
    let count = Int(header.count)
    let columns = try Column.list(in: span)
    var entries = Array(repeating: Entry(message: payload[0..<0], source: payload[0..<0]), count: count)
    for index in entries.indices {
      entries[index].sequence = header.firstSequence &+ UInt64(index)
      entries[index].received = header.received
    }
    var shapes: [Range<Int>]?
    for column in columns {
      switch column.id {
      case ColumnID.time:
        let times = try column.integers(in: span, count: count)
        for index in entries.indices { entries[index].time = times[index] }
      case ColumnID.severity:
        let numbers = try column.bytes(in: span, count: count)
        for index in entries.indices {
          guard let severity = Severity(number: numbers[index]) else {
            throw DecodingError("severity \(numbers[index]) is above 24", at: column.content.lowerBound)
          }
          entries[index].severity = severity
        }
      case ColumnID.source:
        let rows = try column.rowRanges(in: span, count: count)
        for index in entries.indices { entries[index].source = payload[rows[index]] }
      case ColumnID.message:
        let rows = try column.rowRanges(in: span, count: count)
        for index in entries.indices { entries[index].message = payload[rows[index]] }
      case ColumnID.attributeKeys: shapes = try column.rowRanges(in: span, count: count)
      case ColumnID.attributeValues:
        guard let shapes else { throw DecodingError("attribute values without keys", at: column.content.lowerBound) }
        let rows = try column.rowRanges(in: span, count: count)
        try Self.readAttributes(
          of: &entries, shapes: shapes, values: rows, isConstant: column.isConstant, in: span)
      case ColumnID.kind:
        let kinds = try column.bytes(in: span, count: count)
        for index in entries.indices { entries[index].kind = Entry.Kind(rawValue: kinds[index]) ?? .log }
      case ColumnID.sequenceOffsets:
        // Followers rely on rising numbers within the span.
        try BatchContent.checkOffsets(of: column, in: span, header: header)
        let offsets = try column.integers(in: span, count: count)
        for index in entries.indices {
          entries[index].sequence = header.firstSequence &+ UInt64(bitPattern: offsets[index])
        }
      default: try column.checkStructure(in: span, count: count)
      }
    }
    let hasOffsets = columns.contains { $0.id == ColumnID.sequenceOffsets }
    if hasOffsets != header.flags.contains(.sparse) {
      throw DecodingError("sequence offsets are there exactly in a sparse batch", at: 42)
    }
    return entries
  }

  /// The effective time of each entry, in order.
  package mutating func effectiveTimes(of batch: Batch) throws(DecodingError) -> [Int64] {
    let payload = try payload(of: batch)
    let count = Int(batch.header.count)
    guard let column = try Column.list(in: payload.span).first(where: { $0.id == ColumnID.time }) else {
      return Array(repeating: batch.header.received, count: count)
    }
    return try column.integers(in: payload.span, count: count).map { $0 == 0 ? batch.header.received : $0 }
  }

  private mutating func payload(of batch: Batch) throws(DecodingError) -> Bytes {
    if batch.header.codec == .none { return batch.payload }
    var writer = ByteWriter(capacity: Int(batch.header.rawLength))
    try decompressor.decompress(batch, into: &writer)
    return writer.finish()
  }

  private static func readAttributes(
    of entries: inout [Entry], shapes: [Range<Int>], values: [Range<Int>], isConstant: Bool, in payload: RawSpan
  ) throws(DecodingError) {
    var keys: [String] = []
    var shape: Range<Int>?
    // A constant row of 64 KiB, read anew for 65,536 entries, would take 4 GiB: what is the same is shared.
    var known: [Range<Int>: [Attribute]] = [:]
    for index in entries.indices where !shapes[index].isEmpty {
      if isConstant, let attributes = known[shapes[index]] {
        entries[index].attributes = attributes
        continue
      }
      if shape != shapes[index] {
        shape = shapes[index]
        keys = try AttributeRows.keys(in: payload.extracting(shapes[index]))
      }
      entries[index].attributes = try AttributeRows.attributes(
        keys: keys, values: payload.extracting(values[index]))
      if isConstant { known[shapes[index]] = entries[index].attributes }
    }
  }
}

extension Column {
  fileprivate func integers(in payload: RawSpan, count: Int) throws(DecodingError) -> [Int64] {
    var values: [Int64] = []
    values.reserveCapacity(count)
    try forEachInteger(in: payload, count: count) { value throws(DecodingError) in values.append(value) }
    return isConstant ? Array(repeating: values[0], count: count) : values
  }

  fileprivate func bytes(in payload: RawSpan, count: Int) throws(DecodingError) -> [UInt8] {
    var values: [UInt8] = []
    values.reserveCapacity(count)
    try forEachByte(in: payload, count: count) { value throws(DecodingError) in values.append(value) }
    return isConstant ? Array(repeating: values[0], count: count) : values
  }
}
