internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The last entries of each stream in memory, within a byte budget for all: "the last 1000, then live" is instant.
final class TailCache: Sendable {
  fileprivate struct State: Sendable {
    var tails: [Int64: Deque<Run>] = [:]
    /// The runs in the order in which they were added; some are no longer in `tails`.
    var order = Deque<Key>()
    var runCount = 0
    var batchByteCount = 0

    var byteCount: Int {
      batchByteCount + runCount * TailCache.runByteCount + tails.count * TailCache.streamByteCount
    }
  }

  fileprivate struct Key: Sendable {
    var stream: Int64
    var first: UInt64
  }

  /// About what a run and a stream take besides the bytes of batches, measured with runs of one entry: owners, memory
  /// blocks that are larger than what was asked for, and free slots.
  fileprivate static let runByteCount = 250
  fileprivate static let streamByteCount = 500

  private let state = Mutex(State())
  private let entryCountMax: UInt64
  private let byteCountMax: Int

  init(_ configuration: StoreConfiguration) {
    entryCountMax = UInt64(configuration.tailCacheEntryCountMax)
    byteCountMax = configuration.tailCacheByteCountMax
  }

  /// About how much memory it takes.
  var byteCount: Int { state.withLock { $0.byteCount } }

  /// Adds the runs of one commit, in the order of their numbers, before the heads are published.
  func append(_ runs: [CommittedRun]) {
    state.withLock { state in
      for index in runs.indices {
        state.add(runs[index].run, of: runs[index].stream.id, keeping: entryCountMax)
      }
      while state.byteCount > byteCountMax { state.dropOldest() }
      state.compactOrder()
    }
  }

  /// Forgets a stream.
  func drop(_ stream: Int64) {
    state.withLock { state in
      if let tail = state.tails.removeValue(forKey: stream) {
        for index in 0..<tail.count { state.noteDropped(tail[index]) }
      }
      state.compactOrder()
    }
  }

  /// Whether the run that covers `position` is in memory.
  func holds(_ position: UInt64, of stream: Int64) -> Bool {
    state.withLock { state in state.tails[stream].map { Self.index(in: $0, covering: position) != nil } ?? false }
  }

  /// The run that covers `position` and those after it, about `byteCountMax` of them; nil when it is not in memory.
  func runs(of stream: Int64, from position: UInt64, byteCountMax: Int) -> [Run]? {
    state.withLock { state in
      guard let tail = state.tails[stream], var index = Self.index(in: tail, covering: position) else { return nil }
      var runs: [Run] = []
      var byteCount = 0
      while index < tail.count, byteCount < byteCountMax {
        runs.append(tail[index])
        byteCount += tail[index].batches.count
        index += 1
      }
      return runs
    }
  }

  /// The run that covers `position` and those before it, descending, about `byteCountMax` of them; nil when it is not
  /// in memory.
  func runs(of stream: Int64, downFrom position: UInt64, byteCountMax: Int) -> [Run]? {
    state.withLock { state in
      guard let tail = state.tails[stream], var index = Self.index(in: tail, covering: position) else { return nil }
      var runs: [Run] = []
      var byteCount = 0
      while index >= 0, byteCount < byteCountMax {
        runs.append(tail[index])
        byteCount += tail[index].batches.count
        index -= 1
      }
      return runs
    }
  }

  /// The run that holds `position`, nil when there is none. Runs follow each other without a gap.
  private static func index(in tail: Deque<Run>, covering position: UInt64) -> Int? {
    guard let first = tail.first, let last = tail.last, first.first <= position, position <= last.last else {
      return nil
    }
    var low = 0
    var high = tail.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if tail[middle].first <= position { low = middle } else { high = middle }
    }
    return low
  }
}

extension TailCache.State {
  /// Adds a run, and drops those in front that are not needed for the last `entryCountMax` entries of its stream.
  fileprivate mutating func add(_ run: Run, of stream: Int64, keeping entryCountMax: UInt64) {
    order.append(TailCache.Key(stream: stream, first: run.first))
    runCount += 1
    batchByteCount += run.batches.count
    guard let index = tails.index(forKey: stream) else {
      var tail = Deque<Run>()
      tail.append(run)
      tails[stream] = tail
      return
    }
    tails.values[index].append(run)
    while tails.values[index].count > 1, tails.values[index][1].first + entryCountMax <= run.last + 1 {
      noteDropped(tails.values[index].removeFirst())
    }
  }

  fileprivate mutating func dropOldest() {
    let oldest = order.removeFirst()
    guard let index = tails.index(forKey: oldest.stream), tails.values[index].first?.first == oldest.first else {
      return
    }
    noteDropped(tails.values[index].removeFirst())
    if tails.values[index].isEmpty { tails.remove(at: index) }
  }

  /// Counts a run no longer.
  fileprivate mutating func noteDropped(_ run: Run) {
    batchByteCount -= run.batches.count
    runCount -= 1
  }

  /// Drops the keys of runs that are gone, once they are the majority.
  fileprivate mutating func compactOrder() {
    guard order.count > 2 * runCount + 1024 else { return }
    var live = Deque<TailCache.Key>()
    for index in 0..<order.count {
      let key = order[index]
      if let first = tails[key.stream]?.first, first.first <= key.first { live.append(key) }
    }
    order = live
  }
}
