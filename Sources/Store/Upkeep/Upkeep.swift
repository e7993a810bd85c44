internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The thread for work on segments that must not hold up the writer, and what that work needs. It leaves the processor
/// to others.
///
/// It runs one job after the other, in the order in which they were added. A job that could not finish is run again
/// later.
final class Upkeep: Sendable {
  let directory: StoreDirectory
  let pool: ConnectionPool
  let retention: Retention
  let rewriting: Rewriting
  let archive: SegmentArchive
  /// How long to wait before retrying what another program or a full disk has prevented.
  let retryInterval: Duration
  let log: @Sendable (LogLine) -> Void
  /// Called with what stops the store.
  let failed: @Sendable (StoreError) -> Void
  private let configuration: Mutex<StoreConfiguration>

  private struct State: Sendable {
    var jobs: [(job: any UpkeepJob, dueAt: Int64)] = []
    var isClosing = false
    /// The segment whose index is being made: one at a time.
    var indexed: Segment?
  }

  private let monitor = Monitor(State())
  private let thread = Mutex<Thread?>(nil)

  init(
    _ configuration: StoreConfiguration, directory: StoreDirectory, pool: ConnectionPool, retention: Retention,
    rewriting: Rewriting, archive: SegmentArchive, failed: @escaping @Sendable (StoreError) -> Void
  ) {
    self.directory = directory
    self.pool = pool
    self.retention = retention
    self.rewriting = rewriting
    self.archive = archive
    retryInterval = configuration.upkeepRetryInterval
    log = configuration.log
    self.failed = failed
    self.configuration = Mutex(configuration)
    thread.withLock { $0 = Thread("store-upkeep", priority: .low) { self.run() } }
  }

  func apply(_ configuration: StoreConfiguration) {
    self.configuration.withLock { $0 = configuration }
  }

  /// How long others have the processor after a job has worked for some time.
  func pause(after worked: Duration) -> Duration { configuration.withLock { $0.upkeepPause(after: worked) } }

  func add(_ job: any UpkeepJob) { add(job, dueAt: 0) }

  func add(_ job: any UpkeepJob, after delay: Duration) {
    add(job, dueAt: SystemClock.monotonic() &+ delay.nanoseconds)
  }

  /// Whether jobs run for the last time: the next start does what cannot be done now.
  var isClosing: Bool { monitor.withLock { $0.isClosing } }

  /// - Returns: false while the index of another segment is being made.
  func beginIndexing(_ segment: Segment) -> Bool {
    monitor.withLock { state in
      if state.indexed == nil { state.indexed = segment }
      return state.indexed == segment
    }
  }

  /// Lets the next one begin.
  func endIndexing(_ segment: Segment) {
    monitor.withLock { if $0.indexed == segment { $0.indexed = nil } }
  }

  func noteNoIndex(of segment: Segment, _ reason: String) {
    log(
      .warn(
        "segment \(segment.number) gets no index: \(reason). Searches of it take longer; logsd check says what it has"))
  }

  /// Runs every job that waits, due or not, then ends the thread.
  func close() {
    monitor.withLock { $0.isClosing = true }
    monitor.signal()
    thread.withLock({ $0.take() })?.join()
  }

  private func add(_ job: any UpkeepJob, dueAt: Int64) {
    monitor.withLock { $0.jobs.append((job, dueAt)) }
    monitor.signal()
  }

  private func run() {
    while let jobs = takeDue() {
      for job in jobs {
        let wasClosing = isClosing
        switch job.run(on: self) {
        case .done: break
        case .again(let delay):
          // One that did not know that it was its last time has one more.
          if !wasClosing { add(job, dueAt: SystemClock.monotonic() &+ delay.nanoseconds) }
        }
      }
    }
  }

  /// Waits for jobs that are due; nil when no more will come.
  private func takeDue() -> [any UpkeepJob]? {
    while true {
      let nextAt = monitor.withLock { $0.jobs.map(\.dueAt).min() }
      let timeout = nextAt.map { Duration.nanoseconds(max(0, $0 &- SystemClock.monotonic())) }
      let due: (jobs: [any UpkeepJob], isEnd: Bool)? = monitor.wait(timeout: timeout) { state in
        let now = state.isClosing ? .max : SystemClock.monotonic()
        let due = state.jobs.filter { $0.dueAt <= now }.map(\.job)
        state.jobs.removeAll { $0.dueAt <= now }
        if !due.isEmpty || state.isClosing { return (due, due.isEmpty) }
        // One was added that is due before the time for which this waits.
        let isSooner = (state.jobs.map(\.dueAt).min() ?? .max) < nextAt ?? .max
        return isSooner ? ([], false) : nil
      }
      guard let due else { continue }
      if due.isEnd { return nil }
      if !due.jobs.isEmpty { return due.jobs }
    }
  }
}

/// Work on segments beside the writer.
protocol UpkeepJob: Sendable {
  /// Does what can be done now, on the upkeep thread.
  func run(on upkeep: Upkeep) -> UpkeepOutcome
}

enum UpkeepOutcome {
  case done
  /// To be run again after this time, unless the store closes before.
  case again(after: Duration)
}
