internal import Glibc
internal import LogsClient
internal import LogsShip
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logs ship`: reads files and whatever else a configuration names, and appends what they have.
enum ShipCommand {
  static let command = Command(
    name: "ship", synopsis: "[check | status | -- COMMAND ARGUMENT...]",
    summary: "ship files, containers, the journal or a command's output, and lose no line",
    details: """
      Follows files through rotation, truncation and removal, and appends their lines. What is read is
      kept on disk, together with how far each file has been read, until the server has it: a crash of
      ship, of the server or of the machine loses and repeats nothing. Ends with Ctrl-C or SIGTERM.

      -- COMMAND runs a program and ships what it writes to stdout and stderr; signals are passed on to it,
      and ship ends with its exit code. What it leaves behind with its output open is waited for until a
      signal comes.

      --config names a file with any number of sources; the flags about files describe one. SIGHUP has
      it read again. check explains a configuration and ships nothing; status shows how far the ship with
      this --state or --config is, and what waits.

      Files that are there at the first start are read from their end (--start beginning: from their
      beginning), later ones from their beginning, those known before from where they were read to. They
      are known by their inode and content, not by their names.

      The state directory is $STATE_DIRECTORY if neither the configuration nor a flag names one, else
      $XDG_STATE_HOME/logs/ship or ~/.local/state/logs/ship. It belongs to one ship at a time. Below it,
      each COMMAND has its own.
      """, options: options, run: run)

  private static let options = [
    Option.reportFormat, Option("config", form: "FILE", help: "a configuration with any number of sources"),
    Option("state", form: "DIR", help: "where the spool and the positions are kept"),
    Option("files", form: "GLOB", help: "files to ship; may come several times"),
    Option("docker", form: "ADDRESS", help: "containers of an engine: unix:///PATH, tcp://HOST:PORT, or local"),
    Option("container", form: "GLOB", help: "only containers of that name; may come several times"),
    Option("image", form: "GLOB", help: "only containers of that image"),
    Option("label", form: "KEY[=VALUE]", help: "only containers with that label"),
    Option("complete-removed", help: "complete the streams of containers that are removed"),
    Option("journal", form: "DIR", help: "the systemd journal in DIR, or local"),
    Option("unit", form: "UNIT", help: "only what that unit has written to the journal; may come several times"),
    Option("match", form: "FIELD=VALUE", help: "only entries of the journal with that field; may come several times"),
    Option("this-boot", help: "only entries of the journal since the machine was started"),
    Option("exclude", form: "GLOB", help: "files that --files does not mean"),
    Option(
      "stream", form: "NAME",
      help: "the stream (default files/{path}, docker/{container}); {name}, {image} ... are known"),
    Option("start", form: "end|beginning", help: "where files begin that are there at the first start (default end)"),
    Option("format", form: "FORMAT", help: "how lines are read, as in push (default auto)"),
    Option("input-zone", form: "ZONE", help: "the time zone of times without one (default local)"),
    Option("level", ["l"], form: "LEVEL", help: "the severity of lines that say none"),
    Option("multiline", form: "M", help: "none, traces (default: known stack traces are one entry), or an expression"),
    Option("drop", form: "EXPRESSION", help: "do not ship lines that match; may come several times"),
    Option("mask", form: "EXPRESSION=>TEXT", help: "replace what matches before it is stored"),
    Option("attribute", form: "KEY=TEXT", help: "add an attribute to each entry; may come several times"),
    Option("rate", form: "N", help: "ship at most N lines a second"),
    Option("over-rate", form: "wait|drop", help: "whether lines beyond it wait (default) or are dropped and counted"),
    Option("poll", help: "look at files every second, for network file systems"),
    Option("once", help: "end when everything that is there is acknowledged"),
    Option("linger", form: "TIME", help: "how long an entry may wait for others (default 20ms)"),
    Option(
      "commit", form: "spool|server",
      help: "when positions are final: with the entries in the spool (default), or once the server has them"),
    Option("spool-size", form: "SIZE", help: "how much may wait for the server (default 1G)"),
    Option("host", form: "NAME", help: "the attribute host.name (default: the machine's name)"),
    Option("own-stream", form: "STREAM", help: "the shipper's own log (default ship/HOST)"),
  ]

  private static let shipperFlags = ["state", "linger", "commit", "spool-size", "host", "own-stream"]
  /// The flags that name a source of a kind, and the setting that their values are.
  private static let kinds = [("files", "path"), ("docker", "address"), ("journal", "directory")]
  private static let sourceFlags = [
    "poll", "unit", "match", "this-boot", "container", "image", "label", "complete-removed", "exclude", "stream",
    "start", "format", "input-zone",
    "level", "multiline", "drop", "mask", "attribute", "rate",
    "over-rate",
  ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    let isCommand = arguments.leadingCount == 0
    switch isCommand ? [] : arguments.operands {
    case []:
      let early = EarlySignals(takingAll: isCommand)
      let plan = try plan(arguments)
      return try await ShipRun.run(plan, arguments, early) { try self.plan(arguments) }
    case ["check"]:
      try ShipReport.check(try plan(arguments, sayingAll: true))
      return ExitCode.done
    case ["status"]:
      try ShipReport.status(of: try state(arguments), arguments)
      return ExitCode.done
    default:
      let operands = arguments.operands
      let odd = operands.count > 1 && ["check", "status"].contains(operands[0]) ? operands[1] : operands[0]
      throw CommandError.usage("ship takes check, status or nothing, not '\(odd)'; see logs help ship")
    }
  }

  /// The directory of the state alone.
  private static func state(_ arguments: Arguments) throws(CommandError) -> String {
    do throws(ShipFileError) {
      return try file(arguments).settings.last { $0.name == "state" }?.value ?? stateDirectory
    } catch { throw .usage(error.description) }
  }

  /// The configuration, with the flags about the shipper in place of its settings.
  private static func file(_ arguments: Arguments) throws(ShipFileError) -> ShipFile {
    var file = ShipFile()
    if let path = arguments.value("config") { file = ShipFile(try content(of: path), path: path) }
    for flag in arguments.flags where shipperFlags.contains(flag.name) {
      file.settings.removeAll { $0.name == flag.name }
      file.settings.append(ShipFile.Setting(flag.name, flag.value, origin: "\(flag.written)"))
    }
    return file
  }

  /// - Parameter sayingAll: whether all that is wrong is printed, a line each, and not only the first.
  private static func plan(_ arguments: Arguments, sayingAll: Bool = false) throws(CommandError) -> ShipPlan {
    do throws(ShipFileError) {
      var file = try file(arguments)
      try addSources(of: arguments, to: &file)
      return try ShipPlan(file, stateDirectory: commandDirectory(arguments) ?? stateDirectory)
    } catch {
      guard sayingAll else {
        let more = error.problems.count - 1
        let rest = more > 0 ? "; \(Figures.count(more, "more mistake", "more mistakes")): see logs ship check" : ""
        throw .usage((error.problems.first ?? "") + rest)
      }
      for problem in error.problems.dropLast() { Terminal.note(problem, isError: true) }
      throw .usage(error.problems.last ?? error.description)
    }
  }

  /// The source that the flags describe.
  private static func addSources(of arguments: Arguments, to file: inout ShipFile) throws(ShipFileError) {
    var sections: [ShipFile.Section] = []
    for (kind, setting) in kinds where arguments.has(kind) {
      let origin = "--\(kind)"
      let values = arguments.values(kind).filter { $0 != "local" }
      sections.append(
        ShipFile.Section(
          kind: kind, name: kind, origin: origin,
          settings: values.map { ShipFile.Setting(setting, $0, origin: origin) }))
    }
    if arguments.leadingCount == 0, !arguments.operands.isEmpty {
      sections.append(
        ShipFile.Section(
          kind: "command", name: "command", origin: "--",
          settings: arguments.operands.map { ShipFile.Setting("run", $0, origin: "--") }))
    }
    let described = arguments.flags.filter { sourceFlags.contains($0.name) }
    if let flag = described.first, sections.count != 1 {
      throw ShipFileError(
        sections.isEmpty
          ? "\(flag.written) is about a source, and none is named: add --files, --docker, --journal or -- COMMAND"
          : "\(flag.written) is about one source, and there are several: write them into a --config FILE"
      )
    }
    for flag in described {
      let value = ["poll", "complete-removed", "this-boot"].contains(flag.name) ? "yes" : flag.value
      sections[0].settings.append(ShipFile.Setting(flag.name, value, origin: "\(flag.written)"))
    }
    file.sections += sections
  }

  private static func content(of path: String) throws(ShipFileError) -> String {
    do throws(SystemError) {
      return String(decoding: try Descriptor.open(path, O_RDONLY).readAll(atMost: fileByteCountMax), as: UTF8.self)
    } catch { throw ShipFileError("cannot read \(path): \(error.text)") }
  }

  private static let fileByteCountMax = 1 << 20

  /// The usual directory of a command that is run: one for each command and stream, so that several can run at the same
  /// time. Nil if none is run, or a directory is given.
  static func commandDirectory(_ arguments: Arguments) -> String? {
    guard arguments.leadingCount == 0, let program = arguments.operands.first else { return nil }
    if let directory = Terminal.environment("STATE_DIRECTORY"), directory.hasPrefix("/") { return nil }
    let name = program.split(separator: "/").last.map { $0.filter { $0.isLetter || $0.isNumber || $0 == "-" } } ?? ""
    // FNV-1a: it is to be the same every time.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for word in [arguments.value("stream") ?? ""] + arguments.operands {
      for byte in Array(word.utf8) + [0] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    return "\(stateDirectory)/commands/\(name)-\(String(hash, radix: 16))"
  }

  private static var stateDirectory: String {
    if let directory = Terminal.environment("STATE_DIRECTORY"), directory.hasPrefix("/") { return directory }
    if let home = Terminal.environment("XDG_STATE_HOME"), home.hasPrefix("/") { return "\(home)/logs/ship" }
    return "\(Terminal.environment("HOME") ?? "")/.local/state/logs/ship"
  }
}
