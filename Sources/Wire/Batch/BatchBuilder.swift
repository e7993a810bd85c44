/// Collects entries in columns and makes a batch of them.
///
/// Its columns begin without memory: a producer has one builder for each stream that is being written, most with a line or two.
package struct BatchBuilder: ~Copyable {
  /// What became of an entry that was offered.
  package enum Outcome { case added, full }

  package private(set) var count = 0
  private var times = ByteWriter(capacity: 0)
  private var lastTime: Int64 = 0
  private var timeRange = TimeRange()
  private var severities = ByteWriter(capacity: 0)
  private var severityMask: UInt32 = 0
  private var sources = DictionaryColumn()
  private var messageLengths = ByteWriter(capacity: 0)
  private var messages = ByteWriter(capacity: 0)
  private var shapes = DictionaryColumn()
  private var hasAttributes = false
  private var valueLengths = ByteWriter(capacity: 0)
  private var values = ByteWriter(capacity: 0)
  private var kinds = ByteWriter(capacity: 0)
  private var hasKinds = false
  /// Rows that entries share counted for each.
  private var expandedByteCount = 0
  // The attributes of the entry at hand.
  private var keyRow = ByteWriter(capacity: 0)
  private var valueRow = ByteWriter(capacity: 0)

  package init() {}

  /// What tells the length of a message that was cut.
  static let truncatedKey = "logs.truncated"

  /// Incompressible entries must still fit a stored batch, with room for the header and the columns' own bytes.
  package static let payloadByteCountMax = Limits.batchStoredByteCountMax - 4096

  /// The payload's size so far, before compression; a little above the truth.
  package var payloadByteCount: Int {
    times.count + severities.count + sources.byteCount + messageLengths.count + messages.count + shapes.byteCount
      + valueLengths.count + values.count + kinds.count + 8 * Column.headerByteCount
  }

  /// Adds an entry; its number and received time are ignored.
  ///
  /// A message that is too long is cut and marked with the attribute `logs.truncated`; a source that is too long is cut.
  /// - Returns: `.full` when the batch has no room for it and must be finished first.
  /// - Throws: `InvalidEntry` when no batch could hold it.
  package mutating func append(_ entry: Entry) throws(InvalidEntry) -> Outcome {
    var message = entry.message
    var attributes = entry.attributes
    if message.count > Limits.messageByteCountMax {
      // An entry that is passed on may have the mark already; no key comes twice.
      attributes.removeAll { $0.key == Self.truncatedKey }
      attributes.append(Attribute(Self.truncatedKey, .integer(Int64(message.count))))
      message = message[0..<Limits.messageByteCountMax]
    }
    keyRow.removeAll()
    valueRow.removeAll()
    if !attributes.isEmpty { try Self.encode(attributes, &keyRow, &valueRow) }
    let source =
      entry.source.count > Limits.sourceByteCountMax
      ? entry.source[0..<Limits.sourceByteCountMax] : entry.source
    // Varints take up to 10 bytes; an entry has at most six of them.
    // The first attributes and the first kind give every entry before a row: one byte in each of three columns.
    let rows = (attributes.isEmpty || hasAttributes ? 0 : 2 * count) + (entry.kind == .log || hasKinds ? 0 : count)
    let room = message.count + keyRow.count + valueRow.count + source.count + rows + 64
    let expanded = message.count + keyRow.count + valueRow.count + source.count
    if count == Limits.batchEntryCountMax || payloadByteCount + room > Self.payloadByteCountMax
      || expandedByteCount + expanded > Limits.batchExpandedByteCountMax
    {
      return .full
    }
    expandedByteCount += expanded

    times.append(zigzag: entry.time &- lastTime)
    lastTime = entry.time
    timeRange.add(entry.time)
    severities.append(entry.severity.number)
    severityMask |= 1 << UInt32(entry.severity.number)
    sources.append(source.span)
    messageLengths.append(varint: UInt64(message.count))
    messages.append(message)
    if !attributes.isEmpty, !hasAttributes {
      // Columns that most batches do not have are begun by the first entry that needs them.
      let empty = Bytes()
      shapes.append(empty.span, count: count)
      valueLengths.append(zeros: count)
      hasAttributes = true
    }
    if hasAttributes {
      shapes.append(keyRow)
      valueLengths.append(varint: UInt64(valueRow.count))
      values.append(valueRow)
    }
    if entry.kind != .log, !hasKinds {
      kinds.append(zeros: count)
      hasKinds = true
    }
    if hasKinds { kinds.append(entry.kind.rawValue) }
    count += 1
    return .added
  }

  /// Checks that an entry can have these attributes.
  package static func check(_ attributes: [Attribute]) throws(InvalidEntry) {
    var keyRow = ByteWriter()
    var valueRow = ByteWriter()
    try encode(attributes, &keyRow, &valueRow)
  }

  private static func encode(
    _ attributes: [Attribute], _ keyRow: inout ByteWriter, _ valueRow: inout ByteWriter
  ) throws(InvalidEntry) {
    if AttributeRows.isTooDeep(attributes) {
      throw InvalidEntry("attributes nest deeper than \(Limits.attributeDepthMax)")
    }
    AttributeRows.write(keysOf: attributes, into: &keyRow)
    AttributeRows.write(valuesOf: attributes, into: &valueRow)
    try check(keys: keyRow.span, values: valueRow.span)
  }

  private static func check(keys: RawSpan, values: RawSpan) throws(InvalidEntry) {
    do {
      try AttributeRows.check(values: values, count: AttributeRows.check(keys: keys))
    } catch { throw InvalidEntry(error.reason) }
    if keys.byteCount + values.byteCount > Limits.attributesByteCountMax {
      throw InvalidEntry(
        "the attributes take \(keys.byteCount + values.byteCount) bytes; the limit is \(Limits.attributesByteCountMax)")
    }
  }

  /// Makes the batch and empties the builder, whose buffers are kept.
  ///
  /// - Precondition: it holds an entry.
  package mutating func finish(compressor: borrowing Compressor) -> Batch {
    precondition(count > 0, "a batch holds at least one entry")
    var payload = ByteWriter(capacity: payloadByteCount)
    writeColumns(into: &payload)

    var header = BatchHeader(
      codec: .zstd, flags: timeRange.isUntimed ? [.untimed] : [], count: UInt32(count), minTime: timeRange.lowest,
      maxTime: timeRange.highest, severities: severityMask, rawLength: UInt32(payload.count), storedLength: 0)
    var writer = ByteWriter(capacity: BatchHeader.byteCount + payload.count)
    header.encode(into: &writer)
    if !compressor.compress(payload.span, into: &writer) {
      header.codec = .none
      writer.append(payload.span)
    }
    header.storedLength = UInt32(writer.count - BatchHeader.byteCount)
    let batch = Self.sealed(header, writer)
    removeAll()
    return batch
  }

  /// Writes the header anew, now that lengths and codec are known, and signs it.
  private static func sealed(_ header: BatchHeader, _ unsigned: consuming ByteWriter) -> Batch {
    var header = header
    var head = ByteWriter(capacity: BatchHeader.byteCount)
    header.encode(into: &head)
    unsigned.overwrite(head.span, at: 0)
    header.check = BatchHeader.check(of: unsigned.span)
    unsigned.overwrite(u64: header.check, at: 32)
    return Batch(header: header, bytes: unsigned.finish())
  }

  private func writeColumns(into payload: inout ByteWriter) {
    if timeRange.lowest != 0 || timeRange.highest != 0 {
      Self.write(ColumnID.time, .delta, times.span, into: &payload)
    }
    if severityMask.nonzeroBitCount > 1 {
      Self.write(ColumnID.severity, .bytes, severities.span, into: &payload)
    } else if severityMask != 1 {
      let start = Self.begin(ColumnID.severity, .constant, into: &payload)
      payload.append(ColumnEncoding.bytes.rawValue)
      payload.append(UInt8(severityMask.trailingZeroBitCount))
      Self.end(start, of: &payload)
    }
    sources.write(ColumnID.source, into: &payload)
    let start = Self.begin(ColumnID.message, .lengths, into: &payload)
    payload.append(messageLengths.span)
    payload.append(messages.span)
    Self.end(start, of: &payload)
    if hasAttributes {
      shapes.write(ColumnID.attributeKeys, into: &payload)
      let start = Self.begin(ColumnID.attributeValues, .lengths, into: &payload)
      payload.append(valueLengths.span)
      payload.append(values.span)
      Self.end(start, of: &payload)
    }
    if hasKinds { Self.write(ColumnID.kind, .bytes, kinds.span, into: &payload) }
  }

  /// Empties the builder; its buffers are kept.
  package mutating func removeAll() {
    count = 0
    expandedByteCount = 0
    times.removeAll()
    lastTime = 0
    timeRange = TimeRange()
    severities.removeAll()
    severityMask = 0
    sources.removeAll()
    messageLengths.removeAll()
    messages.removeAll()
    shapes.removeAll()
    hasAttributes = false
    valueLengths.removeAll()
    values.removeAll()
    kinds.removeAll()
    hasKinds = false
  }

  fileprivate static func begin(_ id: UInt16, _ encoding: ColumnEncoding, into payload: inout ByteWriter) -> Int {
    payload.append(u16: id)
    payload.append(encoding.rawValue)
    payload.append(UInt8(0))
    payload.append(u32: 0)
    return payload.count
  }

  fileprivate static func end(_ start: Int, of payload: inout ByteWriter) {
    payload.overwrite(u32: UInt32(payload.count - start), at: start - 4)
  }

  private static func write(_ id: UInt16, _ encoding: ColumnEncoding, _ rows: RawSpan, into payload: inout ByteWriter) {
    let start = begin(id, encoding, into: &payload)
    payload.append(rows)
    end(start, of: &payload)
  }
}

/// Why no batch can hold an entry.
public struct InvalidEntry: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  package init(_ description: String) { self.description = description }
}

/// Rows that repeat: each distinct one is kept once.
private struct DictionaryColumn: ~Copyable {
  /// Where a row is in `distinct`, by its hash; two rows of one hash take this key and the next.
  private var indexOfHash: [UInt64: Int] = [:]
  private var distinct: [Bytes] = []
  private var distinctByteCount = 0
  private var indices = ByteWriter(capacity: 0)
  private var last = -1

  var byteCount: Int { distinctByteCount + distinct.count * 3 + indices.count + 4 }

  /// Allocates only for a row that is new.
  mutating func append(_ row: RawSpan) {
    if last < 0 || !isRow(last, row) { last = index(of: row) }
    indices.append(varint: UInt64(last))
  }

  mutating func append(_ row: borrowing ByteWriter) { append(row.span) }

  /// Appends a row `count` times.
  mutating func append(_ row: RawSpan, count: Int) {
    guard count > 0 else { return }
    append(row)
    for _ in 1..<count { indices.append(varint: UInt64(last)) }
  }

  private func isRow(_ index: Int, _ row: RawSpan) -> Bool {
    let known = distinct[index]
    return known.span.isEqual(to: row)
  }

  private mutating func index(of row: RawSpan) -> Int {
    var hash = XXH3.hash(row)
    while let known = indexOfHash[hash] {
      if isRow(known, row) { return known }
      hash &+= 1
    }
    indexOfHash[hash] = distinct.count
    distinct.append(Bytes(copying: row))
    distinctByteCount += row.byteCount
    return distinct.count - 1
  }

  /// Writes the column: as a constant when there is one value, not at all when that is empty.
  func write(_ id: UInt16, into payload: inout ByteWriter) {
    if distinct.count == 1 {
      if distinct[0].isEmpty { return }
      let start = BatchBuilder.begin(id, .constant, into: &payload)
      payload.append(ColumnEncoding.lengths.rawValue)
      payload.append(varint: UInt64(distinct[0].count))
      payload.append(distinct[0])
      BatchBuilder.end(start, of: &payload)
      return
    }
    let start = BatchBuilder.begin(id, .dictionary, into: &payload)
    payload.append(varint: UInt64(distinct.count))
    for row in distinct { payload.append(varint: UInt64(row.count)) }
    for row in distinct { payload.append(row) }
    payload.append(indices.span)
    BatchBuilder.end(start, of: &payload)
  }

  mutating func removeAll() {
    indexOfHash.removeAll(keepingCapacity: true)
    distinct.removeAll(keepingCapacity: true)
    distinctByteCount = 0
    indices.removeAll()
    last = -1
  }
}
