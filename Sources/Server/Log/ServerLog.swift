internal import Glibc
package import LogsStore
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The server's own log on stderr. Logging never blocks: when stderr accepts no more, lines are dropped and counted.
///
/// Text from clients is logged too: each line stays a single line and is harmless on a terminal.
package final class ServerLog: Sendable {
  private struct State {
    var level: LogLine.Level
    var form: LogForm
    var retries = RetryCounts()
    var waitingCount = 0
    var droppedCount = 0
  }

  let stream: LogStream
  private let thread = ThreadExecutor("log")
  private let state: Mutex<State>

  /// Lines that may wait for stderr.
  private static let waitingCountMax = 1_024
  /// How long the process waits for them before it ends.
  private static let flushDuration = Duration.seconds(1)

  /// - Parameters:
  ///   - isForJournal: whether stderr leads to systemd's journal.
  ///   - isStream: whether its lines are entries of `$logsd`, too.
  init(
    level: LogLine.Level = .info, format: LogForm.Format = .text, isForJournal: Bool = false, isStream: Bool = false
  ) {
    stream = LogStream(isOn: isStream)
    state = Mutex(State(level: level, form: LogForm(format: format, isForJournal: isForJournal)))
  }

  /// Lines from now on have at least this level, and look like this.
  func set(level: LogLine.Level, format: LogForm.Format) {
    state.withLock { state in
      state.level = level
      state.form.format = format
    }
  }

  func set(_ configuration: ServerConfiguration) {
    set(level: configuration.logLevel, format: configuration.logFormat)
    stream.set(isOn: configuration.isLogStream)
  }

  /// Adds a line. From any thread; nothing waits.
  package func write(_ line: LogLine) {
    let isWanted = state.withLock { state in
      line.level >= state.level && (!line.isRetry || state.retries.isFirst(line.text, now: .now()))
    }
    if isWanted { append(line) }
  }

  /// Tells the counts that are due. To be called from time to time.
  func tick(now: MonotonicTime = .now()) {
    for line in state.withLock({ $0.retries.summaries(now: now) }) { append(line) }
  }

  private func append(_ line: LogLine) {
    let time = SystemClock.wall()
    stream.add(line, time: time)
    let isTaken = state.withLock { state in
      guard state.waitingCount < Self.waitingCountMax else {
        state.droppedCount += 1
        return false
      }
      state.waitingCount += 1
      return true
    }
    guard isTaken else { return }
    thread.execute { [self] in
      let (droppedCount, form) = state.withLock { state in
        state.waitingCount -= 1
        defer { state.droppedCount = 0 }
        return (state.droppedCount, state.form)
      }
      if droppedCount > 0 {
        Output.write(
          form.line(
            .warn("\(Figures.count(droppedCount, "line of this log was", "lines of this log were")) dropped"),
            time: time), to: STDERR_FILENO)
      }
      Output.write(form.line(line, time: time), to: STDERR_FILENO)
    }
  }

  /// Waits until what has been logged is written, but not forever.
  package func flush() {
    let isDone = Monitor(false)
    thread.execute {
      isDone.withLock { $0 = true }
      isDone.signal()
    }
    _ = isDone.wait(timeout: Self.flushDuration) { $0 ? true : nil }
  }
}
