// The two steps of an append, without the memory that other messages take on their way.

extension ClientSession {
  /// Writes what comes before the batch into `head`, which must be empty, and leaves the batch to the caller.
  ///
  /// - Precondition: `canAppend`.
  package mutating func append(_ append: borrowing Append, entryCount: Int, head: inout ByteWriter) -> UInt32 {
    let id = nextID()
    appends[id] = (append.batch.count, UInt64(entryCount))
    appendByteCount += append.batch.count
    liveness.frameSent()
    append.write(id: id, into: &head)
    return id
  }

  /// Takes bytes that are the answer to one append and nothing else, as most bytes are that come while one entry after
  /// the other is appended. Other bytes, and whatever is wrong, are left to `receive`.
  ///
  /// - Returns: nil if the bytes are something else; then nothing was taken.
  /// - Complexity: allocates nothing.
  package mutating func receiveAck(_ input: RawSpan, now: MonotonicTime) -> (id: UInt32, Stored)? {
    guard isOpen, !decoder.isInsideFrame, let (id, ack) = Ack.alone(in: input), ack.appendCount == 1,
      let index = appends.index(forKey: id), appends.values[index].entryCount == ack.count
    else { return nil }
    liveness.bytesReceived(now: now)
    appendByteCount -= appends.values[index].byteCount
    appends.remove(at: index)
    return (
      id,
      Stored(
        incarnation: ack.incarnation, firstSequence: ack.firstSequence, count: ack.count,
        isDuplicate: ack.isDuplicate)
    )
  }
}

extension Ack {
  /// The size of its control part without extensions.
  private static let byteCount = 32

  /// The ACK that `input` is, with its id; nil if it is anything else.
  fileprivate static func alone(in input: RawSpan) -> (id: UInt32, Ack)? {
    let frameByteCount = FrameHeader.byteCount + byteCount
    guard input.byteCount == frameByteCount, FrameHeader.type(in: input) == FrameType.ack.rawValue else { return nil }
    do {
      let header = try FrameHeader(decoding: input, bodyByteCountMax: byteCount)
      let control = input.extracting(FrameHeader.byteCount..<frameByteCount)
      guard header.controlLength == byteCount, header.id != 0 else { return nil }
      try header.verify(control: control)
      var reader = ByteReader(control)
      return (header.id, try Ack(from: &reader))
    } catch { return nil }
  }
}
