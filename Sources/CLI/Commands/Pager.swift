internal import Glibc
internal import LogsSystem

/// Shows stdout page by page on a terminal, with `$LOGS_PAGER`, `$PAGER` or less.
final class Pager {
  private let process: pid_t
  private let command: String
  /// The terminal.
  private let output: Descriptor

  private static let usual = "less -FRX"

  /// Shows what `body` writes to stdout.
  static func showing<Value>(if isWanted: Bool, _ body: () async throws -> Value) async throws -> Value {
    guard isWanted, let pager = try start() else { return try await body() }
    let outcome: Result<Value, any Error>
    do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
    // What went wrong is said when the terminal is free again.
    try pager.end()
    return try outcome.get()
  }

  /// - Returns: nil where nobody can turn pages, or none are wanted.
  private static func start() throws(CommandError) -> Pager? {
    guard isatty(STDIN_FILENO) == 1, Terminal.isOutputTerminal, let command = command else { return nil }
    do throws(SystemError) { return try Pager(command) } catch {
      throw CommandError("cannot start the pager '\(command)': \(error.text); --no-pager does without")
    }
  }

  /// nil for none, and for `cat`, which shows no pages.
  private static var command: String? {
    guard let terminal = Terminal.environment("TERM"), !["", "dumb"].contains(terminal) else { return nil }
    let named = Terminal.environment("LOGS_PAGER") ?? Terminal.environment("PAGER")
    guard let named else { return unsafe access("/usr/bin/less", X_OK) == 0 ? usual : nil }
    return ["", "cat"].contains(named) ? nil : named
  }

  private init(_ command: String) throws(SystemError) {
    self.command = command
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw .last }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let reader = Descriptor(adopting: ends[0])
    let writer = Descriptor(adopting: ends[1])
    let copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
    guard copy >= 0 else { throw .last }
    output = Descriptor(adopting: copy)

    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, reader.number, STDIN_FILENO)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // What this program and its threads ignore or block is no matter of the pager's.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGPIPE, SIGINT] { unsafe sigaddset(&signals, number) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let texts = ["sh", "-c", Self.script(for: command)]
    let words: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var process: pid_t = 0
    let result = unsafe posix_spawn(&process, "/bin/sh", &actions, &attributes, words, environ)
    guard result == 0 else { throw SystemError(result) }
    self.process = process
    guard dup2(writer.number, STDOUT_FILENO) >= 0 else { throw .last }
    // Ctrl-C is the pager's as long as it is there.
    signal(SIGINT, SIG_IGN)
  }

  /// A program that does not exist ends the shell without a word of its own: `end` says it. What is not plainly the
  /// name of one is left to the shell.
  private static func script(for command: String) -> String {
    let program = command.drop { $0 == " " }.prefix { $0 != " " }
    let isPlain = program.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "+")...UInt8(ascii: "9"),
        UInt8(ascii: "_"):
        true
      default: false
      }
    }
    return isPlain && !program.isEmpty ? "command -v \(program) >/dev/null 2>&1 || exit 127\n\(command)" : command
  }

  /// Waits until nobody wants to see more.
  private func end() throws(CommandError) {
    dup2(output.number, STDOUT_FILENO)
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    // The shell's codes for what it cannot find or run.
    let code = status >> 8 & 0xff
    if [126, 127].contains(code) {
      throw CommandError("the pager '\(command)' cannot be run; mend $LOGS_PAGER or $PAGER, or add --no-pager")
    }
  }
}
