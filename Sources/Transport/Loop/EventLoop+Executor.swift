internal import Glibc
internal import LogsSystem
internal import Synchronization

extension EventLoop {
  package func enqueue(_ job: consuming ExecutorJob) { append(.job(UnownedJob(job))) }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

  package func checkIsolated() { requireOnLoop() }

  package func isIsolatingCurrentContext() -> Bool? { isOnLoop }

  /// Whether the caller is on the loop's thread.
  package var isOnLoop: Bool { runningThread.load(ordering: .relaxed) == UInt(pthread_self()) }

  func requireOnLoop() {
    precondition(isOnLoop, "this must be called on the thread of the event loop that it belongs to")
  }

  func append(_ work: Inbox.Work) {
    switch inbox.append(work, isOnLoop: isOnLoop) {
    case .nothing: break
    case .wakeLoop: wakeUp.signal()
    case .startThread:
      do throws(TransportError) {
        _ = try Thread.start(name) { self.runLate() }
      } catch {
        preconditionFailure("work for a stopped event loop needs a thread: \(error)")
      }
    }
  }
}
