/// Collects entries in columns and makes a batch from them.
///
/// Its columns start without memory: a producer has one builder for each stream that is being written, most with a line
/// or two.
package struct BatchBuilder: ~Copyable {
  /// What happened to an entry that was offered.
  package enum Outcome { case added, full }

  package private(set) var count = 0
  /// Entries whose message or source was cut.
  package private(set) var truncatedCount = 0
  private var times = ByteWriter(capacity: 0)
  private var lastTime: Int64 = 0
  private var timeRange = TimeRange()
  private var severities = ByteWriter(capacity: 0)
  private var severityMask: UInt32 = 0
  private var sources: DictionaryColumn
  private var messageLengths = ByteWriter(capacity: 0)
  private var messages = ByteWriter(capacity: 0)
  private var shapes: DictionaryColumn
  private var hasAttributes = false
  private var valueLengths = ByteWriter(capacity: 0)
  private var values = ByteWriter(capacity: 0)
  private var kinds = ByteWriter(capacity: 0)
  private var hasKinds = false
  /// Rows that entries share count for each.
  private var expandedByteCount = 0
  // The attributes of the current entry.
  private var keyRow = ByteWriter(capacity: 0)
  private var valueRow = ByteWriter(capacity: 0)

  /// - Parameter seed: the seed of its hash tables, unknown to the writers of entries: rows made to collide would take
  ///   quadratic time. The batches do not depend on it.
  package init(seed: UInt64) {
    sources = DictionaryColumn(seed: seed)
    shapes = DictionaryColumn(seed: seed)
  }

  /// The attribute with the length of a message that was cut.
  static let truncatedKey = "logs.truncated"

  /// Incompressible entries must still fit a stored batch, with room for the header and the overhead of columns.
  package static let payloadByteCountMax = Limits.batchStoredByteCountMax - 4096

  /// The payload's size so far, before compression; slightly overestimated.
  package var payloadByteCount: Int {
    times.count + severities.count + sources.byteCount + messageLengths.count + messages.count + shapes.byteCount
      + valueLengths.count + values.count + kinds.count + 8 * Column.headerByteCount
  }

  /// Adds an entry; its number and received time are ignored.
  ///
  /// A message that is too long is cut and gets the attribute `logs.truncated`; a source that is too long is cut.
  /// - Returns: `.full` if the batch has no room for it and must be finished first.
  /// - Throws: `InvalidEntry` if no batch could hold it.
  /// - Complexity: allocates only for the growth of columns.
  package mutating func append(_ entry: borrowing LogEntry) throws(InvalidEntry) -> Outcome {
    if entry.message.count > Limits.messageByteCountMax {
      let outcome = try append(Self.cut(copy entry))
      // An entry whose source was too long is counted already.
      if case .added = outcome, entry.source.count <= Limits.sourceByteCountMax { truncatedCount += 1 }
      return outcome
    }
    return try append(
      time: entry.time, severity: entry.severity, source: entry.source.span, message: entry.message.span,
      attributes: entry.attributes, kind: entry.kind)
  }

  /// Adds entries from `index` on until there is no room, and moves `index` past those that were added.
  ///
  /// - Throws: like `append`; `index` is then at the entry that no batch could hold.
  package mutating func append(_ entries: [LogEntry], from index: inout Int) throws(InvalidEntry) {
    let span = entries.span
    while index < span.count {
      // Field by field: taking the entry out of the array would retain and release it in four places.
      let outcome =
        span[index].message.count > Limits.messageByteCountMax
        ? try append(span[index])
        : try append(
          time: span[index].time, severity: span[index].severity, source: span[index].source.span,
          message: span[index].message.span, attributes: span[index].attributes, kind: span[index].kind)
      guard case .added = outcome else { return }
      index += 1
    }
  }

  /// An entry whose message is too long, cut and marked.
  private static func cut(_ entry: LogEntry) -> LogEntry {
    var cut = entry
    // A forwarded entry may have the attribute already; no key may occur twice.
    cut.attributes.removeAll { $0.key == Self.truncatedKey }
    cut.attributes.append(LogAttribute(Self.truncatedKey, .integer(Int64(entry.message.count))))
    cut.message = entry.message[0..<Limits.messageByteCountMax]
    return cut
  }

  @inline(__always)
  private mutating func append(
    time: Int64, severity: LogSeverity, source: RawSpan, message: RawSpan, attributes: borrowing [LogAttribute],
    kind: LogEntry.Kind
  ) throws(InvalidEntry) -> Outcome {
    let isPlain = attributes.isEmpty
    if !isPlain || hasAttributes {
      keyRow.removeAll()
      valueRow.removeAll()
      if !isPlain { try Self.encode(attributes, &keyRow, &valueRow) }
    }
    let sourceByteCount = min(source.byteCount, Limits.sourceByteCountMax)
    let expanded = message.byteCount + sourceByteCount + (isPlain ? 0 : keyRow.count + valueRow.count)
    guard hasRoom(for: expanded, addsRows: !isPlain && !hasAttributes, addsKinds: kind != .log && !hasKinds)
    else { return .full }
    expandedByteCount += expanded

    times.append(zigzag: time &- lastTime)
    lastTime = time
    timeRange.add(time)
    severities.append(severity.number)
    severityMask |= 1 << UInt32(severity.number)
    sources.append(source.extracting(first: sourceByteCount))
    messageLengths.append(varint: UInt64(message.byteCount))
    messages.append(message)
    if !isPlain, !hasAttributes {
      // The first entry that needs them begins the columns that most batches do not have.
      let empty = ByteString()
      shapes.append(empty.span, count: count)
      valueLengths.append(zeros: count)
      hasAttributes = true
    }
    if hasAttributes {
      shapes.append(keyRow)
      valueLengths.append(varint: UInt64(valueRow.count))
      values.append(valueRow)
    }
    if kind != .log, !hasKinds {
      kinds.append(zeros: count)
      hasKinds = true
    }
    if hasKinds { kinds.append(kind.rawValue) }
    if source.byteCount > sourceByteCount { truncatedCount += 1 }
    count += 1
    return .added
  }

  /// The most that an entry takes in all columns besides its own bytes: at most six varints of up to 10 bytes.
  private static let entryOverheadMax = 64

  /// Whether there is room for one more entry of this size, which may begin columns that have a byte for each earlier
  /// entry.
  private func hasRoom(for byteCount: Int, addsRows: Bool, addsKinds: Bool) -> Bool {
    guard count < Limits.batchEntryCountMax, expandedByteCount + byteCount <= Limits.batchExpandedByteCountMax else {
      return false
    }
    // Adding up all columns for each entry would take longer than filling one of them: far from the limit an upper
    // bound is enough.
    let bound = expandedByteCount + byteCount + (count + 2) * Self.entryOverheadMax
    if bound + 8 * Column.headerByteCount <= Self.payloadByteCountMax { return true }
    let rows = (addsRows ? 2 * count : 0) + (addsKinds ? count : 0)
    return payloadByteCount + byteCount + rows + Self.entryOverheadMax <= Self.payloadByteCountMax
  }

  /// Checks that an entry can have these attributes.
  package static func check(_ attributes: [LogAttribute]) throws(InvalidEntry) {
    var keyRow = ByteWriter()
    var valueRow = ByteWriter()
    try encode(attributes, &keyRow, &valueRow)
  }

  private static func encode(
    _ attributes: [LogAttribute], _ keyRow: inout ByteWriter, _ valueRow: inout ByteWriter
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

  /// Makes the batch and empties the builder, but keeps its buffers.
  ///
  /// - Precondition: it holds an entry.
  /// - Complexity: allocates only the batch itself, once the compressor has compressed one as large.
  package mutating func finish(compressor: borrowing Compressor) -> Batch {
    precondition(count > 0, "a batch holds at least one entry")
    defer { removeAll() }
    // What is not compressed anyway is written where it stays.
    let byteCountMax = payloadByteCount
    guard byteCountMax >= compressor.byteCountMin else {
      let header = header(.none)
      var writer = ByteWriter(capacity: BatchHeader.byteCount + byteCountMax)
      header.encode(into: &writer)
      writeColumns(into: &writer)
      return Batch(unnumbered: header, written: writer)
    }
    return compressor.compress { payload in
      writeColumns(into: &payload)
    } finish: { stored, codec, rawByteCount in
      var header = header(codec)
      header.rawLength = UInt32(rawByteCount)
      header.storedLength = UInt32(stored.byteCount)
      return Batch(unnumbered: header, payload: stored)
    }
  }

  /// The header without the lengths of the payload.
  private func header(_ codec: BatchHeader.Codec) -> BatchHeader {
    BatchHeader(
      codec: codec, flags: timeRange.isUntimed ? [.untimed] : [], count: UInt32(count), minTime: timeRange.lowest,
      maxTime: timeRange.highest, severities: severityMask, rawLength: 0, storedLength: 0)
  }

  private func writeColumns(into payload: inout ByteWriter) {
    if timeRange.lowest != 0 || timeRange.highest != 0 {
      payload.appendColumn(ColumnID.time, .delta, times.span)
    }
    payload.appendSeverities(severities.span, mask: severityMask)
    sources.write(ColumnID.source, into: &payload)
    let start = payload.beginColumn(ColumnID.message, .lengths)
    payload.append(messageLengths.span)
    payload.append(messages.span)
    payload.endColumn(start)
    if hasAttributes {
      shapes.write(ColumnID.attributeKeys, into: &payload)
      let start = payload.beginColumn(ColumnID.attributeValues, .lengths)
      payload.append(valueLengths.span)
      payload.append(values.span)
      payload.endColumn(start)
    }
    if hasKinds { payload.appendColumn(ColumnID.kind, .bytes, kinds.span) }
  }

  /// Empties the builder, but keeps its buffers.
  package mutating func removeAll() {
    count = 0
    truncatedCount = 0
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
}

/// Why no batch can hold an entry.
package struct InvalidEntry: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  package init(_ description: String) { self.description = description }
}
