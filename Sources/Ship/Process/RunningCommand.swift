internal import Glibc
internal import LogsSystem

/// Where the output of a command is read, without waiting.
struct ProcessPipes: ~Copyable {
  let output: Descriptor
  let errors: Descriptor
}

/// A running command with pipes for its stdout and stderr. Its stdin is ours.
struct RunningCommand: ~Copyable {
  let processID: Int32
  private let output: Descriptor
  private let errors: Descriptor

  consuming func takePipes() -> ProcessPipes { ProcessPipes(output: output, errors: errors) }

  /// - Throws: if the command cannot be started.
  static func spawn(_ command: [String]) throws(SystemError) -> RunningCommand {
    precondition(!command.isEmpty, "a command has a name")
    let output = try pipe()
    let errors = try pipe()
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, output.writing.number, STDOUT_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, errors.writing.number, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    let arguments: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
    var processID: Int32 = 0
    let result = unsafe posix_spawnp(&processID, command[0], &actions, &attributes, arguments, environ)
    guard result == 0 else { throw SystemError(result) }
    return RunningCommand(processID: processID, output: output.takeReading(), errors: errors.takeReading())
  }

  private struct Pipe: ~Copyable {
    /// Does not wait.
    let reading: Descriptor
    let writing: Descriptor

    consuming func takeReading() -> Descriptor { reading }
  }

  private static func pipe() throws(SystemError) -> Pipe {
    var ends: [Int32] = [-1, -1]
    guard unsafe Glibc.pipe(&ends) == 0 else { throw .last }
    let pipe = Pipe(reading: Descriptor(adopting: ends[0]), writing: Descriptor(adopting: ends[1]))
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    guard fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 else { throw .last }
    return pipe
  }

  /// Waits for the end of the child.
  ///
  /// - Returns: its exit code, or 128 and the number of the signal that ended it, as shells say it.
  static func wait(for processID: Int32) -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(processID, &status, 0) < 0 {
      // Nobody else waits for it.
      guard errno == EINTR else { return 1 }
    }
    let signal = status & 0x7f
    return signal == 0 ? status >> 8 & 0xff : 128 + signal
  }
}
