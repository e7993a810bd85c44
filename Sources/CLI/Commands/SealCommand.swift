internal import Glibc
internal import LogsSystem
internal import LogsText

/// `logs seal`: has everything in a data directory sealed now. `logsd --seal` does it.
enum SealCommand {
  static let command = Command(
    name: "seal", synopsis: "DIR",
    summary: "end the segment that a server on this machine writes to, and wait until it is sealed",
    details: """
      Everything that is stored in the data directory DIR when this begins is in sealed segments when it ends:
      text in them is found by an index, and they can be copied as files. DIR is one of this machine, or of
      this container. Its server, if it runs, goes on; if it does not run, the segment is sealed without it.
      Run this as the user that the server runs as. It runs logsd --seal, from the directory that logs is in
      or else from $PATH. (logs complete seals a stream.)

      Exit codes: 0 everything is sealed, 1 it is not, as the line on stderr says. A segment that could not
      be sealed in time is sealed later by the server.
      """, options: options, run: run)

  private static let options = [
    Option("seal-timeout", form: "TIME", help: "how long to wait: 500ms, 30s, 10m; by default 5m")
  ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1, let directory = arguments.operands.first, !directory.isEmpty else {
      throw CommandError.usage("seal needs one data directory; see logs help seal")
    }
    var words = [try ServerProgram.path(for: "seal with"), "--seal", "--data", directory]
    if let text = arguments.value("seal-timeout") {
      guard TimeSpan.parse(text) != nil else {
        throw CommandError.usage("--seal-timeout takes a time span like 500ms, 30s or 10m, not '\(text)'")
      }
      words += ["--seal-timeout", text]
    }
    throw become(words)
  }

  /// Replaces this program by another one.
  ///
  /// - Returns: why it could not.
  private static func become(_ words: [String]) -> CommandError {
    // Inherited, and this thread may have signals blocked.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe pthread_sigmask(SIG_SETMASK, &signals, nil)
    let arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
    unsafe execv(words[0], arguments)
    return CommandError("cannot run \(words[0]): \(SystemError.last.text)")
  }
}
