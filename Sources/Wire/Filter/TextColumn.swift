/// A column of text as filters read it: distinct rows, and which of them each entry has.
struct TextColumn {
  /// Holds the rows, in ascending order where they are not a dictionary's.
  let bytes: ByteString
  let rows: [Range<Int>]
  /// The row of each entry; nil if they are the same.
  let indices: [Int]?

  /// Makes a set of entries from one of rows.
  func entries(of matching: RowSet, count: Int) -> RowSet {
    guard let indices else { return matching }
    var entries = RowSet(false, count: count)
    for (entry, row) in indices.enumerated() where matching.contains(row) { entries.insert(entry) }
    return entries
  }

  /// The rows that these entries have.
  func rows(of entries: RowSet) -> RowSet {
    guard let indices else { return entries }
    var set = RowSet(false, count: rows.count)
    entries.forEach { set.insert(indices[$0]) }
    return set
  }

  func row(_ index: Int) -> ByteString { bytes[rows[index]] }
}

extension TextColumn {
  /// All entries without this text.
  static func absent(count: Int) -> TextColumn {
    TextColumn(bytes: ByteString(), rows: [0..<0], indices: Array(repeating: 0, count: count))
  }

  init(_ column: Column, in payload: ByteString, count: Int) throws(WireDecodingError) {
    var rows: [Range<Int>] = []
    rows.reserveCapacity(column.isConstant ? 1 : count)
    let span = payload.span
    let dictionary = try column.forEachDistinctRow(in: span, count: count) { row throws(WireDecodingError) in
      rows.append(row)
    }
    var indices: [Int]?
    if let dictionary {
      var list: [Int] = []
      list.reserveCapacity(count)
      try column.forEachIndex(in: span, indices: dictionary.indices, distinct: dictionary.distinct, count: count) {
        index throws(WireDecodingError) in list.append(index)
      }
      indices = list
    } else if column.isConstant {
      indices = Array(repeating: 0, count: count)
    }
    self.init(bytes: payload, rows: rows, indices: indices)
  }

  /// Without SGR sequences: `ESC [`, digits, `;` and `:`, then `m`. Shares the memory if there are none.
  func withoutColors() -> TextColumn {
    guard let first = rows.first, let last = rows.last, first.lowerBound < last.upperBound,
      LiteralSearch.first(0x1b, in: bytes.span, from: first.lowerBound, to: last.upperBound) != nil
    else { return self }
    var writer = ByteWriter(capacity: last.upperBound - first.lowerBound)
    var cleaned: [Range<Int>] = []
    cleaned.reserveCapacity(rows.count)
    for row in rows {
      let start = writer.count
      Self.forEachPieceWithoutColors(bytes.span, row) { writer.append(bytes.span.extracting($0)) }
      cleaned.append(start..<writer.count)
    }
    return TextColumn(bytes: writer.finish(), rows: cleaned, indices: indices)
  }

  /// What stands between SGR sequences, in order.
  static func forEachPieceWithoutColors(_ span: RawSpan, _ row: Range<Int>, _ body: (Range<Int>) -> Void) {
    func byte(_ offset: Int) -> UInt8 { unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
    var kept = row.lowerBound
    var offset = row.lowerBound
    while let escape = LiteralSearch.first(0x1b, in: span, from: offset, to: row.upperBound) {
      offset = escape + 1
      guard offset < row.upperBound, byte(offset) == UInt8(ascii: "[") else { continue }
      var end = offset + 1
      while end < row.upperBound, (0x30...0x3b).contains(byte(end)) { end += 1 }
      guard end < row.upperBound, byte(end) == UInt8(ascii: "m") else { continue }
      body(kept..<escape)
      kept = end + 1
      offset = kept
    }
    body(kept..<row.upperBound)
  }

  /// With ASCII in lower case. Other characters stay: folding makes no ASCII of them.
  func foldingASCII() -> TextColumn {
    guard let first = rows.first, let last = rows.last, first.lowerBound < last.upperBound else { return self }
    let range = first.lowerBound..<last.upperBound
    var writer = ByteWriter(capacity: range.count)
    _ = unsafe writer.append(upTo: range.count) { room in
      unsafe LiteralSearch.lower(bytes.span.extracting(range), into: room)
      return range.count
    }
    let offset = first.lowerBound
    let rows = rows.map { $0.lowerBound - offset..<$0.upperBound - offset }
    return TextColumn(bytes: writer.finish(), rows: rows, indices: indices)
  }
}
