internal import LogsClient

/// Entries of several streams that wait a moment, while some streams are behind, to be shown in the order of their
/// times.
struct MergeWindow {
  /// How long entries wait; longer if nothing more comes.
  private static let duration = Duration.milliseconds(200)

  private var entries: [StreamName: [LogEntry]] = [:]
  private var begin: ContinuousClock.Instant?
  /// Whether entries are held back: not when all streams are at their heads.
  private(set) var isOpen = true

  /// Whether what waits has waited long enough.
  func isDue(_ now: ContinuousClock.Instant) -> Bool { begin.map { now - $0 >= Self.duration } ?? false }

  mutating func hold(_ entries: [LogEntry], of stream: StreamName, _ now: ContinuousClock.Instant) {
    if begin == nil { begin = now }
    self.entries[stream, default: []] += entries
  }

  mutating func open() { isOpen = true }
  mutating func close() { isOpen = false }

  /// All that waits, merged by the times of the streams' next entries; those of one stream stay in their order.
  mutating func drain() -> [(stream: StreamName, entry: LogEntry)] {
    defer {
      entries = [:]
      begin = nil
    }
    let streams = entries.sorted { $0.key < $1.key }
    var heads = streams.map(\.value.startIndex)
    var merge = QueryMerge(streamCount: streams.count, isReverse: false)
    var merged: [(stream: StreamName, entry: LogEntry)] = []
    while true {
      while let wanted = merge.wanted {
        let (waiting, head) = (streams[wanted].value, heads[wanted])
        if head < waiting.count { merge.offer(waiting[head].effectiveTime) } else { merge.end() }
      }
      guard let next = merge.next() else { return merged }
      merged.append((streams[next].key, streams[next].value[heads[next]]))
      heads[next] += 1
    }
  }
}
