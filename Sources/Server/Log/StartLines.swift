internal import LogsStore
internal import Synchronization

/// Keeps the order of the log at a start: what the store's threads say in the course of their work (info) comes after
/// the line about the start. Warnings and errors do not wait: there may be no start.
final class StartLines: Sendable {
  private let log: @Sendable (LogLine) -> Void
  /// nil once the server has started.
  private let waiting = Mutex<[LogLine]?>([])

  init(_ log: @escaping @Sendable (LogLine) -> Void) { self.log = log }

  func write(_ line: LogLine) {
    let isHeld = waiting.withLock { waiting in
      guard line.level == .info else { return false }
      return waiting?.append(line) != nil
    }
    if !isHeld { log(line) }
  }

  /// Writes what has waited. Nothing waits from now on.
  func release() {
    for line in waiting.withLock({ $0.take() }) ?? [] { log(line) }
  }
}
