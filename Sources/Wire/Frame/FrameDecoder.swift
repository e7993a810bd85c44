/// One received frame of a known type.
package struct Frame: Sendable {
  package let type: FrameType
  package let id: UInt32
  package let control: Bytes
  /// The batch part of APPEND and BATCH; empty otherwise. Shares its memory with the frame.
  package let batches: Bytes
}

/// Cuts a stream of bytes into frames, whatever pieces it arrives in.
///
/// A frame's body is copied once, into memory of its own that batches go on sharing. No memory is taken for a body before
/// its header's check fits and its length is within the limit.
package struct FrameDecoder: ~Copyable {
  /// The largest body this side takes: `greetingByteCountMax` until the greeting is over.
  package var bodyByteCountMax: Int

  private var header: FrameHeader?
  private var buffer = ByteWriter(capacity: FrameHeader.byteCount)

  package init(bodyByteCountMax: Int) { self.bodyByteCountMax = bodyByteCountMax }

  /// Whether a frame has begun to arrive.
  package var isInsideFrame: Bool { header != nil || buffer.count > 0 }

  /// Takes bytes of `input` from `offset` on until a frame is whole.
  ///
  /// - Returns: the frame; nil when the input is used up first. Frames of unknown types from 128 up are passed over.
  /// - Throws: `Refusal` that ends the connection.
  package mutating func next(from input: RawSpan, at offset: inout Int) throws(Refusal) -> Frame? {
    while true {
      if header == nil {
        fill(to: FrameHeader.byteCount, from: input, at: &offset)
        guard buffer.count == FrameHeader.byteCount else { return nil }
        let decoded = try FrameHeader(decoding: buffer.span, bodyByteCountMax: bodyByteCountMax)
        header = decoded
        buffer = ByteWriter(capacity: decoded.bodyLength)
      }
      guard let current = header else { return nil }
      fill(to: current.bodyLength, from: input, at: &offset)
      guard buffer.count == current.bodyLength else { return nil }
      header = nil
      let body = take()
      try current.verify(control: body.span.extracting(0..<current.controlLength))
      if let type = FrameType(rawValue: current.type) {
        return Frame(
          type: type, id: current.id, control: body[0..<current.controlLength],
          batches: body[current.controlLength..<body.count])
      }
    }
  }

  private mutating func fill(to count: Int, from input: RawSpan, at offset: inout Int) {
    let piece = min(count - buffer.count, input.byteCount - offset)
    guard piece > 0 else { return }
    buffer.append(input.extracting(offset..<offset + piece))
    offset += piece
  }

  private mutating func take() -> Bytes {
    var whole = ByteWriter(capacity: FrameHeader.byteCount)
    swap(&whole, &buffer)
    return whole.finish()
  }
}
