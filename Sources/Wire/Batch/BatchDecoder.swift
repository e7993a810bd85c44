/// Turns batches into entries; keep one per thread.
package struct BatchDecoder: ~Copyable {
  private var decompressor = Decompressor()

  package init() {}

  /// The entries of a numbered batch, in order. Messages and sources share the decompressed payload's memory.
  ///
  /// - Throws: `WireDecodingError` if the payload breaks a rule. The caller verifies the checks over the stored bytes.
  package mutating func entries(of batch: Batch) throws(WireDecodingError) -> [LogEntry] {
    var entries: [LogEntry] = []
    entries.reserveCapacity(Int(batch.header.count))
    try append(entriesOf: batch, to: &entries)
    return entries
  }

  /// Appends the result of `entries(of:)`, without a copy from one array to another.
  ///
  /// - Throws: like `entries(of:)`; some of the batch's entries may then have been appended.
  package mutating func append(entriesOf batch: Batch, to entries: inout [LogEntry]) throws(WireDecodingError) {
    let header = batch.header
    let payload = try payload(of: batch)
    let span = payload.span
    let count = Int(header.count)
    let columns = try Column.list(in: span)
    // A missing column leaves its array empty.
    var times: [Int64] = []
    var severities: [UInt8] = []
    var sources: [Range<Int>] = []
    var messages: [Range<Int>] = []
    var shapes: [Range<Int>]?
    var values: (rows: [Range<Int>], isConstant: Bool)?
    var kinds: [UInt8] = []
    var offsets: [Int64] = []
    var received: [Int64] = []
    for column in columns {
      switch column.id {
      case ColumnID.time: times = try column.integers(in: span, count: count)
      case ColumnID.severity:
        severities = try column.bytes(in: span, count: count)
        if let number = severities.first(where: { LogSeverity(number: $0) == nil }) {
          throw WireDecodingError("severity \(number) is above 24", at: column.content.lowerBound)
        }
      case ColumnID.source: sources = try column.rowRanges(in: span, count: count)
      case ColumnID.message: messages = try column.rowRanges(in: span, count: count)
      case ColumnID.attributeKeys: shapes = try column.rowRanges(in: span, count: count)
      case ColumnID.attributeValues:
        if shapes == nil { throw WireDecodingError("attribute values without keys", at: column.content.lowerBound) }
        values = (try column.rowRanges(in: span, count: count), column.isConstant)
      case ColumnID.kind: kinds = try column.bytes(in: span, count: count)
      case ColumnID.sequenceOffsets:
        // Followers rely on ascending numbers within the span.
        try BatchContent.checkOffsets(of: column, in: span, header: header)
        offsets = try column.integers(in: span, count: count)
      case ColumnID.received where header.flags.haveReceivedTimes:
        received = try column.integers(in: span, count: count)
      default: try column.checkStructure(in: span, count: count)
      }
    }
    if offsets.isEmpty == header.flags.contains(.sparse) {
      throw WireDecodingError("sequence offsets are there exactly in a sparse batch", at: 42)
    }
    try Self.checkExpansion(
      sources: sources, messages: messages, shapes: shapes ?? [], values: values?.rows ?? [], count: count)
    let first = entries.count
    for index in 0..<count {
      entries.append(
        LogEntry(
          sequence: header.firstSequence &+ (offsets.isEmpty ? UInt64(index) : UInt64(bitPattern: offsets[index])),
          time: times.isEmpty ? 0 : times[index], received: received.isEmpty ? header.received : received[index],
          severity: severities.isEmpty ? .unspecified : LogSeverity(number: severities[index]) ?? .unspecified,
          source: payload[sources.isEmpty ? 0..<0 : sources[index]],
          message: payload[messages.isEmpty ? 0..<0 : messages[index]], attributes: [],
          kind: kinds.isEmpty ? .log : LogEntry.Kind(rawValue: kinds[index]) ?? .log))
    }
    if let shapes, let values {
      try Self.readAttributes(
        of: &entries, from: first, shapes: shapes, values: values.rows, isConstant: values.isConstant, in: span)
    }
  }

  /// The effective time of each entry, in order.
  package mutating func effectiveTimes(of batch: Batch) throws(WireDecodingError) -> [Int64] {
    let header = batch.header
    let payload = try payload(of: batch)
    let columns = try Column.list(in: payload.span)
    func integers(_ id: UInt16) throws(WireDecodingError) -> [Int64] {
      try columns.first { $0.id == id }?.integers(in: payload.span, count: Int(header.count)) ?? []
    }
    let received = header.flags.haveReceivedTimes ? try integers(ColumnID.received) : []
    return header.effectiveTimes(try integers(ColumnID.time), received: received)
  }

  /// The number of each entry, in order.
  package mutating func sequences(of batch: Batch) throws(WireDecodingError) -> [UInt64] {
    let (first, count) = (batch.header.firstSequence, Int(batch.header.count))
    guard batch.header.flags.contains(.sparse) else { return (0..<UInt64(count)).map { first &+ $0 } }
    let payload = try payload(of: batch)
    guard let column = try Column.list(in: payload.span).first(where: { $0.id == ColumnID.sequenceOffsets }) else {
      throw WireDecodingError("a sparse batch without sequence offsets", at: 0)
    }
    return try column.integers(in: payload.span, count: count).map { first &+ UInt64(bitPattern: $0) }
  }

  private mutating func payload(of batch: Batch) throws(WireDecodingError) -> ByteString {
    if batch.header.codec == .none { return batch.payload }
    var writer = ByteWriter(capacity: Int(batch.header.rawLength))
    try decompressor.decompress(batch, into: &writer)
    return writer.finish()
  }

  /// Checks, before memory is taken, that no entry or batch is larger than a server may accept: shared rows could turn
  /// a few stored bytes into gigabytes. A reader does not rely on another server's checks.
  private static func checkExpansion(
    sources: [Range<Int>], messages: [Range<Int>], shapes: [Range<Int>], values: [Range<Int>], count: Int
  ) throws(WireDecodingError) {
    var expanded = 0
    for index in 0..<count {
      let source = sources.isEmpty ? 0 : sources[index].count
      let message = messages.isEmpty ? 0 : messages[index].count
      let attributes = (shapes.isEmpty ? 0 : shapes[index].count) + (values.isEmpty ? 0 : values[index].count)
      guard source <= Limits.sourceByteCountMax, message <= Limits.messageByteCountMax,
        attributes <= Limits.attributesByteCountMax
      else {
        throw WireDecodingError(
          "a source of \(source), a message of \(message) or attributes of \(attributes) bytes is above the limit",
          at: 0)
      }
      expanded += source + message + attributes
    }
    if expanded > Limits.batchExpandedByteCountMax { throw .expands(to: expanded) }
  }

  /// - Parameter first: where the entries of these rows begin.
  private static func readAttributes(
    of entries: inout [LogEntry], from first: Int, shapes: [Range<Int>], values: [Range<Int>], isConstant: Bool,
    in payload: RawSpan
  ) throws(WireDecodingError) {
    var keys: [String] = []
    var shape: Range<Int>?
    // A constant row of 64 KiB, decoded for each of 65,536 entries, would take 4 GiB: equal rows are shared.
    var known: [Range<Int>: [LogAttribute]] = [:]
    for index in shapes.indices where !shapes[index].isEmpty {
      if isConstant, let attributes = known[shapes[index]] {
        entries[first + index].attributes = attributes
        continue
      }
      if shape != shapes[index] {
        shape = shapes[index]
        keys = try AttributeRows.keys(in: payload.extracting(shapes[index]))
      }
      let attributes = try AttributeRows.attributes(keys: keys, values: payload.extracting(values[index]))
      entries[first + index].attributes = attributes
      if isConstant { known[shapes[index]] = attributes }
    }
  }
}

extension Column {
  func integers(in payload: RawSpan, count: Int) throws(WireDecodingError) -> [Int64] {
    var values: [Int64] = []
    values.reserveCapacity(count)
    try forEachInteger(in: payload, count: count) { value throws(WireDecodingError) in values.append(value) }
    return isConstant ? Array(repeating: values[0], count: count) : values
  }

  func bytes(in payload: RawSpan, count: Int) throws(WireDecodingError) -> [UInt8] {
    var values: [UInt8] = []
    values.reserveCapacity(count)
    try forEachByte(in: payload, count: count) { value throws(WireDecodingError) in values.append(value) }
    return isConstant ? Array(repeating: values[0], count: count) : values
  }
}
