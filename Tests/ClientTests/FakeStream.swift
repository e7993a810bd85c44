import LogsWire

/// A stream in memory, which stores each batch of a producer once, as the specification says.
struct FakeStream {
  struct Mark {
    var number: UInt64 = 0
    var receipts: [UInt64: (first: UInt64, count: UInt64, check: UInt64)] = [:]
  }

  let name: StreamName
  let incarnation: Incarnation
  var batches: [Batch] = []
  var head: UInt64 = 0
  /// The first number that is not deleted.
  var first: UInt64 = 1
  var isSealed = false
  var marks: [ProducerID: Mark] = [:]

  private var seed: UInt64 { BatchHeader.serverSeed(stream: name, incarnation: incarnation) }

  /// Decides as the writer does: duplicate, sealed, out of order, then stored.
  mutating func take(_ batch: Batch, producer: ProducerID, number: UInt64, floor: UInt64, seals: Bool) -> Result<
    Ack, Refusal
  > {
    var mark = marks[producer] ?? Mark()
    if number <= mark.number {
      guard let receipt = mark.receipts[number] else {
        return .failure(Refusal(.producerConflict, "number \(number) was used for something that is forgotten"))
      }
      guard receipt.check == batch.header.check else {
        return .failure(Refusal(.producerConflict, "number \(number) was used for other bytes"))
      }
      return .success(
        Ack(isDuplicate: true, incarnation: incarnation, firstSequence: receipt.first, count: receipt.count))
    }
    if isSealed { return .failure(Refusal(.streamSealed, "the stream is sealed")) }
    let expected = max(mark.number + 1, floor)
    if number > expected {
      return .failure(Refusal(.outOfOrder, "expected \(expected)", isRetryable: true, expected: expected))
    }
    let first = head + 1
    batches.append(batch.numbered(firstSequence: first, received: 1, seed: seed))
    head += UInt64(batch.header.count)
    isSealed = seals
    mark.number = number
    mark.receipts[number] = (first, UInt64(batch.header.count), batch.header.check)
    marks[producer] = mark
    return .success(
      Ack(isDuplicate: false, incarnation: incarnation, firstSequence: first, count: UInt64(batch.header.count)))
  }

  /// The batch that holds `sequence`.
  func batch(holding sequence: UInt64) -> Batch? {
    batches.first { $0.header.firstSequence <= sequence && $0.header.lastSequence >= sequence }
  }

  /// All entries, in order.
  var entries: [LogEntry] {
    var decoder = BatchDecoder()
    do { return try batches.flatMap { try decoder.entries(of: $0) } } catch {
      return [LogEntry(message: ByteString("damaged: \(error)"))]
    }
  }

  /// All messages, in order.
  var messages: [String] { entries.map(\.text) }
}
