import LogsWire

/// A server's stored state as a value: decisions are made from it, and changes carry them out.
struct ModelDisk {
  struct Answer {
    var first: UInt64
    var count: UInt64
    var check: UInt64

    init(_ batch: Batch) {
      first = batch.header.firstSequence
      count = UInt64(batch.header.count)
      check = batch.header.check
    }

    func ack(_ incarnation: Incarnation, isDuplicate: Bool) -> Ack {
      Ack(isDuplicate: isDuplicate, incarnation: incarnation, firstSequence: first, count: count)
    }
  }

  struct Mark {
    var number: UInt64 = 0
    var answers: [UInt64: Answer] = [:]

    mutating func add(_ number: UInt64, _ answer: Answer) {
      self.number = max(self.number, number)
      answers[number] = answer
      answers[number &- UInt64(Limits.producerBatchCountMax)] = nil
    }
  }

  struct Stream {
    let name: StreamName
    let incarnation: Incarnation
    let seed: UInt64
    var batches: [Batch] = []
    var head: UInt64 = 0
    var isSealed = false
    var marks: [ProducerID: Mark] = [:]
    /// Whether the stream was deleted whole. It keeps its place: streams are known by that.
    var isDeleted = false
    /// Why entries are not given any more, by their numbers. `batches` still has them.
    private(set) var removed: [UInt64: Removed] = [:]

    init(_ name: StreamName, _ incarnation: Incarnation) {
      self.name = name
      self.incarnation = incarnation
      seed = BatchHeader.serverSeed(stream: name, incarnation: incarnation)
    }

    mutating func append(_ row: Row) {
      batches.append(row.batch)
      head = row.batch.header.lastSequence
      if row.isSealing { isSealed = true }
      marks[row.producer, default: Mark()].add(row.number, Answer(row.batch))
    }

    /// Removes what is still there of a range.
    mutating func remove(_ numbers: ClosedRange<UInt64>, _ reason: SkipReason, at milliseconds: UInt64) {
      for number in numbers where number <= head && removed[number] == nil {
        removed[number] = Removed(reason: reason, milliseconds: milliseconds)
      }
    }

    /// The numbers around `sequence`, up to the bounds, that were removed for the same reason, or that are there.
    func stretch(around sequence: UInt64, in bounds: ClosedRange<UInt64>) -> ClosedRange<UInt64> {
      let reason = removed[sequence]?.reason
      var (from, to) = (sequence, sequence)
      while from > bounds.lowerBound, removed[from - 1]?.reason == reason { from -= 1 }
      while to < bounds.upperBound, removed[to + 1]?.reason == reason { to += 1 }
      return from...to
    }

    /// Whether a follower may be told that it does not get a range for this reason.
    func justifies(_ reason: SkipReason, of numbers: ClosedRange<UInt64>) -> Bool {
      guard numbers.lowerBound > 0, numbers.upperBound <= head else { return false }
      return switch reason {
      case .trimmed: numbers.allSatisfy { removed[$0]?.reason == .trimmed }
      case .deleted: isDeleted || numbers.allSatisfy { removed[$0]?.reason == .deleted }
      case .lost: numbers.allSatisfy { place(of: $0).map { ModelStore.isLost(batches[$0]) } == true }
      default: false
      }
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

  /// Why and when an entry was removed.
  struct Removed {
    var reason: SkipReason
    var milliseconds: UInt64
  }

  /// What is taken away.
  enum Removal {
    /// The first entries of a stream, up to this number.
    case trim(upTo: UInt64)
    case delete(ClosedRange<UInt64>)
    case deleteStream
  }

  /// A batch with its place, and what goes with it.
  struct Row {
    var stream: StreamName
    var incarnation: Incarnation
    var producer: ProducerID
    var number: UInt64
    var batch: Batch
    var isSealing: Bool
  }

  /// A decision that is to be carried out.
  enum Change {
    case append(Row)
    case remove(Removal, of: StreamName, at: UInt64)
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

  func stream(_ name: StreamName) -> Stream? { index(of: name).map { streams[$0] } }

  /// One of the streams, whether or not it was deleted.
  func stream(_ incarnation: Incarnation) -> Stream? { streams.first { $0.incarnation == incarnation } }

  private func index(of name: StreamName) -> Int? { streams.firstIndex { $0.name == name && !$0.isDeleted } }

  mutating func make(_ change: Change) {
    switch change {
    case .append(let row): append(row)
    case .remove(let removal, of: let name, at: let milliseconds): remove(removal, of: name, at: milliseconds)
    }
  }

  mutating func remove(_ removal: Removal, of name: StreamName, at milliseconds: UInt64) {
    guard let index = index(of: name) else { return }
    switch removal {
    case .trim(let last): if last > 0 { streams[index].remove(1...last, .trimmed, at: milliseconds) }
    case .delete(let numbers): streams[index].remove(numbers, .deleted, at: milliseconds)
    case .deleteStream: streams[index].isDeleted = true
    }
  }

  private mutating func append(_ row: Row) {
    let index = index(of: row.stream) ?? streams.count
    if index == streams.count { streams.append(Stream(row.stream, row.incarnation)) }
    streams[index].append(row)
  }

  /// Decides about a DELETE (`spec/session.md`, section 6.1).
  func decide(_ request: DeleteRequest) throws(Refusal) -> DeletionSummary {
    guard let index = index(of: request.stream) else { throw Refusal(.unknownStream, "") }
    let stream = streams[index]
    guard request.incarnation == .any || request.incarnation == stream.incarnation else {
      throw Refusal(
        .streamReplaced, "",
        stream: .init(name: stream.name.text, incarnation: stream.incarnation, head: stream.head))
    }
    // It may be behind the head, or the stream be without entries.
    let first = request.numbers?.lowerBound ?? 1
    let last = min(request.numbers?.upperBound ?? stream.head, stream.head)
    let kept = first <= last ? (first...last).filter { stream.removed[$0] == nil } : []
    var range: ClosedRange<UInt64>?
    if let first = kept.first, let last = kept.last { range = first...last }
    return DeletionSummary(
      incarnation: stream.incarnation, numbers: range, entryCount: UInt64(kept.count), byteCount: UInt64(kept.count))
  }

  /// Decides about a request (`spec/session.md`, section 4.1).
  ///
  /// - Parameters:
  ///   - obstacle: why nothing can be stored now.
  ///   - newIncarnation: for a new stream; gets that of the last one which had its name.
  /// - Returns: the answer, and what it says of; nil for what is stored already.
  func decide(
    _ item: Item, received: Int64, obstacle: Refusal?, bending: Bending,
    newIncarnation: (_ former: Incarnation?) -> Incarnation
  ) throws(Refusal) -> (ack: Ack, row: Row?) {
    let known = index(of: item.stream)
    let mark = known.flatMap { streams[$0].marks[item.producer] } ?? Mark()
    let isFree = bending.forgetsMarks || (bending.acceptsAnyOrder && mark.answers[item.number] == nil)
    let expected = isFree ? item.number : max(mark.number + 1, item.floor)
    if item.number < expected, item.number <= mark.number {
      guard let known else { throw Refusal(.internalError, "a mark without a stream") }
      return (try repeated(item, mark, streams[known]), nil)
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
    let stream =
      known.map { streams[$0] }
      ?? Stream(item.stream, newIncarnation(streams.last { $0.name == item.stream }?.incarnation))
    var row = Row(
      stream: stream.name, incarnation: stream.incarnation, producer: item.producer, number: item.number,
      batch: batch.numbered(firstSequence: stream.head + 1, received: received, seed: stream.seed), isSealing: false)
    if case .completion = item.content { row.isSealing = true }
    return (Answer(row.batch).ack(stream.incarnation, isDuplicate: false), row)
  }

  private func repeated(_ item: Item, _ mark: Mark, _ stream: Stream) throws(Refusal) -> Ack {
    if mark.answers[item.number] == nil, mark.number - item.number < UInt64(Limits.producerBatchCountMax) {
      throw Refusal(.outOfOrder, "", isRetryable: true, expected: max(mark.number + 1, item.floor))
    }
    let check: UInt64
    switch item.content {
    case .batch(let batch), .completion(let batch): check = batch.header.check
    case .refused(let refusal) where refusal.isRetryable: throw refusal
    case .refused: throw Refusal(.producerConflict, "batch \(item.number) is stored, and this is not the same")
    }
    guard let answer = mark.answers[item.number], answer.check == check else {
      throw Refusal(.producerConflict, "batch \(item.number) of \(mark.number) is another one or too long ago")
    }
    return answer.ack(stream.incarnation, isDuplicate: true)
  }
}

extension ModelDisk.Stream {
  /// Forgets the last numbers if their entries were removed: a planted fault.
  mutating func fallBack() {
    while let last = batches.last, (last.header.firstSequence...head).allSatisfy({ removed[$0] != nil }) {
      for number in last.header.firstSequence...head { removed[number] = nil }
      head = last.header.firstSequence - 1
      batches.removeLast()
    }
  }
}
