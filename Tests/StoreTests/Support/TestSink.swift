import Glibc
import LogsSystem
import LogsWire

@testable import LogsStore

/// Collects what a store reports and lets a test wait for it.
final class TestSink: StoreSink {
  struct State {
    var outcomes: [UInt32: WriteOutcome] = [:]
    var commits: [Commit] = []
    /// The thread that reported each commit.
    var threads: [pthread_t] = []
    var error: StoreError?
    var lines: [String] = []
    var results: [Int: Any] = [:]
  }

  let monitor = Monitor(State())

  func committed(_ commit: Commit) {
    monitor.withLock { state in
      state.commits.append(commit)
      state.threads.append(pthread_self())
      for reply in commit.replies { state.outcomes[reply.token.request] = reply.outcome }
    }
    monitor.signal()
  }

  func failed(_ error: StoreError) {
    monitor.withLock { state in
      precondition(state.error == nil, "a store fails once")
      state.error = error
    }
    monitor.signal()
  }

  func log(_ line: String) {
    monitor.withLock { $0.lines.append(line) }
    monitor.signal()
  }

  /// How long a test waits before it says what is missing.
  static let patience = Duration.seconds(300)

  func outcome(_ request: UInt32) -> WriteOutcome? {
    monitor.wait(timeout: Self.patience) { state in
      state.outcomes[request].map { Optional($0) } ?? (state.error == nil ? nil : .some(nil))
    } ?? nil
  }

  /// The answer to a request, even after the store has failed.
  func reply(_ request: UInt32) -> WriteOutcome? {
    monitor.wait(timeout: Self.patience) { $0.outcomes[request] }
  }

  /// Waits for a line of the log that contains `text`.
  func waitForLine(_ text: String, timeout: Duration = TestSink.patience) -> Bool {
    monitor.wait(timeout: timeout) { state in state.lines.contains { $0.contains(text) } ? true : nil } ?? false
  }

  func waitForFailure() -> StoreError? { monitor.wait(timeout: Self.patience) { $0.error } }

  /// The streams that were deleted, as they were.
  var deleted: [StreamInfo] { commits.flatMap(\.deleted) }

  var commits: [Commit] { monitor.withLock { $0.commits } }
  var lines: [String] { monitor.withLock { $0.lines } }
}
