/// The fixed part in front of every batch (`spec/wire.md`, section 5.1): 88 bytes.
///
/// | offset | size | field | signed by |
/// |---|---|---|---|
/// | 0 | 8 | `serverCheck` | |
/// | 8 | 8 | `firstSequence` | server |
/// | 16 | 8 | `received`, ns since 1970 | server |
/// | 24 | 4 | `span`, sequence numbers covered | server |
/// | 28 | 4 | zero | server |
/// | 32 | 8 | `check` | |
/// | 40 | 1 | `format` = 1 | producer |
/// | 41 | 1 | `codec` | producer |
/// | 42 | 2 | `flags` | producer |
/// | 44 | 4 | `count`, entries | producer |
/// | 48 | 8 | `minTime`, ns | producer |
/// | 56 | 8 | `maxTime`, ns | producer |
/// | 64 | 4 | `severities`, bit n for severity n | producer |
/// | 68 | 4 | `rawLength`, payload before compression | producer |
/// | 72 | 4 | `storedLength`, payload as stored | producer |
/// | 76 | 4 | zero | producer |
/// | 80 | 8 | `dictionary`, 64-bit content hash, 0 = none | producer |
///
/// A producer leaves the first 32 bytes zero. The server numbers a batch by filling them in, and changes nothing else.
package struct BatchHeader: Hashable, Sendable {
  package static let byteCount = 88
  package static let serverPart = 0..<32
  package static let format: UInt8 = 1

  package struct Flags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Entries carry sequence offsets: some numbers of the span have no entry here.
    package static let sparse = Flags(rawValue: 1 << 0)
    /// The server re-encoded this batch from others.
    package static let reencoded = Flags(rawValue: 1 << 1)
    /// At least one entry has no time; its received time counts.
    package static let untimed = Flags(rawValue: 1 << 2)

    /// Entries carry the times at which they were received. Only the server merges batches, so it counts only together
    /// with `reencoded`: bits from 8 on used to be ignored.
    static let receivedTimes = Flags(rawValue: 1 << 8)
    package var haveReceivedTimes: Bool { isSuperset(of: [.reencoded, .receivedTimes]) }

    /// Those that mean something in a batch as its producer made it.
    static let producers = Flags(rawValue: 0xff)

    /// Bits that version 1 does not know and must refuse; those above are ignored.
    static let mustBeZero: UInt16 = 0x00f8
  }

  package enum Codec: UInt8, Hashable, Sendable {
    case none = 0
    case zstd = 1
    case zstdDictionary = 2
  }

  package var serverCheck: UInt64 = 0
  package var firstSequence: UInt64 = 0
  package var received: Int64 = 0
  package var span: UInt32 = 0
  package var check: UInt64 = 0
  package var codec: Codec
  package var flags: Flags
  package var count: UInt32
  package var minTime: Int64
  package var maxTime: Int64
  package var severities: UInt32
  package var rawLength: UInt32
  package var storedLength: UInt32
  package var dictionary: UInt64 = 0

  /// The batch's whole size, header included.
  package var batchByteCount: Int { Self.byteCount + Int(storedLength) }
  /// The last number covered, or the first one if there is no span yet, so that no header from a peer can cause a trap.
  package var lastSequence: UInt64 { span == 0 ? firstSequence : firstSequence + UInt64(span) - 1 }

  /// The earliest and latest effective time: an entry without a time counts with the received time.
  package var effectiveTimes: ClosedRange<Int64> {
    guard flags.contains(.untimed), !flags.haveReceivedTimes else { return minTime...maxTime }
    // Both are zero if no entry has a time.
    if minTime == 0, maxTime == 0 { return received...received }
    return min(minTime, received)...max(maxTime, received)
  }

  /// The effective time of each entry.
  ///
  /// - Parameters:
  ///   - times: those that the entries have; empty if there is no such column.
  ///   - receivedTimes: the same of those received.
  func effectiveTimes(_ times: [Int64], received receivedTimes: [Int64]) -> [Int64] {
    guard !times.isEmpty else {
      return receivedTimes.isEmpty ? Array(repeating: received, count: Int(count)) : receivedTimes
    }
    guard flags.contains(.untimed) else { return times }
    return times.enumerated().map { row, time in
      time == 0 ? (receivedTimes.isEmpty ? received : receivedTimes[row]) : time
    }
  }
}

extension BatchHeader {
  /// Reads the header at the start of `bytes` and checks every length in it against the limits and against `bytes`.
  ///
  /// Nothing is hashed and no payload byte is looked at.
  /// - Throws: `WireDecodingError`.
  package init(decoding bytes: RawSpan) throws(WireDecodingError) {
    var reader = ByteReader(bytes)
    serverCheck = try reader.u64()
    firstSequence = try reader.u64()
    received = try reader.i64()
    span = try reader.u32()
    if try reader.u32() != 0 { throw WireDecodingError("reserved bytes of the batch header must be zero", at: 28) }
    check = try reader.u64()
    let format = try reader.u8()
    if format != Self.format {
      throw WireDecodingError(
        "the batch has format \(format); this version knows format \(Self.format)", at: 40,
        isUnsupported: true)
    }
    let codecValue = try reader.u8()
    guard let codec = Codec(rawValue: codecValue) else {
      throw WireDecodingError(
        "the batch has codec \(codecValue), which this version does not know", at: 41, isUnsupported: true)
    }
    self.codec = codec
    flags = Flags(rawValue: try reader.u16())
    if flags.rawValue & Flags.mustBeZero != 0 {
      throw WireDecodingError("the batch has flags that this version does not know", at: 42, isUnsupported: true)
    }
    count = try reader.u32()
    if count == 0 || count > UInt32(Limits.batchEntryCountMax) {
      throw WireDecodingError("a batch holds 1 to \(Limits.batchEntryCountMax) entries, not \(count)", at: 44)
    }
    minTime = try reader.i64()
    maxTime = try reader.i64()
    if minTime > maxTime { throw WireDecodingError("the batch's earliest time is after its latest", at: 48) }
    severities = try reader.u32()
    if severities == 0 || severities >> 25 != 0 {
      throw WireDecodingError("the batch's severity mask must name severities 0 to 24", at: 64)
    }
    rawLength = try reader.u32()
    if rawLength > UInt32(Limits.batchRawByteCountMax) {
      throw WireDecodingError(
        "the batch's payload has \(rawLength) bytes; the limit is \(Limits.batchRawByteCountMax)", at: 68)
    }
    storedLength = try reader.u32()
    if Int(storedLength) > Limits.batchStoredByteCountMax - Self.byteCount {
      throw WireDecodingError(
        "the batch is stored in \(storedLength) bytes; the limit is \(Limits.batchStoredByteCountMax) with its header",
        at: 72)
    }
    if codec == .none, storedLength != rawLength {
      throw WireDecodingError("an uncompressed batch has two lengths, \(rawLength) and \(storedLength)", at: 72)
    }
    if try reader.u32() != 0 { throw WireDecodingError("reserved bytes of the batch header must be zero", at: 76) }
    dictionary = try reader.u64()
    if (dictionary != 0) != (codec == .zstdDictionary) {
      throw WireDecodingError("a batch names a dictionary exactly when its codec needs one", at: 80)
    }
    if Int(storedLength) > reader.remaining {
      throw WireDecodingError("the batch says \(storedLength) payload bytes, \(reader.remaining) are left", at: 72)
    }
    let spanIsRight = flags.contains(.sparse) ? span == 0 || span >= count : span == 0 || span == count
    if !spanIsRight {
      throw WireDecodingError("the batch spans \(span) sequence numbers with \(count) entries", at: 24)
    }
    // Not `lastSequence`: both come from the peer, and the sum may wrap.
    if firstSequence > Limits.numberMax || UInt64(span) > Limits.numberMax - firstSequence + 1 {
      throw WireDecodingError("the batch's sequence numbers are above 2^63 - 1", at: 8)
    }
  }

  /// Appends the 88 bytes, with the checks from the fields.
  package func encode(into writer: inout ByteWriter) {
    writer.append(u64: serverCheck)
    writer.append(u64: firstSequence)
    writer.append(i64: received)
    writer.append(u32: span)
    writer.append(u32: 0)
    writer.append(u64: check)
    writer.append(Self.format)
    writer.append(codec.rawValue)
    writer.append(u16: flags.rawValue)
    writer.append(u32: count)
    writer.append(i64: minTime)
    writer.append(i64: maxTime)
    writer.append(u32: severities)
    writer.append(u32: rawLength)
    writer.append(u32: storedLength)
    writer.append(u32: 0)
    writer.append(u64: dictionary)
  }

  /// The seed of the server's check: a batch under another stream or incarnation does not pass.
  package static func serverSeed(stream: StreamName, incarnation: Incarnation) -> UInt64 {
    var text = stream.text
    return text.withUTF8 { name in XXH3.hash(unsafe name.span.bytes, seed: incarnation.value) }
  }

  /// The server's check over its own fields (bytes 8 to 31) and the producer's check (32 to 39) of the batch `bytes`
  /// starts with.
  package static func serverCheck(of bytes: RawSpan, seed: UInt64) -> UInt64 {
    XXH3.hash(bytes.extracting(8..<40), seed: seed)
  }

  /// The producer's check over everything after it: bytes 40 to the end of the payload.
  package static func check(of batch: RawSpan) -> UInt64 { XXH3.hash(batch.extracting(40..<batch.byteCount)) }
}
