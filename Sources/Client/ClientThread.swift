internal import LogsTransport
package import LogsWire

/// A thread that several clients share, and that tasks can run on as well.
///
/// For programs with many connections, such as load generators and simulations. With hundreds of clients, a thread for
/// each costs a context switch for every message; here everything that has arrived, for any client, is handled in one
/// turn. A task that prefers this executor continues in the turn in which its answer arrived, and hands over without
/// waking a thread. A task that blocks holds up all of them.
package final class ClientThread: TaskExecutor {
  let loop: EventLoop

  /// - Parameter name: the thread's name; the system keeps 15 bytes of it.
  /// - Throws: `LogError` with `unreachable` when the system has no thread or descriptor left.
  package init(name: String) throws(LogError) {
    do { loop = try EventLoop.start(name: name) } catch { throw LogError(connecting: error) }
  }

  deinit { loop.abandon() }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Returns at `time`, by a timer of the loop, or at once if that is past. A task that prefers this executor continues
  /// in the same turn.
  package func wait(until time: MonotonicTime) async {
    await withCheckedContinuation { continuation in
      loop.execute { [loop] in
        let delay = time.nanoseconds(since: loop.now)
        loop.schedule(after: .nanoseconds(Int64(clamping: delay))) { continuation.resume() }
      }
    }
  }
}
