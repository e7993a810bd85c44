/// The threads that read: jobs in the order in which they came.
final class ReaderThreads: Sendable {
  typealias Job = @Sendable () -> Void

  private struct State: Sendable {
    var jobs: [Job] = []
    var takenCount = 0
    var isClosed = false

    mutating func next() -> Job? {
      guard takenCount < jobs.count else { return nil }
      defer {
        takenCount += 1
        if takenCount == jobs.count || takenCount > 1024 {
          jobs.removeSubrange(0..<takenCount)
          takenCount = 0
        }
      }
      return jobs[takenCount]
    }
  }

  private let monitor = Monitor(State())
  private let threads: [StoreThread]

  init(count: Int) {
    threads = (0..<max(1, count)).map { [monitor] index in
      StoreThread("store-read-\(index)") { Self.run(monitor) }
    }
  }

  /// - Returns: false when the threads have ended.
  func add(_ job: @escaping Job) -> Bool {
    let isTaken = monitor.withLock { state in
      guard !state.isClosed else { return false }
      state.jobs.append(job)
      return true
    }
    if isTaken { monitor.signal() }
    return isTaken
  }

  /// Does what waits, then ends.
  func close() {
    let isFirst = monitor.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    monitor.signal()
    if isFirst { for thread in threads { thread.join() } }
  }

  private static func run(_ monitor: Monitor<State>) {
    while true {
      let job: Job?? = monitor.wait { state -> Job?? in
        if let job = state.next() { return .some(job) }
        return state.isClosed ? .some(nil) : nil
      }
      guard case .some(.some(let job)) = job else { return }
      job()
    }
  }
}
