internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport

/// The settings and where each came from: flags override the environment, then come the file and the defaults.
package struct ConfigurationReader: Sendable {
  package internal(set) var configuration: ServerConfiguration
  /// The defaults in this environment.
  let defaults: ServerConfiguration
  var origins: [String: String] = [:]
  /// Where each part of a list stands that takes several lines.
  var parts: [String: [(text: String, origin: String)]] = [:]
  var faults: [String] = []

  /// What the command line asks for besides settings.
  package enum Request: Sendable { case run, seal, reload, printConfig, checkConfig, help, version }
  package private(set) var request = Request.run

  static let fileVariable = "LOGSD_CONFIG"

  /// - Parameters:
  ///   - arguments: without the command's name.
  ///   - environment: all variables; `LOGSD_...` and `STATE_DIRECTORY` are looked at.
  /// - Throws: `ConfigurationError`, naming each flag, variable or line that is wrong.
  package init(arguments: [String], environment: [String: String]) throws(ConfigurationError) {
    var defaults = ServerConfiguration()
    if let directory = environment["STATE_DIRECTORY"], !directory.isEmpty {
      defaults.dataDirectory = directory
      origins["data"] = "STATE_DIRECTORY"
    }
    self.defaults = defaults
    configuration = defaults
    var file = environment[Self.fileVariable]
    let flags = try readFlags(arguments, file: &file)
    // A request for help works even where other settings are wrong.
    if request == .help || request == .version { return }
    if let file { read(file) }
    read(environment)
    for (setting, value) in flags { set(setting, value, origin: setting.flag) }
    do { configuration.handedDoors = try HandedSockets.doors(environment) } catch { faults.append(error.description) }
    checkTogether()
    if !faults.isEmpty { throw ConfigurationError(faults) }
    configuration.remarks += uselessRules.map { "\($0)" } + uselessSettings
  }

  /// What is wrong with settings that are each right. Where one is not, there may be more than was read.
  private mutating func checkTogether() {
    if faults.isEmpty, configuration.doors.isEmpty {
      faults.append("\(place("listen")): there is nothing to listen on; give --listen HOST:PORT or --listen-unix PATH")
    }
    if !configuration.certificateAllow.rights.isEmpty, configuration.tls.authorities == nil {
      faults.append(
        """
        \(place("cert-allow")) has no effect without a client CA, since nobody shows a certificate; give \
        --tls-client-ca as well
        """)
    }
    checkArchive()
  }

  /// Whether a setting is more than its default.
  func isSet(_ name: String) -> Bool { origins[name] != nil }

  /// Where a setting is from, and its name.
  func place(_ name: String) -> String { Self.place(name, origins[name]) }

  static func place(_ name: String, _ origin: String?) -> String {
    guard let origin, let setting = Setting.named(name) else { return name }
    return origin == setting.flag || origin == setting.environmentVariable ? origin : "\(origin): \(name)"
  }

  private static let commands = [
    "help", "version", "seal", "reload", "config", "token", "sql", "backup", "restore", "check", "repair",
  ]

  private static let options =
    [
      Option("config", form: "FILE", help: ""), Option("seal", help: ""), Option("print-config", help: ""),
      Option("help", ["h"], help: ""), Option("version", help: ""),
    ] + Setting.all.map { Option($0.name, form: $0.form, help: $0.help) }

  private mutating func readFlags(
    _ words: [String], file: inout String?
  ) throws(ConfigurationError) -> [(setting: Setting, value: String)] {
    let arguments: Arguments
    do { arguments = try Arguments(words, options: Self.options, help: "logsd --help") } catch {
      throw ConfigurationError([error.description])
    }
    switch arguments.operands {
    case []: break
    case ["help"]: request = .help
    case ["version"]: request = .version
    case ["seal"]: request = .seal
    case ["reload"]: request = .reload
    case ["config", "show"]: request = .printConfig
    case ["config", "check"]: request = .checkConfig
    case let operands: throw ConfigurationError([Self.mistake(operands)])
    }
    if request == .reload, let flag = arguments.flags.first(where: { !Self.reloadFlags.contains($0.name) }) {
      throw ConfigurationError([
        """
        logsd reload takes no --\(flag.name): the server reads its settings again from where it read them when it \
        started; change its file or flags
        """
      ])
    }
    var flags: [(setting: Setting, value: String)] = []
    // Together they are one list.
    var lists: [String: [String]] = [:]
    for flag in arguments.flags {
      switch flag.name {
      case "help": request = .help
      case "version": request = .version
      case "seal": request = .seal
      case "print-config": request = .printConfig
      case "config": file = flag.value
      default:
        guard let setting = Setting.named(flag.name) else { continue }
        if setting.separator != nil {
          lists[setting.name, default: []].append(flag.value)
        } else {
          flags.append((setting, flag.value))
        }
      }
    }
    for setting in Setting.all {
      guard let separator = setting.separator, let values = lists[setting.name] else { continue }
      flags.append((setting, values.joined(separator: separator)))
    }
    return flags
  }

  /// Which server is meant, and nothing else.
  private static let reloadFlags = ["data", "config", "help", "version"]

  /// What is wrong with operands that are no command.
  private static func mistake(_ operands: [String]) -> String {
    if operands[0] == "config" { return "say 'config show' or 'config check'" }
    let words = operands.joined(separator: " ")
    guard ["reload", "seal"].contains(operands[0]), operands.count == 2 else {
      let suggestion = Spelling.suggestion(operands[0], among: commands)
      return "'\(words)' is no flag and no command\(suggestion); see logsd --help"
    }
    return "'\(words)' is no command; give the data directory with a flag: \(operands[0]) --data \(operands[1])"
  }

  private mutating func read(_ environment: [String: String]) {
    let known = Setting.all.map(\.environmentVariable) + [Self.fileVariable]
    for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(Setting.variablePrefix) {
      guard !known.contains(name), !Self.isForOthers(name, value) else { continue }
      fail(
        """
        there is no setting for the variable \(name)\(Spelling.suggestion(name, among: known)); unset it, or see \
        logsd --help
        """)
    }
    for setting in Setting.all {
      guard let value = environment[setting.environmentVariable] else { continue }
      set(setting, value, origin: setting.environmentVariable)
    }
  }

  /// Kubernetes passes the address of a service named `logsd` to every container in its namespace; planted bugs are for
  /// tests only.
  private static func isForOthers(_ name: String, _ value: String) -> Bool {
    if name.hasPrefix("LOGSD_SERVICE_") || name.hasPrefix("LOGSD_PORT_") { return true }
    if name == "LOGSD_PORT" { return value.utf8.starts(with: "tcp://".utf8) }
    #if PLANTED_BUGS
      return name == PlantedBug.variable
    #else
      return false
    #endif
  }

  /// - Returns: whether it is right.
  @discardableResult mutating func set(_ setting: Setting, _ value: String, origin: String) -> Bool {
    do { try setting.write(value, &configuration) } catch {
      fail("\(Self.place(setting.name, origin)): \(error)")
      return false
    }
    origins[setting.name] = origin
    return true
  }

  mutating func fail(_ fault: String) { faults.append(fault) }

  /// Each setting with its value and its source.
  package var description: String {
    let width = Setting.all.map(\.name.count).max() ?? 0
    return Setting.all.map { setting in
      let padding = String(repeating: " ", count: width - setting.name.count)
      return
        """
        \(setting.name)\(padding) = \(setting.read(configuration))  \
        # \(origins[setting.name] ?? "default")\(setting.mark)
        """
    }.joined(separator: "\n")
  }

  package var help: String {
    let options = Setting.all.map { setting in
      Option(setting.name, form: setting.form, help: "\(setting.help)\(setting.mark) [\(setting.read(defaults))]")
    }
    return """
      logsd - takes log entries, makes them durable, and streams them live

      usage: logsd [--config FILE] [SETTING VALUE]... [--seal | --print-config] | --help | --version
             logsd config show|check ...: each setting and where it is from, or all that is wrong with settings,
             certificates and what is open to others
             logsd reload ...: has the server that runs with this data directory do what SIGHUP does, and says what came
             of it; with --data, or a --config that has it
             logsd seal ...: the same as --seal
             logsd token ...: who may do what; see logsd token --help
             logsd sql DIR QUERY: SQL over a data directory; see logsd sql --help
             logsd backup DIR BACKUP, logsd restore BACKUP DIR: a copy, also while a server runs; see logsd backup
             --help
             logsd check DIR, logsd repair DIR: whether everything in it is as it was written, and how to save what
             is; see logsd check --help

      Each setting is a flag, an environment variable (--segment-age: LOGSD_SEGMENT_AGE) and a line of the configuration
      file (segment-age = 24h). Flags override the environment, which overrides the file. A name that is not listed here
      is refused wherever it appears. Defaults are in brackets, as they are on this machine: the data directory is
      $STATE_DIRECTORY or else ./logs-data, the shards are half the number of cores.

      \(Option.table(options))

      When it accepts connections it prints one line per endpoint on stdout: ready logs://127.0.0.1:5647
      SIGTERM and SIGINT stop it: nothing new is accepted, what is in flight is committed and acknowledged, and clients
      have --drain-timeout to disconnect. Another one within 1 s counts as the same; one after that cuts off the wait
      for clients, and one more ends the process at once. None of them loses anything acknowledged. SIGUSR1 has the
      segment that is written to end and be sealed, unless it is empty. SIGHUP has tokens, certificate, key,
      client CA and the settings read again; of these, those marked (reload) count at once, the others from the next
      start, and the log says which have changed. SIGUSR2 does nothing.
      --seal does not serve: it has everything stored in the data directory sealed, by the server that uses the
      directory or else by itself, and ends; logs seal DIR is the same.
      Exit codes: 0 stopped, 1 failed, 2 wrong usage.
      """
  }
}

extension Setting {
  /// Whether it can change while the server runs, for help and lists.
  fileprivate var mark: String { isReloadable ? " (reload)" : "" }
}

extension StringProtocol {
  /// Without white space at its ends.
  var trimmed: String {
    let start = drop { $0.isWhitespace }
    return String(start.reversed().drop { $0.isWhitespace }.reversed())
  }
}
