internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// A sink that exists before there is anywhere to send to.
///
/// Loggers are made first and a client later, so they are given an outlet, which is bound to the producer when there is
/// one. Until then entries wait here in memory, at most 10,000 of them and 4 MiB; the first ones stay, those that come
/// when it is full are dropped and counted, and an entry in their place tells how many. What still waits when the
/// process ends is lost.
///
/// Order: entries logged one after the other reach the sink in that order, whatever is bound meanwhile. While what has
/// waited is handed over, new entries queue up behind it; only an empty queue lets them go straight to the sink. The
/// sink is never called under the lock, so it may log itself.
public final class LogOutlet: LogSink {
  /// Entries that may wait for a sink.
  public static let waitingEntryCountMax = 10_000
  /// Messages, sources and attributes of the entries that wait, and a little for each entry.
  public static let waitingByteCountMax = 4 << 20

  private let state: Mutex<State>

  public convenience init() {
    self.init(waitingEntryCountMax: Self.waitingEntryCountMax, waitingByteCountMax: Self.waitingByteCountMax)
  }

  package init(waitingEntryCountMax: Int, waitingByteCountMax: Int) {
    state = Mutex(State(entryCountMax: waitingEntryCountMax, byteCountMax: waitingByteCountMax))
  }

  /// Hands the entry on, or keeps it until a sink is bound.
  public func log(_ entry: LogEntry) {
    var entry = entry
    // The sink would take the time when it gets the entry.
    if entry.time == 0 { entry.time = SystemClock.wall() }
    let sink = state.withLock { $0.take(entry) }
    sink?.log(entry)
  }

  /// Sends what waits, and then everything that comes, to `sink`, in place of the one that was bound before.
  ///
  /// Returns when nothing waits any more, which takes as long as threads log faster than the sink takes entries; when
  /// another thread is handing over at that moment, that one goes on with this sink.
  public func bind(to sink: any LogSink) {
    precondition((sink as? LogOutlet) !== self, "an outlet cannot be its own sink")
    let isAlone = state.withLock { $0.bind(sink) }
    guard isAlone else { return }
    while let (sink, entries) = state.withLock({ $0.next() }) { for entry in entries { sink.log(entry) } }
  }

  /// Lets entries wait again, until the next `bind`. What is being handed over at that moment still reaches the sink.
  public func unbind() { state.withLock { $0.sink = nil } }

  /// How many entries wait.
  public var waitingCount: Int { state.withLock { $0.waiting.count } }
}

private struct State {
  let entryCountMax: Int
  let byteCountMax: Int
  var sink: (any LogSink)?
  /// Whether one thread hands over what waits. At most one does, or two of them could overtake each other.
  var isHandingOver = false
  var waiting: [LogEntry] = []
  var waitingByteCount = 0
  /// Entries dropped behind the last one that waits.
  var drops: Drops?

  struct Drops {
    var count: UInt64 = 0
    /// Of the last one.
    var time: Int64 = 0
  }

  init(entryCountMax: Int, byteCountMax: Int) {
    self.entryCountMax = entryCountMax
    self.byteCountMax = byteCountMax
  }

  /// - Returns: the sink that the caller gives the entry to; nil when the entry waits, or was dropped.
  mutating func take(_ entry: LogEntry) -> (any LogSink)? {
    if let sink, !isHandingOver { return sink }
    let byteCount = entry.waitingByteCount
    guard waiting.count < entryCountMax, waitingByteCount + byteCount <= byteCountMax else {
      drops = Drops(count: (drops?.count ?? 0) + 1, time: entry.time)
      return nil
    }
    if let notice = takeNotice() { append(notice) }
    append(entry)
    return nil
  }

  /// - Returns: whether the caller is to hand over.
  mutating func bind(_ sink: any LogSink) -> Bool {
    self.sink = sink
    defer { isHandingOver = true }
    return !isHandingOver
  }

  /// What waits, to be handed over; nil when that is done.
  mutating func next() -> (any LogSink, [LogEntry])? {
    if let notice = takeNotice() { append(notice) }
    guard let sink, !waiting.isEmpty else {
      isHandingOver = false
      return nil
    }
    defer {
      waiting = []
      waitingByteCount = 0
    }
    return (sink, waiting)
  }

  private mutating func append(_ entry: LogEntry) {
    waiting.append(entry)
    waitingByteCount += entry.waitingByteCount
  }

  private mutating func takeNotice() -> LogEntry? {
    guard let drops else { return nil }
    self.drops = nil
    return DropNotice(entryCount: drops.count, reason: .queueFull).entry(time: drops.time)
  }
}

extension LogEntry {
  /// What an entry counts for besides its content.
  private static let overheadByteCount = 128

  fileprivate var waitingByteCount: Int {
    Self.overheadByteCount + message.count + source.count + Self.byteCount(attributes, depth: 0)
  }

  private static func byteCount(_ attributes: [LogAttribute], depth: Int) -> Int {
    attributes.reduce(0) { $0 + $1.key.utf8.count + byteCount($1.value, depth: depth) }
  }

  private static func byteCount(_ value: AttributeValue, depth: Int) -> Int {
    let nodeByteCount = 16
    // Deeper ones are left out later, and the caller's values may be of any depth.
    guard depth <= Limits.attributeDepthMax else { return nodeByteCount }
    switch value {
    case .empty, .boolean, .integer, .double: return nodeByteCount
    case .string(let text): return nodeByteCount + text.utf8.count
    case .bytes(let bytes): return nodeByteCount + bytes.count
    case .list(let values): return values.reduce(nodeByteCount) { $0 + byteCount($1, depth: depth + 1) }
    case .map(let members): return nodeByteCount + byteCount(members, depth: depth + 1)
    }
  }
}
