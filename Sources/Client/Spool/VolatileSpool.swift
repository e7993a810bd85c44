internal import LogsSystem
internal import LogsWire

/// The backlog of a producer whose sources can be read again: batches wait in memory, and on disk are only bookmarks,
/// each once the server has answered for everything up to it.
///
/// The disk is a spool's. What an earlier producer has left in it is sent first, and removed as it is answered; nothing
/// is added to it.
final class VolatileSpool: Backlog {
  /// Bookmarks that wait for the answers to a batch and all before it.
  private struct Waiting {
    let id: Int64
    let bookmarks: [SourceBookmark]

    var byteCount: Int { bookmarks.reduce(0) { $0 + $1.key.utf8.count + ($1.value?.count ?? 0) } }
  }

  private let disk: Spool
  private let memory: MemoryBacklog
  private let now: () -> MonotonicTime
  private let report: (LogError) -> Void
  private var waiting = Deque<Waiting>()
  private var waitingByteCount = 0
  /// Those that may go to disk.
  private var settled: [String: SourceBookmark] = [:]
  /// When they could not be written; nil if that went well.
  private var failed: MonotonicTime?

  /// Ids of a spool stay far below those of batches in memory.
  private static let idFirst: Int64 = 1 << 62
  private static let retryNanoseconds: UInt64 = 1_000_000_000

  /// - Parameters:
  ///   - disk: closed with it.
  ///   - report: called once when bookmarks cannot be written. It is tried again with later ones and at the end;
  ///     batches are not held up.
  init(
    _ disk: Spool, time: @escaping () -> Int64 = SystemClock.wall, now: @escaping () -> MonotonicTime,
    report: @escaping (LogError) -> Void
  ) {
    self.disk = disk
    self.now = now
    self.report = report
    memory = MemoryBacklog(idFirst: Self.idFirst, now: time)
  }

  var producer: ProducerID { memory.producer }

  /// Bookmarks take room, too.
  var totals: BacklogTotals {
    var totals = memory.totals
    totals += disk.totals
    totals.byteCount += waitingByteCount
    return totals
  }

  var streams: [StreamName] { Set(disk.streams).union(memory.streams).sorted() }
  var oldestID: Int64? { disk.oldestID ?? memory.oldestID }

  func store(_ batches: [EncodedBatch], removing answered: [Int64]) throws(LogError) -> [Int64] {
    let restored = answered.filter { $0 < Self.idFirst }
    let beginnings = batches.flatMap(\.beginnings)
    if !restored.isEmpty || !beginnings.isEmpty { try disk.note(beginnings, removing: restored) }
    let ids = try memory.store(batches, removing: answered.filter { $0 >= Self.idFirst })
    for (id, batch) in zip(ids, batches) where !batch.bookmarks.isEmpty {
      add(Waiting(id: id, bookmarks: batch.bookmarks))
    }
    settle()
    return ids
  }

  /// Beyond so many, those that came last are joined: a stream that is held back must not fill the memory with them.
  private static let waitingCountMax = 64

  private func add(_ latest: Waiting) {
    var added = latest
    if waiting.count >= Self.waitingCountMax {
      let before = waiting[waiting.count - 1]
      waiting.removeLast()
      waitingByteCount -= before.byteCount
      let newer = Set(latest.bookmarks.map(\.key))
      added = Waiting(id: latest.id, bookmarks: before.bookmarks.filter { !newer.contains($0.key) } + latest.bookmarks)
    }
    waiting.append(added)
    waitingByteCount += added.byteCount
  }

  /// Writes the bookmarks that nothing unanswered comes before.
  private func settle(isLast: Bool = false) {
    let idGone = memory.idGone
    while let first = waiting.first, first.id <= idGone {
      _ = waiting.popFirst()
      waitingByteCount -= first.byteCount
      for bookmark in first.bookmarks { settled[bookmark.key] = bookmark }
    }
    if settled.isEmpty { return }
    if let failed, !isLast, now().nanoseconds(since: failed) < Self.retryNanoseconds { return }
    do throws(LogError) {
      try disk.note(settled.values.sorted { $0.key < $1.key }, removing: [])
      settled = [:]
      failed = nil
    } catch {
      if failed == nil { report(error) }
      failed = now()
    }
  }

  func window(of stream: StreamName, after id: Int64) throws(LogError) -> [BacklogBatch] {
    if disk.has(stream) { return try disk.window(of: stream, after: id) }
    return try memory.window(of: stream, after: id)
  }

  func dropOldest(keeping byteCountMax: Int) throws(LogError) -> [DroppedEntries] {
    try memory.dropOldest(keeping: max(byteCountMax - disk.totals.byteCount - waitingByteCount, 0))
  }

  func drop(acceptedBefore time: Int64) throws(LogError) -> [DroppedEntries] {
    try disk.drop(acceptedBefore: time) + memory.drop(acceptedBefore: time)
  }

  func bookmarks() throws(LogError) -> [String: ByteString] { try disk.bookmarks() }

  func note(_ bookmarks: [SourceBookmark]) throws(LogError) { try disk.note(bookmarks) }

  func close() {
    settle(isLast: true)
    disk.close()
  }
}
