internal import LogsTransport
package import LogsWire

/// A thread that several clients share, and tasks beside them.
///
/// For programs that hold many connections at once, each as another service would: load generators and simulations. A
/// client of its own thread costs a context switch for every message when there are hundreds of them; here whatever has
/// arrived, for any of the clients, is dealt with in one turn. A task that prefers this executor goes on in the turn in
/// which its answer arrived, and hands over without waking anybody. One that blocks holds up all of them.
package final class ClientThread: TaskExecutor {
  let loop: EventLoop

  /// - Parameter name: the thread's name; the system keeps 15 bytes of it.
  /// - Throws: `LogError` with `unreachable` when the system has no thread or descriptor left.
  package init(name: String) throws(LogError) {
    do { loop = try EventLoop.start(name: name) } catch { throw LogError(connecting: error) }
  }

  deinit {
    let loop = loop
    // A thread cannot wait for its own end.
    if loop.isOnLoop { Task.detached { loop.stop() } } else { loop.stop() }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Returns at `time`, by the loop's alarm; at once when that is past. A task that prefers this executor goes on in
  /// the turn that the alarm has begun.
  package func wait(until time: MonotonicTime) async {
    await withCheckedContinuation { continuation in
      loop.execute { [loop] in
        let delay = time.nanoseconds(since: loop.now)
        loop.schedule(after: .nanoseconds(Int64(clamping: delay))) { continuation.resume() }
      }
    }
  }
}
