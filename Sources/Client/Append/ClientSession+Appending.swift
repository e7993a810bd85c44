internal import LogsWire

extension ClientSession {
  /// Sends a batch of the queue; nil if the credit does not allow it now.
  ///
  /// - Parameter head: gets the frame but for the batch; must be empty.
  /// - Returns: the id, and the batch.
  mutating func append(_ batch: NumberedBatch, head: inout ByteWriter) -> (id: UInt32, tail: ByteString)? {
    guard canAppend(byteCount: batch.byteCount) else { return nil }
    let (producer, stream) = (batch.key.producer, batch.key.stream)
    switch batch.content {
    case .batch(let bytes, let entryCount):
      let append = Append(
        producer: producer, number: batch.number, floor: batch.floor, stream: stream, batch: bytes)
      return (self.append(append, entryCount: entryCount, head: &head), bytes)
    case .completion(let text):
      let (id, frame) = complete(
        Complete(producer: producer, number: batch.number, floor: batch.floor, stream: stream, text: text))
      head.append(frame.head)
      return (id, frame.batches)
    }
  }
}

extension AppendAnswer {
  func acknowledged(_ stored: ClientSession.Stored) {
    acknowledged(
      stored.incarnation, stored.firstSequence...stored.firstSequence + (stored.count - 1),
      isDuplicate: stored.isDuplicate)
  }
}
