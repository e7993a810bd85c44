/// One received frame of a known type.
package struct Frame: Sendable {
  package let type: FrameType
  package let id: UInt32
  package let control: ByteString
  /// The batch part of APPEND and BATCH; empty otherwise. Shares its memory with the frame.
  package let batches: ByteString
}

/// Cuts a stream of bytes into frames, in whatever pieces it arrives.
///
/// A frame's body is copied once, into memory that batches then share. No memory is taken for a body before its
/// header's check matches and its length is within the limit.
package struct FrameDecoder: ~Copyable {
  /// The largest body that this side accepts: `handshakeByteCountMax` until the handshake is over.
  package var bodyByteCountMax: Int

  private var header: FrameHeader?
  /// The beginning of a header or body whose rest has not arrived.
  private var buffer = ByteWriter(capacity: 0)

  package init(bodyByteCountMax: Int) { self.bodyByteCountMax = bodyByteCountMax }

  /// Whether a frame has begun to arrive.
  package var isInsideFrame: Bool { header != nil || buffer.count > 0 }

  /// Takes bytes of `input` from `offset` on until a frame is complete.
  ///
  /// - Returns: the frame; nil if the input is used up first. Frames of unknown types from 128 up are skipped.
  /// - Throws: `Refusal` that ends the connection.
  package mutating func next(from input: RawSpan, at offset: inout Int) throws(Refusal) -> Frame? {
    while true {
      if header == nil { header = try takeHeader(from: input, at: &offset) }
      guard let current = header, let body = takeBody(current.bodyLength, from: input, at: &offset) else { return nil }
      header = nil
      try current.verify(control: body.span.extracting(0..<current.controlLength))
      if let type = FrameType(rawValue: current.type) {
        return Frame(
          type: type, id: current.id, control: body[0..<current.controlLength],
          batches: body[current.controlLength..<body.count])
      }
    }
  }

  private mutating func takeHeader(from input: RawSpan, at offset: inout Int) throws(Refusal) -> FrameHeader? {
    if buffer.count == 0, input.byteCount - offset >= FrameHeader.byteCount {
      defer { offset += FrameHeader.byteCount }
      return try FrameHeader(
        decoding: input.extracting(offset..<offset + FrameHeader.byteCount), bodyByteCountMax: bodyByteCountMax)
    }
    fill(to: FrameHeader.byteCount, from: input, at: &offset)
    guard buffer.count == FrameHeader.byteCount else { return nil }
    defer { buffer.removeAll() }
    return try FrameHeader(decoding: buffer.span, bodyByteCountMax: bodyByteCountMax)
  }

  private mutating func takeBody(_ count: Int, from input: RawSpan, at offset: inout Int) -> ByteString? {
    if buffer.count == 0, input.byteCount - offset >= count {
      defer { offset += count }
      return ByteString(copying: input.extracting(offset..<offset + count))
    }
    if buffer.count == 0 { buffer = ByteWriter(capacity: count) }
    fill(to: count, from: input, at: &offset)
    guard buffer.count == count else { return nil }
    var body = ByteWriter(capacity: 0)
    swap(&body, &buffer)
    return body.finish()
  }

  private mutating func fill(to count: Int, from input: RawSpan, at offset: inout Int) {
    let piece = min(count - buffer.count, input.byteCount - offset)
    guard piece > 0 else { return }
    buffer.append(input.extracting(offset..<offset + piece))
    offset += piece
  }
}
