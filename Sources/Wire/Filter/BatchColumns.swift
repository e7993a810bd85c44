/// The columns of one batch, each decoded when a filter first asks for it.
final class BatchColumns {
  let header: BatchHeader
  let count: Int
  let payload: ByteString
  let columns: [Column]

  /// - Parameter payload: decompressed.
  init(_ header: BatchHeader, payload: ByteString) throws(WireDecodingError) {
    self.header = header
    self.payload = payload
    count = Int(header.count)
    columns = try Column.list(in: payload.span)
  }

  func column(_ id: UInt16) -> Column? { columns.first { $0.id == id } }

  private func integers(_ id: UInt16) throws(FilterFailure) -> [Int64] {
    guard let column = column(id) else { return [] }
    let payload = payload
    return try FilterFailure.wrapping { () throws(WireDecodingError) in
      try column.integers(in: payload.span, count: count)
    }
  }

  private func bytes(_ id: UInt16) throws(FilterFailure) -> [UInt8] {
    guard let column = column(id) else { return Array(repeating: 0, count: count) }
    let payload = payload
    return try FilterFailure.wrapping { () throws(WireDecodingError) in
      try column.bytes(in: payload.span, count: count)
    }
  }

  private func text(_ id: UInt16) throws(FilterFailure) -> TextColumn {
    guard let column = column(id) else { return .absent(count: count) }
    return try FilterFailure.wrapping { () throws(WireDecodingError) in
      try TextColumn(column, in: payload, count: count)
    }
  }

  /// The times that producers gave; empty if none.
  func ownTimes() throws(FilterFailure) -> [Int64] { try integers(ColumnID.time) }

  /// The times received of a batch that says them for each entry; empty of any other.
  func ownReceivedTimes() throws(FilterFailure) -> [Int64] {
    header.flags.haveReceivedTimes ? try integers(ColumnID.received) : []
  }

  private var knownTimes: [Int64]?
  /// Each entry's effective time.
  func times() throws(FilterFailure) -> [Int64] {
    if let knownTimes { return knownTimes }
    let times = header.effectiveTimes(try ownTimes(), received: try ownReceivedTimes())
    knownTimes = times
    return times
  }

  private var knownOffsets: [Int64]?
  /// What each entry's number is above the batch's first.
  func offsets() throws(FilterFailure) -> [Int64] {
    if let knownOffsets { return knownOffsets }
    let own = try integers(ColumnID.sequenceOffsets)
    let offsets = own.isEmpty ? (0..<Int64(count)).map { $0 } : own
    knownOffsets = offsets
    return offsets
  }

  private var knownSeverities: [UInt8]?
  func severities() throws(FilterFailure) -> [UInt8] {
    if let knownSeverities { return knownSeverities }
    let severities = try bytes(ColumnID.severity)
    knownSeverities = severities
    return severities
  }

  func kinds() throws(FilterFailure) -> [UInt8] { try bytes(ColumnID.kind) }

  private var exactSources: TextColumn?
  private var foldedSources: TextColumn?
  private var exactMessages: TextColumn?
  private var foldedMessages: TextColumn?

  func sources() throws(FilterFailure) -> TextColumn {
    if let exactSources { return exactSources }
    let column = try text(ColumnID.source)
    exactSources = column
    return column
  }

  /// With ASCII in lower case.
  func sourcesInLowerCase() throws(FilterFailure) -> TextColumn {
    if let foldedSources { return foldedSources }
    let column = try sources().foldingASCII()
    foldedSources = column
    return column
  }

  /// Without SGR sequences.
  func messages() throws(FilterFailure) -> TextColumn {
    if let exactMessages { return exactMessages }
    let column = try text(ColumnID.message).withoutColors()
    exactMessages = column
    return column
  }

  /// Without SGR sequences, and with ASCII in lower case.
  func messagesInLowerCase() throws(FilterFailure) -> TextColumn {
    if let foldedMessages { return foldedMessages }
    let column = try messages().foldingASCII()
    foldedMessages = column
    return column
  }

  /// The keys and values of each entry; nil if no entry has any.
  func attributes() throws(FilterFailure) -> (keys: TextColumn, values: TextColumn)? {
    guard column(ColumnID.attributeKeys) != nil, column(ColumnID.attributeValues) != nil else { return nil }
    return (try text(ColumnID.attributeKeys), try text(ColumnID.attributeValues))
  }
}
