internal import LogsStore
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Appends lines of the server's own log to the stream `$logsd`. Nothing waits for it: what comes too fast, or cannot
/// be stored, is counted, and the count is the next entry.
final class LogStream: Sendable {
  private struct State {
    var isOn: Bool
    /// nil until there is a store.
    var append: (@Sendable (OwnEntries) -> Void)?
    var waiting: [LogEntry] = []
    /// Whether entries are with the store. Others wait until it has answered, and are then stored together.
    var isBusy = false
    var droppedCount = 0
    /// When what was taken is paid for: it runs ahead by one interval with each line.
    var clock = MonotonicTime(nanoseconds: 0)
  }

  private let state: Mutex<State>

  /// Lines that are taken in a second, and at once.
  static let rateMax = 10
  static let burstMax = 100
  /// Lines that wait for the store.
  static let waitingCountMax = 256
  /// Of a line. All that wait fit one batch.
  static let lineByteCountMax = 4_096

  init(isOn: Bool) { state = Mutex(State(isOn: isOn)) }

  func set(isOn: Bool) { state.withLock { $0.isOn = isOn } }

  /// Entries go to the store from now on, with those that have waited for it.
  func open(_ append: @escaping @Sendable (OwnEntries) -> Void) {
    state.withLock { $0.append = append }
    handOver()
  }

  func add(_ line: LogLine, time: Int64, now: MonotonicTime = .now()) {
    // Each entry leads to such lines in the end.
    if line.isUpkeep { return }
    state.withLock { state in
      guard state.isOn else { return }
      let interval = Duration.seconds(1) / Self.rateMax
      guard state.clock <= now + interval * (Self.burstMax - 1), state.waiting.count < Self.waitingCountMax else {
        state.droppedCount += 1
        return
      }
      state.clock = max(state.clock, now) + interval
      state.waiting.append(Self.entry(line, time))
    }
    handOver()
  }

  private func handOver() {
    let append = state.withLock { $0.append }
    let entries: OwnEntries? = state.withLock { state in
      guard append != nil, !state.isBusy, !state.waiting.isEmpty else { return nil }
      var entries = state.waiting
      let droppedCount = state.droppedCount
      if droppedCount > 0 { entries.insert(Self.notice(of: droppedCount, time: entries[0].time), at: 0) }
      let lostCount = state.waiting.count + droppedCount
      (state.waiting, state.droppedCount, state.isBusy) = ([], 0, true)
      return OwnEntries(stream: OwnStreams.log, batch: Self.batch(entries)) { [self] isStored in
        finish(isStored, lostCount: lostCount)
      }
    }
    if let entries { append?(entries) }
  }

  /// - Parameter lostCount: the lines that are lost if they are not stored.
  private func finish(_ isStored: Bool, lostCount: Int) {
    state.withLock { state in
      state.isBusy = false
      if !isStored { state.droppedCount += lostCount }
    }
    // What cannot be stored is not tried again at once: the next line tries.
    if isStored { handOver() }
  }

  private static func entry(_ line: LogLine, _ time: Int64) -> LogEntry {
    let text = line.text.utf8
    let isLong = text.count > lineByteCountMax
    let message = isLong ? "\(String(decoding: text.prefix(lineByteCountMax), as: UTF8.self))..." : line.text
    return LogEntry(
      message: ByteString(message), time: time, severity: line.level.severity, source: OwnStreams.source,
      attributes: [])
  }

  private static func notice(of count: Int, time: Int64) -> LogEntry {
    let lines = Figures.count(count, "line is", "lines are")
    return entry(.warn("\(lines) missing here, which came too fast or could not be stored: stderr has more"), time)
  }

  private static func batch(_ entries: [LogEntry]) -> Batch {
    var builder = BatchBuilder(seed: HashSeed.process)
    for entry in entries {
      do throws(InvalidEntry) { _ = try builder.append(entry) } catch {
        preconditionFailure("a line of the log is an entry: \(error)")
      }
    }
    return builder.finish(compressor: Compressor())
  }
}
