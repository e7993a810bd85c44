extension Query {
  private static let filterTag: UInt16 = 0x8001

  func encode(into writer: inout ByteWriter) {
    switch kind {
    case .count: encode(1, values: 0, width: 0, into: &writer)
    case .histogram(let width): encode(2, values: 0, width: width, into: &writer)
    case .fields(let valueCountMax): encode(3, values: UInt32(valueCountMax), width: 0, into: &writer)
    }
    for selector in selectors { selector.encode(into: &writer) }
    if let filter {
      var text = ByteWriter(capacity: filter.text.utf8.count)
      text.append(utf8: filter.text)
      Extensions.write(Self.filterTag, text, into: &writer)
    }
  }

  private func encode(_ kind: UInt8, values: UInt32, width: Int64, into writer: inout ByteWriter) {
    writer.append(kind)
    writer.append(zeros: 1)
    writer.append(u16: UInt16(selectors.count))
    writer.append(u32: values)
    writer.append(i64: width)
  }

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    var names: [(kind: UInt8, name: String)] = []
    let kindValue: UInt8
    let valueCount: UInt32
    let width: Int64
    do throws(WireDecodingError) {
      kindValue = try reader.u8()
      try reader.zeros(1)
      let selectorCount = Int(try reader.u16())
      valueCount = try reader.u32()
      width = try reader.i64()
      if selectorCount == 0 || selectorCount > Limits.selectorCountMax {
        throw WireDecodingError("QUERY has 1 to \(Limits.selectorCountMax) selectors, not \(selectorCount)", at: 2)
      }
      for _ in 0..<selectorCount { names.append((try reader.u8(), try reader.name())) }
    } catch { throw Refusal(.protocolViolation, error.description) }
    var filter: Filter?
    filter = try Filter.extension(Self.filterTag, of: &reader)
    self.filter = filter
    switch kindValue {
    case 1 where valueCount == 0 && width == 0: kind = .count
    case 2 where valueCount == 0 && width > 0: kind = .histogram(width: width)
    case 3 where (1...UInt32(Limits.fieldValueCountMax)).contains(valueCount) && width == 0:
      kind = .fields(valueCountMax: Int(valueCount))
    default:
      throw Refusal(
        .badRequest,
        """
        a query counts (1), makes a histogram of spans above 0 (2), or gives 1 to \(Limits.fieldValueCountMax) values \
        of each field (3)
        """)
    }
    selectors = []
    for (kind, name) in names { selectors.append(try StreamSelector(kind: kind, name: name)) }
  }
}

extension StreamSelector {
  func encode(into writer: inout ByteWriter) {
    switch self {
    case .stream(let name):
      writer.append(UInt8(0))
      writer.append(name: name.text)
    case .pattern(let pattern):
      writer.append(UInt8(1))
      writer.append(name: pattern.text)
    }
  }

  init(kind: UInt8, name: String) throws(Refusal) {
    switch kind {
    case 0: self = .stream(try Message.streamName(name))
    case 1:
      do { self = .pattern(try StreamPattern(name)) } catch { throw Refusal(.badRequest, error.description) }
    default: throw Refusal(.badRequest, "selector kind \(kind) is unknown; 0 is a name, 1 a pattern")
    }
  }
}

extension Filter {
  /// Reads the extensions of a request that may have a filter.
  static func `extension`(_ filterTag: UInt16, of reader: inout ByteReader) throws(Refusal) -> Filter? {
    var bytes: [UInt8]?
    try Extensions.read(from: &reader) { tag, content throws(WireDecodingError) in
      guard tag == filterTag else { return false }
      bytes = unsafe content.withUnsafeBytes { unsafe Array($0) }
      return true
    }
    guard let bytes else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Refusal(.badRequest, "the filter is not UTF-8; a filter is text, of which any part may be in quotes")
    }
    do { return try Filter(text) } catch { throw Refusal(.badRequest, error.description) }
  }
}

extension QueryProgress {
  func encode(into writer: inout ByteWriter) {
    writer.append(u64: entryCount)
    writer.append(u64: allEntryCount)
    writer.append(u64: readByteCount)
    writer.append(i64: time ?? 0)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    entryCount = try reader.u64()
    allEntryCount = try reader.u64()
    readByteCount = try reader.u64()
    let time = try reader.i64()
    self.time = time == 0 ? nil : time
  }
}

extension QueryResult {
  /// What the fields of an answer may take; those that do not fit are left out, and `isCapped` says so.
  private static let fieldByteCountMax = Limits.controlByteCountMax - 1024

  func encode(into writer: inout ByteWriter) {
    let start = writer.count
    writer.append(isCapped ? 1 : 0)
    writer.append(zeros: 3)
    writer.append(u32: UInt32(buckets.count))
    writer.append(u32: 0)
    writer.append(zeros: 4)
    writer.append(u64: entryCount)
    writer.append(u64: missingCount)
    for bucket in buckets {
      writer.append(i64: bucket.start)
      for count in bucket.counts { writer.append(u64: count) }
    }
    var count: UInt32 = 0
    for field in fields {
      guard writer.count - start + field.byteCountMax <= Self.fieldByteCountMax else {
        writer.overwrite(1, at: start)
        break
      }
      field.encode(into: &writer)
      count += 1
    }
    writer.overwrite(u32: count, at: start + 8)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    isCapped = try reader.u8() & 1 != 0
    try reader.zeros(3)
    let bucketCount = try reader.u32()
    let fieldCount = try reader.u32()
    try reader.zeros(4)
    entryCount = try reader.u64()
    missingCount = try reader.u64()
    buckets = []
    // Each takes bytes that must be there, so a count beyond them ends in an error before it takes memory.
    for _ in 0..<bucketCount {
      let start = try reader.i64()
      if let last = buckets.last, last.start >= start {
        throw WireDecodingError("the spans of a histogram ascend", at: reader.offset - 8)
      }
      var counts: [UInt64] = []
      for _ in 0..<HistogramBucket.levelCount { counts.append(try reader.u64()) }
      buckets.append(HistogramBucket(start: start, counts: counts))
    }
    fields = []
    for _ in 0..<fieldCount { fields.append(try FieldSummary(from: &reader)) }
  }
}

extension FieldSummary {
  fileprivate var byteCountMax: Int { 300 + values.reduce(0) { $0 + 10 + $1.text.utf8.count } }

  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(kind.rawValue)
    writer.append(isCapped ? 1 : 0)
    writer.append(u16: UInt16(values.count))
    writer.append(u64: entryCount)
    writer.append(name: name)
    for value in values {
      writer.append(u64: value.count)
      writer.append(text: value.text, limit: Limits.fieldTextByteCountMax)
    }
  }

  @_lifetime(reader: copy reader)
  fileprivate init(from reader: inout ByteReader) throws(WireDecodingError) {
    let start = reader.offset
    guard let kind = Kind(rawValue: try reader.u8()) else {
      throw WireDecodingError("a field of an unknown kind", at: start)
    }
    self.kind = kind
    isCapped = try reader.u8() & 1 != 0
    let valueCount = try reader.u16()
    entryCount = try reader.u64()
    name = try reader.name()
    values = []
    for _ in 0..<valueCount {
      let count = try reader.u64()
      values.append(FieldValue(text: try reader.text(limit: Limits.fieldTextByteCountMax), count: count))
    }
  }
}
