internal import LogsSystem

/// The threads that read. They run jobs in the order in which they were added.
final class ReaderThreads: Sendable {
  typealias Job = @Sendable () -> Void

  private struct State: Sendable {
    /// Jobs that go before all others.
    var urgent = Deque<Job>()
    var jobs = Deque<Job>()
    var isClosed = false

    mutating func next() -> Job? { urgent.popFirst() ?? jobs.popFirst() }
  }

  private let monitor = Monitor(State())
  private let threads: [Thread]

  /// - Parameter name: what the threads are called, with a number each.
  init(_ name: String, count: Int, priority: Thread.Priority = .normal) {
    threads = (0..<max(1, count)).map { [monitor] index in
      Thread("\(name)-\(index)", priority: priority) { Self.run(monitor) }
    }
  }

  /// Whether an urgent job waits: a job that can be divided should stop here.
  var isUrgentWaiting: Bool { monitor.withLock { !$0.urgent.isEmpty } }

  /// - Returns: false when the threads have ended.
  func add(isUrgent: Bool = false, _ job: @escaping Job) -> Bool {
    let isTaken = monitor.withLock { state in
      guard !state.isClosed else { return false }
      if isUrgent { state.urgent.append(job) } else { state.jobs.append(job) }
      return true
    }
    if isTaken { monitor.signal() }
    return isTaken
  }

  /// Runs the waiting jobs, then ends the threads.
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
