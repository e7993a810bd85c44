import Foundation
import Glibc

/// Of posix_spawn(3); Glibc's headers expose it only to C.
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
private func addCloseFrom(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32) -> Int32

/// A program that a test has started. Its starter must also end it: `Scene` does so for all of its own.
///
/// Invariant behind `@unchecked Sendable`: `exit` and `input` are touched only under `condition`.
final class ChildProcess: @unchecked Sendable {
  enum Input {
    case none
    case pipe
    case file(String)
  }

  enum Exit: Equatable {
    case code(Int32)
    case signal(Int32)
  }

  let name: String
  let pid: pid_t
  /// Empty for a process whose stdout the test reads itself (`outputDescriptor`).
  let output = Capture()
  let errors = Capture()
  /// -1 if stdout is captured.
  let outputDescriptor: Int32

  private let condition = NSCondition()
  private var exit: Exit?
  private var input: Int32

  /// - Parameters:
  ///   - readsOutput: false if the test reads stdout itself, at its own pace.
  ///   - descriptors: of the test's, which the program has as 3 and the following.
  ///   - columnCount: of the terminal that stdout is, which shows output as it comes; nil if it is none.
  init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:], input: Input = .none,
    descriptors: [Int32] = [], readsOutput: Bool = true, columnCount: Int? = nil
  ) throws {
    name = ([URL(fileURLWithPath: path).lastPathComponent] + arguments.prefix(3)).joined(separator: " ")
    _ = Self.ignorePipeSignal
    let outputPipe = try columnCount.map(Pipe.terminal) ?? Pipe()
    let errorPipe = try Pipe()
    let inputPipe: Pipe? = if case .pipe = input { try Pipe() } else { nil }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    switch input {
    case .none: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    case .file(let path): posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
    case .pipe: posix_spawn_file_actions_adddup2(&actions, inputPipe!.reader, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, outputPipe.writer, 1)
    posix_spawn_file_actions_adddup2(&actions, errorPipe.writer, 2)
    // Copies with high numbers, so that none is replaced before it is copied.
    let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 1_000) }
    defer { for copy in copies { close(copy) } }
    for (index, copy) in copies.enumerated() { posix_spawn_file_actions_adddup2(&actions, copy, 3 + Int32(index)) }
    // Otherwise sockets and pipes of tests that run in parallel would stay open in the program.
    _ = addCloseFrom(&actions, 3 + Int32(copies.count))

    // Signals that the test runner ignores or blocks must not affect the program.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    // Variables in the tests' environment, for these programs or for colors, are not meant for this one.
    var variables = Foundation.ProcessInfo.processInfo.environment.filter {
      !$0.key.hasPrefix("LOGS") && !["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR"].contains($0.key)
    }
    // Nor are a person's own profiles.
    variables["XDG_CONFIG_HOME"] = "/nowhere"
    for (name, value) in environment { variables[name] = value }
    let words = ([path] + arguments).map { strdup($0) } + [nil]
    let settings = variables.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + settings { free(text) } }

    var pid: pid_t = 0
    let result = posix_spawn(&pid, path, &actions, &attributes, words, settings)
    close(outputPipe.writer)
    close(errorPipe.writer)
    if let inputPipe { close(inputPipe.reader) }
    self.pid = pid
    self.input = inputPipe?.writer ?? -1
    outputDescriptor = readsOutput ? -1 : outputPipe.reader
    guard result == 0 else { throw Failure("cannot start \(path): \(String(cString: strerror(result)))") }
    Threads.start { self.attend(readsOutput ? outputPipe.reader : -1, errorPipe.reader) }
  }

  private static let ignorePipeSignal: Void = { Glibc.signal(SIGPIPE, SIG_IGN) }()

  private struct Pipe {
    let reader: Int32
    let writer: Int32

    init() throws {
      var ends: [Int32] = [-1, -1]
      guard pipe(&ends) == 0 else { throw Failure.errno("pipe") }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      (reader, writer) = (ends[0], ends[1])
    }

    private init(reader: Int32, writer: Int32) { (self.reader, self.writer) = (reader, writer) }

    static func terminal(columnCount: Int) throws -> Pipe {
      // pty(7), by the calls beneath openpty(3), which Glibc's headers expose only to C.
      let screen = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
      var number: Int32 = 0
      var isLocked: Int32 = 0
      guard screen >= 0, ioctl(screen, Self.lock, &isLocked) == 0, ioctl(screen, Self.name, &number) == 0 else {
        throw Failure.errno("no terminal")
      }
      let program = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
      var settings = termios()
      guard program >= 0, tcgetattr(program, &settings) == 0 else { throw Failure.errno("no terminal") }
      cfmakeraw(&settings)
      tcsetattr(program, TCSANOW, &settings)
      var size = winsize(ws_row: 24, ws_col: UInt16(columnCount), ws_xpixel: 0, ws_ypixel: 0)
      _ = ioctl(program, UInt(TIOCSWINSZ), &size)
      return Pipe(reader: screen, writer: program)
    }

    /// TIOCSPTLCK and TIOCGPTN of ioctl_tty(2).
    private static let lock: UInt = 0x4004_5431
    private static let name: UInt = 0x8004_5430
  }

  /// Reads what the process writes until it ends, and records how it ended.
  private func attend(_ output: Int32, _ errors: Int32) {
    var pipes = [(output, self.output), (errors, self.errors)].filter { $0.0 >= 0 }
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while !pipes.isEmpty {
      var polled = pipes.map { pollfd(fd: $0.0, events: Int16(POLLIN), revents: 0) }
      guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
      for (index, entry) in polled.enumerated().reversed() where entry.revents != 0 {
        let count = read(entry.fd, &buffer, buffer.count)
        if count > 0 {
          pipes[index].1.append(buffer[..<count])
        } else {
          close(entry.fd)
          pipes[index].1.end()
          pipes.remove(at: index)
        }
      }
    }
    var information = siginfo_t()
    while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    // The id is released under the lock: nothing signals it after that.
    condition.withLock {
      var status: Int32 = 0
      waitpid(pid, &status, 0)
      exit = status & 0x7f == 0 ? .code(status >> 8 & 0xff) : .signal(status & 0x7f)
      condition.broadcast()
    }
  }

  func signal(_ number: Int32) {
    condition.withLock { if exit == nil { kill(pid, number) } }
  }

  var hasEnded: Bool { condition.withLock { exit != nil } }

  /// The peak memory of the process: VmHWM of proc(5).
  func residentByteCountMax() throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    guard let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
      throw Failure("'\(name)' has no VmHWM: \(status)")
    }
    return kibibytes << 10
  }

  /// Waits for the end of the process.
  @discardableResult func wait(within patience: Duration = Environment.patience) throws -> Exit {
    let deadline = Date(timeIntervalSinceNow: patience / .seconds(1))
    condition.lock()
    defer { condition.unlock() }
    while exit == nil {
      if !condition.wait(until: deadline) {
        throw Failure(
          """
          '\(name)' did not end in \(patience); stdout \(output.lineCount) lines: \(Sample(output.bytes)); stderr: \
          \(Sample(errors.bytes))
          """
        )
      }
    }
    return exit!
  }

  /// Writes to the process's stdin, waiting for room.
  func write(_ bytes: some Collection<UInt8>) throws {
    let bytes = Array(bytes)
    let input = condition.withLock { self.input }
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes { Glibc.write(input, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure.errno("cannot write to '\(name)' (stderr: \(Sample(errors.bytes)))") }
      offset += count
    }
  }

  func closeInput() {
    condition.withLock {
      if input >= 0 { close(input) }
      input = -1
    }
  }

  /// Kills the process and waits until it has ended.
  func destroy() {
    closeInput()
    signal(SIGKILL)
    if outputDescriptor >= 0 { close(outputDescriptor) }
    do { try wait() } catch { print("a process could not be ended: \(error)") }
  }
}
