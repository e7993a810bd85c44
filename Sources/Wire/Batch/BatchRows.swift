/// Decompresses payloads for `BatchRows`; one for each thread.
package final class BatchUnpacker {
  private let decompressor = Decompressor()

  package init() {}

  /// The columns of a batch, decompressed.
  package func payload(of batch: Batch) throws(WireDecodingError) -> ByteString {
    if batch.header.codec == .none { return batch.payload }
    var writer = ByteWriter(capacity: Int(batch.header.rawLength))
    try decompressor.decompress(batch, into: &writer)
    return writer.finish()
  }
}

/// The entries of a numbered batch, field by field: what nobody asks for is not decoded, and a batch of which only the
/// header is asked for is not decompressed.
package final class BatchRows {
  package let header: BatchHeader
  package let count: Int
  package let batch: Batch
  private let unpacker: BatchUnpacker
  private var columns: (payload: ByteString, list: [Column])?

  private var sequences: [Int64]?
  private var times: [Int64]?
  private var receivedTimes: [Int64]?
  private var severities: [UInt8]?
  private var sources: [Range<Int>]?
  private var messages: [Range<Int>]?
  private var kinds: [UInt8]?
  private var attributes: (shapes: [Range<Int>], values: [Range<Int>])?
  private var shape: (row: Range<Int>, keys: [String]) = (0..<0, [])

  package init(_ batch: Batch, _ unpacker: BatchUnpacker) {
    self.batch = batch
    self.unpacker = unpacker
    header = batch.header
    count = Int(batch.header.count)
  }

  /// The number of an entry.
  package func sequence(at row: Int) throws(WireDecodingError) -> UInt64 {
    guard header.flags.contains(.sparse) else { return header.firstSequence &+ UInt64(row) }
    if sequences == nil { sequences = try integers(ColumnID.sequenceOffsets) }
    guard let sequences, !sequences.isEmpty else {
      throw WireDecodingError("a sparse batch without sequence offsets", at: 0)
    }
    return header.firstSequence &+ UInt64(bitPattern: sequences[row])
  }

  /// The effective time of an entry.
  package func time(at row: Int) throws(WireDecodingError) -> Int64 {
    let own = try ownTime(at: row)
    return own == 0 ? try received(at: row) : own
  }

  /// The time that the producer gave; 0 if it gave none.
  package func ownTime(at row: Int) throws(WireDecodingError) -> Int64 {
    if times == nil { times = try integers(ColumnID.time) }
    guard let times, !times.isEmpty else { return 0 }
    return times[row]
  }

  /// When the server received an entry.
  package func received(at row: Int) throws(WireDecodingError) -> Int64 {
    guard header.flags.haveReceivedTimes else { return header.received }
    if receivedTimes == nil { receivedTimes = try integers(ColumnID.received) }
    guard let receivedTimes, !receivedTimes.isEmpty else { return header.received }
    return receivedTimes[row]
  }

  package func severity(at row: Int) throws(WireDecodingError) -> UInt8 {
    // Of one severity alone the header says it all.
    if header.severities.nonzeroBitCount == 1 { return UInt8(header.severities.trailingZeroBitCount) }
    return try storedSeverity(at: row)
  }

  /// The severity as the column has it, whatever the header says.
  func storedSeverity(at row: Int) throws(WireDecodingError) -> UInt8 {
    if severities == nil { severities = try bytes(ColumnID.severity) }
    guard let severities, !severities.isEmpty else { return 0 }
    return severities[row]
  }

  package func source(at row: Int) throws(WireDecodingError) -> ByteString {
    if sources == nil { sources = try rows(ColumnID.source) }
    return try text(sources, row)
  }

  package func message(at row: Int) throws(WireDecodingError) -> ByteString {
    if messages == nil { messages = try rows(ColumnID.message) }
    return try text(messages, row)
  }

  package func kind(at row: Int) throws(WireDecodingError) -> LogEntry.Kind {
    LogEntry.Kind(rawValue: try rawKind(at: row)) ?? .log
  }

  /// The kind as it is stored, which may be one that this version does not know.
  func rawKind(at row: Int) throws(WireDecodingError) -> UInt8 {
    if kinds == nil { kinds = try bytes(ColumnID.kind) }
    guard let kinds, !kinds.isEmpty else { return 0 }
    return kinds[row]
  }

  /// Where an entry's rows of keys and values are in the payload; nil if the batch has no attributes.
  private func attributeRanges(at row: Int) throws(WireDecodingError) -> (keys: Range<Int>, values: Range<Int>)? {
    if attributes == nil {
      attributes = (try rows(ColumnID.attributeKeys), try rows(ColumnID.attributeValues))
    }
    guard let attributes, !attributes.shapes.isEmpty, !attributes.values.isEmpty else { return nil }
    return (attributes.shapes[row], attributes.values[row])
  }

  /// An entry's rows of keys and values, as they are stored; nil if the batch has no attributes.
  func attributeRows(at row: Int) throws(WireDecodingError) -> (keys: ByteString, values: ByteString)? {
    guard let ranges = try attributeRanges(at: row) else { return nil }
    let payload = try unpacked().payload
    return (payload[ranges.keys], payload[ranges.values])
  }

  package func attributes(at row: Int) throws(WireDecodingError) -> [LogAttribute] {
    guard let (keys, values) = try attributeRanges(at: row) else { return [] }
    if keys.isEmpty { return [] }
    let payload = try unpacked().payload
    // Entries that follow each other often have the same keys.
    if shape.row != keys { shape = (keys, try AttributeRows.keys(in: payload.span.extracting(keys))) }
    return try AttributeRows.attributes(keys: shape.keys, values: payload.span.extracting(values))
  }

  /// Whether it has nothing but columns that this version knows, whose rows others can be put behind.
  func hasKnownColumnsOnly() throws(WireDecodingError) -> Bool {
    try unpacked().list.allSatisfy { column in
      column.id <= ColumnID.sequenceOffsets || column.id == ColumnID.received && header.flags.haveReceivedTimes
    }
  }

  private func unpacked() throws(WireDecodingError) -> (payload: ByteString, list: [Column]) {
    if let columns { return columns }
    let payload = try unpacker.payload(of: batch)
    let unpacked = (payload: payload, list: try Column.list(in: payload.span))
    columns = unpacked
    return unpacked
  }

  /// A column's rows; none if the batch lacks it.
  private func integers(_ id: UInt16) throws(WireDecodingError) -> [Int64] {
    let (payload, list) = try unpacked()
    return try list.first { $0.id == id }?.integers(in: payload.span, count: count) ?? []
  }

  private func bytes(_ id: UInt16) throws(WireDecodingError) -> [UInt8] {
    let (payload, list) = try unpacked()
    return try list.first { $0.id == id }?.bytes(in: payload.span, count: count) ?? []
  }

  private func rows(_ id: UInt16) throws(WireDecodingError) -> [Range<Int>] {
    let (payload, list) = try unpacked()
    return try list.first { $0.id == id }?.rowRanges(in: payload.span, count: count) ?? []
  }

  private func text(_ rows: [Range<Int>]?, _ row: Int) throws(WireDecodingError) -> ByteString {
    guard let rows, !rows.isEmpty else { return ByteString() }
    return try unpacked().payload[rows[row]]
  }
}
