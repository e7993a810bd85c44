internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// A sink that can be used before there is a producer.
///
/// Loggers are often made before the client. They can use an outlet, which is bound to the producer later. Until then
/// entries wait here in memory, at most 10,000 of them and 4 MiB. When it is full, new entries are dropped and counted,
/// and an entry in their place says how many. What still waits when the process ends is lost.
///
/// Order: entries logged one after the other reach the sink in that order, whatever is bound meanwhile. While waiting
/// entries are handed over, new ones queue up behind them; only with an empty queue do they go straight to the sink.
/// The sink is never called under the lock, so it may log itself.
public final class LogOutlet: LogSink {
  /// How many entries may wait for a sink.
  public static let waitingEntryCountMax = 10_000
  /// How many bytes of messages, sources and attributes may wait, plus a little for each entry.
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
    // Otherwise the sink would set the time when it gets the entry.
    if entry.time == 0 { entry.time = SystemClock.wall() }
    let sink = state.withLock { $0.take(entry) }
    sink?.log(entry)
  }

  /// Sends waiting and future entries to `sink`, which replaces the one bound before.
  ///
  /// Returns when nothing waits any more; that takes until the sink is faster than the threads that log. If another
  /// thread is handing entries over at that moment, it continues with this sink.
  public func bind(to sink: any LogSink) {
    precondition((sink as? LogOutlet) !== self, "an outlet cannot be its own sink")
    let isAlone = state.withLock { $0.bind(sink) }
    guard isAlone else { return }
    while let (sink, entries) = state.withLock({ $0.next() }) { for entry in entries { sink.log(entry) } }
  }

  /// Lets entries wait again until the next `bind`. Those being handed over at that moment still reach the sink.
  public func unbind() { state.withLock { $0.sink = nil } }

  /// How many entries wait.
  public var waitingCount: Int { state.withLock { $0.waiting.count } }
}

private struct State {
  let entryCountMax: Int
  let byteCountMax: Int
  var sink: (any LogSink)?
  /// Whether a thread is handing entries over. Only one does at a time: two could overtake each other.
  var isHandingOver = false
  var waiting: [LogEntry] = []
  var waitingByteCount = 0
  /// Entries dropped after the last one that waits.
  var drops: Drops?

  struct Drops {
    var count: UInt64 = 0
    /// The time of the last one.
    var time: Int64 = 0
  }

  init(entryCountMax: Int, byteCountMax: Int) {
    self.entryCountMax = entryCountMax
    self.byteCountMax = byteCountMax
  }

  /// - Returns: the sink to give the entry to; nil if the entry waits or was dropped.
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

  /// The next waiting entries to hand over; nil if there are none.
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
    // Deeper values are left out later, and values of callers may be of any depth.
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
