internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// Shows the progress of a run on the last line of the terminal.
final class BenchProgress: Sendable {
  private static let interval = Duration.milliseconds(500)

  private let task: Task<Void, Never>?

  /// Shows nothing when nobody would see it.
  init(_ title: String, _ unit: String, _ meter: Meter) {
    guard Terminal.isErrorTerminal else {
      task = nil
      return
    }
    Terminal.progress(title)
    task = Task {
      let start = MonotonicTime.now()
      while !Task.isCancelled {
        do { try await Task.sleep(for: Self.interval) } catch { return }
        let count = meter.entryCount
        let seconds = Double(MonotonicTime.now().nanoseconds(since: start)) / 1e9
        Terminal.progress("\(title): \(count) \(unit), \(Int(Double(count) / seconds)) a second")
      }
    }
  }

  func end() {
    task?.cancel()
    Terminal.progress(nil)
  }
}
