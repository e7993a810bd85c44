@testable import LogsWire

/// Takes frames apart and puts them together, with checks that match whatever the bytes say.
enum Frames {
  static func bytes(_ frame: OutgoingFrame) -> [UInt8] { frame.head.array + frame.batches.array }

  /// Every frame in `bytes`, which arrive in pieces of the given sizes, used in turn.
  static func decode(
    _ bytes: [UInt8], pieces: [Int] = [Int.max], limit: Int = Limits.frameByteCountMax
  ) throws(Refusal) -> [Frame] {
    var decoder = FrameDecoder(bodyByteCountMax: limit)
    var frames: [Frame] = []
    var start = 0
    var turn = 0
    while start < bytes.count {
      let size = min(max(pieces[turn % pieces.count], 1), bytes.count - start)
      turn += 1
      let piece = ByteString(Array(bytes[start..<start + size]))
      var offset = 0
      while let frame = try decoder.next(from: piece.span, at: &offset) { frames.append(frame) }
      start += size
    }
    return frames
  }

  static func messages(_ bytes: [UInt8]) throws(Refusal) -> [Message] {
    var messages: [Message] = []
    for frame in try decode(bytes) { messages.append(try Message(decoding: frame)) }
    return messages
  }

  /// A signed frame of any bytes.
  static func frame(
    type: UInt8, flags: UInt8 = 0, id: UInt32, control: [UInt8], batches: [UInt8] = []
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(u32: UInt32(control.count + batches.count))
    writer.append(type)
    writer.append(flags)
    writer.append(u16: 0)
    writer.append(u32: id)
    writer.append(u32: UInt32(control.count))
    writer.append(u32: 0)
    var bytes = writer.finish().array + control + batches
    sign(&bytes)
    return bytes
  }

  /// Makes the checks of the frame in `bytes` match its content. Bytes that are too short are unchanged.
  static func sign(_ bytes: inout [UInt8]) {
    guard bytes.count >= 20 else { return }
    bytes[6] = 0
    bytes[7] = 0
    store(UInt16(truncatingIfNeeded: hash(bytes[0..<16])), &bytes, 6)
    let control = Int(load(bytes, 12, UInt32.self))
    guard control <= bytes.count - 20 else { return }
    let check = hash(bytes[20..<20 + control], seed: hash(bytes[0..<16]))
    store(UInt32(truncatingIfNeeded: check), &bytes, 16)
  }

  static func hash(_ bytes: ArraySlice<UInt8>, seed: UInt64 = 0) -> UInt64 {
    XXH3.hash(ByteString(Array(bytes)).span, seed: seed)
  }

  static func load<Integer: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, _: Integer.Type) -> Integer {
    bytes.withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self)) }
  }

  static func store<Integer: FixedWidthInteger>(_ value: Integer, _ bytes: inout [UInt8], _ offset: Int) {
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Integer.self) }
  }
}

/// Batches built from their parts, with checks that match whatever the bytes say.
enum Batches {
  /// Makes both checks match. Bytes that are too short are unchanged.
  static func sign(_ bytes: inout [UInt8], seed: UInt64? = nil) {
    guard bytes.count >= 88 else { return }
    Frames.store(Frames.hash(bytes[40...]), &bytes, 32)
    if let seed { Frames.store(Frames.hash(bytes[8..<40], seed: seed), &bytes, 0) }
  }

  /// A signed, uncompressed batch with a payload of any bytes.
  static func batch(
    count: UInt32, payload: [UInt8], flags: UInt16 = 0, minTime: Int64 = 0, maxTime: Int64 = 0, severities: UInt32 = 1,
    codec: BatchHeader.Codec = .none
  ) -> [UInt8] {
    let header = BatchHeader(
      codec: codec, flags: .init(rawValue: flags), count: count, minTime: minTime, maxTime: maxTime,
      severities: severities, rawLength: UInt32(payload.count), storedLength: UInt32(payload.count))
    var writer = ByteWriter()
    header.encode(into: &writer)
    var bytes = writer.finish().array + payload
    sign(&bytes)
    return bytes
  }

  static func column(_ id: UInt16, _ encoding: UInt8, _ content: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(u16: id)
    writer.append(encoding)
    writer.append(UInt8(0))
    writer.append(u32: UInt32(content.count))
    return writer.finish().array + content
  }

  static func varint(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(varint: value)
    return writer.finish().array
  }

  /// Entries of a stream, built and numbered.
  static func numbered(_ entries: [LogEntry], first: UInt64, received: Int64 = 1, seed: UInt64) throws -> Batch {
    try built(entries).numbered(firstSequence: first, received: received, seed: seed)
  }

  static func built(_ entries: [LogEntry]) throws -> Batch {
    var builder = BatchBuilder(seed: 1)
    for entry in entries {
      guard try builder.append(entry) == .added else { throw InvalidEntry("the entries do not fit one batch") }
    }
    return builder.finish(compressor: Compressor())
  }
}
