/// A request to delete a stream, or a range of its entries (`spec/wire.md`, section 4.24).
package struct DeleteRequest: Hashable, Sendable {
  package var stream: StreamName
  /// The history that is meant; `.any` for the one that the stream has.
  package var incarnation: Incarnation
  /// Nil for the whole stream.
  package var numbers: ClosedRange<UInt64>?
  /// Whether only to answer what would go.
  package var isDryRun: Bool

  package init(
    stream: StreamName, incarnation: Incarnation = .any, numbers: ClosedRange<UInt64>? = nil, isDryRun: Bool = false
  ) {
    self.stream = stream
    self.incarnation = incarnation
    self.numbers = numbers
    self.isDryRun = isDryRun
  }
}

/// What a deletion removed, or what it would remove (`spec/wire.md`, section 4.25).
public struct DeletionSummary: Hashable, Sendable {
  /// The history that the entries belong to, or belonged to.
  public var incarnation: Incarnation
  /// From the first entry that goes to the last; nil if none does.
  public var numbers: ClosedRange<UInt64>?
  /// Entries that go.
  public var entryCount: UInt64
  /// About how many bytes are stored for them.
  public var byteCount: UInt64

  package init(incarnation: Incarnation, numbers: ClosedRange<UInt64>?, entryCount: UInt64, byteCount: UInt64) {
    self.incarnation = incarnation
    self.numbers = numbers
    self.entryCount = entryCount
    self.byteCount = byteCount
  }
}

extension DeleteRequest {
  private static let dryRunBit: UInt8 = 1

  func encode(into writer: inout ByteWriter) {
    writer.append(isDryRun ? Self.dryRunBit : 0)
    writer.append(zeros: 7)
    writer.append(u64: incarnation.value)
    writer.append(u64: numbers?.lowerBound ?? 0)
    writer.append(u64: numbers?.upperBound ?? 0)
    writer.append(name: stream.text)
  }

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    let name: String
    do throws(WireDecodingError) {
      let flags = try reader.u8()
      if flags & ~Self.dryRunBit != 0 { throw WireDecodingError("DELETE has flags that are unknown", at: 0) }
      isDryRun = flags & Self.dryRunBit != 0
      try reader.zeros(7)
      incarnation = Incarnation(try reader.u64())
      numbers = try DeletionSummary.numbers(from: &reader)
      name = try reader.name()
    } catch { throw Refusal(.protocolViolation, error.description) }
    try Extensions.skip(&reader)
    // The server's own streams are refused by the server, since their names are well-formed.
    stream = try Message.streamName(name)
  }
}

extension DeletionSummary {
  func encode(into writer: inout ByteWriter) {
    writer.append(u64: incarnation.value)
    writer.append(u64: entryCount)
    writer.append(u64: byteCount)
    writer.append(u64: numbers?.lowerBound ?? 0)
    writer.append(u64: numbers?.upperBound ?? 0)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    incarnation = Incarnation(try reader.u64())
    let start = reader.offset
    entryCount = try reader.u64()
    byteCount = try reader.u64()
    numbers = try Self.numbers(from: &reader)
    let entryCounts = numbers.map { 1...($0.upperBound - $0.lowerBound + 1) } ?? 0...0
    guard entryCounts.contains(entryCount) else {
      throw WireDecodingError("\(entryCount) deleted entries do not fit their range", at: start)
    }
  }

  /// A range of sequence numbers; nil for two zeros.
  @_lifetime(reader: copy reader)
  fileprivate static func numbers(from reader: inout ByteReader) throws(WireDecodingError) -> ClosedRange<UInt64>? {
    let start = reader.offset
    let (from, to) = (try reader.u64(), try reader.u64())
    if from == 0, to == 0 { return nil }
    guard 1 <= from, from <= to, to <= Limits.numberMax else {
      throw WireDecodingError("\(from) to \(to) is no range of sequence numbers", at: start)
    }
    return from...to
  }
}
