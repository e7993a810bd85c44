/// A thread of its own for work that waits for files, pipes or the disk, so that it blocks none of the shared threads
/// of tasks.
///
/// The thread ends when the executor is gone and all work handed over is done.
package final class ThreadExecutor: SerialExecutor {
  private enum Step: Sendable {
    /// A piece of an actor's or task's work. It keeps the executor alive until it is done.
    case job(UnownedJob, ThreadExecutor)
    case body(@Sendable () -> Void)
    case end
  }

  private let steps = Monitor(Deque<Step>())

  /// - Throws: if the system has no thread left.
  package init(starting name: String) throws(SystemError) {
    _ = try Thread(starting: name) { [steps] in Self.run(steps) }
  }

  /// An executor that the program cannot do without.
  package init(_ name: String) { _ = Thread(name) { [steps] in Self.run(steps) } }

  deinit { append(.end) }

  /// Runs `body` on the thread, after all earlier work. Returns at once.
  package func execute(_ body: @escaping @Sendable () -> Void) { append(.body(body)) }

  package func enqueue(_ job: consuming ExecutorJob) { append(.job(UnownedJob(job), self)) }

  private func append(_ step: Step) {
    steps.withLock { $0.append(step) }
    steps.signal()
  }

  private static func run(_ steps: Monitor<Deque<Step>>) {
    while true {
      switch steps.wait(until: { $0.popFirst() }) {
      case .job(let job, let executor): unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor())
      case .body(let body): body()
      case .end, nil: return
      }
    }
  }
}
