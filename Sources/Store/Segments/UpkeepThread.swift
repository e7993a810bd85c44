internal import LogsWire
internal import Synchronization

/// The thread for work on segments that must not hold up the writer: preparing the next one, and sealing complete ones.
final class UpkeepThread: Sendable {
  typealias Job = @Sendable () -> Void

  private struct State: Sendable {
    var jobs: [Job] = []
    /// Done again after an interval.
    var retries: [Job] = []
    var isClosed = false
  }

  private enum Step: Sendable {
    case work([Job])
    case end
  }

  private let monitor = Monitor(State())
  private let thread: StoreThread

  init(retryInterval: Duration) {
    thread = StoreThread("store-upkeep") { [monitor] in Self.run(monitor, retryInterval) }
  }

  func add(_ job: @escaping Job) {
    monitor.withLock { $0.jobs.append(job) }
    monitor.signal()
  }

  /// Does `job` when the retry interval has passed.
  func addRetry(_ job: @escaping Job) {
    monitor.withLock { $0.retries.append(job) }
    monitor.signal()
  }

  /// Does what waits, retries included, then ends.
  func close() {
    monitor.withLock { $0.isClosed = true }
    monitor.signal()
    thread.join()
  }

  private static func run(_ monitor: Monitor<State>, _ retryInterval: Duration) {
    var due: Int64?
    while true {
      let timeout = due.map { Duration.nanoseconds(max(0, $0 - SystemClock.monotonic())) }
      let step: Step? = monitor.wait(timeout: timeout) { state -> Step? in
        if !state.jobs.isEmpty || (state.isClosed && !state.retries.isEmpty) {
          let jobs = state.jobs + (state.isClosed ? state.retries : [])
          state.jobs = []
          if state.isClosed { state.retries = [] }
          return .work(jobs)
        }
        if state.isClosed { return .end }
        // A retry has been added while nothing was due: wait again, with a timeout.
        return due == nil && !state.retries.isEmpty ? .work([]) : nil
      }
      switch step {
      case .end: return
      case .work(let jobs):
        for job in jobs { job() }
      case nil:
        let retries = monitor.withLock { state in
          defer { state.retries = [] }
          return state.retries
        }
        due = nil
        for job in retries { job() }
      }
      let hasRetries = monitor.withLock { !$0.retries.isEmpty }
      if hasRetries {
        due = due ?? SystemClock.monotonic() &+ retryInterval.nanoseconds
      } else {
        due = nil
      }
    }
  }
}
