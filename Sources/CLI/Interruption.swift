internal import Dispatch
internal import Glibc
internal import Synchronization

/// Ctrl-C and SIGTERM: the first one ends a command in good order, the second one at once.
package enum Interruption {
  /// Keeps the signals back until somebody waits for them. Called on the main thread before any other exists, which all
  /// inherit it; so none is lost, however early it comes.
  package static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    var signals = set
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  private static var set: sigset_t {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    return signals
  }

  /// Runs `body`, cancelling its task when a signal comes.
  ///
  /// - Returns: what `body` returns; 130 when it was interrupted.
  static func watch(_ body: @escaping @Sendable () async throws -> Int32) async throws -> Int32 {
    let count = Count()
    let task = Task { try await body() }
    DispatchQueue(label: "logs.signals").async {
      var signals = set
      var number: Int32 = 0
      while unsafe sigwait(&signals, &number) == 0 {
        if count.next() > 1 { exit(ExitCode.interrupted) }
        task.cancel()
      }
    }
    do {
      let code = try await task.value
      return count.current > 0 ? ExitCode.interrupted : code
    } catch {
      if count.current > 0 { return ExitCode.interrupted }
      throw error
    }
  }

  private final class Count: Sendable {
    private let value = Atomic<Int>(0)
    var current: Int { value.load(ordering: .relaxed) }
    func next() -> Int { value.add(1, ordering: .relaxed).newValue }
  }
}
