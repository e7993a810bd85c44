internal import LogsWire

extension ClientSession {
  /// Sends a batch of the queue.
  ///
  /// - Precondition: `canAppend`.
  mutating func append(_ outgoing: AppendQueue.Outgoing) -> (id: UInt32, frame: OutgoingFrame) {
    let (producer, stream) = (outgoing.key.producer, outgoing.key.stream)
    switch outgoing.content {
    case .batch(let bytes, let entryCount):
      let append = Append(
        producer: producer, number: outgoing.number, floor: outgoing.floor, stream: stream, batch: bytes)
      return self.append(append, entryCount: entryCount)
    case .completion(let text):
      return complete(
        Complete(producer: producer, number: outgoing.number, floor: outgoing.floor, stream: stream, text: text))
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
