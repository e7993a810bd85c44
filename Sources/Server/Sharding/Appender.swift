internal import LogsStore
internal import LogsSystem
internal import LogsWire

/// The appends of a shard's clients: checked here, decided about and stored by the writer, which answers with
/// `ShardClient.settle`.
final class Appender {
  /// The client to answer.
  struct Sender {
    let client: UInt64
    /// The client's own number of the append.
    let request: UInt32
    /// The token, address or user, for limits.
    let name: String
  }

  private let shard: Int
  private let store: Store
  private let whenQueued: () -> Void
  private var checker = BatchChecker()
  /// The producer of batches whose clients have none.
  private let producer = ProducerID.random()
  private var lastNumber: UInt64 = 0

  /// - Parameter whenQueued: has what was queued committed (`Store.commitQueued`) at the end of the turn.
  init(shard: Int, store: Store, whenQueued: @escaping () -> Void) {
    self.shard = shard
    self.store = store
    self.whenQueued = whenQueued
  }

  /// Appends a batch of a producer's.
  ///
  /// - Returns: nil when it was accepted, else the refusal.
  func append(_ append: Append, from sender: Sender) -> Refusal? {
    submit(
      append.stream, append.producer, number: append.number, floor: append.floor, content(of: append.batch), sender)
  }

  /// Appends a batch of a client that numbers none: if it is sent again, it is stored again.
  func append(_ batch: ByteString, to stream: StreamName, from sender: Sender) -> Refusal? {
    lastNumber += 1
    // The shard's requests are decided about in their order, and none is repeated: a number that was refused is not
    // missed.
    return submit(stream, producer, number: lastNumber, floor: lastNumber, content(of: batch), sender)
  }

  /// Of one who does not repeat it.
  func complete(_ stream: StreamName, text: String, from sender: Sender) -> Refusal? {
    lastNumber += 1
    return complete(
      Complete(producer: producer, number: lastNumber, floor: lastNumber, stream: stream, text: text), from: sender)
  }

  func complete(_ complete: Complete, from sender: Sender) -> Refusal? {
    // The same request makes the same bytes, so that its repetition is recognized by its check.
    var builder = BatchBuilder(seed: HashSeed.process)
    let content: WriteRequest.Content
    do throws(InvalidEntry) {
      _ = try builder.append(LogEntry(message: ByteString(complete.text), kind: .complete))
      content = .complete(builder.finish(compressor: Compressor()))
    } catch { content = .refused(Refusal(.badRequest, error.description)) }
    return submit(
      complete.stream, complete.producer, number: complete.number, floor: complete.floor, content, sender)
  }

  private func submit(
    _ stream: StreamName, _ producer: ProducerID, number: UInt64, floor: UInt64, _ content: WriteRequest.Content,
    _ sender: Sender
  ) -> Refusal? {
    let token = WriteToken(shard: shard, client: sender.client, request: sender.request)
    let request = WriteRequest(
      stream: stream, producer: producer, number: number, floor: floor, content: content, token: token,
      client: sender.name)
    if let refusal = store.enqueue(request) { return refusal }
    whenQueued()
    return nil
  }

  /// What a batch part holds: a checked batch, or what is wrong with it.
  ///
  /// A fault travels through the writer's queue all the same: whether the batch is a duplicate or out of order is
  /// decided first.
  private func content(of bytes: ByteString) -> WriteRequest.Content {
    guard Batch.isIntact(appended: bytes) else {
      return .refused(
        Refusal(
          .badBatch, "the batch was damaged on the way, its check does not fit; send the same bytes again",
          isRetryable: true))
    }
    do throws(WireDecodingError) {
      let batch = try Batch(wholeOf: bytes)
      try checker.check(appended: batch)
      return .batch(batch)
    } catch {
      return .refused(Refusal(.badBatch, "the batch breaks the format: \(error)"))
    }
  }
}
