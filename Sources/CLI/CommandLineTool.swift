internal import LogsClient
internal import LogsText

/// The program `logs`: finds the command, runs it, and returns its exit code.
package enum CommandLineTool {
  /// Runs with the arguments of the process.
  package static func run() async -> Int32 {
    var words: [String] = []
    for index in 1..<max(Int(CommandLine.argc), 1) {
      guard let argument = unsafe CommandLine.unsafeArgv[index] else { break }
      guard let word = unsafe String(validatingCString: argument) else {
        return report(
          CommandError.usage("argument \(index) is not UTF-8, as filters, names and paths are: write it in UTF-8"))
      }
      words.append(word)
    }
    return await run(words)
  }

  /// - Parameter words: the arguments without the program's name.
  package static func run(_ words: [String]) async -> Int32 {
    do { return try await Interruption.watch { try await dispatch(words) } } catch {
      return report(error)
    }
  }

  static func dispatch(_ words: [String]) async throws -> Int32 {
    let (leading, words) = try leadingFlags(words)
    guard let first = words.first else { throw CommandError.usage("a command is missing; see logs help") }
    let rest = leading + words.dropFirst()
    switch first {
    case "--version", "version":
      try Terminal.write(line: "logs \(Version.number)")
      return ExitCode.done
    case "help", "--help", "-h":
      try Terminal.write(line: try help(rest))
      return ExitCode.done
    default: break
    }
    if first.hasPrefix("-") { throw unknownFlag(first) }
    guard let command = Command.named(first) else { throw unknownCommand(first) }
    let options =
      command.options + ConnectionOptions.all + [Option("help", ["h"], help: "this text")]
    let arguments = try Arguments(
      rest, options: options, help: "logs help \(command.name)", remedies: ForeignFlags.remedies(of: command))
    if arguments.has("help") {
      try Terminal.write(line: Help.of(command))
      return ExitCode.done
    }
    if arguments.has("quiet") { Terminal.beQuiet() }
    return try await command.run(arguments)
  }

  /// A flag in front that is not about the connection.
  private static func unknownFlag(_ word: String) -> CommandError {
    let name = String(word.drop { $0 == "-" }.prefix { $0 != "=" })
    if name == "V" { return .usage("there is no flag -V; did you mean --version?") }
    let owners = Command.all.filter { command in
      command.options.contains { $0.isCalled(word.hasPrefix("--") ? name : String(name.prefix(1))) }
    }
    if let owner = owners.first {
      return .usage("\(word) stands behind a command: logs \(owner.name) ... \(word); see logs help \(owner.name)")
    }
    let names = ConnectionOptions.all.map(\.name) + ["version", "help"]
    return .usage("there is no flag \(word)\(Spelling.suggestion(name, among: names, prefix: "--")); see logs help")
  }

  private static func unknownCommand(_ name: String) -> CommandError {
    let remedy = ForeignCommands.remedy(for: name).map { ": \($0)" } ?? suggestion(name)
    return .usage("there is no command '\(name)'\(remedy); see logs help")
  }

  /// The flags about the connection may stand before the command, too.
  private static func leadingFlags(_ words: [String]) throws(CommandError) -> (flags: [String], rest: [String]) {
    var flags: [String] = []
    var rest = words[...]
    while let word = rest.first, word.hasPrefix("-"),
      let option = ConnectionOptions.all.first(where: { option in
        option.isCalled(String(word.dropFirst(word.hasPrefix("--") ? 2 : 1).prefix { $0 != "=" }))
      })
    {
      rest.removeFirst()
      flags.append(word)
      guard option.form != nil, !word.contains("=") else { continue }
      guard let value = rest.popFirst() else { throw .usage("\(word) needs a value (\(option.form ?? ""))") }
      flags.append(value)
    }
    return (flags, Array(rest))
  }

  private static func help(_ words: [String]) throws(CommandError) -> String {
    guard let name = words.first, name != "help" else { return Help.overview }
    if let topic = HelpTopic.named(name) { return topic.text }
    guard let command = Command.named(name) else { throw unknownCommand(name) }
    return Help.of(command)
  }

  private static func suggestion(_ name: String) -> String {
    Spelling.suggestion(name, among: Command.all.map(\.name) + HelpTopic.all.map(\.name) + ["help"])
  }

  /// Reports a failure in one line.
  private static func report(_ error: any Error) -> Int32 {
    if error is Terminal.PipeClosed { return ExitCode.done }
    if let mistake = error as? FilterMistake { return report(mistake) }
    Terminal.note(text(of: error), isError: true)
    return exitCode(of: error)
  }

  /// Below the line, on a terminal, the filter and where it is wrong.
  private static func report(_ mistake: FilterMistake) -> Int32 {
    Terminal.note(mistake.description, isError: true)
    if Terminal.isErrorTerminal { for line in mistake.lines { Terminal.note(line, isError: true) } }
    return ExitCode.usage
  }

  static func text(of error: any Error) -> String {
    switch error {
    case let error as PushFailure: "\(text(of: error.cause)); \(error.progress)"
    case let error as CommandError: error.description
    case let error as LogError: error.message
    case let error as UsageError: error.description
    default: "\(error)"
    }
  }

  static func exitCode(of error: any Error) -> Int32 {
    switch error {
    case let error as PushFailure: exitCode(of: error.cause)
    case let error as CommandError: error.exitCode
    case let error as LogError: exitCode(of: error)
    case is UsageError: ExitCode.usage
    default: ExitCode.failed
    }
  }

  private static func exitCode(of error: LogError) -> Int32 {
    switch error.code {
    case .gaveUp, .unreachable: ExitCode.unreachable
    case .invalidConfiguration, .invalidRequest, .invalidName: ExitCode.usage
    case .refused(.unauthorized), .refused(.forbidden): ExitCode.notAllowed
    case .dataMissing: ExitCode.dataMissing
    case .refused, .invalidEntry, .connectionLost, .protocolViolation, .suspended, .closed, .cancelled, .invalidCursor,
      .fileFailed, .damaged, .queueFull, .spoolFailed, .spoolInUse:
      ExitCode.failed
    }
  }
}
