/// Makes one batch of several that follow each other in a stream: larger ones take less space.
///
/// Rows are put one behind the other as they are; nothing is read that this version does not know.
package struct BatchMerger: ~Copyable {
  /// What one batch may hold: more is not put together.
  package struct Size: Sendable {
    package let entryCount: Int
    /// Before compression.
    package let payloadByteCount: Int

    /// 16,384 entries take 8 % less than 4,096, and looking for one of them three times as long.
    package static let large = Size(entryCount: 4_096, payloadByteCount: 1 << 20)
    /// A dictionary saves more than larger batches do.
    package static let withDictionary = Size(entryCount: 1_024, payloadByteCount: 256 << 10)
  }

  package enum Outcome: Hashable, Sendable {
    case added
    /// It has to be finished first.
    case full
    /// The batch has to stay as it is: no other one can hold it, or it has columns that this version does not know.
    case apart
  }

  /// Entries so far.
  package private(set) var count = 0
  package let size: Size
  private let compressor: Compressor
  private var first: UInt64 = 0
  private var last: UInt64 = 0
  private var received: Int64 = 0
  private var isSparse = false
  private var offsets = ByteWriter(capacity: 0)
  private var lastOffset: Int64 = 0
  private var times = ByteWriter(capacity: 0)
  private var lastTime: Int64 = 0
  /// Of the times that producers gave, and with those received in the place of missing ones.
  private var ownRange = TimeRange()
  private var effectiveRange = TimeRange()
  private var receivedTimes = ByteWriter(capacity: 0)
  private var hasReceivedTimes = false
  private var severities = ByteWriter(capacity: 0)
  private var severityMask: UInt32 = 0
  private var sources: DictionaryColumn
  private var messageLengths = ByteWriter(capacity: 0)
  private var messages = ByteWriter(capacity: 0)
  private var shapes: DictionaryColumn
  private var valueLengths = ByteWriter(capacity: 0)
  private var values = ByteWriter(capacity: 0)
  private var hasAttributes = false
  private var kinds = ByteWriter(capacity: 0)
  private var hasKinds = false
  private var expandedByteCount = 0

  /// - Parameters:
  ///   - level: zstd's.
  ///   - dictionary: what it compresses with.
  ///   - seed: as a builder's.
  package init(level: Int32, dictionary: BatchDictionary? = nil, seed: UInt64) {
    size = dictionary == nil ? .large : .withDictionary
    compressor = Compressor(level: level, dictionary: dictionary)
    sources = DictionaryColumn(seed: seed)
    shapes = DictionaryColumn(seed: seed)
  }

  package var isEmpty: Bool { count == 0 }
  /// What it takes next begins here, unless it is empty.
  package var next: UInt64 { last + 1 }

  private var payloadByteCount: Int {
    let rows = offsets.count + times.count + receivedTimes.count + severities.count + kinds.count
    return rows + sources.byteCount + messageLengths.count + messages.count + shapes.byteCount + valueLengths.count
      + values.count + 10 * Column.headerByteCount
  }

  /// Adds a numbered batch that begins behind the last one.
  ///
  /// - Throws: `WireDecodingError` if it cannot be read. Nothing has been added then.
  package mutating func add(_ rows: BatchRows) throws(WireDecodingError) -> Outcome {
    let header = rows.header
    precondition(isEmpty || header.firstSequence == last + 1, "what is merged has no gaps")
    guard try rows.hasKnownColumnsOnly() else { return .apart }
    let isFirst = isEmpty
    let sizes = try rows.sizes()
    let span = header.lastSequence - (isFirst ? header.firstSequence : first) + 1
    // The batch's own columns, and what they may grow by where they are written out.
    let payload = payloadByteCount + sizes.written + 8 * rows.count
    guard count + rows.count <= (isFirst ? Limits.batchEntryCountMax : size.entryCount),
      payload <= (isFirst ? Limits.batchRawByteCountMax : size.payloadByteCount),
      expandedByteCount + sizes.expanded <= Limits.batchExpandedByteCountMax, span <= UInt64(UInt32.max)
    else { return isFirst ? .apart : .full }
    let columns = try Rows(rows)
    if isFirst { first = header.firstSequence }
    for row in 0..<rows.count { add(columns, row) }
    count += rows.count
    expandedByteCount += sizes.expanded
    last = header.lastSequence
    if header.flags.contains(.sparse) { isSparse = true }
    return .added
  }

  /// What is read of a batch before anything of it is added.
  private struct Rows {
    let sequences: [UInt64]
    let times: [Int64]
    let received: [Int64]
    let severities: [UInt8]
    let sources: [ByteString]
    let messages: [ByteString]
    let attributes: [(keys: ByteString, values: ByteString)]
    let kinds: [UInt8]

    init(_ rows: BatchRows) throws(WireDecodingError) {
      func all<Value>(_ value: (Int) throws(WireDecodingError) -> Value) throws(WireDecodingError) -> [Value] {
        var list: [Value] = []
        list.reserveCapacity(rows.count)
        for row in 0..<rows.count { list.append(try value(row)) }
        return list
      }
      sequences = try all(rows.sequence)
      times = try all(rows.ownTime)
      received = try all(rows.received)
      severities = try all(rows.storedSeverity)
      sources = try all(rows.source)
      messages = try all(rows.message)
      let hasAttributes = try rows.attributeRows(at: 0) != nil
      attributes =
        !hasAttributes
        ? []
        : try all { row throws(WireDecodingError) in
          try rows.attributeRows(at: row) ?? (ByteString(), ByteString())
        }
      kinds = try all(rows.rawKind)
    }
  }

  private mutating func add(_ rows: borrowing Rows, _ row: Int) {
    let offset = Int64(bitPattern: rows.sequences[row] &- first)
    offsets.append(zigzag: offset &- lastOffset)
    lastOffset = offset
    let (time, received) = (rows.times[row], rows.received[row])
    times.append(zigzag: time &- lastTime)
    lastTime = time
    ownRange.add(time)
    effectiveRange.add(time, received: received)
    if receivedTimes.count == 0 { self.received = received }
    if received != self.received { hasReceivedTimes = true }
    receivedTimes.append(zigzag: receivedTimes.count == 0 ? received : received &- self.received)
    self.received = received
    severities.append(rows.severities[row])
    severityMask |= 1 << UInt32(rows.severities[row] & 31)
    let source = rows.sources[row]
    sources.append(source.span)
    messageLengths.append(varint: UInt64(rows.messages[row].count))
    messages.append(rows.messages[row])
    addAttributes(rows.attributes.isEmpty ? nil : rows.attributes[row], before: severities.count - 1)
    let kind = rows.kinds[row]
    if kind != 0, !hasKinds {
      kinds.append(zeros: severities.count - 1)
      hasKinds = true
    }
    if hasKinds { kinds.append(kind) }
  }

  /// - Parameter before: the entries before this one.
  private mutating func addAttributes(_ rows: (keys: ByteString, values: ByteString)?, before: Int) {
    let empty = ByteString()
    if let rows, !rows.keys.isEmpty, !hasAttributes {
      shapes.append(empty.span, count: before)
      valueLengths.append(zeros: before)
      hasAttributes = true
    }
    guard hasAttributes else { return }
    let keys = rows?.keys ?? empty
    shapes.append(keys.span)
    valueLengths.append(varint: UInt64(rows?.values.count ?? 0))
    if let rows { values.append(rows.values) }
  }

  /// Makes the batch, and empties the merger.
  ///
  /// - Parameter seed: of the stream whose check it gets.
  /// - Returns: nil if it is larger than a batch may be.
  /// - Precondition: it holds an entry.
  package mutating func finish(seed: UInt64) -> Batch? {
    precondition(!isEmpty, "a batch holds at least one entry")
    var flags: BatchHeader.Flags = [.reencoded]
    if isSparse { flags.insert(.sparse) }
    if hasReceivedTimes { flags.insert(.receivedTimes) }
    let range = hasReceivedTimes ? effectiveRange : ownRange
    if range.isUntimed { flags.insert(.untimed) }
    let batch: Batch? = compressor.compress {
      writeColumns(into: &$0)
    } finish: { stored, codec, rawByteCount in
      guard rawByteCount <= Limits.batchRawByteCountMax,
        stored.byteCount <= Limits.batchStoredByteCountMax - BatchHeader.byteCount
      else { return nil }
      let header = BatchHeader(
        codec: codec, flags: flags, count: UInt32(count), minTime: range.lowest, maxTime: range.highest,
        severities: severityMask, rawLength: UInt32(rawByteCount), storedLength: UInt32(stored.byteCount))
      return Batch(unnumbered: header, payload: stored, compressor.dictionary)
    }
    let numbered = batch?.numbered(
      firstSequence: first, received: received, span: UInt32(truncatingIfNeeded: last - first + 1), seed: seed)
    removeAll()
    return numbered
  }

  private func writeColumns(into payload: inout ByteWriter) {
    if ownRange.lowest != 0 || ownRange.highest != 0 { payload.appendColumn(ColumnID.time, .delta, times.span) }
    payload.appendSeverities(severities.span, mask: severityMask)
    sources.write(ColumnID.source, into: &payload)
    let start = payload.beginColumn(ColumnID.message, .lengths)
    payload.append(messageLengths)
    payload.append(messages)
    payload.endColumn(start)
    if hasAttributes {
      shapes.write(ColumnID.attributeKeys, into: &payload)
      let start = payload.beginColumn(ColumnID.attributeValues, .lengths)
      payload.append(valueLengths)
      payload.append(values)
      payload.endColumn(start)
    }
    if hasKinds { payload.appendColumn(ColumnID.kind, .bytes, kinds.span) }
    if isSparse { payload.appendColumn(ColumnID.sequenceOffsets, .delta, offsets.span) }
    if hasReceivedTimes { payload.appendColumn(ColumnID.received, .delta, receivedTimes.span) }
  }

  private mutating func removeAll() {
    count = 0
    isSparse = false
    offsets.removeAll()
    lastOffset = 0
    times.removeAll()
    lastTime = 0
    ownRange = TimeRange()
    effectiveRange = TimeRange()
    receivedTimes.removeAll()
    hasReceivedTimes = false
    severities.removeAll()
    severityMask = 0
    sources.removeAll()
    messageLengths.removeAll()
    messages.removeAll()
    shapes.removeAll()
    valueLengths.removeAll()
    values.removeAll()
    hasAttributes = false
    kinds.removeAll()
    hasKinds = false
    expandedByteCount = 0
  }
}

extension BatchRows {
  /// How many bytes the entries' texts and attributes take: with rows that entries share counted once, as far as a
  /// dictionary has them, and counted for each entry.
  func sizes() throws(WireDecodingError) -> (written: Int, expanded: Int) {
    var (written, expanded) = (0, 0)
    for row in 0..<count {
      let attributes = try attributeRows(at: row)
      let plain = try message(at: row).count + (attributes?.values.count ?? 0)
      written += plain
      expanded += plain + (try source(at: row).count) + (attributes?.keys.count ?? 0)
    }
    let own = Int(header.rawLength)
    // Where messages are written out that a constant had once, they take more than the batch does.
    return (max(written, own), expanded)
  }
}
