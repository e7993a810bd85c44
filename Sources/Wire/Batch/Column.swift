/// The columns of version 1 (`spec/wire.md`, section 5.2).
enum ColumnID {
  static let time: UInt16 = 1
  static let severity: UInt16 = 2
  static let source: UInt16 = 3
  static let message: UInt16 = 4
  static let attributeKeys: UInt16 = 5
  static let attributeValues: UInt16 = 6
  static let kind: UInt16 = 7
  static let sequenceOffsets: UInt16 = 8
  /// Counts only where the flag `receivedTimes` says so.
  static let received: UInt16 = 17
}

/// How a column's rows are written (`spec/wire.md`, section 5.3): a closed set.
enum ColumnEncoding: UInt8 {
  case bytes = 1
  case fixed8 = 2
  case fixed16 = 3
  case delta = 4
  case lengths = 5
  case dictionary = 6
  case constant = 7
}

/// One column of a payload: where its rows are and how they are written.
///
/// The rows stay in the payload; nothing is materialized. `content` excludes a constant's inner encoding byte.
struct Column {
  static let headerByteCount = 8

  let id: UInt16
  let encoding: ColumnEncoding
  /// All rows equal the one in `content`.
  let isConstant: Bool
  /// In bytes of the payload.
  let content: Range<Int>

  /// Reads the columns of a payload.
  ///
  /// - Throws: `WireDecodingError` for ids out of order, unknown encodings and wrong lengths.
  static func list(in payload: RawSpan) throws(WireDecodingError) -> [Column] {
    var columns: [Column] = []
    var reader = ByteReader(payload)
    var previous: UInt16 = 0
    while !reader.isAtEnd {
      let start = reader.offset
      let id = try reader.u16()
      if id <= previous { throw WireDecodingError("column ids must rise; \(id) follows \(previous)", at: start) }
      previous = id
      if columns.count == Limits.columnCountMax {
        throw WireDecodingError("a batch has at most \(Limits.columnCountMax) columns", at: start)
      }
      let first = try encoding(try reader.u8(), at: start + 2)
      if try reader.u8() != 0 { throw WireDecodingError("a reserved byte of a column must be zero", at: start + 3) }
      let length = try reader.u32()
      if UInt64(length) > UInt64(reader.remaining) {
        throw WireDecodingError(
          "a column of \(length) bytes exceeds the \(reader.remaining) that are left", at: start + 4)
      }
      var content = try reader.range(Int(length))
      var inner = first
      if first == .constant {
        guard let kind = content.first else { throw WireDecodingError("a constant column is empty", at: start) }
        inner = try encoding(unsafe payload.unsafeLoad(fromByteOffset: kind, as: UInt8.self), at: kind)
        if inner == .constant || inner == .dictionary {
          throw WireDecodingError("a constant column is written with encodings 1 to 5", at: kind)
        }
        content = (kind + 1)..<content.upperBound
      }
      columns.append(Column(id: id, encoding: inner, isConstant: first == .constant, content: content))
    }
    return columns
  }

  private static func encoding(_ value: UInt8, at offset: Int) throws(WireDecodingError) -> ColumnEncoding {
    guard let encoding = ColumnEncoding(rawValue: value) else {
      throw WireDecodingError("column encoding \(value) is unknown", at: offset)
    }
    return encoding
  }

  /// The number of written rows: one for a constant.
  private func writtenRows(_ count: Int) -> Int { isConstant ? 1 : count }

  private func exhausted(_ offset: Int) throws(WireDecodingError) {
    if offset != content.upperBound {
      throw WireDecodingError("column \(id) has bytes behind its last row", at: offset)
    }
  }
}

// MARK: - Rows

extension Column {
  /// Calls `body` with each integer of a delta column; once, for a constant.
  func forEachInteger(
    in payload: RawSpan, count: Int, _ body: (Int64) throws(WireDecodingError) -> Void
  ) throws(WireDecodingError) {
    guard encoding == .delta else { throw wrongEncoding() }
    var reader = ByteReader(payload.extracting(content))
    var value: Int64 = 0
    for _ in 0..<writtenRows(count) {
      value &+= try relocating { () throws(WireDecodingError) in try reader.zigzag() }
      try body(value)
    }
    try exhausted(content.lowerBound + reader.offset)
  }

  /// Calls `body` with each byte of a column of bytes; once, for a constant.
  func forEachByte(
    in payload: RawSpan, count: Int, _ body: (UInt8) throws(WireDecodingError) -> Void
  ) throws(WireDecodingError) {
    guard encoding == .bytes else { throw wrongEncoding() }
    let rows = writtenRows(count)
    guard content.count == rows else {
      throw WireDecodingError("column \(id) has \(content.count) bytes for \(rows) rows", at: content.lowerBound)
    }
    for offset in content { try body(unsafe payload.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
  }

  /// Calls `body` with the range of each distinct row of a lengths or dictionary column, in the payload.
  ///
  /// - Returns: where the rows' indices start for a dictionary, with the number of distinct rows; nil for plain
  ///   lengths.
  func forEachDistinctRow(
    in payload: RawSpan, count: Int, _ body: (Range<Int>) throws(WireDecodingError) -> Void
  ) throws(WireDecodingError) -> (indices: Range<Int>, distinct: Int)? {
    var rows = writtenRows(count)
    var reader = ByteReader(payload.extracting(content))
    if encoding == .dictionary {
      let distinct = try relocating { () throws(WireDecodingError) in try reader.varint() }
      guard distinct >= 1, distinct <= UInt64(count) else {
        throw WireDecodingError("a dictionary of \(distinct) values for \(count) rows", at: content.lowerBound)
      }
      rows = Int(distinct)
    } else if encoding != .lengths {
      throw wrongEncoding()
    }
    // The bytes start after the last length: skip as many varints as there are rows.
    let lengthsStart = content.lowerBound + reader.offset
    var cursor = lengthsStart
    var seen = 0
    while rows - seen >= 8, content.upperBound - cursor >= 8 {
      let word = unsafe payload.unsafeLoadUnaligned(fromByteOffset: cursor, as: UInt64.self)
      seen += (~word & 0x8080_8080_8080_8080).nonzeroBitCount
      cursor += 8
    }
    while seen < rows {
      guard cursor < content.upperBound else {
        throw WireDecodingError("column \(id) ends inside its lengths", at: cursor)
      }
      if unsafe payload.unsafeLoad(fromByteOffset: cursor, as: UInt8.self) < 0x80 { seen += 1 }
      cursor += 1
    }
    var lengths = ByteReader(payload.extracting(lengthsStart..<cursor))
    for _ in 0..<rows {
      let length: UInt64
      do { length = try lengths.varint() } catch { throw error.moved(by: lengthsStart) }
      guard length <= UInt64(content.upperBound - cursor) else {
        throw WireDecodingError("a row of \(length) bytes exceeds column \(id)", at: lengthsStart + lengths.offset)
      }
      let row = cursor..<cursor + Int(length)
      cursor = row.upperBound
      try body(row)
    }
    if encoding == .dictionary { return (cursor..<content.upperBound, rows) }
    try exhausted(cursor)
    return nil
  }

  /// Calls `body` with each row's index of a dictionary column.
  func forEachIndex(
    in payload: RawSpan, indices: Range<Int>, distinct: Int, count: Int, _ body: (Int) throws(WireDecodingError) -> Void
  ) throws(WireDecodingError) {
    // Most dictionaries are small, and their indices single bytes; errors are left to the varint reader.
    if distinct <= 128, indices.count == count, isBelow(distinct, indices, in: payload) {
      for offset in indices { try body(Int(unsafe payload.unsafeLoad(fromByteOffset: offset, as: UInt8.self))) }
      return
    }
    var reader = ByteReader(payload.extracting(indices))
    for _ in 0..<count {
      let index: UInt64
      do { index = try reader.varint() } catch { throw error.moved(by: indices.lowerBound) }
      guard index < UInt64(distinct) else {
        throw WireDecodingError("index \(index) in a dictionary of \(distinct)", at: indices.lowerBound + reader.offset)
      }
      try body(Int(index))
    }
    try exhausted(indices.lowerBound + reader.offset)
  }

  private func isBelow(_ limit: Int, _ bytes: Range<Int>, in payload: RawSpan) -> Bool {
    var largest: UInt8 = 0
    for offset in bytes { largest = max(largest, unsafe payload.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
    return Int(largest) < limit
  }

  /// The range of every row of a lengths, dictionary or constant column, in the payload.
  func rowRanges(in payload: RawSpan, count: Int) throws(WireDecodingError) -> [Range<Int>] {
    var distinctRows: [Range<Int>] = []
    distinctRows.reserveCapacity(writtenRows(count))
    let dictionary = try forEachDistinctRow(in: payload, count: count) { row throws(WireDecodingError) in
      distinctRows.append(row)
    }
    if isConstant { return Array(repeating: distinctRows[0], count: count) }
    guard let dictionary else { return distinctRows }
    var rows: [Range<Int>] = []
    rows.reserveCapacity(count)
    try forEachIndex(in: payload, indices: dictionary.indices, distinct: dictionary.distinct, count: count) {
      index throws(WireDecodingError) in rows.append(distinctRows[index])
    }
    return rows
  }

  /// Checks that the content matches the encoding, whatever the column means.
  func checkStructure(in payload: RawSpan, count: Int) throws(WireDecodingError) {
    switch encoding {
    case .bytes: try checkFixed(width: 1, count: count)
    case .fixed8: try checkFixed(width: 8, count: count)
    case .fixed16: try checkFixed(width: 16, count: count)
    case .delta: try forEachInteger(in: payload, count: count) { _ throws(WireDecodingError) in }
    case .lengths, .dictionary:
      let dictionary = try forEachDistinctRow(in: payload, count: count) { _ throws(WireDecodingError) in }
      if let dictionary {
        try forEachIndex(in: payload, indices: dictionary.indices, distinct: dictionary.distinct, count: count) {
          _ throws(WireDecodingError) in
        }
      }
    case .constant: preconditionFailure("a constant column carries its inner encoding")
    }
  }

  private func checkFixed(width: Int, count: Int) throws(WireDecodingError) {
    if content.count != width * writtenRows(count) {
      throw WireDecodingError(
        "column \(id) has \(content.count) bytes for \(writtenRows(count)) rows", at: content.lowerBound)
    }
  }

  func wrongEncoding() -> WireDecodingError {
    WireDecodingError("column \(id) may not be written with encoding \(encoding.rawValue)", at: content.lowerBound)
  }

  /// Offsets in errors count from the start of the payload.
  private func relocating<Value>(_ body: () throws(WireDecodingError) -> Value) throws(WireDecodingError) -> Value {
    do { return try body() } catch { throw error.moved(by: content.lowerBound) }
  }
}
