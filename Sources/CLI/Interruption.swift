internal import Glibc
internal import LogsSystem
internal import LogsTransport
internal import Synchronization

/// Ctrl-C, SIGTERM and SIGHUP: the first one ends a command cleanly, the second one at once.
package enum Interruption {
  /// The pipe that the handler writes signal numbers to. They wait there to be read, so a signal that comes early is
  /// not lost.
  ///
  /// Written by `prepare`, before the handler can run and before any other thread exists.
  private nonisolated(unsafe) static var writeEnd: Int32 = -1
  private nonisolated(unsafe) static var readEnd: Int32 = -1

  /// Where signals go first, for a command that passes them on or takes SIGHUP for a reload.
  static let diversion = Mutex<Diversion?>(nil)

  struct Diversion: Sendable {
    /// Takes a signal by its number; false if it is to end the command as usual.
    let take: @Sendable (Int32) -> Bool
  }

  /// Catches the signals. Called once, first of all.
  package static func prepare() {
    // The next file to be opened would get the number of a standard descriptor that is closed. These have the wrong
    // direction, so that reading stdin and writing to stdout fail as they should.
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { preconditionFailure("no pipe for signals: out of descriptors") }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    unsafe (readEnd, writeEnd) = (ends[0], ends[1])
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGINT, SIGTERM] { signal(number, handler) }
    // nohup(1) has it ignored, and it stays so.
    let previous = signal(SIGHUP, handler)
    if unsafe unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { signal(SIGHUP, SIG_IGN) }
  }

  /// Catches these as well, for a command that passes them on.
  static func alsoCatch(_ numbers: [Int32]) { for number in numbers { signal(number, handler) } }

  /// What ends a command if nothing else takes it.
  private static let ending: Set = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  /// signal-safety(7): only `write`, and errno is restored.
  private static let handler: @convention(c) (Int32) -> Void = { number in
    let error = errno
    var byte = UInt8(truncatingIfNeeded: number)
    _ = unsafe write(writeEnd, &byte, 1)
    errno = error
  }

  /// Runs `body`, cancelling its task when a signal comes.
  ///
  /// - Returns: what `body` returns; 128 plus the number of the first signal if there was one: 129, 130 or 143.
  static func watch(_ body: @escaping @Sendable () async throws -> Int32) async throws -> Int32 {
    let first = FirstSignal()
    let task = Task { try await body() }
    let loop = try EventLoop.start(name: "logs-signals")
    defer { loop.stop() }
    loop.execute {
      do throws(SystemError) {
        _ = try loop.watch(unsafe readEnd, for: .readable) {
          receive { code in
            let number = code - ExitCode.interrupted(by: 0)
            if let diversion = diversion.withLock({ $0 }), diversion.take(number) { return }
            guard ending.contains(number) else { return }
            if first.set(code) { task.cancel() } else { exit(code) }
          }
        }
      } catch { preconditionFailure("a pipe can be watched: \(error)") }
    }
    do {
      let code = try await task.value
      return first.exitCode ?? code
    } catch {
      if let code = first.exitCode { return code }
      throw error
    }
  }

  /// Reads the signals in the pipe, as exit codes.
  private static func receive(_ take: (Int32) -> Void) {
    var byte: UInt8 = 0
    while unsafe read(readEnd, &byte, 1) == 1 { take(ExitCode.interrupted(by: Int32(byte))) }
  }

  /// The exit code, which the first signal decides.
  private final class FirstSignal: Sendable {
    private let code = Mutex<Int32?>(nil)

    var exitCode: Int32? { code.withLock { $0 } }

    /// - Returns: whether it is the first.
    func set(_ exitCode: Int32) -> Bool {
      code.withLock { code in
        guard code == nil else { return false }
        code = exitCode
        return true
      }
    }
  }
}
