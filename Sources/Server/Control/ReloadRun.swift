internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsWire

/// `logsd reload`: has the server that uses a data directory read its settings again, and prints what it says.
struct ReloadRun {
  private let directory: String

  /// Reading some files takes no longer.
  private static let durationMax = Duration.seconds(30)

  init(_ configuration: ServerConfiguration) { directory = configuration.dataDirectory }

  /// - Returns: the exit code.
  func run() -> Int32 {
    switch ControlRequest.ask(.reload, in: directory, within: Self.durationMax) {
    case .answer(let lines, let isDone):
      for line in lines { Self.say(line) }
      return isDone ? 0 : 1
    case .unreachable(let error) where error.number == EACCES || error.number == EPERM:
      return Self.fail(
        """
        user \(geteuid()) may not command the server of \(directory): its own user and root may (\(error.text))
        """)
    case .unreachable(let error):
      return Self.fail(
        "no server can be reached at \(ControlCommand.socketPath(directory)): \(error.text); is one running with this "
          + "data directory, and is this its user? SIGHUP does the same")
    case .ended: return Self.fail("no answer: the server has ended, or answers too many others there; try again")
    case .timeout: return Self.fail("the server does not answer; its log may say why")
    }
  }

  private static func say(_ line: String) {
    Output.write("logsd: \(PrintableText.escaped(line))", to: STDERR_FILENO)
  }

  private static func fail(_ text: String) -> Int32 {
    say(text)
    return 1
  }
}
