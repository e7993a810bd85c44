/// ERROR (`spec/wire.md`, section 4.3).
extension Refusal {
  private enum Tag {
    static let expected: UInt16 = 1
    static let limit: UInt16 = 2
    static let stream: UInt16 = 3
  }

  /// The longest name in the spec fits; a longer one from a peer is cut when it is passed on.
  private static let detailNameByteCountMax = 255
  private static let retryableBit: UInt8 = 1
  private static let mayHaveTakenEffectBit: UInt8 = 2

  func encode(into writer: inout ByteWriter) {
    writer.append(u16: code.rawValue)
    writer.append((isRetryable ? Self.retryableBit : 0) | (mayHaveTakenEffect ? Self.mayHaveTakenEffectBit : 0))
    writer.append(zeros: 1)
    writer.append(u32: retryAfterMilliseconds)
    writer.append(text: text, limit: Limits.errorTextByteCountMax)
    if let expected {
      var content = ByteWriter(capacity: 8)
      content.append(u64: expected)
      Extensions.write(Tag.expected, content, into: &writer)
    }
    if let limit {
      var content = ByteWriter(capacity: 64)
      content.append(u64: limit.value)
      content.append(utf8: limit.name, limit: Self.detailNameByteCountMax)
      Extensions.write(Tag.limit, content, into: &writer)
    }
    if let stream {
      var content = ByteWriter(capacity: 64)
      content.append(u64: stream.incarnation.value)
      content.append(u64: stream.head)
      content.append(utf8: stream.name, limit: Self.detailNameByteCountMax)
      Extensions.write(Tag.stream, content, into: &writer)
    }
  }

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    do throws(WireDecodingError) {
      let code = RefusalCode(rawValue: try reader.u16())
      let flags = try reader.u8()
      try reader.zeros(1)
      let retryAfter = try reader.u32()
      self.init(
        code, try reader.text(limit: Limits.errorTextByteCountMax), isRetryable: flags & Self.retryableBit != 0,
        mayHaveTakenEffect: flags & Self.mayHaveTakenEffectBit != 0, retryAfterMilliseconds: retryAfter)
    } catch { throw Refusal(.protocolViolation, error.description) }
    var expected: UInt64?
    var limit: Limit?
    var stream: StreamPosition?
    try Extensions.read(from: &reader) { tag, span throws(WireDecodingError) in
      var content = ByteReader(span)
      switch tag {
      case Tag.expected:
        expected = try content.u64()
        if !content.isAtEnd { throw WireDecodingError("the expected number has 8 bytes", at: content.offset) }
      case Tag.limit:
        let value = try content.u64()
        limit = Limit(ByteString(copying: try content.rest()).text, value)
      case Tag.stream:
        let incarnation = Incarnation(try content.u64())
        let head = try content.u64()
        stream = StreamPosition(
          name: ByteString(copying: try content.rest()).text, incarnation: incarnation, head: head)
      default: return false
      }
      return true
    }
    self.expected = expected
    self.limit = limit
    self.stream = stream
  }
}
