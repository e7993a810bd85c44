/// A request for a page of the stream list (`spec/wire.md`, section 4.17).
package struct ListRequest: Hashable, Sendable {
  package var limit: UInt16
  /// Nil: all streams except the server's own.
  package var pattern: StreamPattern?
  /// The last name of the previous page; nil for the first page.
  package var after: StreamName?

  package init(
    limit: UInt16 = UInt16(Limits.listingStreamCountMax), pattern: StreamPattern? = nil, after: StreamName? = nil
  ) {
    self.limit = limit
    self.pattern = pattern
    self.after = after
  }
}

/// What the server reports about one stream.
public struct StreamSummary: Hashable, Sendable {
  public var stream: StreamName
  public var incarnation: Incarnation
  /// The lowest sequence number kept.
  public var first: UInt64
  /// The last sequence number; `first - 1` when nothing is kept.
  public var head: UInt64
  /// Entries kept.
  public var entryCount: UInt64
  /// Bytes stored for them.
  public var byteCount: UInt64
  /// When the last entry was accepted, in ns since 1970; 0 if there is none.
  public var lastReceived: Int64
  public var isSealed: Bool

  package init(
    stream: StreamName, incarnation: Incarnation, first: UInt64, head: UInt64, entryCount: UInt64, byteCount: UInt64,
    lastReceived: Int64, isSealed: Bool
  ) {
    self.stream = stream
    self.incarnation = incarnation
    self.first = first
    self.head = head
    self.entryCount = entryCount
    self.byteCount = byteCount
    self.lastReceived = lastReceived
    self.isSealed = isSealed
  }
}

/// A page of the stream list (`spec/wire.md`, section 4.18).
package struct Listing: Hashable, Sendable {
  package var streams: [StreamSummary]
  package var hasMore: Bool

  package init(streams: [StreamSummary], hasMore: Bool) {
    self.streams = streams
    self.hasMore = hasMore
  }
}

/// One fact about the server's state: a number or a text under a name.
public struct ServerFact: Hashable, Sendable {
  public enum Value: Hashable, Sendable {
    case number(UInt64)
    case text(String)
  }

  public var key: String
  public var value: Value

  package init(_ key: String, _ value: UInt64) { (self.key, self.value) = (key, .number(value)) }
  package init(_ key: String, _ value: String) { (self.key, self.value) = (key, .text(value)) }
}

extension ListRequest {
  func encode(into writer: inout ByteWriter) {
    writer.append(u16: limit)
    writer.append(zeros: 2)
    writer.append(name: pattern?.text ?? "")
    writer.append(name: after?.text ?? "")
  }

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    let patternText: String
    let afterText: String
    do throws(WireDecodingError) {
      limit = try reader.u16()
      try reader.zeros(2)
      patternText = try reader.name()
      afterText = try reader.name()
    } catch { throw Refusal(.protocolViolation, error.description) }
    try Extensions.skip(&reader)
    if limit == 0 || limit > UInt16(Limits.listingStreamCountMax) {
      throw Refusal(
        .badRequest, "a page holds 1 to \(Limits.listingStreamCountMax) streams, not \(limit)",
        limit: .init("list-page", UInt64(Limits.listingStreamCountMax)))
    }
    do { pattern = patternText.isEmpty ? nil : try StreamPattern(patternText) } catch {
      throw Refusal(.badRequest, error.description)
    }
    after = afterText.isEmpty ? nil : try Message.streamName(afterText)
  }
}

extension Listing {
  /// A stream's fields before its name has been checked.
  private struct Row {
    let incarnation: Incarnation
    let first: UInt64
    let head: UInt64
    let entryCount: UInt64
    let byteCount: UInt64
    let lastReceived: Int64
    let isSealed: Bool
    let name: String

    @_lifetime(fields: copy fields)
    init(from fields: inout ByteReader) throws(WireDecodingError) {
      incarnation = Incarnation(try fields.u64())
      first = try fields.u64()
      head = try fields.u64()
      entryCount = try fields.u64()
      byteCount = try fields.u64()
      lastReceived = try fields.i64()
      isSealed = try fields.u8() == 1
      name = try fields.name()
      // Readers calculate with these.
      if first == 0 || first > Limits.numberMax || head > Limits.numberMax || head < first - 1 {
        throw WireDecodingError("a stream's first and last number do not belong together", at: 8)
      }
    }
  }

  /// The fields of a stream in front of its name, as far as version 1 knows them.
  private static let fixedByteCount = 49

  func encode(into writer: inout ByteWriter) {
    writer.append(u16: UInt16(streams.count))
    writer.append(hasMore ? 1 : 0)
    writer.append(zeros: 1)
    for stream in streams {
      writer.append(u16: UInt16(Self.fixedByteCount + 1 + stream.stream.text.utf8.count))
      writer.append(u64: stream.incarnation.value)
      writer.append(u64: stream.first)
      writer.append(u64: stream.head)
      writer.append(u64: stream.entryCount)
      writer.append(u64: stream.byteCount)
      writer.append(i64: stream.lastReceived)
      writer.append(stream.isSealed ? 1 : 0)
      writer.append(name: stream.stream.text)
    }
  }

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    var rows: [Row] = []
    do throws(WireDecodingError) {
      let count = try reader.u16()
      hasMore = try reader.u8() & 1 != 0
      try reader.zeros(1)
      if count > UInt16(Limits.listingStreamCountMax) {
        throw WireDecodingError("a page of \(count) streams; the limit is \(Limits.listingStreamCountMax)", at: 0)
      }
      for _ in 0..<count {
        let length = Int(try reader.u16())
        var fields = ByteReader(try reader.span(length))
        rows.append(try Row(from: &fields))
      }
    } catch { throw Refusal(.protocolViolation, error.description) }
    try Extensions.skip(&reader)
    streams = []
    for row in rows {
      if let last = streams.last, last.stream.text >= row.name {
        throw Refusal(.protocolViolation, "the streams of a page come in ascending order, each once")
      }
      streams.append(
        StreamSummary(
          stream: try Message.streamName(row.name), incarnation: row.incarnation, first: row.first, head: row.head,
          entryCount: row.entryCount, byteCount: row.byteCount, lastReceived: row.lastReceived, isSealed: row.isSealed))
    }
  }
}

extension ServerFact {
  static func encode(_ facts: [ServerFact], into writer: inout ByteWriter) {
    writer.append(u16: UInt16(facts.count))
    for fact in facts {
      writer.append(name: fact.key)
      switch fact.value {
      case .number(let number):
        writer.append(UInt8(0))
        writer.append(u64: number)
      case .text(let text):
        writer.append(UInt8(1))
        writer.append(text: text, limit: Limits.factTextByteCountMax)
      }
    }
  }

  @_lifetime(reader: copy reader)
  static func list(from reader: inout ByteReader) throws(WireDecodingError) -> [ServerFact] {
    var facts: [ServerFact] = []
    for _ in 0..<(try reader.u16()) {
      let key = try reader.name()
      let start = reader.offset
      switch try reader.u8() {
      case 0: facts.append(ServerFact(key, try reader.u64()))
      case 1: facts.append(ServerFact(key, try reader.text(limit: Limits.factTextByteCountMax)))
      case let kind: throw WireDecodingError("a fact of kind \(kind) is unknown", at: start)
      }
    }
    return facts
  }
}
