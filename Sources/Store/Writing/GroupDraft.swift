internal import LogsSystem
internal import LogsWire

/// What one group of requests will change, decided before anything is written.
///
/// The catalog and the marks in memory do not change until the COMMIT; if anything goes wrong before it, the draft is
/// dropped and memory still agrees with the disk.
struct GroupDraft {
  /// What is fixed for the whole group.
  struct Context {
    var now: Int64
    var nextStreamID: Int64
    var streamCount: Int
    var streamCountMax: Int
    /// Why a client may create no stream now.
    var creationRefusal: @Sendable (_ client: String) -> Refusal?
    /// Why nothing can be stored now: it is the answer to what would be stored; everything else is answered as usual.
    var obstacle: Refusal?
  }

  struct Stream {
    /// The stream after the group.
    var info: StreamInfo
    /// The stream as the segment's table has it: a new stream before its first entry.
    var row: StreamInfo
    let seed: UInt64
    let isNew: Bool
    var sealsNow = false
    var runs: [RunDraft] = []
  }

  /// A stream that the group names.
  private struct NamedStream {
    /// As of the last commit; nil when it does not exist.
    let stored: StreamInfo?
    /// Its index in `streams`, once the group has something for it.
    var index: Int?
  }

  /// What the group has done so far to a producer's mark.
  private struct MarkDraft {
    /// The highest number stored.
    var number: UInt64
    let named: Int
  }

  private let context: Context
  private let catalog: Catalog
  private(set) var streams: [Stream] = []
  private var namedStreams: [NamedStream] = []
  private var indexOfName: [StreamName: Int] = [:]
  private var marks: [MarkDraft] = []
  private var indexOfMark: [ObjectIdentifier: Int] = [:]
  /// What is to be stored, in the order of the requests.
  private(set) var stored: [(mark: CachedMark, record: ProducerMark.Record)] = []
  private(set) var replies: [Reply] = []

  init(_ group: WriterQueue.Group, catalog: Catalog, context: Context) {
    self.context = context
    self.catalog = catalog
    let requestCount = group.requests.count
    replies.reserveCapacity(requestCount)
    stored.reserveCapacity(requestCount)
    marks.reserveCapacity(requestCount)
    indexOfMark.reserveCapacity(requestCount)
    indexOfName.reserveCapacity(requestCount)
    for queued in group.requests {
      replies.append(Reply(token: queued.request.token, outcome: decide(queued.request, queued.mark)))
    }
    for index in streams.indices {
      for run in streams[index].runs.indices { streams[index].runs[run].finish(seed: streams[index].seed) }
    }
  }

  /// A draft of one entry that the server adds to one of its own streams.
  init(own batch: Batch, in stream: StreamName, catalog: Catalog, context: Context) {
    self.context = context
    self.catalog = catalog
    let index = draftIndex(of: stream, at: named(of: stream))
    streams[index].append(batch, now: context.now, nil)
    for run in streams[index].runs.indices { streams[index].runs[run].finish(seed: streams[index].seed) }
  }

  /// Whether there is nothing to write: all were duplicates or refused.
  var isEmpty: Bool { stored.isEmpty }
  var newStreamCount: Int { streams.count(where: \.isNew) }

  /// Bytes of numbered batches.
  var byteCount: Int {
    var byteCount = 0
    for stream in streams.indices {
      for run in streams[stream].runs.indices { byteCount += streams[stream].runs[run].batches.count }
    }
    return byteCount
  }

  /// Duplicate, sealed, out of order, content, limits: in this order, so that what was stored is acknowledged again
  /// whatever has happened since.
  private mutating func decide(_ request: WriteRequest, _ cached: CachedMark) -> WriteOutcome {
    let index = indexOfMark(of: cached)
    let mark = marks[index]
    let stream = stream(at: mark.named)

    if request.number <= mark.number {
      if request.number == 0 {
        return .refused(Refusal(.badRequest, "a producer numbers its batches from 1, this one has number 0"))
      }
      return repeated(request, cached, upTo: mark.number, stream)
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
          .tooManyStreams,
          "the server has \(Figures.count(context.streamCountMax, "stream", "streams")) and takes no new ones",
          limit: Refusal.Limit("streams", UInt64(context.streamCountMax))))
    }
    if let obstacle = context.obstacle { return .refused(obstacle) }
    // The last of all: what it lets pass counts.
    if stream == nil, let refusal = context.creationRefusal(request.client) { return .refused(refusal) }
    let first = store(batch, seals: seals, request, at: mark.named)
    marks[index].number = request.number
    stored.append(
      (
        cached,
        .init(number: request.number, first: first.sequence, count: batch.header.count, check: batch.header.check)
      ))
    return .stored(
      incarnation: first.incarnation, first: first.sequence, count: batch.header.count, isDuplicate: false)
  }

  private mutating func indexOfMark(of cached: CachedMark) -> Int {
    if let index = indexOfMark[ObjectIdentifier(cached)] { return index }
    indexOfMark[ObjectIdentifier(cached)] = marks.count
    marks.append(MarkDraft(number: cached.history.number, named: named(of: cached.key.stream)))
    return marks.count - 1
  }

  private mutating func named(of name: StreamName) -> Int {
    if let named = indexOfName[name] { return named }
    indexOfName[name] = namedStreams.count
    namedStreams.append(NamedStream(stored: catalog[name], index: nil))
    return namedStreams.count - 1
  }

  /// The stream as the group has changed it so far; nil if it does not exist.
  private func stream(at named: Int) -> StreamInfo? {
    namedStreams[named].index.map { streams[$0].info } ?? namedStreams[named].stored
  }

  /// Answers a number that the producer has sent before, or has gone past.
  private func repeated(
    _ request: WriteRequest, _ cached: CachedMark, upTo number: UInt64, _ stream: StreamInfo?
  ) -> WriteOutcome {
    // Numbers that the group itself stores are above those stored before.
    let isInGroup = request.number > cached.history.number
    let record =
      isInGroup
      ? stored.last { $0.mark === cached && $0.record.number == request.number }?.record
      : cached.history.record(of: request.number)
    if record == nil, number - request.number < UInt64(Limits.producerBatchCountMax) {
      let expected = max(number + 1, request.floor)
      return .refused(
        Refusal(
          .outOfOrder,
          """
          batch \(request.number) of this producer is not stored in this stream, and its producer has gone past it; \
          batch \(expected) comes next
          """, isRetryable: true, expected: expected))
    }
    let check: UInt64
    switch request.content {
    case .batch(let batch), .complete(let batch): check = batch.header.check
    // It was damaged on the way: the next try will tell what it is.
    case .refused(let refusal) where refusal.isRetryable: return .refused(refusal)
    case .refused(let refusal):
      // It cannot be what was stored, which was valid.
      return .refused(
        Refusal(
          .producerConflict,
          "batch \(request.number) of this producer is stored, and this one is not the same: \(refusal.text)"))
    }
    guard let record, let stream else {
      return .refused(
        Refusal(
          .producerConflict,
          """
          batch \(request.number) of this producer is too old to tell whether it is stored; \
          the last \(Limits.producerBatchCountMax) up to \(number) can be sent again
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

  /// Adds a batch to the draft of its stream.
  ///
  /// - Returns: the batch's first number, and the incarnation that it counts in.
  private mutating func store(
    _ batch: Batch, seals: Bool, _ request: WriteRequest, at named: Int
  ) -> (incarnation: Incarnation, sequence: UInt64) {
    let index = draftIndex(of: request.stream, at: named)
    let first = streams[index].info.head + 1
    streams[index].append(batch, now: context.now, Sender(producer: request.producer, number: request.number))
    if seals {
      streams[index].sealsNow = true
      streams[index].info.isSealed = true
      streams[index].row.isSealed = true
    }
    return (streams[index].info.incarnation, first)
  }

  /// The draft of a stream, which is made if the stream does not exist.
  private mutating func draftIndex(of name: StreamName, at named: Int) -> Int {
    if let index = namedStreams[named].index { return index }
    namedStreams[named].index = streams.count
    if let info = namedStreams[named].stored {
      streams.append(Stream(info: info, row: info, seed: info.serverSeed, isNew: false))
    } else {
      let info = StreamInfo(
        id: context.nextStreamID + Int64(newStreamCount), name: name, incarnation: .random())
      streams.append(Stream(info: info, row: info, seed: info.serverSeed, isNew: true))
    }
    return streams.count - 1
  }
}

extension GroupDraft.Stream {
  fileprivate mutating func append(_ batch: Batch, now: Int64, _ sender: Sender?) {
    // It may be earlier than the last batch's time: a clock that was wrong once must not mark the stream forever. The
    // order is the numbers'.
    if runs.last?.hasRoom(for: batch) != true { runs.append(RunDraft(first: info.head + 1)) }
    runs[runs.count - 1].append(batch, received: now, sender)
    info.head += UInt64(batch.header.count)
    info.lastReceived = now
    info.entryCount += UInt64(batch.header.count)
    info.storedByteCount += UInt64(batch.bytes.count)
  }
}
