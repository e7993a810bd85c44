internal import Glibc
internal import LogsClient
internal import LogsWire

/// Shows the progress of a push of big files on the last line of the terminal.
final class PushProgress: Sendable {
  /// Smaller files take too little time to show progress.
  private static let byteCountMin = 32 << 20
  private static let interval = Duration.milliseconds(500)

  private let task: Task<Void, Never>

  private init(_ task: Task<Void, Never>) { self.task = task }

  /// - Returns: nil if there is no terminal, or the size of the input is not known.
  static func begin(_ push: Push, _ reader: LineReader) -> PushProgress? {
    guard Terminal.isErrorTerminal, let total = reader.byteCountTotal, total >= byteCountMin else { return nil }
    let start = ContinuousClock.now
    return PushProgress(
      Task {
        while !Task.isCancelled {
          do { try await Task.sleep(for: interval) } catch { return }
          let read = reader.byteCountRead
          let seconds = (ContinuousClock.now - start) / .seconds(1)
          let count = push.acknowledgedCount
          let entries = Figures.count(count, "entry", "entries")
          Terminal.progress(
            "\(min(read * 100 / total, 100)) % of \(total >> 20) MiB read, \(entries) acknowledged, "
              + "\(Int(Double(count) / seconds)) a second")
        }
      })
  }

  func end() {
    task.cancel()
    Terminal.progress(nil)
  }
}
