internal import LogsWire

/// What one group of requests will change, decided before anything is written.
///
/// The catalog and the marks in memory stay as they are until the COMMIT; whatever goes wrong before it, the draft is dropped
/// and memory still agrees with the disk.
struct GroupDraft {
  /// What is fixed for the whole group.
  struct Context {
    var now: Int64
    var nextStreamID: Int64
    var streamCount: Int
    var streamCountMax: Int
    /// Why nothing can be stored now: what would be stored is refused with it, and all else is answered as ever.
    var obstacle: Refusal?
  }

  struct Stream {
    /// As it will be after the group.
    var info: StreamInfo
    /// As the segment's table has it: for a stream that is new, before its first entry.
    var row: StreamInfo
    let seed: UInt64
    let isNew: Bool
    var sealsNow = false
    var runs: [RunDraft] = []
  }

  private let context: Context
  private let catalog: Catalog
  private(set) var marks: [MarkKey: ProducerMark]
  private(set) var streams: [Stream] = []
  private var indexOfStream: [StreamName: Int] = [:]
  private(set) var changedMarks: Set<MarkKey> = []
  private(set) var storedCount = 0
  private(set) var replies: [Reply] = []

  init(_ group: WriterQueue.Group, catalog: Catalog, context: Context) {
    self.context = context
    self.catalog = catalog
    marks = group.marks
    replies.reserveCapacity(group.requests.count)
    for request in group.requests { replies.append(Reply(token: request.token, outcome: decide(request))) }
    for index in streams.indices {
      for run in streams[index].runs.indices { streams[index].runs[run].finish() }
    }
  }

  /// Whether there is nothing to write: all were duplicates or refused.
  var isEmpty: Bool { storedCount == 0 }
  var newStreamCount: Int { streams.count(where: \.isNew) }

  /// Duplicate, sealed, out of order, content, limits: in this order, so that what was stored is acknowledged again whatever
  /// has happened since.
  private mutating func decide(_ request: WriteRequest) -> WriteOutcome {
    let key = MarkKey(stream: request.stream, producer: request.producer)
    guard let mark = marks[key] else { preconditionFailure("a group comes with the marks of its producers") }
    let stream = indexOfStream[request.stream].map { streams[$0].info } ?? catalog[request.stream]

    if request.number <= mark.number {
      if request.number == 0 {
        return .refused(Refusal(.badRequest, "a producer numbers its batches from 1, this one has number 0"))
      }
      return repeated(request, mark, stream)
    }
    if let stream, stream.isSealed {
      return .refused(Refusal(.streamSealed, "the stream '\(stream.name)' is complete and takes no more entries"))
    }
    if request.floor > request.number {
      return .refused(
        Refusal(
          .badRequest, "batch \(request.number) is below the floor \(request.floor) that its own request names"))
    }
    let expected = max(mark.number + 1, request.floor)
    if request.number > expected {
      return .refused(
        Refusal(
          .outOfOrder, "batch \(expected) of this producer comes next, this one is \(request.number)",
          isRetryable: true,
          expected: expected))
    }

    let batch: Batch
    let seals: Bool
    switch request.content {
    case .refused(let refusal): return .refused(refusal)
    case .batch(let content): (batch, seals) = (content, false)
    case .complete(let content): (batch, seals) = (content, true)
    }
    if stream == nil, context.streamCount + newStreamCount >= context.streamCountMax {
      return .refused(
        Refusal(
          .tooManyStreams, "the server has \(context.streamCountMax) streams and takes no new ones",
          limit: Refusal.Limit("streams", UInt64(context.streamCountMax))))
    }
    if let obstacle = context.obstacle { return .refused(obstacle) }
    return store(batch, seals: seals, request, key)
  }

  /// A number that the producer has sent before.
  private func repeated(_ request: WriteRequest, _ mark: ProducerMark, _ stream: StreamInfo?) -> WriteOutcome {
    let check: UInt64
    switch request.content {
    case .batch(let batch), .complete(let batch): check = batch.header.check
    // Damaged on the way: the next try will tell what it is.
    case .refused(let refusal) where refusal.isRetryable: return .refused(refusal)
    case .refused(let refusal):
      // Nothing tells that it is what was stored, and what was stored was in order.
      return .refused(
        Refusal(
          .producerConflict,
          "batch \(request.number) of this producer is stored, and this one is not the same: \(refusal.text)"))
    }
    guard let record = mark.record(of: request.number), let stream else {
      return .refused(
        Refusal(
          .producerConflict,
          """
          batch \(request.number) of this producer is too old to tell whether it is stored; \
          the last \(Limits.producerBatchCountMax) up to \(mark.number) can be sent again
          """))
    }
    if record.check != check {
      return .refused(
        Refusal(
          .producerConflict,
          """
          another batch is stored as number \(request.number) of this producer; \
          do two programs use the same producer identity?
          """))
    }
    return .stored(incarnation: stream.incarnation, first: record.first, count: record.count, isDuplicate: true)
  }

  private mutating func store(_ batch: Batch, seals: Bool, _ request: WriteRequest, _ key: MarkKey) -> WriteOutcome {
    let index = draftIndex(of: request.stream)
    let received = max(context.now, streams[index].info.lastReceived)
    let first = streams[index].info.head + 1
    streams[index].append(
      batch, first: first, received: received, Sender(producer: request.producer, number: request.number))
    if seals {
      streams[index].sealsNow = true
      streams[index].info.isSealed = true
      streams[index].row.isSealed = true
    }
    let record = ProducerMark.Record(
      number: request.number, first: first, count: batch.header.count, check: batch.header.check)
    marks[key]?.add(record)
    changedMarks.insert(key)
    storedCount += 1
    return .stored(
      incarnation: streams[index].info.incarnation, first: first, count: batch.header.count, isDuplicate: false)
  }

  /// The draft of a stream, which is made if the stream does not exist.
  private mutating func draftIndex(of name: StreamName) -> Int {
    if let index = indexOfStream[name] { return index }
    let stream: Stream
    if let info = catalog[name] {
      stream = Stream(info: info, row: info, seed: info.serverSeed, isNew: false)
    } else {
      let info = StreamInfo(
        id: context.nextStreamID + Int64(newStreamCount), name: name, incarnation: .random())
      stream = Stream(info: info, row: info, seed: info.serverSeed, isNew: true)
    }
    indexOfStream[name] = streams.count
    streams.append(stream)
    return streams.count - 1
  }
}

extension GroupDraft.Stream {
  fileprivate mutating func append(_ batch: Batch, first: UInt64, received: Int64, _ sender: Sender) {
    var header = batch.header
    header.firstSequence = first
    header.received = received
    header.span = header.count
    let part = batch.serverPart(firstSequence: first, received: received, span: header.count, seed: seed)
    if let last = runs.last, last.hasRoom(for: header) {
      runs[runs.count - 1].append(header, part, batch.bytes, sender)
    } else {
      var run = RunDraft(first: first)
      run.append(header, part, batch.bytes, sender)
      runs.append(run)
    }
    info.head = header.lastSequence
    info.lastReceived = received
    info.entryCount += UInt64(header.count)
    info.storedByteCount += UInt64(header.batchByteCount)
  }
}

extension Incarnation {
  /// A new one. Never 0, which stands for any.
  static func random() -> Incarnation { Incarnation(UInt64.random(in: 1...UInt64.max)) }
}
