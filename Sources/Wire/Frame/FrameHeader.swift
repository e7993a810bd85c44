/// The 20 bytes in front of every frame (`spec/wire.md`, section 1), frozen for all versions.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | `bodyLength` |
/// | 4 | 1 | `type` |
/// | 5 | 1 | flags |
/// | 6 | 2 | headerCheck |
/// | 8 | 4 | `id` |
/// | 12 | 4 | `controlLength` |
/// | 16 | 4 | `check` |
struct FrameHeader {
  static let byteCount = 20
  /// The seed of the control part's `check`: the hash of the bytes in front of it.
  private static let seededByteCount = 16

  let bodyLength: Int
  let type: UInt8
  let id: UInt32
  let controlLength: Int
  let check: UInt32
  /// The hash of bytes 0 to 15.
  let seed: UInt64

  /// What speaks another protocol, by its first bytes; nil if they are none that is known.
  private static func foreign(_ bytes: RawSpan) -> String? {
    let known: [(prefix: StaticString, name: String)] = [
      ("HTTP/", "an HTTP server"), ("<!DO", "an HTTP server"), ("<htm", "an HTTP server"), ("SSH-", "an SSH server"),
      ("-ERR", "Redis"), ("220", "a mail or FTP server"),
    ]
    return known.first { prefix, _ in
      (0..<prefix.utf8CodeUnitCount).allSatisfy { index in
        unsafe index < bytes.byteCount
          && bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) == prefix.utf8Start[index]
      }
    }?.name
  }

  /// Whether it is the beginning of a record of TLS 1.0 to 1.3.
  private static func isTLS(_ bytes: RawSpan) -> Bool {
    let (type, version) = unsafe (
      bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self), bytes.unsafeLoad(fromByteOffset: 1, as: UInt8.self)
    )
    return (20...23).contains(type) && version == 3
  }

  /// The type that a header says which is not verified.
  static func type(in bytes: RawSpan) -> UInt8 { unsafe bytes.unsafeLoad(fromByteOffset: 4, as: UInt8.self) }

  /// Reads a header and verifies its check, so that its lengths can be trusted.
  ///
  /// - Parameter bodyByteCountMax: the limit that this side announced.
  /// - Throws: `Refusal`, always of the connection: after a wrong header it is not known where the next frame starts.
  init(decoding bytes: RawSpan, bodyByteCountMax: Int) throws(Refusal) {
    let flags: UInt8
    let headerCheck: UInt16
    do throws(WireDecodingError) {
      var reader = ByteReader(bytes)
      bodyLength = Int(try reader.u32())
      type = try reader.u8()
      flags = try reader.u8()
      headerCheck = try reader.u16()
      id = try reader.u32()
      controlLength = Int(try reader.u32())
      check = try reader.u32()
    } catch { throw Refusal(.protocolViolation, error.description) }
    seed = XXH3.hash(bytes.extracting(0..<Self.seededByteCount))
    // Bytes damaged in transit may arrive intact over a new connection; a frame that was sent wrong would be wrong
    // again.
    if headerCheck != Self.headerCheck(of: bytes) {
      throw Refusal(
        .protocolViolation,
        Self.isTLS(bytes)
          ? "the other side speaks TLS there: connect with logs+tls://, or to a port without TLS"
          : Self.foreign(bytes).map { "\($0) answers there, and no logsd: check host and port" }
            ?? "the frame header's check does not fit: not this protocol, or damaged on the way (at byte 6)",
        isRetryable: true)
    }
    if bodyLength > bodyByteCountMax {
      throw Refusal(
        .frameTooLarge, "a frame of \(bodyLength) bytes; the limit here is \(bodyByteCountMax)",
        limit: .init("frame-limit", UInt64(bodyByteCountMax)))
    }
    do throws(WireDecodingError) { try checkFields(flags: flags) } catch {
      throw Refusal(.protocolViolation, error.description)
    }
    if type < FrameType.ignorable, FrameType(rawValue: type) == nil {
      throw Refusal(.unsupported, "frames of type \(type) are unknown in version 1")
    }
  }

  private func checkFields(flags: UInt8) throws(WireDecodingError) {
    if flags & 0x0f != 0 { throw WireDecodingError("the frame has flags that version 1 does not know", at: 5) }
    if controlLength > bodyLength { throw WireDecodingError("the control part is longer than the body", at: 12) }
    if controlLength > Limits.controlByteCountMax {
      throw WireDecodingError(
        "the control part has \(controlLength) bytes; the limit is \(Limits.controlByteCountMax)", at: 12)
    }
    if controlLength != bodyLength, let known = FrameType(rawValue: type), !known.carriesBatches {
      throw WireDecodingError("a frame of type \(type) has no batch part", at: 12)
    }
  }

  /// Verifies the check over header and control part.
  func verify(control: RawSpan) throws(Refusal) {
    if UInt32(truncatingIfNeeded: XXH3.hash(control, seed: seed)) != check {
      throw Refusal(
        .protocolViolation, "the frame's check does not fit: damaged on the way (at byte 16)", isRetryable: true)
    }
  }

  /// The low 16 bits of the hash over bytes 0 to 15 with bytes 6 and 7 zero.
  private static func headerCheck(of bytes: RawSpan) -> UInt16 {
    let first = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)
    let second = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)
    let words: InlineArray<2, UInt64> = [(UInt64(littleEndian: first) & 0x0000_ffff_ffff_ffff).littleEndian, second]
    return UInt16(truncatingIfNeeded: XXH3.hash(unsafe words.span.bytes))
  }

  /// Begins a frame; the control part is appended after it.
  static func begin(_ type: FrameType, id: UInt32, into writer: inout ByteWriter) {
    writer.append(u32: 0)
    writer.append(type.rawValue)
    writer.append(UInt8(0))
    writer.append(u16: 0)
    writer.append(u32: id)
    writer.append(zeros: 8)
  }

  /// Completes the frame that `writer` holds: fills in lengths and checks.
  static func end(batchByteCount: Int, of writer: inout ByteWriter) {
    let controlLength = writer.count - byteCount
    precondition(controlLength <= Limits.controlByteCountMax, "a control part fits its limit")
    writer.overwrite(u32: UInt32(controlLength + batchByteCount), at: 0)
    writer.overwrite(u32: UInt32(controlLength), at: 12)
    writer.overwrite(u16: UInt16(truncatingIfNeeded: XXH3.hash(writer.span.extracting(0..<seededByteCount))), at: 6)
    let seed = XXH3.hash(writer.span.extracting(0..<seededByteCount))
    let check = XXH3.hash(writer.span.extracting(byteCount..<writer.count), seed: seed)
    writer.overwrite(u32: UInt32(truncatingIfNeeded: check), at: 16)
  }
}

/// The types of version 1 (`spec/wire.md`, section 3).
package enum FrameType: UInt8, Hashable, Sendable {
  case hello = 1
  case welcome = 2
  case error = 3
  case ping = 4
  case pong = 5
  case goAway = 6
  case append = 10
  case ack = 11
  case complete = 12
  case follow = 20
  case stream = 21
  case resolved = 22
  case batch = 23
  case skip = 24
  case live = 25
  case end = 26
  case credit = 27
  case cancel = 28
  case list = 30
  case listing = 31
  case stat = 32
  case status = 33
  case query = 34
  case result = 35
  case progress = 36
  case auth = 40
  case challenge = 41
  case dictionary = 43
  case delete = 44
  case deleted = 46
  case authorized = 47
  /// From 128 up a peer may ignore a type.
  case heads = 130

  /// Unknown types from here up are ignored, lower ones refused.
  static let ignorable: UInt8 = 128

  var carriesBatches: Bool { self == .append || self == .batch }

  /// Whether the frame concerns the connection alone, so that its id is 0.
  var concernsConnection: Bool {
    switch self {
    case .hello, .welcome, .ping, .pong, .goAway, .challenge, .dictionary: true
    case .error, .append, .ack, .complete, .follow, .stream, .resolved, .batch, .skip, .live, .end, .credit, .cancel,
      .list, .listing, .stat, .status, .query, .result, .progress, .heads, .auth, .authorized, .delete, .deleted:
      false
    }
  }

  /// Whether the frame begins something that ends with an answer on its id.
  var isRequest: Bool {
    switch self {
    case .append, .complete, .follow, .list, .stat, .query, .auth, .delete: true
    case .hello, .welcome, .error, .ping, .pong, .goAway, .ack, .stream, .resolved, .batch, .skip, .live, .end, .credit,
      .cancel, .listing, .status, .result, .progress, .heads, .challenge, .authorized, .deleted, .dictionary:
      false
    }
  }
}
