/// A client's first frame (`spec/wire.md`, section 4.1).
package struct Hello: Hashable, Sendable {
  static let magic: UInt32 = 0x5347_4F4C  // "LOGS", little-endian

  /// What a client does that not every client does. Unknown bits are ignored.
  package struct Features: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// It reads batches with dictionaries.
    package static let dictionaries = Features(rawValue: 1 << 0)
    /// It answers CHALLENGE.
    package static let challenges = Features(rawValue: 1 << 2)
  }

  package var versions: ClosedRange<UInt8>
  package var features: Features
  package var frameByteCountMax: UInt32
  package var client: String
  package var token: String

  package init(
    versions: ClosedRange<UInt8> = 1...1, features: Features = [], frameByteCountMax: UInt32, client: String,
    token: String = ""
  ) {
    self.versions = versions
    self.features = features
    self.frameByteCountMax = frameByteCountMax
    self.client = client
    self.token = token
  }

  func encode(into writer: inout ByteWriter) {
    writer.append(u32: Self.magic)
    writer.append(versions.lowerBound)
    writer.append(versions.upperBound)
    writer.append(zeros: 2)
    writer.append(u64: features.rawValue)
    writer.append(u32: frameByteCountMax)
    writer.append(zeros: 4)
    writer.append(text: client, limit: Limits.clientNameByteCountMax)
    writer.append(text: token, limit: Limits.tokenByteCountMax)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    if try reader.u32() != Self.magic { throw WireDecodingError("HELLO does not begin with LOGS", at: 0) }
    let lowest = try reader.u8()
    let highest = try reader.u8()
    if lowest == 0 || lowest > highest {
      throw WireDecodingError("versions start at 1, and the lowest is not above the highest", at: 4)
    }
    versions = lowest...highest
    try reader.zeros(2)
    features = Features(rawValue: try reader.u64())
    frameByteCountMax = try Self.frameLimit(from: &reader)
    try reader.zeros(4)
    client = try reader.text(limit: Limits.clientNameByteCountMax)
    token = try reader.text(limit: Limits.tokenByteCountMax)
  }
}

extension Hello {
  /// The largest body that a peer accepts; every batch must fit.
  @_lifetime(reader: copy reader)
  fileprivate static func frameLimit(from reader: inout ByteReader) throws(WireDecodingError) -> UInt32 {
    let start = reader.offset
    let limit = try reader.u32()
    if limit < UInt32(Limits.frameByteCountMin) {
      throw WireDecodingError(
        "frames of \(limit) bytes; every batch must fit, so \(Limits.frameByteCountMin) is least", at: start)
    }
    return limit
  }
}

/// The server's answer to HELLO (`spec/wire.md`, section 4.2).
package struct Welcome: Hashable, Sendable {
  package var version: UInt8 = 1
  package var frameByteCountMax: UInt32
  package var features: UInt64 = 0
  package var server: InstanceID
  package var store: InstanceID
  package var heartbeatMilliseconds: UInt32
  package var appendByteCountMax: UInt32
  package var appendBatchCountMax: UInt32
  package var producerBatchCountMax: UInt16
  package var subscriptionCountMax: UInt16
  package var name: String

  /// The bit of `features` that says whether the server checks tokens.
  package static let tokenCheckFeature: UInt64 = 1 << 1
  package var checksTokens: Bool { features & Self.tokenCheckFeature != 0 }

  package init(
    frameByteCountMax: UInt32, server: InstanceID, store: InstanceID, heartbeatMilliseconds: UInt32,
    appendByteCountMax: UInt32, appendBatchCountMax: UInt32,
    producerBatchCountMax: UInt16 = UInt16(Limits.producerBatchCountMax), subscriptionCountMax: UInt16, name: String
  ) {
    self.frameByteCountMax = frameByteCountMax
    self.server = server
    self.store = store
    self.heartbeatMilliseconds = heartbeatMilliseconds
    self.appendByteCountMax = appendByteCountMax
    self.appendBatchCountMax = appendBatchCountMax
    self.producerBatchCountMax = producerBatchCountMax
    self.subscriptionCountMax = subscriptionCountMax
    self.name = name
  }

  func encode(into writer: inout ByteWriter) {
    writer.append(version)
    writer.append(zeros: 3)
    writer.append(u32: frameByteCountMax)
    writer.append(u64: features)
    server.encode(into: &writer)
    store.encode(into: &writer)
    writer.append(u32: heartbeatMilliseconds)
    writer.append(u32: appendByteCountMax)
    writer.append(u32: appendBatchCountMax)
    writer.append(u16: producerBatchCountMax)
    writer.append(u16: subscriptionCountMax)
    writer.append(text: name, limit: Limits.clientNameByteCountMax)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    version = try reader.u8()
    try reader.zeros(3)
    if version == 0 { throw WireDecodingError("versions start at 1", at: 0) }
    frameByteCountMax = try Hello.frameLimit(from: &reader)
    features = try reader.u64()
    server = try InstanceID(from: &reader)
    store = try InstanceID(from: &reader)
    heartbeatMilliseconds = try reader.u32()
    appendByteCountMax = try reader.u32()
    appendBatchCountMax = try reader.u32()
    producerBatchCountMax = try reader.u16()
    subscriptionCountMax = try reader.u16()
    name = try reader.text(limit: Limits.clientNameByteCountMax)
  }
}

/// The server is about to stop (`spec/wire.md`, section 4.5).
package struct GoAway: Hashable, Sendable {
  /// Where a client is to connect next.
  package enum Advice: UInt8, Sendable {
    /// To this server, which will be back.
    case comeBack = 1
    /// To another one, if the client knows any.
    case goElsewhere = 2
  }

  package var retryAfterMilliseconds: UInt32
  package var text: String
  package var advice: Advice?

  private static let adviceTag: UInt16 = 1

  package init(retryAfterMilliseconds: UInt32, text: String, advice: Advice? = nil) {
    self.retryAfterMilliseconds = retryAfterMilliseconds
    self.text = text
    self.advice = advice
  }

  func encode(into writer: inout ByteWriter) {
    writer.append(u32: retryAfterMilliseconds)
    writer.append(text: text, limit: Limits.errorTextByteCountMax)
    guard let advice else { return }
    var content = ByteWriter(capacity: 1)
    content.append(advice.rawValue)
    Extensions.write(Self.adviceTag, content, into: &writer)
  }

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    do {
      retryAfterMilliseconds = try reader.u32()
      text = try reader.text(limit: Limits.errorTextByteCountMax)
    } catch { throw Refusal(.protocolViolation, error.description) }
    var advice: Advice?
    try Extensions.read(from: &reader) { tag, content throws(WireDecodingError) in
      guard tag == Self.adviceTag else { return false }
      var reader = ByteReader(content)
      advice = Advice(rawValue: try reader.u8())
      if !reader.isAtEnd { throw WireDecodingError("GOAWAY's advice is one byte", at: 0) }
      return true
    }
    self.advice = advice
  }
}
