internal import LogsWire

extension ClientSession {
  /// Sends a batch of the queue.
  ///
  /// - Precondition: `canAppend`.
  mutating func append(_ batch: NumberedBatch) -> (id: UInt32, frame: OutgoingFrame) {
    let (producer, stream) = (batch.key.producer, batch.key.stream)
    switch batch.content {
    case .batch(let bytes, let entryCount):
      let append = Append(
        producer: producer, number: batch.number, floor: batch.floor, stream: stream, batch: bytes)
      return self.append(append, entryCount: entryCount)
    case .completion(let text):
      return complete(
        Complete(producer: producer, number: batch.number, floor: batch.floor, stream: stream, text: text))
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
