internal import LogsText

/// What `logs help` prints, for a screen of 80 columns.
enum Help {
  static let exitCodes = """
    0 done, 1 failed, 2 wrong usage, 3 server not reached,
    4 not allowed, 5 data missing (with --strict), 130 interrupted (Ctrl-C),
    143 terminated (SIGTERM), 129 hung up (SIGHUP).
    """

  static var overview: String {
    let commands = Command.all.map { ($0.name, $0.summary) } + [("help", "this list, or a page: logs help follow")]
    let pages = HelpTopic.all.map { (name: "help \($0.name)", summary: $0.summary) }
    return """
      logs - push, follow and search log streams

      usage: logs COMMAND [FLAGS] [ARGUMENTS]

      \(TextTable.rows(commands))

      \(TextTable.rows(pages))

      examples:
      \(HelpExamples.overview)

      Every command takes --server URL (default $LOGS_SERVER, else a profile,
      else logs://127.0.0.1:5647). Data goes to stdout, notices to stderr.

      Exit codes: \(exitCodes)
      """
  }

  static func of(_ command: Command) -> String {
    let flags = (command.options + ConnectionOptions.all).map { ($0.synopsis, $0.help) }
    return """
      usage: logs \([command.name, command.synopsis].filter { !$0.isEmpty }.joined(separator: " "))

      \(TextTable.filled(command.details))

      examples:
      \(HelpExamples.of(command))

      \(TextTable.rows(flags))
      """
  }
}
