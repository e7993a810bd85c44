internal import LogsStore
internal import LogsSystem
internal import LogsWire

/// Appends: checked here, decided and stored by the writer.
extension ServerConnection {
  func submit(_ id: UInt32, _ append: Append) {
    submit(
      id, stream: append.stream, producer: append.producer, number: append.number, floor: append.floor,
      content(of: append.batch))
  }

  /// What a batch part holds: a checked batch, or what is wrong with it.
  ///
  /// A fault travels through the writer's queue all the same: whether the batch is a duplicate or out of order is decided first.
  private func content(of bytes: Bytes) -> WriteRequest.Content {
    guard Batch.isIntact(appended: bytes) else {
      return .refused(
        Refusal(
          .badBatch, "the batch was damaged on the way, its check does not fit; send the same bytes again",
          isRetryable: true))
    }
    do throws(WireDecodingError) {
      let batch = try Batch(wholeOf: bytes)
      try desk.checker.check(appended: batch)
      return .batch(batch)
    } catch {
      return .refused(Refusal(.badBatch, "the batch breaks the format: \(error)"))
    }
  }

  func submit(_ id: UInt32, _ complete: Complete) {
    // The same request makes the same bytes, so that its repetition is recognized by its check.
    var builder = BatchBuilder(seed: HashSeed.process)
    let content: WriteRequest.Content
    do throws(InvalidEntry) {
      _ = try builder.append(Entry(message: Bytes(complete.text), kind: .complete))
      content = .complete(builder.finish(compressor: Compressor()))
    } catch { content = .refused(Refusal(.badRequest, error.description)) }
    submit(
      id, stream: complete.stream, producer: complete.producer, number: complete.number, floor: complete.floor, content)
  }

  private func submit(
    _ id: UInt32, stream: StreamName, producer: ProducerID, number: UInt64, floor: UInt64,
    _ content: WriteRequest.Content
  ) {
    let request = WriteRequest(
      stream: stream, producer: producer, number: number, floor: floor, content: content,
      token: WriteToken(shard: desk.index, connection: self.id, request: id))
    if let refusal = desk.submit(request) { send(session.refuse(id, refusal)) }
  }

  /// The writer has decided.
  func settle(_ id: UInt32, _ outcome: WriteOutcome) {
    switch outcome {
    case .stored(let incarnation, let first, let count, let isDuplicate):
      send(
        session.acknowledge(
          id, Ack(isDuplicate: isDuplicate, incarnation: incarnation, firstSequence: first, count: UInt64(count))))
    case .refused(let refusal): send(session.refuse(id, refusal))
    }
    closeIfDone()
  }
}
