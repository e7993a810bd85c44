internal import LogsWire
internal import Synchronization

/// The last entries of each stream in memory, within a byte budget for all: "the last 1000, then live" is instant.
final class TailCache: Sendable {
  struct Run: Sendable {
    var first: UInt64
    var last: UInt64
    var batches: Bytes
  }

  fileprivate struct State: Sendable {
    var tails: [Int64: [Run]] = [:]
    /// Streams and first numbers in the order in which runs came; some are no longer in `tails`.
    var order: [(stream: Int64, first: UInt64)] = []
    var orderStart = 0
    var runCount = 0
    var byteCount = 0
  }

  private let state = Mutex(State())
  private let entryCountMax: UInt64
  private let byteCountMax: Int

  init(_ settings: StoreSettings) {
    entryCountMax = UInt64(settings.tailCacheEntryCountMax)
    byteCountMax = settings.tailCacheByteCountMax
  }

  var byteCount: Int { state.withLock { $0.byteCount } }

  /// Adds runs of one commit. In the order of their numbers, before the heads are published.
  func append(_ runs: [CommittedRun]) {
    state.withLock { state in
      for run in runs {
        let stream = run.stream.id
        state.tails[stream, default: []].append(Run(first: run.first, last: run.last, batches: run.batches))
        state.order.append((stream, run.first))
        state.runCount += 1
        state.byteCount += run.batches.count
        while let tail = state.tails[stream], tail.count > 1, tail[1].first + entryCountMax <= run.last + 1 {
          state.dropFirst(of: stream)
        }
      }
      while state.byteCount > byteCountMax { state.dropOldest() }
      state.compactOrder()
    }
  }

  /// The runs that cover `position` and those behind it, nil when it is not in memory.
  func runs(of stream: Int64, from position: UInt64) -> ArraySlice<Run>? {
    state.withLock { state in
      guard let tail = state.tails[stream], let first = tail.first, let last = tail.last,
        first.first <= position, position <= last.last
      else { return nil }
      return tail[Self.index(in: tail, covering: position)...]
    }
  }

  /// The runs that cover `position` and those before it, ascending; nil when it is not in memory.
  func runs(of stream: Int64, downFrom position: UInt64) -> ArraySlice<Run>? {
    state.withLock { state in
      guard let tail = state.tails[stream], let first = tail.first, let last = tail.last,
        first.first <= position, position <= last.last
      else { return nil }
      return tail[...Self.index(in: tail, covering: position)]
    }
  }

  /// The last run that begins at or before `position`; there is one.
  private static func index(in tail: [Run], covering position: UInt64) -> Int {
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
  fileprivate mutating func dropFirst(of stream: Int64) {
    guard let dropped = tails[stream]?.removeFirst() else { return }
    byteCount -= dropped.batches.count
    runCount -= 1
    if tails[stream]?.isEmpty == true { tails[stream] = nil }
  }

  fileprivate mutating func dropOldest() {
    let oldest = order[orderStart]
    orderStart += 1
    if tails[oldest.stream]?.first?.first == oldest.first { dropFirst(of: oldest.stream) }
  }

  /// Forgets places of runs that are gone, when they are the most.
  fileprivate mutating func compactOrder() {
    guard order.count > 2 * runCount + 1024 else { return }
    let live = order[orderStart...].filter { place in
      tails[place.stream].flatMap { $0.first }.map { $0.first <= place.first } ?? false
    }
    order = live
    orderStart = 0
  }
}
