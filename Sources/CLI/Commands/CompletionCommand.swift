internal import LogsClient
internal import LogsText

/// `logs completion`: what makes a shell complete the words of `logs`.
enum CompletionCommand {
  static let command = Command(
    name: "completion", synopsis: "bash|zsh|fish",
    summary: "print what makes a shell complete commands, flags, streams",
    details: """
      Prints a script for the shell. It completes commands, flags and, from the server, names of streams.
      """, options: [], run: run)

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    // What the scripts ask for: `words -- WORD...`, of which the last is not complete.
    if arguments.operands.first == "words", arguments.leadingCount == 1 {
      for word in await words(Array(arguments.operands.dropFirst())) { try Terminal.write(line: word) }
      return ExitCode.done
    }
    let names = Shell.allCases.map(\.rawValue)
    guard arguments.operands.count == 1 else {
      throw CommandError.usage("completion takes the name of a shell: \(names.joined(separator: ", "))")
    }
    guard let shell = Shell(rawValue: arguments.operands[0]) else {
      throw CommandError.notOne(arguments.operands[0], of: names, for: "completion")
    }
    try Terminal.write(line: shell.script)
    return ExitCode.done
  }

  private enum Shell: String, CaseIterable {
    case bash, zsh, fish

    var script: String {
      switch self {
      case .bash:
        """
        _logs() {
          local IFS=$'\\n'
          COMPREPLY=($(logs completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
        }
        complete -o default -F _logs logs
        """
      case .zsh:
        """
        #compdef logs
        _logs() {
          local -a found
          found=("${(@f)$(logs completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
          if [[ -n "$found" ]]; then compadd -Q -a found; else _files; fi
        }
        (( $+functions[compdef] )) && compdef _logs logs
        """
      case .fish:
        """
        function __logs_words
          set -l found (logs completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
          if set -q found[1]
            printf '%s\n' $found
          else
            __fish_complete_path (commandline -ct)
          end
        end
        complete -c logs -f -a '(__logs_words)'
        """
      }
    }
  }

  // MARK: Words

  /// What the last word may become.
  static func words(_ all: [String]) async -> [String] {
    let typed = all.last ?? ""
    guard let words = withoutLeadingFlags(all) else {
      return all.dropLast().last == "--profile" ? profiles.filter { $0.hasPrefix(typed) } : []
    }
    guard words.count > 1, let name = words.first else {
      if typed.hasPrefix("-") {
        return (ConnectionOptions.all.map(\.name) + ["help", "version"]).map { "--\($0)" }.filter {
          $0.hasPrefix(typed)
        }
      }
      return (Command.all.map(\.name) + ["help", "version"]).filter { $0.hasPrefix(typed) }
    }
    if name == "help" || name == "man" && !typed.hasPrefix("-") {
      return (Command.all.map(\.name) + HelpTopic.all.map(\.name)).filter { $0.hasPrefix(typed) }
    }
    guard let command = Command.named(name) else { return [] }
    let options = command.options + ConnectionOptions.all
    if typed.hasPrefix("-") { return options.map { "--\($0.name)" }.filter { $0.hasPrefix(typed) } }
    let before = words[words.count - 2]
    // The value of a flag: what it is, is known to the person.
    if let flag = options.first(where: { option in
      option.form != nil
        && ([option.name] + option.aliases).contains { before == ($0.count > 1 ? "--\($0)" : "-\($0)") }
    }) {
      return values(of: flag.name, command).filter { $0.hasPrefix(typed) }
    }
    if let choices = operands[name] {
      return hasOperand(words, options) ? [] : choices.filter { $0.hasPrefix(typed) }
    }
    guard takesStreams.contains(name), name != "push" || !hasOperand(words, options) else { return [] }
    return await streams(beginningWith: typed, all)
  }

  /// Flags about the server may stand before the command; nil if the last word is the value of one.
  private static func withoutLeadingFlags(_ words: [String]) -> [String]? {
    var rest = words[...]
    while rest.count > 1, let word = rest.first, word.hasPrefix("-"),
      let option = ConnectionOptions.all.first(where: { option in
        option.isCalled(String(word.dropFirst(word.hasPrefix("--") ? 2 : 1).prefix { $0 != "=" }))
      })
    {
      rest.removeFirst()
      guard option.form != nil, !word.contains("=") else { continue }
      rest.removeFirst()
      if rest.isEmpty { return nil }
    }
    return Array(rest)
  }

  /// Commands of which each operand may be a stream, or for push the first one.
  private static let takesStreams = ["follow", "query", "export", "push", "streams", "complete", "delete"]

  /// Whether one stands between the command and the last word.
  private static func hasOperand(_ words: [String], _ options: [Option]) -> Bool {
    do {
      return try !Arguments(Array(words.dropFirst().dropLast()), options: options, help: "").operands.isEmpty
    } catch { return false }
  }

  /// The first operands of commands that take one of a few words.
  private static let operands = [
    "spool": SpoolCommand.actions, "bench": BenchConfiguration.Kind.allCases.map(\.rawValue), "config": ["show"],
    "completion": Shell.allCases.map(\.rawValue),
  ]

  /// Those of a flag that takes one of a few words.
  private static func values(of flag: String, _ command: Command) -> [String] {
    switch flag {
    case "output":
      ["follow", "query"].contains(command.name)
        ? OutputFormat.allCases.map(\.rawValue) : Report.Format.allCases.map(\.rawValue)
    case "sort": StreamsCommand.orders
    case "color": ColorChoice.allCases.map(\.rawValue)
    case "format": LineFormat.allCases.map(\.rawValue)
    case "encoding": TextEncoding.allCases.map(\.rawValue)
    case "level": ShortFilter.levels
    case "decode": BenchConfiguration.Decoding.allCases.map(\.rawValue)
    case "profile": profiles
    default: []
    }
  }

  private static var profiles: [String] {
    do { return try ProfileFile().profiles.map(\.name) } catch { return [] }
  }

  /// Asks the server that the words name; nothing if it cannot be reached.
  private static func streams(beginningWith typed: String, _ words: [String]) async -> [String] {
    do {
      // Words that are not complete may make no sense: only the server matters.
      var flags: [String] = []
      for (index, word) in words.enumerated()
      where ["--server", "--token", "--profile"].contains(where: word.hasPrefix) {
        flags += word.contains("=") || index + 1 >= words.count ? [word] : [word, words[index + 1]]
      }
      let arguments = try Arguments(flags, options: ConnectionOptions.all, help: "logs help completion")
      var configuration = try ConnectionOptions.configuration(arguments, patience: .zero)
      configuration.connectTimeout = .seconds(1)
      let client = try LogClient(configuration)
      let names = try await client.streams().map(\.stream.text).filter { $0.hasPrefix(typed) }
      await client.shutdown(deadline: .zero)
      return names
    } catch { return [] }
  }
}
