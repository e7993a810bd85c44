/// The two rows that hold an entry's attributes (`spec/wire.md`, section 5.4).
///
/// Keys and values are separate, so that entries of one shape share one row of keys.
enum AttributeRows {
  private enum Tag {
    static let empty: UInt8 = 0
    static let string: UInt8 = 1
    static let boolean: UInt8 = 2
    static let integer: UInt8 = 3
    static let double: UInt8 = 4
    static let list: UInt8 = 5
    static let map: UInt8 = 6
    static let bytes: UInt8 = 7
  }
}

// MARK: - Writing

extension AttributeRows {
  static func write(keysOf attributes: [LogAttribute], into writer: inout ByteWriter) {
    for attribute in attributes { write(attribute.key, into: &writer) }
  }

  static func write(valuesOf attributes: [LogAttribute], into writer: inout ByteWriter) {
    for attribute in attributes { write(attribute.value, into: &writer) }
  }

  private static func write(_ text: String, into writer: inout ByteWriter) {
    writer.append(varint: UInt64(text.utf8.count))
    writer.append(utf8: text)
  }

  /// Whether lists and maps nest deeper than a batch may hold. Checked before writing, which recurses: the caller's
  /// values may have any depth.
  static func isTooDeep(_ attributes: [LogAttribute]) -> Bool {
    attributes.contains { isTooDeep($0.value, depth: 0) }
  }

  private static func isTooDeep(_ value: AttributeValue, depth: Int) -> Bool {
    switch value {
    case .empty, .string, .boolean, .integer, .double, .bytes: false
    case .list(let values):
      depth == Limits.attributeDepthMax || values.contains { isTooDeep($0, depth: depth + 1) }
    case .map(let members):
      depth == Limits.attributeDepthMax || members.contains { isTooDeep($0.value, depth: depth + 1) }
    }
  }

  private static func write(_ value: AttributeValue, into writer: inout ByteWriter) {
    switch value {
    case .empty: writer.append(Tag.empty)
    case .string(let text):
      writer.append(Tag.string)
      write(text, into: &writer)
    case .boolean(let flag):
      writer.append(Tag.boolean)
      writer.append(flag ? 1 : 0)
    case .integer(let number):
      writer.append(Tag.integer)
      writer.append(zigzag: number)
    case .double(let number):
      writer.append(Tag.double)
      writer.append(u64: number.bitPattern)
    case .list(let values):
      writer.append(Tag.list)
      writer.append(varint: UInt64(values.count))
      for value in values { write(value, into: &writer) }
    case .map(let members):
      writer.append(Tag.map)
      writer.append(varint: UInt64(members.count))
      for member in members {
        write(member.key, into: &writer)
        write(member.value, into: &writer)
      }
    case .bytes(let bytes):
      writer.append(Tag.bytes)
      writer.append(varint: UInt64(bytes.count))
      writer.append(bytes)
    }
  }
}

// MARK: - Checking

extension AttributeRows {
  /// Checks a row of keys.
  ///
  /// - Returns: how many keys it holds.
  static func check(keys row: RawSpan) throws(WireDecodingError) -> Int {
    var reader = ByteReader(row)
    var keys = KeySet()
    while !reader.isAtEnd { try keys.insert(from: &reader, of: row, lengths: 1...Limits.attributeKeyByteCountMax) }
    if keys.count > Limits.attributeCountMax {
      throw WireDecodingError("an entry has \(keys.count) attributes; the limit is \(Limits.attributeCountMax)", at: 0)
    }
    return keys.count
  }

  /// Checks a row of `count` values.
  ///
  /// - Returns: how many values it holds, those nested in lists and maps included.
  @discardableResult
  static func check(values row: RawSpan, count: Int) throws(WireDecodingError) -> Int {
    var reader = ByteReader(row)
    var budget = Limits.attributeCountMax
    for _ in 0..<count { try checkValue(&reader, of: row, depth: 0, budget: &budget) }
    if !reader.isAtEnd { throw WireDecodingError("attribute values have bytes behind the last one", at: reader.offset) }
    return Limits.attributeCountMax - budget
  }

  private static func checkValue(
    _ reader: inout ByteReader, of row: RawSpan, depth: Int, budget: inout Int
  ) throws(WireDecodingError) {
    budget -= 1
    if budget < 0 {
      throw WireDecodingError(
        "an entry's attributes hold more than \(Limits.attributeCountMax) values", at: reader.offset)
    }
    let start = reader.offset
    switch try reader.u8() {
    case Tag.empty: break
    case Tag.string, Tag.bytes: _ = try reader.range(try reader.length())
    case Tag.boolean: if try reader.u8() > 1 { throw WireDecodingError("a boolean is 0 or 1", at: start + 1) }
    case Tag.integer: _ = try reader.zigzag()
    case Tag.double: _ = try reader.u64()
    case Tag.list:
      try checkDepth(depth + 1, at: start)
      // Each value takes at least a byte, so a count beyond the rest is wrong.
      for _ in 0..<(try reader.length()) { try checkValue(&reader, of: row, depth: depth + 1, budget: &budget) }
    case Tag.map:
      try checkDepth(depth + 1, at: start)
      var keys = KeySet()
      for _ in 0..<(try reader.length()) {
        try keys.insert(from: &reader, of: row, lengths: 0...Limits.attributeKeyByteCountMax)
        try checkValue(&reader, of: row, depth: depth + 1, budget: &budget)
      }
    case let tag: throw WireDecodingError("attribute type \(tag) is unknown", at: start)
    }
  }

  private static func checkDepth(_ depth: Int, at offset: Int) throws(WireDecodingError) {
    if depth > Limits.attributeDepthMax {
      throw WireDecodingError("attributes nest deeper than \(Limits.attributeDepthMax)", at: offset)
    }
  }

  /// Finds a repeated key: by comparing if there are few, by hashing if a peer sends many.
  private struct KeySet {
    private(set) var count = 0
    private var few: [Range<Int>] = []
    private var many: Set<ByteString> = []
    private static let fewMax = 16

    @_lifetime(reader: copy reader)
    mutating func insert(
      from reader: inout ByteReader, of row: RawSpan, lengths: ClosedRange<Int>
    ) throws(WireDecodingError) {
      let start = reader.offset
      let key = try reader.range(try reader.length())
      if !lengths.contains(key.count) {
        throw WireDecodingError("an attribute's key has \(key.count) bytes, outside \(lengths)", at: start)
      }
      let span = row.extracting(key)
      var isNew = true
      if count < Self.fewMax {
        for other in few where row.extracting(other).isEqual(to: span) { isNew = false }
        few.append(key)
      } else {
        if many.isEmpty { for other in few { many.insert(ByteString(copying: row.extracting(other))) } }
        isNew = many.insert(ByteString(copying: span)).inserted
      }
      if !isNew { throw WireDecodingError("an attribute's key comes twice", at: start) }
      count += 1
    }
  }
}

// MARK: - Reading

extension AttributeRows {
  static func keys(in row: RawSpan) throws(WireDecodingError) -> [String] {
    var reader = ByteReader(row)
    var keys: [String] = []
    while !reader.isAtEnd { keys.append(try string(&reader, of: row)) }
    return keys
  }

  static func attributes(keys: [String], values row: RawSpan) throws(WireDecodingError) -> [LogAttribute] {
    var reader = ByteReader(row)
    var budget = Limits.attributeCountMax
    var attributes: [LogAttribute] = []
    attributes.reserveCapacity(keys.count)
    for key in keys { attributes.append(LogAttribute(key, try value(&reader, of: row, depth: 0, budget: &budget))) }
    if !reader.isAtEnd { throw WireDecodingError("attribute values have bytes behind the last one", at: reader.offset) }
    return attributes
  }

  private static func string(_ reader: inout ByteReader, of row: RawSpan) throws(WireDecodingError) -> String {
    let range = try reader.range(try reader.length())
    return unsafe row.extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// Depth and budget are checked again: a reader does not rely on another server's checks, and unbounded recursion
  /// would let a peer exhaust the stack.
  private static func value(
    _ reader: inout ByteReader, of row: RawSpan, depth: Int, budget: inout Int
  ) throws(WireDecodingError) -> AttributeValue {
    let start = reader.offset
    budget -= 1
    if budget < 0 {
      throw WireDecodingError("an entry's attributes hold more than \(Limits.attributeCountMax) values", at: start)
    }
    switch try reader.u8() {
    case Tag.empty: return .empty
    case Tag.string: return .string(try string(&reader, of: row))
    case Tag.boolean: return .boolean(try reader.u8() != 0)
    case Tag.integer: return .integer(try reader.zigzag())
    case Tag.double: return .double(Double(bitPattern: try reader.u64()))
    case Tag.list:
      try checkDepth(depth + 1, at: start)
      var values: [AttributeValue] = []
      for _ in 0..<(try reader.length()) {
        values.append(try value(&reader, of: row, depth: depth + 1, budget: &budget))
      }
      return .list(values)
    case Tag.map:
      try checkDepth(depth + 1, at: start)
      var members: [LogAttribute] = []
      for _ in 0..<(try reader.length()) {
        let key = try string(&reader, of: row)
        members.append(LogAttribute(key, try value(&reader, of: row, depth: depth + 1, budget: &budget)))
      }
      return .map(members)
    case Tag.bytes: return .bytes(ByteString(copying: row.extracting(try reader.range(try reader.length()))))
    case let tag: throw WireDecodingError("attribute type \(tag) is unknown", at: start)
    }
  }
}

// MARK: - Reading in place

extension AttributeRows {
  /// A value as it stands in a row.
  enum Scalar {
    case empty
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    /// A string, or bytes.
    case text(Range<Int>)
    /// So many values follow.
    case list(count: Int)
    /// So many keys and values follow.
    case map(count: Int)
  }

  @_lifetime(reader: copy reader)
  static func readScalar(_ reader: inout ByteReader) throws(WireDecodingError) -> Scalar {
    let start = reader.offset
    switch try reader.u8() {
    case Tag.empty: return .empty
    case Tag.string, Tag.bytes: return .text(try reader.range(try reader.length()))
    case Tag.boolean: return .boolean(try reader.u8() != 0)
    case Tag.integer: return .integer(try reader.zigzag())
    case Tag.double: return .double(Double(bitPattern: try reader.u64()))
    case Tag.list: return .list(count: try reader.length())
    case Tag.map: return .map(count: try reader.length())
    case let tag: throw WireDecodingError("attribute type \(tag) is unknown", at: start)
    }
  }

  /// Passes over a value, and everything in it. Does not recurse: each value is at least a byte, so the row's end ends
  /// it.
  @_lifetime(reader: copy reader)
  static func skipValue(_ reader: inout ByteReader) throws(WireDecodingError) {
    // Values still to pass over, by the map or list that holds them. Nothing is allocated for a value that is neither.
    var open: [(count: Int, hasKeys: Bool)] = []
    while true {
      switch try readScalar(&reader) {
      case .list(let count): open.append((count, false))
      case .map(let count): open.append((count, true))
      case .empty, .boolean, .integer, .double, .text: break
      }
      while let inner = open.last, inner.count == 0 { open.removeLast() }
      guard let inner = open.last else { return }
      open[open.count - 1].count -= 1
      if inner.hasKeys { _ = try reader.range(try reader.length()) }
    }
  }
}
