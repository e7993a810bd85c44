import LogsWire

/// A server's stored state as a value: a transaction changes a copy, which then replaces the original.
struct ModelDisk {
  struct Answer {
    var first: UInt64
    var count: UInt64
    var check: UInt64
  }

  struct Mark {
    var number: UInt64 = 0
    var answers: [UInt64: Answer] = [:]
  }

  struct Stream {
    let name: StreamName
    let incarnation: Incarnation
    let seed: UInt64
    var batches: [Batch] = []
    var head: UInt64 = 0
    var isSealed = false
    var marks: [ProducerID: Mark] = [:]

    init(_ name: StreamName, _ incarnation: Incarnation) {
      self.name = name
      self.incarnation = incarnation
      seed = BatchHeader.serverSeed(stream: name, incarnation: incarnation)
    }

    /// The index of the batch that holds the entry `sequence`, or of the next one.
    func place(of sequence: UInt64) -> Int? {
      var (low, high) = (0, batches.count)
      while low < high {
        let middle = (low + high) / 2
        if batches[middle].header.lastSequence < sequence { low = middle + 1 } else { high = middle }
      }
      return low < batches.count ? low : nil
    }
  }

  /// One request to store something.
  struct Item {
    enum Content {
      case batch(Batch)
      case completion(Batch)
      /// A fault found in it waits for its turn.
      case refused(Refusal)
    }

    var producer: ProducerID
    var number: UInt64
    var floor: UInt64
    var stream: StreamName
    var content: Content
  }

  /// How the rules are bent.
  struct Bending {
    var forgetsMarks = false
    var acceptsAnyOrder = false
  }

  /// In the order of their creation.
  var streams: [Stream] = []

  func stream(_ name: StreamName) -> Stream? { streams.first { $0.name == name } }

  /// Decides about a request and carries it out (`spec/session.md`, section 4.1).
  ///
  /// - Parameters:
  ///   - obstacle: why nothing can be stored now.
  ///   - newIncarnation: for a new stream.
  mutating func store(
    _ item: Item, received: Int64, obstacle: Refusal?, bending: Bending, newIncarnation: () -> Incarnation
  ) throws(Refusal) -> Ack {
    let known = streams.firstIndex { $0.name == item.stream }
    var mark = known.flatMap { streams[$0].marks[item.producer] } ?? Mark()
    let isFree = bending.forgetsMarks || (bending.acceptsAnyOrder && mark.answers[item.number] == nil)
    let expected = isFree ? item.number : max(mark.number + 1, item.floor)
    if item.number < expected, item.number <= mark.number {
      guard let known else { throw Refusal(.internalError, "a mark without a stream") }
      return try repeated(item, mark, streams[known])
    }
    if let known, streams[known].isSealed { throw Refusal(.streamSealed, "") }
    if item.number < expected { throw Refusal(.badRequest, "a number below its own floor") }
    if item.number > expected {
      throw Refusal(.outOfOrder, "", isRetryable: true, expected: expected)
    }
    let batch: Batch
    switch item.content {
    case .refused(let refusal): throw refusal
    case .batch(let content), .completion(let content): batch = content
    }
    if let obstacle { throw obstacle }
    let index = known ?? streams.count
    if known == nil { streams.append(Stream(item.stream, newIncarnation())) }
    let numbered = batch.numbered(
      firstSequence: streams[index].head + 1, received: received, seed: streams[index].seed)
    let header = numbered.header
    streams[index].batches.append(numbered)
    streams[index].head = header.lastSequence
    if case .completion = item.content { streams[index].isSealed = true }
    let answer = Answer(first: header.firstSequence, count: UInt64(header.count), check: header.check)
    mark.number = max(mark.number, item.number)
    mark.answers[item.number] = answer
    mark.answers[item.number &- UInt64(Limits.producerBatchCountMax)] = nil
    streams[index].marks[item.producer] = mark
    return ack(answer, streams[index], isDuplicate: false)
  }

  private func repeated(_ item: Item, _ mark: Mark, _ stream: Stream) throws(Refusal) -> Ack {
    let check: UInt64
    switch item.content {
    case .batch(let batch), .completion(let batch): check = batch.header.check
    case .refused(let refusal) where refusal.isRetryable: throw refusal
    case .refused: throw Refusal(.producerConflict, "batch \(item.number) is stored, and this is not the same")
    }
    guard let answer = mark.answers[item.number], answer.check == check else {
      throw Refusal(.producerConflict, "batch \(item.number) of \(mark.number) is another one or too long ago")
    }
    return ack(answer, stream, isDuplicate: true)
  }

  private func ack(_ answer: Answer, _ stream: Stream, isDuplicate: Bool) -> Ack {
    Ack(
      isDuplicate: isDuplicate, incarnation: stream.incarnation, firstSequence: answer.first, count: answer.count)
  }
}
