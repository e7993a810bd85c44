internal import LogsWire

/// What waits for the writer, bounded in bytes and requests, with the marks that deciding needs.
///
/// A request enters the queue only when the mark of its producer is in memory. Until a reader has found it, the producer's
/// requests for that stream are parked, in their order.
final class WriterQueue: Sendable {
  struct Group: Sendable {
    var requests: [WriteRequest] = []
    /// The marks of all of the group's producers, as of the last commit.
    var marks: [MarkKey: ProducerMark] = [:]
    /// Answers to requests that could not be decided on.
    var rejected: [Reply] = []
    /// More requests wait behind the group.
    var hasMore = false
  }

  enum Order: Sendable {
    case commit(Group)
    /// Nothing to commit: look after the segments.
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
    var requests: [WriteRequest] = []
    /// How many of `requests` have been taken.
    var takenCount = 0
    var parked: [MarkKey: [WriteRequest]] = [:]
    var rejected: [Reply] = []
    var byteCount = 0
    var batchCount = 0
    var marks: MarkCache
    var refusal: Refusal?
    var isWriterWaiting = false
    var needsMaintenance = false
  }

  private let monitor: Monitor<State>
  private let byteCountMax: Int
  private let batchCountMax: Int
  private let groupByteCountMax: Int
  private let catalog: Catalog

  static let groupRequestCountMax = 16_384
  private static let retryAfterMilliseconds: UInt32 = 200

  init(_ settings: StoreSettings, catalog: Catalog) {
    monitor = Monitor(State(marks: MarkCache(countMax: settings.markCountMax)))
    byteCountMax = settings.writerQueueByteCountMax
    batchCountMax = settings.writerQueueBatchCountMax
    groupByteCountMax = settings.groupByteCountMax
    self.catalog = catalog
  }

  /// Bytes and requests that wait, parked ones included.
  var load: (byteCount: Int, batchCount: Int) { monitor.withLock { ($0.byteCount, $0.batchCount) } }

  func submit(_ request: WriteRequest) -> Submission {
    let key = MarkKey(stream: request.stream, producer: request.producer)
    var wakes = false
    let submission: Submission = monitor.withLock { state in
      if let refusal = state.refusal { return .refused(refusal) }
      let byteCount = request.byteCount
      if state.batchCount >= batchCountMax || (state.batchCount > 0 && state.byteCount + byteCount > byteCountMax) {
        return .refused(Self.overloaded)
      }
      state.byteCount += byteCount
      state.batchCount += 1
      if state.parked[key] != nil {
        state.parked[key, default: []].append(request)
        return .queued
      }
      if !state.marks.pin(key) {
        // A producer cannot have a mark on a stream that does not exist; its own first batch would have pinned one.
        guard catalog.contains(request.stream) else {
          state.marks.add(key, ProducerMark(), pinCount: 1)
          wakes = state.append(request)
          return .queued
        }
        state.parked[key] = [request]
        return .needsMark(key)
      }
      wakes = state.append(request)
      return .queued
    }
    if wakes { monitor.signal() }
    return submission
  }

  /// The mark of a producer whose requests are parked.
  func resolve(_ key: MarkKey, _ mark: ProducerMark) {
    monitor.withLock { state in
      guard let requests = state.parked.removeValue(forKey: key) else { return }
      state.marks.add(key, mark, pinCount: requests.count)
      for request in requests { _ = state.append(request) }
    }
    monitor.signal()
  }

  /// Refuses the requests of a producer whose mark could not be read. The next one has it looked up again.
  func reject(_ key: MarkKey, _ refusal: Refusal) {
    monitor.withLock { state in
      for request in state.parked.removeValue(forKey: key) ?? [] {
        state.rejected.append(Reply(token: request.token, outcome: .refused(refusal)))
        state.byteCount -= request.byteCount
        state.batchCount -= 1
      }
    }
    monitor.signal()
  }

  /// Waits for something to do, at most for `timeout`.
  func next(timeout: Duration) -> Order {
    let order: Order? = monitor.wait(timeout: timeout) { state in
      if let group = state.takeGroup(byteCountMax: groupByteCountMax) {
        state.isWriterWaiting = false
        return .commit(group)
      }
      if state.needsMaintenance {
        state.needsMaintenance = false
        return .maintain
      }
      if state.refusal != nil, state.parked.isEmpty { return .end }
      state.isWriterWaiting = true
      return nil
    }
    return order ?? .maintain
  }

  /// Marks after a group's commit, or as they were when nothing was taken, and its requests leave the bounds.
  func finish(_ group: Group, marks: [MarkKey: ProducerMark]) {
    monitor.withLock { state in
      for (key, mark) in marks { state.marks.update(key, mark) }
      for request in group.requests {
        state.marks.unpin(MarkKey(stream: request.stream, producer: request.producer))
        state.byteCount -= request.byteCount
        state.batchCount -= 1
      }
    }
  }

  /// The marks that the active segment's table lags behind.
  var unstoredMarks: [MarkKey: ProducerMark] { monitor.withLock { $0.marks.unstoredMarks } }

  /// Marks found at the start that the active segment's table does not know.
  func adopt(_ marks: [MarkKey: ProducerMark]) {
    monitor.withLock { state in
      for (key, mark) in marks { state.marks.adopt(key, mark) }
    }
  }

  /// All of them are in a segment's table now.
  func noteMarksStored(in segment: Int64) { monitor.withLock { $0.marks.noteStored(in: segment) } }

  func recentMarks(countMax: Int) -> [MarkKey: ProducerMark] {
    monitor.withLock { $0.marks.recent(countMax: countMax) }
  }

  /// Lets the writer look after the segments.
  func requestMaintenance() {
    monitor.withLock { $0.needsMaintenance = true }
    monitor.signal()
  }

  /// Takes no more; what was taken will be committed.
  func close(_ refusal: Refusal) {
    monitor.withLock { state in
      if state.refusal == nil { state.refusal = refusal }
    }
    monitor.signal()
  }

  /// Takes no more and forgets what waits: the store has stopped.
  func abandon(_ refusal: Refusal) {
    monitor.withLock { state in
      state.refusal = refusal
      state.requests.removeAll()
      state.takenCount = 0
      state.parked.removeAll()
      state.rejected.removeAll()
    }
    monitor.signal()
  }

  private static var overloaded: Refusal {
    Refusal(
      .overloaded, "the server's queue of batches to be stored is full; send it again later", isRetryable: true,
      retryAfterMilliseconds: retryAfterMilliseconds)
  }
}

extension WriterQueue.State {
  /// - Returns: whether the writer has to be woken.
  fileprivate mutating func append(_ request: WriteRequest) -> Bool {
    requests.append(request)
    // Once is enough: until it has taken something the writer is awake.
    defer { isWriterWaiting = false }
    return isWriterWaiting
  }

  fileprivate mutating func takeGroup(byteCountMax: Int) -> WriterQueue.Group? {
    var group = WriterQueue.Group()
    swap(&group.rejected, &rejected)
    guard takenCount < requests.count else { return group.rejected.isEmpty ? nil : group }
    var groupByteCount = 0
    let start = takenCount
    while takenCount < requests.count, takenCount - start < WriterQueue.groupRequestCountMax {
      let request = requests[takenCount]
      groupByteCount += request.byteCount
      if groupByteCount > byteCountMax, takenCount > start { break }
      let key = MarkKey(stream: request.stream, producer: request.producer)
      if group.marks[key] == nil { group.marks[key] = marks[key] }
      takenCount += 1
    }
    if takenCount == requests.count {
      group.requests = start == 0 ? requests : Array(requests[start...])
      requests.removeAll(keepingCapacity: false)
      takenCount = 0
    } else {
      group.requests = Array(requests[start..<takenCount])
      group.hasMore = true
      // What was taken is let go when it is more than half, so that each request is moved once.
      if takenCount > requests.count / 2 {
        requests.removeSubrange(0..<takenCount)
        takenCount = 0
      }
    }
    return group
  }
}
