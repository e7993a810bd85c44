internal import Dispatch
internal import Glibc
internal import Synchronization

/// Ctrl-C and SIGTERM: the first one ends a command in good order, the second one at once.
enum Interruption {
  /// Runs `body`, cancelling its task when a signal comes.
  ///
  /// - Returns: what `body` returns; 130 when it was interrupted.
  static func watch(_ body: @escaping @Sendable () async throws -> Int32) async throws -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    let count = Count()
    let task = Task { try await body() }
    let sources = [SIGINT, SIGTERM].map { number in
      // The default action would end the process before the source is told.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        if count.next() > 1 { exit(ExitCode.interrupted) }
        task.cancel()
      }
      source.resume()
      return source
    }
    defer { for source in sources { source.cancel() } }
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
