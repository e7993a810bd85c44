internal import Glibc
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// The last chance for producers when the process calls `exit` or returns from `main` without shutting them down.
///
/// `exit` calls this while all threads still run. Other ends of a process (`_exit`, a signal, `fatalError`) do not.
enum ExitHook {
  private struct State {
    /// The process that has registered it. A forked process has only one thread and does nothing here.
    var process: pid_t = 0
    var producers: [UInt64: Producer] = [:]
    var keyLast: UInt64 = 0
  }

  private struct Producer: Sendable {
    let core: ProducerCore
    let patience: Duration
  }

  /// How long `exit` waits for a spool, and for acknowledgements.
  static let spoolPatience = Duration.seconds(5)
  static let serverPatience = Duration.milliseconds(500)
  /// How often it checks: `exit` may be called on any thread, and that thread has to wait.
  private static let pollMicroseconds: useconds_t = 500

  private static let state = Mutex(State())

  /// - Returns: the key to `remove` it with.
  static func add(_ core: ProducerCore, patience: Duration) -> UInt64 {
    state.withLock { state in
      if state.process != getpid() {
        state.process = getpid()
        state.producers = [:]
        // If no more functions can be registered, producers end without this.
        _ = atexit { ExitHook.run() }
      }
      state.keyLast += 1
      state.producers[state.keyLast] = Producer(core: core, patience: patience)
      return state.keyLast
    }
  }

  static func remove(_ key: UInt64) { _ = state.withLock { $0.producers.removeValue(forKey: key) } }

  private static func run() {
    let producers = state.withLock { $0.process == getpid() ? Array($0.producers.values) : [] }
    let start = ContinuousClock.now
    let waits = producers.compactMap { producer -> (Wait, ContinuousClock.Instant)? in
      let core = producer.core
      // `exit` was called on the very thread that would have to do it.
      if core.loop.isOnLoop { return nil }
      let wait = Wait()
      core.loop.execute { core.assumeIsolated { $0.handOver { wait.isOver.store(true, ordering: .relaxed) } } }
      return (wait, start + producer.patience)
    }
    for (wait, deadline) in waits {
      while !wait.isOver.load(ordering: .relaxed), ContinuousClock.now < deadline { usleep(pollMicroseconds) }
    }
  }

  private final class Wait: Sendable {
    let isOver = Atomic(false)
  }
}
