internal import LogsText

/// What `logs help` prints.
enum Help {
  static var overview: String {
    let width = Command.all.map(\.name.count).max() ?? 0
    let rows = Command.all.map { command in
      "  \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)"
    }
    return """
      logs - push, follow and search log streams

      usage: logs COMMAND [FLAGS] [ARGUMENTS]

      \(rows.joined(separator: "\n"))
        help\(String(repeating: " ", count: max(0, width - 4)))  this list, or the help of one command: logs help follow

      Every command takes --server URL (default $LOGS_SERVER, else logs://127.0.0.1:5647).
      Data goes to stdout, notices to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reached,
      4 not allowed, 5 data missing (with --strict), 130 interrupted (Ctrl-C), 143 terminated (SIGTERM).
      """
  }

  static func of(_ command: Command) -> String {
    """
    usage: logs \(command.name) \(command.synopsis)

    \(command.details)

    \(Option.table(command.options + ConnectionOptions.all))
    """
  }
}
