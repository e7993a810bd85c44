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
    /// Takes a signal; false if it is to end the command as usual.
    let take: @Sendable (Caught) -> Bool
  }

  struct Caught: Sendable {
    let number: Int32
    /// Whether the system has sent it, as for a key of the terminal: then all of the process group has it.
    let isOfSystem: Bool
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
    alsoCatch([SIGINT, SIGTERM])
    // nohup(1) has it ignored, and it stays so.
    let previous = signal(SIGHUP, SIG_IGN)
    if unsafe unsafeBitCast(previous, to: Int.self) != unsafeBitCast(SIG_IGN, to: Int.self) { alsoCatch([SIGHUP]) }
  }

  /// Catches these as well, for a command that passes them on.
  static func alsoCatch(_ numbers: [Int32]) {
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_sigaction = handler
    action.sa_flags = SA_SIGINFO | SA_RESTART
    for number in numbers { _ = unsafe sigaction(number, &action, nil) }
  }

  /// What ends a command if nothing else takes it.
  private static let ending: Set = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  /// signal-safety(7): only `write`, and errno is restored.
  private static let handler:
    @convention(c) (Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void = { number, details, _ in
      let error = errno
      // SI_KERNEL: no process has sent it.
      let isOfSystem = unsafe details?.pointee.si_code == 0x80
      var byte = UInt8(truncatingIfNeeded: number) | (isOfSystem ? systemBit : 0)
      _ = unsafe write(writeEnd, &byte, 1)
      errno = error
    }

  /// Numbers of signals end at 64.
  private static let systemBit: UInt8 = 0x80

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
          receive { caught in
            if let diversion = diversion.withLock({ $0 }), diversion.take(caught) { return }
            guard ending.contains(caught.number) else { return }
            let code = ExitCode.interrupted(by: caught.number)
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

  /// Reads the signals in the pipe.
  private static func receive(_ take: (Caught) -> Void) {
    var byte: UInt8 = 0
    while unsafe read(readEnd, &byte, 1) == 1 {
      take(Caught(number: Int32(byte & ~systemBit), isOfSystem: byte & systemBit != 0))
    }
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
