internal import LogsSystem
internal import LogsWire

/// The requests that wait for the writer, bounded in bytes and number, with the marks that are needed to decide about
/// them.
///
/// A request enters the queue only when the mark of its producer is in memory. Until a reader has found the mark, the
/// producer's requests for that stream are parked, in their order.
///
/// One thread at a time commits groups: the one that `next` or `lead` gave something to do has the writer until it
/// gives it back.
final class WriterQueue: Sendable {
  /// A request and the mark of its producer, which stays in memory until the request is answered.
  struct Queued: Sendable {
    let request: WriteRequest
    let mark: CachedMark
  }

  struct Group: Sendable {
    var requests: [Queued] = []
    /// Answers to requests that could not be decided on.
    var rejected: [Reply] = []
    /// More requests wait behind the group.
    var hasMore = false
  }

  enum Order: Sendable {
    case commit(Group)
    /// Nothing to commit: delete, trim, checkpoint, or begin a segment, if there is reason to.
    case maintain
    /// Everything has been taken and nothing more will come.
    case end
  }

  enum Submission: Sendable {
    case queued
    /// The producer's mark has to be looked up, then `resolve`d.
    case needsMark(MarkKey)
    case refused(Refusal)
  }

  fileprivate struct State: Sendable {
    var requests: [Queued] = []
    /// How many of `requests` have been taken.
    var takenCount = 0
    var parked: [MarkKey: [WriteRequest]] = [:]
    var rejected: [Reply] = []
    var deletions: [QueuedDeletion] = []
    var ownEntries: [OwnEntries] = []
    var byteCount = 0
    var batchCount = 0
    var marks: MarkCache
    var refusal: Refusal?
    /// Whether somebody has the writer.
    var isTaken = false
    /// Whether the writer's thread sleeps and has not been woken.
    var isThreadWaiting = false
    var needsMaintenance = false
    /// The store has stopped: the next thread to ask for the writer gets `end`.
    var isAbandoned = false
  }

  private let monitor: Monitor<State>
  private let byteCountMax: Int
  private let batchCountMax: Int
  private let groupByteCountMax: Int
  private let catalog: Catalog

  static let groupRequestCountMax = 16_384
  private static let retryAfterMilliseconds: UInt32 = 200

  init(_ configuration: StoreConfiguration, catalog: Catalog) {
    monitor = Monitor(State(marks: MarkCache(countMax: configuration.markCountMax)))
    byteCountMax = configuration.writerQueueByteCountMax
    batchCountMax = configuration.writerQueueBatchCountMax
    groupByteCountMax = configuration.groupByteCountMax
    self.catalog = catalog
  }

  /// Bytes and requests that wait, parked ones included.
  var load: (byteCount: Int, batchCount: Int) { monitor.withLock { ($0.byteCount, $0.batchCount) } }

  /// Adds a request without waking anybody: `lead` or `wakeThread` has to follow.
  func enqueue(_ request: WriteRequest) -> Submission {
    let key = MarkKey(stream: request.stream, producer: request.producer)
    return monitor.withLock { state in
      if let refusal = state.refusal { return .refused(refusal) }
      let byteCount = request.byteCount
      if state.batchCount >= batchCountMax || (state.batchCount > 0 && state.byteCount + byteCount > byteCountMax) {
        return .refused(Self.overloaded)
      }
      state.byteCount += byteCount
      state.batchCount += 1
      if !state.parked.isEmpty, state.parked[key] != nil {
        state.parked[key, default: []].append(request)
        return .queued
      }
      if let mark = state.marks.pin(key) {
        state.requests.append(Queued(request: request, mark: mark))
        return .queued
      }
      // A producer cannot have a mark on a stream that does not exist; its own first batch would have pinned one.
      guard catalog.contains(request.stream) else {
        let mark = state.marks.add(key, ProducerMark(), pinCount: 1)
        state.requests.append(Queued(request: request, mark: mark))
        return .queued
      }
      state.parked[key] = [request]
      return .needsMark(key)
    }
  }

  /// Adds the mark of a producer whose requests are parked, and queues them.
  ///
  /// - Parameter stream: the id of the stream that the mark was looked up for, nil if there was none.
  func resolve(_ key: MarkKey, _ mark: ProducerMark, of stream: Int64?) {
    monitor.withLock { state in
      guard let requests = state.parked.removeValue(forKey: key) else { return }
      // It may have been deleted meanwhile.
      let isCurrent = catalog[key.stream]?.id == stream
      let mark = state.marks.add(key, isCurrent ? mark : ProducerMark(), pinCount: requests.count)
      for request in requests { state.requests.append(Queued(request: request, mark: mark)) }
    }
    wakeThread()
  }

  /// Refuses the parked requests of a producer whose mark could not be read. The next request has it looked up again.
  func reject(_ key: MarkKey, _ refusal: Refusal) {
    monitor.withLock { state in
      for request in state.parked.removeValue(forKey: key) ?? [] {
        state.rejected.append(Reply(token: request.token, outcome: .refused(refusal)))
        state.byteCount -= request.byteCount
        state.batchCount -= 1
      }
    }
    wakeThread()
  }

  /// Adds a deletion, which is done between two groups.
  ///
  /// - Returns: nil when it was accepted, else the refusal.
  func enqueue(_ deletion: QueuedDeletion) -> Refusal? {
    let refusal = monitor.withLock { state in
      if state.refusal == nil {
        state.deletions.append(deletion)
        state.needsMaintenance = true
      }
      return state.refusal
    }
    wakeThread()
    return refusal
  }

  /// The deletions that wait; they have been taken.
  func takeDeletions() -> [QueuedDeletion] {
    monitor.withLock { state in
      let deletions = state.deletions
      state.deletions = []
      return deletions
    }
  }

  /// Adds entries of the server itself, which are stored between two groups.
  ///
  /// - Returns: false if nothing is taken any more.
  func enqueue(_ entries: OwnEntries) -> Bool {
    let isTaken = monitor.withLock { state in
      guard state.refusal == nil else { return false }
      state.ownEntries.append(entries)
      state.needsMaintenance = true
      return true
    }
    if isTaken { wakeThread() }
    return isTaken
  }

  /// The entries of the server itself that wait; they have been taken.
  func takeOwnEntries() -> [OwnEntries] {
    monitor.withLock { state in
      let entries = state.ownEntries
      state.ownEntries = []
      return entries
    }
  }

  /// The stream is in the catalog no longer: nor are its producers' marks here.
  func forgetMarks(of stream: StreamName) { monitor.withLock { $0.marks.forget(stream) } }

  /// For the writer's thread: waits for something to do, for at most `timeout` while nobody else has the writer. The
  /// thread then has the writer until `giveBack`, or permanently after `end`.
  func next(timeout: Duration) -> Order {
    while true {
      let order: Order? = monitor.wait(timeout: timeout) { state in state.nextOrder(byteCountMax: groupByteCountMax) }
      if let order { return order }
      let isFree = monitor.withLock { state in
        defer { state.isTaken = true }
        return !state.isTaken
      }
      if isFree { return .maintain }
    }
  }

  /// For any other thread: everything that waits, if no thread has the writer and it is at most `byteCountMax` bytes.
  /// The caller then has the writer until `giveBack`.
  ///
  /// Anything else is left to the thread that has the writer, or to the writer's thread, which is woken.
  func lead(byteCountMax: Int) -> Group? {
    var wakes = false
    let group: Group? = monitor.withLock { state in
      guard state.hasOrders, !state.isTaken else { return nil }
      guard state.byteCount <= byteCountMax, !state.needsMaintenance, state.refusal == nil else {
        wakes = state.wakesThread()
        return nil
      }
      state.isTaken = true
      return state.takeGroup(byteCountMax: groupByteCountMax)
    }
    if wakes { monitor.signal() }
    return group
  }

  /// Gives back the writer; what has arrived meanwhile is left to its thread.
  func giveBack(needsMaintenance: Bool = false) {
    let wakes = monitor.withLock { state in
      state.isTaken = false
      if needsMaintenance { state.needsMaintenance = true }
      return state.hasOrders && state.wakesThread()
    }
    if wakes { monitor.signal() }
  }

  /// Has the writer's thread check what waits.
  func wakeThread() {
    let wakes = monitor.withLock { state in state.wakesThread() }
    if wakes { monitor.signal() }
  }

  /// Adds what a group has stored to the marks, and removes its requests from the bounds.
  func finish(_ group: Group, stored: [(mark: CachedMark, record: ProducerMark.Record)]) {
    monitor.withLock { state in
      for (mark, record) in stored { state.marks.add(record, to: mark) }
      for queued in group.requests {
        state.marks.unpin(queued.mark)
        state.byteCount -= queued.request.byteCount
        state.batchCount -= 1
      }
    }
  }

  /// The marks that the active segment's table lacks.
  var unstoredMarks: [(key: MarkKey, mark: ProducerMark)] { monitor.withLock { $0.marks.unstoredMarks } }

  /// Marks with the ids of their streams, without those of streams that do not exist.
  func located(_ marks: [(key: MarkKey, mark: ProducerMark)]) -> [SegmentWriter.LocatedMark] {
    marks.compactMap { (key, mark) in
      catalog[key.stream].map { (stream: $0.id, producer: key.producer, mark: mark) }
    }
  }

  /// How many batches the active segment's table of marks may lack.
  var unstoredBatchCount: Int { monitor.withLock { $0.marks.unstoredBatchCount } }

  /// Adds marks found at the start that the active segment's table lacks, of so many batches.
  func adopt(_ marks: [MarkKey: ProducerMark], batchCount: Int) {
    monitor.withLock { $0.marks.adopt(marks, batchCount: batchCount) }
  }

  /// All marks are in a segment's table now.
  func noteMarksStored(in segment: Int64) { monitor.withLock { $0.marks.noteStored(in: segment) } }

  /// As of `MarkCache`.
  func markPortion(lagMax: Int, batchCount: Int, lastRow: Int64) -> MarkPortion? {
    monitor.withLock { $0.marks.portion(lagMax: lagMax, batchCount: batchCount, lastRow: lastRow) }
  }

  func noteStored(_ portion: MarkPortion, in segment: Int64) {
    monitor.withLock { $0.marks.noteStored(portion, in: segment) }
  }

  func recentMarks(countMax: Int) -> [MarkKey: ProducerMark] {
    monitor.withLock { $0.marks.recent(countMax: countMax) }
  }

  /// Has the writer's thread check whether a checkpoint or a new segment is due.
  func requestMaintenance() {
    monitor.withLock { $0.needsMaintenance = true }
    wakeThread()
  }

  /// Takes no more requests; those already taken will be committed.
  func close(_ refusal: Refusal) {
    monitor.withLock { state in
      if state.refusal == nil { state.refusal = refusal }
    }
    wakeThread()
  }

  /// Takes no more requests, since the store has stopped, and gives back those that wait.
  ///
  /// A group that was handed out is answered by the thread that has it.
  /// - Returns: the answers to everything that waits, in each producer's order.
  func abandon(_ refusal: Refusal) -> [Reply] {
    let replies = monitor.withLock { state in
      state.isAbandoned = true
      state.refusal = state.refusal ?? refusal
      return state.takeAll(refusal)
    }
    wakeThread()
    return replies
  }

  private static var overloaded: Refusal {
    Refusal(
      .overloaded, "the server's queue of batches to be stored is full; send it again later", isRetryable: true,
      retryAfterMilliseconds: retryAfterMilliseconds)
  }
}

extension WriterQueue.State {
  /// Whether there is something to do for the thread that has the writer.
  fileprivate var hasOrders: Bool {
    takenCount < requests.count || !rejected.isEmpty || needsMaintenance || refusal != nil
  }

  /// Whether the writer's thread has to be woken. Once is enough: it stays awake until it has looked.
  fileprivate mutating func wakesThread() -> Bool {
    // The thread that has the writer wakes it when it gives the writer back.
    guard isThreadWaiting, !isTaken else { return false }
    isThreadWaiting = false
    return true
  }

  /// What the writer's thread has to do now; nil if there is nothing, or another thread has the writer.
  fileprivate mutating func nextOrder(byteCountMax: Int) -> WriterQueue.Order? {
    isThreadWaiting = true
    guard !isTaken else { return nil }
    let order: WriterQueue.Order
    if isAbandoned {
      order = .end
    } else if let group = takeGroup(byteCountMax: byteCountMax) {
      order = .commit(group)
    } else if needsMaintenance {
      needsMaintenance = false
      order = .maintain
    } else if refusal != nil, parked.isEmpty {
      order = .end
    } else {
      return nil
    }
    isThreadWaiting = false
    isTaken = true
    return order
  }

  /// Takes out everything that waits and refuses it.
  fileprivate mutating func takeAll(_ refusal: Refusal) -> [Reply] {
    var waiting = requests[takenCount...].map(\.request)
    waiting += parked.values.joined()
    for request in waiting {
      byteCount -= request.byteCount
      batchCount -= 1
    }
    let replies = rejected + waiting.map { Reply(token: $0.token, outcome: .refused(refusal)) }
    requests.removeAll()
    takenCount = 0
    parked.removeAll()
    rejected.removeAll()
    return replies
  }

  fileprivate mutating func takeGroup(byteCountMax: Int) -> WriterQueue.Group? {
    var group = WriterQueue.Group()
    swap(&group.rejected, &rejected)
    guard takenCount < requests.count else { return group.rejected.isEmpty ? nil : group }
    var groupByteCount = 0
    let start = takenCount
    while takenCount < requests.count, takenCount - start < WriterQueue.groupRequestCountMax {
      groupByteCount += requests[takenCount].request.byteCount
      if groupByteCount > byteCountMax, takenCount > start { break }
      takenCount += 1
    }
    if takenCount == requests.count {
      group.requests = start == 0 ? requests : Array(requests[start...])
      requests.removeAll(keepingCapacity: false)
      takenCount = 0
    } else {
      group.requests = Array(requests[start..<takenCount])
      group.hasMore = true
      // Requests already taken are removed once they are the majority, so that each request is moved once.
      if takenCount > requests.count / 2 {
        requests.removeSubrange(0..<takenCount)
        takenCount = 0
      }
    }
    return group
  }
}
