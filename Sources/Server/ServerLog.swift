internal import Glibc
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The server's own log on stderr. Logging never blocks: when stderr accepts no more, lines are dropped and counted.
///
/// Text from clients is logged too: each line stays a single line and is harmless on a terminal.
package final class ServerLog: Sendable {
  private struct State {
    var waitingCount = 0
    var droppedCount = 0
  }

  private let thread = ThreadExecutor("log")
  private let state = Mutex(State())

  /// Lines that may wait for stderr.
  private static let waitingCountMax = 1_024
  /// How long the process waits for them before it ends.
  private static let flushDuration = Duration.seconds(1)

  package init() {}

  package func line(_ text: String) {
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
      let droppedCount = state.withLock { state in
        state.waitingCount -= 1
        defer { state.droppedCount = 0 }
        return state.droppedCount
      }
      if droppedCount > 0 { Output.write("logsd: \(droppedCount) lines of this log were dropped", to: STDERR_FILENO) }
      Output.write("logsd: \(PrintableText.escaped(text))", to: STDERR_FILENO)
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
