internal import Glibc
internal import LogsClient
internal import LogsShip
internal import LogsSystem
internal import LogsText
internal import LogsWire
internal import Synchronization

/// A running `logs ship`.
enum ShipRun {
  private static let onceInterval = Duration.milliseconds(20)
  private static let statusInterval = Duration.seconds(1)

  /// - Parameter reading: reads the configuration again, for a reload; nil if SIGHUP ends it.
  static func run(
    _ plan: ShipPlan, _ arguments: Arguments, reading: (@Sendable () throws -> ShipPlan)?
  ) async throws -> Int32 {
    try prepare(plan.shipper.stateDirectory)
    let patience = try ConnectionOptions.patience(arguments, else: nil)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let (failures, failed) = AsyncStream.makeStream(of: LogError.self)
    let shipper = try await Shipper.start(
      plan.shipper, client: client, onEvent: { note($0) }, onFailure: { failed.yield($0) }
    ) { severity, text in Terminal.note(text, isError: severity >= .error) }
    let isOnce = arguments.has("once")
    // What has no end yet will not get one.
    let sources = isOnce ? plan.sources.map(\.withoutWaiting) : plan.sources
    let (ends, ended) = AsyncStream.makeStream(of: Int32.self)
    do {
      try await shipper.begin { _ throws in
        try sources.map { try $0.source(host: plan.host) { ended.yield($0) } }
      }
    } catch {
      _ = try? await shipper.stop(drain: .zero)
      throw error
    }
    if reading != nil {
      Terminal.note("ships \(Figures.count(plan.sources.count, "source", "sources")); Ctrl-C ends it")
    }

    let manager = ServiceManager(Environment.variables)
    let reporter = ShipReporter(plan.shipper.stateDirectory, manager)
    await shipper.onProgress(statusInterval) { reporter.tell($0) }
    if let manager, let watchdog = manager.watchdog { await shipper.every(watchdog / 2) { manager.isAlive() } }
    await reporter.tell(shipper.status)
    manager?.ready()
    Interruption.diversion.withLock { $0 = diversion(shipper, plan, manager, reading) }
    defer { Interruption.diversion.withLock { $0 = nil } }

    var failure: LogError?
    var exitCode = ExitCode.done
    if isOnce {
      while !Task.isCancelled, await !shipper.isIdle { try? await Task.sleep(for: onceInterval) }
    } else {
      // The end of a command, or of everything.
      let failing = Task {
        for await error in failures {
          ended.finish()
          return error as LogError?
        }
        return nil
      }
      for await code in ends {
        exitCode = code
        break
      }
      failed.finish()
      failure = await failing.value
    }
    manager?.stopping()
    notices.end()
    let isDrained = try await shipper.stop(drain: isOnce && !Task.isCancelled ? .seconds(86_400) : nil)
    let status = await shipper.status
    reporter.tell(status)
    await client.shutdown(deadline: .seconds(1))
    if let failure { throw failure }
    let waiting = status.producer.waiting
    let rest = isDrained ? "" : "; " + rest(waiting, plan.shipper.commit)
    Terminal.note("\(Figures.count(status.shipped.entryCount, "entry", "entries")) shipped\(rest)")
    return exitCode
  }

  private static func rest(_ count: UInt64, _ commit: SpoolConfiguration.Commit) -> String {
    switch commit {
    case .spool: "\(Figures.count(count, "entry waits", "entries wait")) in the spool"
    case .server:
      "\(Figures.count(count, "entry was", "entries were")) not acknowledged: the next ship reads them again"
    }
  }

  private static func diversion(
    _ shipper: Shipper, _ plan: ShipPlan, _ manager: ServiceManager?, _ reading: (@Sendable () throws -> ShipPlan)?
  ) -> Interruption.Diversion? {
    if plan.runsCommand {
      return Interruption.Diversion { signal in
        // It is the command's to end, and ship ends with it. A terminal has given it Ctrl-C already.
        let isFromTerminal = signal == SIGINT && tcgetpgrp(STDIN_FILENO) == getpgrp()
        if !isFromTerminal { Task { await shipper.pass(signal) } }
        return true
      }
    }
    guard let reading else { return nil }
    return Interruption.Diversion { signal in
      guard signal == SIGHUP else { return false }
      reload(shipper, manager, reading)
      return true
    }
  }

  /// A configuration that is wrong changes nothing.
  private static func reload(
    _ shipper: Shipper, _ manager: ServiceManager?, _ reading: @escaping @Sendable () throws -> ShipPlan
  ) {
    manager?.reloading()
    Task {
      do {
        let plan = try reading()
        try await shipper.begin { _ throws in try plan.sources.map { try $0.source(host: plan.host) } }
        Terminal.note(
          """
          SIGHUP: \(Figures.count(plan.sources.count, "source", "sources")) read again; state, commit, spool-size, \
          linger, own-stream and drain need a restart
          """)
      } catch { Terminal.note("SIGHUP: nothing is changed: \(error)", isError: true) }
      manager?.ready()
    }
  }

  /// Creates the directory of the state, with those above it, and lets this process have as many files open as it may.
  private static func prepare(_ directory: String) throws(CommandError) {
    var path = ""
    for part in directory.split(separator: "/") {
      path += directory.hasPrefix("/") || !path.isEmpty ? "/\(part)" : String(part)
      if unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
        throw CommandError(
          "cannot create \(path) for the state of ship: \(SystemError.last.text); name another with --state")
      }
    }
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    if unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      _ = unsafe setrlimit(resource, &limit)
    }
  }

  private static func note(_ event: ProducerEvent) {
    switch event {
    case .refused(let stream, let count, let error):
      Terminal.note("\(Figures.count(count, "entry", "entries")) for \(stream) refused: \(error)", isError: true)
    case .dropped(let stream, let count, let reason):
      Terminal.note("\(Figures.count(count, "entry", "entries")) for \(stream) dropped: \(reason)", isError: true)
    case .spoolFailed(let error), .failed(let error): Terminal.note(error.description, isError: true)
    case .spoolDamaged(let text): Terminal.note(text, isError: true)
    }
  }
}

/// Tells how far the shipper is: a file in its state directory, and the service manager.
private final class ShipReporter: Sendable {
  private let path: String
  private let manager: ServiceManager?

  init(_ directory: String, _ manager: ServiceManager?) {
    path = "\(directory)/\(ShipReport.statusName)"
    self.manager = manager
  }

  func tell(_ status: ShipperStatus) {
    manager?.tell(status.line)
    do throws(FileError) {
      try PosixFileSystem(readableBy: .nobody).replace(path, temporary: "\(path).new") { _ in
        status.json(process: getpid())
      }
    } catch {
      // It only tells; the disk that is full is the spool's to report.
    }
  }
}
