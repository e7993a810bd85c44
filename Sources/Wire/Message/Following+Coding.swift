extension Follow {
  private enum Flag {
    static let reverse: UInt8 = 1 << 0
    static let atHead: UInt8 = 1 << 1
    static let sequence: UInt8 = 1 << 2
    static let time: UInt8 = 1 << 3
    static let limit: UInt8 = 1 << 4
    static let mustBeZero: UInt8 = 0xe0
  }

  private var startFields: (kind: UInt8, value: UInt64) {
    switch start {
    case .first: (0, 0)
    case .now: (1, 0)
    case .last(let count): (2, count)
    case .since(let time): (3, UInt64(bitPattern: time))
    case .from(let sequence): (4, sequence)
    }
  }

  /// The length of the control part of its frame.
  ///
  /// A frame holds `Limits.controlByteCountMax`; a follower of more streams than fit divides its selectors among
  /// several subscriptions. Making a longer frame is a programming error. So ask first: the server decides how many
  /// streams there are.
  package var controlByteCount: Int {
    var count = Self.fixedByteCount
    for selector in selectors {
      switch selector {
      case .stream(let name): count += 2 + name.text.utf8.count
      case .pattern(let pattern): count += 2 + pattern.text.utf8.count
      }
    }
    for position in cursor { count += 17 + position.stream.text.utf8.count }
    if let filter { count += 4 + filter.text.utf8.count }
    return count
  }

  private static let fixedByteCount = 48

  func encode(into writer: inout ByteWriter) {
    var flags: UInt8 = isReverse ? Flag.reverse : 0
    if end.atHead { flags |= Flag.atHead }
    if end.sequence != nil { flags |= Flag.sequence }
    if end.time != nil { flags |= Flag.time }
    if end.limit != nil { flags |= Flag.limit }
    writer.append(u64: credit)
    writer.append(startFields.kind)
    writer.append(flags)
    writer.append(u16: UInt16(selectors.count))
    writer.append(u32: UInt32(cursor.count))
    writer.append(u64: startFields.value)
    writer.append(u64: min(end.sequence ?? 0, Limits.numberMax))
    writer.append(i64: end.time ?? 0)
    writer.append(u64: end.limit ?? 0)
    for selector in selectors { selector.encode(into: &writer) }
    for position in cursor {
      writer.append(name: position.stream.text)
      writer.append(u64: position.incarnation.value)
      writer.append(u64: position.sequence)
    }
    if let filter {
      var text = ByteWriter(capacity: filter.text.utf8.count)
      text.append(utf8: filter.text)
      Extensions.write(Self.filterTag, text, into: &writer)
    }
  }

  /// The extension with the filter: critical, since entries that were not asked for would come without it.
  private static let filterTag: UInt16 = 0x8001

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    var names: [(kind: UInt8, name: String)] = []
    var positions: [(stream: String, incarnation: UInt64, sequence: UInt64)] = []
    do throws(WireDecodingError) {
      credit = try reader.u64()
      let startKind = try reader.u8()
      let flags = try reader.u8()
      if flags & Flag.mustBeZero != 0 {
        throw WireDecodingError("FOLLOW has flags that version 1 does not know", at: 9)
      }
      let selectorCount = Int(try reader.u16())
      let cursorCount = Int(try reader.u32())
      let startValue = try reader.u64()
      let sequence = try reader.u64()
      let time = try reader.i64()
      let limit = try reader.u64()
      isReverse = flags & Flag.reverse != 0
      end = FollowEnd(
        atHead: flags & Flag.atHead != 0, sequence: flags & Flag.sequence != 0 ? sequence : nil,
        time: flags & Flag.time != 0 ? time : nil, limit: flags & Flag.limit != 0 ? limit : nil)
      if (end.sequence == nil && sequence != 0) || (end.time == nil && time != 0) || (end.limit == nil && limit != 0) {
        throw WireDecodingError("FOLLOW has a value for an end that it does not name", at: 24)
      }
      switch startKind {
      case 0: start = .first
      case 1: start = .now
      case 2: start = .last(startValue)
      case 3: start = .since(Int64(bitPattern: startValue))
      case 4: start = startValue == 0 ? .first : .from(startValue)
      default: throw WireDecodingError("start \(startKind) is unknown", at: 8)
      }
      if (startKind == 4 && startValue > Limits.numberMax) || sequence > Limits.numberMax {
        throw WireDecodingError("sequence numbers are at most 2^63 - 1", at: 16)
      }
      if startKind < 2, startValue != 0 { throw WireDecodingError("this start has no value", at: 16) }
      if selectorCount == 0 || selectorCount > Limits.selectorCountMax {
        throw WireDecodingError("FOLLOW has 1 to \(Limits.selectorCountMax) selectors, not \(selectorCount)", at: 10)
      }
      for _ in 0..<selectorCount { names.append((try reader.u8(), try reader.name())) }
      // A position takes at least 18 bytes, so a count that exceeds the rest ends in an error before it takes memory.
      for _ in 0..<cursorCount {
        positions.append((try reader.name(), try reader.u64(), try reader.u64()))
        if positions[positions.count - 1].sequence > Limits.numberMax {
          throw WireDecodingError("sequence numbers are at most 2^63 - 1", at: reader.offset - 8)
        }
      }
    } catch { throw Refusal(.protocolViolation, error.description) }
    filter = try Filter.extension(Self.filterTag, of: &reader)

    selectors = []
    for (kind, name) in names { selectors.append(try StreamSelector(kind: kind, name: name)) }
    cursor = []
    cursor.reserveCapacity(positions.count)
    var streams: Set<String> = []
    for position in positions {
      guard streams.insert(position.stream).inserted else {
        throw Refusal(.badRequest, "the cursor has two positions for the stream '\(position.stream)'")
      }
      cursor.append(
        CursorPosition(
          stream: try Message.streamName(position.stream), incarnation: Incarnation(position.incarnation),
          sequence: position.sequence))
    }
  }
}

extension Announcement {
  func encode(into writer: inout ByteWriter) {
    writer.append(u32: handle)
    writer.append(isSealed ? 1 : 0)
    writer.append(zeros: 3)
    writer.append(u64: incarnation.value)
    writer.append(u64: position)
    writer.append(u64: head)
    writer.append(name: stream.text)
    if isSearchCut { Extensions.write(Self.searchCutTag, ByteWriter(capacity: 0), into: &writer) }
  }

  private static let searchCutTag: UInt16 = 1

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    let name: String
    do throws(WireDecodingError) {
      handle = try reader.u32()
      isSealed = try reader.u8() == 1
      try reader.zeros(3)
      incarnation = Incarnation(try reader.u64())
      position = try reader.u64()
      head = try reader.u64()
      name = try reader.name()
      // In reverse, delivery starts below the position: at most one above the head.
      if head > Limits.numberMax || position > head + 1 {
        throw WireDecodingError("STREAM starts at \(position), beyond the head \(head)", at: 16)
      }
    } catch { throw Refusal(.protocolViolation, error.description) }
    var isSearchCut = false
    try Extensions.read(from: &reader) { tag, content throws(WireDecodingError) in
      guard tag == Self.searchCutTag else { return false }
      if content.byteCount > 0 { throw WireDecodingError("extension 1 of STREAM has no content", at: 0) }
      isSearchCut = true
      return true
    }
    self.isSearchCut = isSearchCut
    stream = try Message.streamName(name)
  }
}

extension BatchRange {
  func encode(into writer: inout ByteWriter) {
    writer.append(u32: handle)
    writer.append(zeros: 4)
    writer.append(u64: from)
    writer.append(u64: to)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    handle = try reader.u32()
    try reader.zeros(4)
    from = try reader.u64()
    to = try reader.u64()
    if from == 0 || to < from || to > Limits.numberMax { throw WireDecodingError("BATCH covers no range", at: 8) }
  }
}

extension Skip {
  func encode(into writer: inout ByteWriter) {
    writer.append(u32: handle)
    writer.append(reason.rawValue)
    writer.append(zeros: 3)
    writer.append(u64: from)
    writer.append(u64: to)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    handle = try reader.u32()
    reason = SkipReason(rawValue: try reader.u8()) ?? .lost
    try reader.zeros(3)
    from = try reader.u64()
    to = try reader.u64()
    if from == 0 || to < from || to > Limits.numberMax { throw WireDecodingError("SKIP covers no range", at: 8) }
  }
}

extension StreamHead {
  static func encode(_ heads: [StreamHead], into writer: inout ByteWriter) {
    writer.append(u16: UInt16(heads.count))
    writer.append(zeros: 2)
    for head in heads {
      writer.append(u32: head.handle)
      writer.append(u64: head.head)
    }
  }

  @_lifetime(reader: copy reader)
  static func list(from reader: inout ByteReader) throws(WireDecodingError) -> [StreamHead] {
    let count = Int(try reader.u16())
    if count == 0 || count > Limits.headCountMax {
      throw WireDecodingError("HEADS of \(count) streams; 1 to \(Limits.headCountMax) are possible", at: 0)
    }
    try reader.zeros(2)
    var heads: [StreamHead] = []
    heads.reserveCapacity(count)
    for _ in 0..<count {
      let handle = try reader.u32()
      let head = try reader.u64()
      if head > Limits.numberMax { throw WireDecodingError("HEADS tells the head \(head)", at: 0) }
      heads.append(StreamHead(handle: handle, head: head))
    }
    return heads
  }
}
