internal import Glibc
internal import LogsClient
internal import LogsSystem

/// A `logsd` with an empty data directory, for one measurement.
///
/// A shell runs it, and reads from a pipe whose other end only this process has. However this process ends, even by
/// `kill -9`, the read returns, and the shell ends the server and removes the directory. The shell and the server are a
/// process group of their own, so that Ctrl-C in a terminal does not end the server before its clients.
actor OwnServer {
  private let executor = ThreadExecutor("logs-server")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Where it listens, and where its files are while it runs.
  struct Place: Sendable {
    let url: String
    let directory: String
  }

  private var keeper: pid_t = 0
  /// The end of the pipe that keeps the server alive.
  private var lifeline: Int32 = -1

  /// The server is killed: its data goes with it.
  private static let script = """
    directory=$1; shift
    "$@" --data "$directory/data" 2>"$directory/log" &
    server=$!
    exec >/dev/null 2>&1
    read -r line
    kill -9 "$server"
    wait "$server"
    rm -rf "$directory"
    """

  private static let readyMillisecondsMax = 20_000
  /// The default of the server.
  private static let streamCountMin = 100_000

  /// - Parameters:
  ///   - connectionCount: connections that it must accept.
  ///   - streamCount: streams that it must allow.
  /// - Throws: `CommandError` if there is no `logsd` or it does not start; then nothing is left behind.
  func start(connectionCount: Int, streamCount: Int) throws -> Place {
    let program = try ServerProgram.path(for: "measure", advice: ", or name a server with --server")
    let directory = try Self.makeDirectory()
    var output: Int32 = -1
    do {
      output = try spawn([
        "/bin/sh", "-c", Self.script, "logs-bench", directory, program, "--listen", "127.0.0.1:0", "--connections",
        "\(connectionCount + 64)", "--streams", "\(max(streamCount, Self.streamCountMin))", "--new-streams", "none",
      ])
    } catch {
      unsafe rmdir(directory)
      throw error
    }
    defer { close(output) }
    guard let url = Self.readyURL(output) else {
      let reason = Self.lastLine(of: "\(directory)/log")
      end()
      throw CommandError("\(program) did not become ready\(reason.isEmpty ? "" : ": \(reason)")")
    }
    return Place(url: url, directory: directory)
  }

  /// Ends the server and removes its directory; returns when both are gone.
  func end() {
    guard lifeline >= 0 else { return }
    close(lifeline)
    lifeline = -1
    var status: Int32 = 0
    while unsafe waitpid(keeper, &status, 0) < 0, errno == EINTR {}
  }

  // MARK: Starting

  /// Not in `/tmp`, which is kept in memory on many systems: there an fsync costs nothing.
  private static func makeDirectory() throws(CommandError) -> String {
    let parent = Terminal.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/var/tmp"
    var template = Array("\(parent)/logs-bench-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else {
      throw CommandError(
        """
        cannot make a directory in \(parent) for a server's data: \(SystemError.last.text); name another one in \
        $TMPDIR
        """
      )
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Starts the shell.
  ///
  /// - Returns: the end of the pipe that the server writes to when it is ready.
  private func spawn(_ words: [String]) throws(CommandError) -> Int32 {
    var (input, output): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
    guard unsafe pipe(&input) == 0 else { throw Self.failure("pipe") }
    guard unsafe pipe(&output) == 0 else {
      for end in input { close(end) }
      throw Self.failure("pipe")
    }
    for end in input + output { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    let arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
    let result = unsafe posix_spawn(&keeper, words[0], &actions, &attributes, arguments, environ)
    close(input[0])
    close(output[1])
    guard result == 0 else {
      close(input[1])
      close(output[0])
      errno = result
      throw Self.failure(words[0])
    }
    lifeline = input[1]
    return output[0]
  }

  private static func failure(_ what: String) -> CommandError {
    CommandError("cannot start a server to measure: \(what): \(SystemError.last.text)")
  }

  /// Waits for the server's line `ready URL`; nil when it ends without one, or takes too long.
  private static func readyURL(_ output: Int32) -> String? {
    var line: [UInt8] = []
    while line.last != UInt8(ascii: "\n") {
      var descriptor = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&descriptor, 1, Int32(readyMillisecondsMax))
      if ready < 0, errno == EINTR { continue }
      var byte: UInt8 = 0
      guard ready > 0, unsafe read(output, &byte, 1) == 1 else { return nil }
      line.append(byte)
    }
    let words = String(decoding: line.dropLast(), as: UTF8.self).split(separator: " ")
    return words.count == 2 && words[0] == "ready" ? String(words[1]) : nil
  }

  private static func lastLine(of path: String) -> String {
    let content: [UInt8]
    do { content = try Descriptor.open(path, O_RDONLY).readAll(atMost: logByteCountMax) } catch { return "" }
    return String(decoding: content, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? ""
  }

  private static let logByteCountMax = 8 << 10
}
