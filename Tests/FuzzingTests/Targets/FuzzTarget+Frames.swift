@testable import LogsWire

extension FuzzTarget {
  /// Bytes of a connection: the same frames, and the same refusal, come of them in whatever pieces they arrive.
  static let frames = FuzzTarget(
    name: "frames", byteCountMax: 2048,
    seeds: { try SeedVectors.bytes(["frame"], atMost: 2000).map { [1, 7] + $0 } },
    run: { input in
      let options = input.byte()
      let choice = input.byte()
      var bytes = input.all()
      if options & 1 != 0 { Signing.sign(frames: &bytes) }
      let limit = options & 2 == 0 ? Limits.frameByteCountMax : 64
      let whole = FramesOutcome([bytes], limit)
      try BrokenRule.check(whole == FramesOutcome(Pieces(bytes, choice), limit), "pieces make other frames")
    })

  /// The control part of a frame: what is read means the same when it is sent again.
  static let messages = FuzzTarget(
    name: "messages", byteCountMax: 1024,
    seeds: {
      try SeedVectors.bytes(["frame"], atMost: 1000).filter { $0.count >= FrameHeader.byteCount }.map { bytes in
        let control = UInt16(truncatingIfNeeded: Signing.load(bytes, 12, UInt32.self))
        return [bytes[4]] + bytes[8..<12] + [UInt8(control & 0xff), UInt8(control >> 8)] + bytes[20...]
      }
    },
    run: { input in
      guard let type = FrameType(rawValue: input.byte()) else { return }
      let id = input.integer(UInt32.self)
      let control = input.bytes(Int(input.integer(UInt16.self)))
      let frame = Frame(
        type: type, id: id, control: ByteString(control), batches: ByteString(type.carriesBatches ? input.all() : []))
      guard let message = try? Message(decoding: frame) else { return }
      let sent = message.frame(id: id)
      let bytes = sent.head.array + sent.batches.array
      let again = FramesOutcome([bytes], Limits.frameByteCountMax)
      guard again.refusal == nil, again.frames.count == 1, let first = again.frames.first else {
        throw BrokenRule("what is sent is refused: \(again.refusal ?? "incomplete")")
      }
      try BrokenRule.check(first.type == type && first.id == id, "another frame is sent")
      let repeated: OutgoingFrame
      do { repeated = try Message(decoding: first.frame).frame(id: id) } catch {
        throw BrokenRule("what is sent is refused: \(error)")
      }
      try BrokenRule.check(
        repeated.head == sent.head && repeated.batches == sent.batches, "a message changes when it is sent again")
    })
}

/// What comes of the bytes of a connection.
private struct FramesOutcome: Equatable {
  struct Item: Equatable {
    let type: FrameType
    let id: UInt32
    let control: ByteString
    let batches: ByteString

    var frame: Frame { Frame(type: type, id: id, control: control, batches: batches) }
  }

  var frames: [Item] = []
  var refusal: String?
  var isInsideFrame = false

  init(_ pieces: some Sequence<[UInt8]>, _ limit: Int) {
    var decoder = FrameDecoder(bodyByteCountMax: limit)
    do throws(Refusal) {
      for piece in pieces {
        let bytes = ByteString(piece)
        var offset = 0
        while let frame = try decoder.next(from: bytes.span, at: &offset) {
          frames.append(Item(type: frame.type, id: frame.id, control: frame.control, batches: frame.batches))
        }
        precondition(offset == bytes.count, "all bytes are taken")
      }
      isInsideFrame = decoder.isInsideFrame
    } catch { refusal = error.description }
  }
}
