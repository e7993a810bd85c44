internal import Glibc
internal import LogsSQL
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// The command `logsd`: reads its settings, serves until it is asked to stop, and reports the outcome as its exit code.
package enum Daemon {
  private static let crashAdvice = """
    Nothing that was acknowledged is lost: start it again. If it happens again, give it more memory or lower \
    --output-bytes-total, --append-bytes-total and --tail-bytes, and report it
    """

  package static func run(arguments: [String]) async -> Int32 {
    CrashReport.prepare(program: "logsd", advice: Self.crashAdvice)
    if let word = arguments.first, let code = run(command: word, Array(arguments.dropFirst())) { return code }
    let reader: ConfigurationReader
    do { reader = try ConfigurationReader(arguments: arguments, environment: Environment.variables) } catch {
      for fault in error.faults { Output.write("logsd: \(PrintableText.escaped(fault))", to: STDERR_FILENO) }
      return 2
    }
    switch reader.request {
    case .help:
      Output.write(reader.help, to: STDOUT_FILENO)
      return 0
    case .version:
      Output.write(Version.server, to: STDOUT_FILENO)
      return 0
    case .printConfig:
      Output.write(reader.description, to: STDOUT_FILENO)
      return 0
    case .checkConfig: return report(ConfigurationCheck(reader))
    case .reload: return ReloadRun(reader.configuration).run()
    case .seal: return SealRun(reader.configuration).run()
    case .run:
      return await serve(reader.configuration) { () throws(ConfigurationError) in
        try ConfigurationReader(arguments: arguments, environment: Environment.variables).configuration
      }
    }
  }

  /// - Parameter words: those after the command.
  /// - Returns: nil if there is no such command.
  private static func run(command: String, _ words: [String]) -> Int32? {
    switch command {
    case "token": TokenCommand.run(words, environment: Environment.variables)
    case "sql": SQLCommand.run(words)
    case "check": CheckCommand.run(words)
    case "backup": BackupCommand.run(words)
    case "restore": RestoreCommand.run(words)
    case "repair": RepairCommand.run(words)
    default: nil
    }
  }

  private static func report(_ check: ConfigurationCheck) -> Int32 {
    for fault in check.faults { Output.write("logsd: \(PrintableText.escaped(fault))", to: STDERR_FILENO) }
    for warning in check.warnings {
      Output.write("logsd: warn \(PrintableText.escaped(warning))", to: STDERR_FILENO)
    }
    guard check.faults.isEmpty else { return 2 }
    Output.write("the configuration is right", to: STDOUT_FILENO)
    return 0
  }

  /// - Parameter reading: reads the settings again.
  private static func serve(
    _ configuration: ServerConfiguration,
    reading: @escaping @Sendable () throws(ConfigurationError) -> ServerConfiguration
  ) async -> Int32 {
    // A closed log or ready pipe is no reason to stop serving.
    signal(SIGPIPE, SIG_IGN)
    let log = ServerLog(
      level: configuration.logLevel, format: configuration.logFormat,
      isForJournal: LogForm.isJournal(STDERR_FILENO, Environment.variables), isStream: configuration.isLogStream)
    defer { log.flush() }
    #if PLANTED_BUGS
      if let bug = PlantedBug.planted {
        log.write(.warn("planted bug: \(bug.rawValue); this server breaks its promises"))
      }
    #endif
    let signals: SignalDesk
    do { signals = try SignalDesk(log: log, manager: ServiceManager(Environment.variables)) } catch {
      log.write(.error(error.message))
      return 1
    }
    let server: Server
    do { server = try await Server.start(configuration, log: { log.write($0) }) } catch {
      log.write(.error(error.description))
      return 1
    }
    log.stream.open { server.append($0) }
    if let remark = HandedSockets.remark(Environment.variables) { log.write(.warn(remark)) }
    await signals.attend(server, reading: reading)
    for door in server.doors { Output.write("ready \(door)", to: STDOUT_FILENO) }
    switch await server.untilStopped() {
    case .signal(let name):
      log.write(
        .notice("stopping (\(name)), within \(TimeSpan.format(server.configuration.drainDurationMax))"))
      await server.drain()
      log.write(.notice("stopped: everything acknowledged is stored"))
      return 0
    case .storeFailed(let reason):
      log.write(.error(reason))
      await server.drain()
      return 1
    }
  }
}

/// Lines on stdout and stderr.
enum Output {
  static func write(_ text: String, to file: Int32) {
    // Nobody reads it anymore: that is no reason to stop serving.
    do { try Descriptor.write(Array((text + "\n").utf8), to: file) } catch { return }
  }
}
