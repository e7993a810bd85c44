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
  /// Until everything is acknowledged: `--retry-for` bounds it.
  private static let unlimited = Duration.seconds(86_400)
  private static let statusInterval = Duration.seconds(1)

  /// Where that stays which the server has not acknowledged by the end.
  enum Keeping {
    /// In the state of a ship.
    case state
    /// In a spool, which others send, too.
    case spool
    /// Nowhere.
    case nothing

    fileprivate var isState: Bool { if case .state = self { true } else { false } }

    /// The flag that names the directory.
    fileprivate var flag: String { isState ? "--state" : "--spool" }

    /// What becomes of entries that wait, as the end of a sentence.
    fileprivate func words(_ count: UInt64, _ directory: String) -> String {
      switch self {
      case .state:
        "\(Figures.count(count, "waits", "wait")) in the spool for the next ship with --state \(directory)"
      case .spool:
        "\(Figures.count(count, "is", "are")) kept in \(directory), and sent by logs spool drain \(directory)"
      case .nothing: "\(Figures.count(count, "is", "are")) not acknowledged and not kept; --spool DIR keeps them"
      }
    }
  }

  /// - Parameters:
  ///   - early: the signals that have come so far.
  ///   - reading: reads the configuration again, for a reload; nil if signals end it as they end other commands.
  static func run(
    _ plan: ShipPlan, _ arguments: Arguments, _ early: EarlySignals? = nil,
    keeping: Keeping = .state, reading: (@Sendable () throws -> ShipPlan)?
  ) async throws -> Int32 {
    let patience = try ConnectionOptions.patience(arguments, else: nil)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let (failures, failed) = AsyncStream.makeStream(of: LogError.self)
    let isShared = plan.shipper.stateDirectory == ShipCommand.commandDirectory(arguments)
    let (shipper, directory) = try await start(plan, isShared, keeping, client) { failed.yield($0) }
    let leftovers = isShared ? ShipLeftovers(beside: directory, client) : nil
    let isOnce = arguments.has("once")
    // What has no end yet will not get one.
    let sources = isOnce ? plan.sources.map(\.withoutWaiting) : plan.sources
    let (ends, ended) = AsyncStream.makeStream(of: Int32.self)
    if plan.runsCommand { Interruption.alsoCatch(passedOn) }
    do {
      try await shipper.begin { _ throws in
        try sources.map { try $0.source(host: plan.host) { ended.yield($0) } }
      }
    } catch {
      _ = try? await shipper.stop(drain: .zero)
      throw error
    }
    if !plan.runsCommand, reading != nil {
      Terminal.note("ships \(Figures.count(plan.sources.count, "source", "sources")); Ctrl-C ends it")
    }

    let manager = ServiceManager(Environment.variables)
    let reporter = ShipReporter(keeping.isState ? directory : nil, manager)
    await shipper.onProgress(statusInterval) { reporter.tell($0) }
    if let manager, let watchdog = manager.watchdog { await shipper.every(watchdog / 2) { manager.isAlive() } }
    await reporter.tell(shipper.status)
    manager?.ready()
    let end: (@Sendable () -> Void)? = if isOnce { nil } else { { ended.yield(ExitCode.done) } }
    early?.end(with: diversion(shipper, plan, end, manager, reading))
    defer { Interruption.diversion.withLock { $0 = nil } }

    var failure: (any Error)?
    var exitCode = ExitCode.done
    let watch = ProgressWatch(client, patience: patience) {
      ProgressWatch.Progress(shipper.producerCounts, standstill: shipper.standstill, held: shipper.obstacle)
    }
    if isOnce {
      do {
        let problems = try await watch.run {
          while await !shipper.isIdle { try await Task.sleep(for: onceInterval) }
          manager?.stopping()
          let problems = await shipper.problems
          _ = try await shipper.stop(drain: unlimited)
          return problems
        }
        if !problems.isEmpty { failure = CommandError("not everything was read: " + problems.joined(separator: "; ")) }
      } catch { if !Task.isCancelled { failure = error } }
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
      manager?.stopping()
      if plan.runsCommand, patience != nil, failure == nil {
        do { try await watch.run { _ = try await shipper.stop(drain: unlimited) } } catch { failure = error }
      }
    }
    notices.end()
    let isDrained: Bool
    // What is in a spool without a name can still be sent.
    let isStateLost = await shipper.isStateLost
    do { isDrained = try await shipper.stop(drain: failure == nil || isStateLost ? nil : .zero) } catch {
      isDrained = false
      failure = failure ?? error
    }
    let status = await shipper.status
    let isLost = await shipper.isStateLost
    reporter.tell(status)
    // Who cannot send its own cannot send theirs.
    await leftovers?.end(within: isDrained ? plan.shipper.drainTime : .zero)
    if isShared { ShipLeftovers.removeEmpty(directory) }
    await client.shutdown(deadline: .seconds(1))
    let unstored = await shipper.unstoredEntryCount
    let wait =
      isDrained || isLost || status.producer.waiting == 0 ? nil : keeping.words(status.producer.waiting, directory)
    noteEnd(status, wait, plan.shipper.commit, unstored: plan.runsCommand ? unstored : 0)
    if isLost, failure != nil || !isDrained { failure = stateLost(directory, isDrained ? 0 : status.producer.waiting) }
    if let failure {
      // The command's own failure says more.
      guard exitCode != ExitCode.done else { throw failure }
      Terminal.note(CommandLineTool.text(of: failure), isError: true)
    }
    guard exitCode == ExitCode.done else { return exitCode }
    if plan.runsCommand { return unstored > 0 || status.producer.refused > 0 ? ExitCode.failed : exitCode }
    guard isOnce else { return exitCode }
    if !status.held.isEmpty { return ExitCode.notAllowed }
    return isDrained && status.producer.refused == 0 ? exitCode : ExitCode.failed
  }

  /// What a command gets besides the signals that are always caught. Those of the terminal's keys are among them.
  private static let passedOn = [SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH]

  /// How often the same command can run at the same time without directories of their own.
  private static let sharedCountMax = 16

  /// - Parameter isShared: whether another directory is taken if this one is in use.
  private static func start(
    _ plan: ShipPlan, _ isShared: Bool, _ keeping: Keeping, _ client: LogClient,
    _ onFailure: @escaping @Sendable (LogError) -> Void
  ) async throws -> (Shipper, String) {
    if isShared { try prepare(plan.shipper.stateDirectory, keeping) }
    let gate = isShared ? ShipLeftovers.Gate(of: plan.shipper.stateDirectory) : nil
    defer { gate?.leave() }
    var configuration = plan.shipper
    var number = 1
    while true {
      do {
        try prepare(configuration.stateDirectory, keeping)
        let shipper = try await Shipper.start(configuration, client: client, onFailure: onFailure) { severity, text in
          Terminal.note(text, isError: severity >= .error)
        }
        return (shipper, configuration.stateDirectory)
      } catch let error as LogError where error.code == .spoolInUse {
        number += 1
        guard keeping.isState else { throw error }
        guard isShared, number <= sharedCountMax else {
          throw CommandError("\(error.message); another ship takes another directory with --state DIR")
        }
        configuration.stateDirectory = "\(plan.shipper.stateDirectory).\(number)"
      }
    }
  }

  /// What the removal of the state directory means for what was read.
  private static func stateLost(_ directory: String, _ waiting: UInt64) -> CommandError {
    let lost =
      waiting == 0
      ? "all that was read is acknowledged"
      : Figures.count(
        waiting, "entry is lost that was read and not acknowledged",
        "entries are lost that were read and not acknowledged")
    return CommandError(
      "\(directory) was removed or replaced meanwhile: \(lost). The next ship begins as at its first start")
  }

  /// - Parameters:
  ///   - wait: what becomes of entries that wait in the spool.
  ///   - unstored: what a command wrote and found no room.
  private static func noteEnd(
    _ status: ShipperStatus, _ wait: String?, _ commit: SpoolConfiguration.Commit, unstored: Int
  ) {
    var words = ["\(Figures.count(status.shipped.entryCount, "entry", "entries")) read"]
    words.append("\(status.producer.acknowledged) acknowledged")
    if status.producer.refused > 0 { words.append("\(status.producer.refused) refused and lost") }
    if let wait {
      switch commit {
      case .spool: words.append(wait)
      case .server: words.append("\(status.producer.waiting) not acknowledged: the next ship reads them again")
      }
    }
    Terminal.note(words.joined(separator: ", "))
    for held in status.held { Terminal.note("\(held.stream) waits: \(held.reason)", isError: true) }
    guard unstored > 0 else { return }
    let entries = Figures.count(unstored, "entry", "entries")
    Terminal.note("\(entries) of the command lost: the spool took no more; spool-size bounds it", isError: true)
  }

  /// - Parameter end: ends a service with success; nil where signals are a failure.
  private static func diversion(
    _ shipper: Shipper, _ plan: ShipPlan, _ end: (@Sendable () -> Void)?, _ manager: ServiceManager?,
    _ reading: (@Sendable () throws -> ShipPlan)?
  ) -> Interruption.Diversion {
    if plan.runsCommand {
      return Interruption.Diversion { signal in
        // It is the command's to end, and ship ends with it. A terminal has given it its keys already.
        let isThere = signal.isOfSystem && [SIGINT, SIGQUIT, SIGWINCH].contains(signal.number)
        Task { await shipper.pass(signal.number, isThere: isThere) }
        return true
      }
    }
    let isEnding = Mutex(false)
    return Interruption.Diversion { signal in
      if signal.number == SIGHUP, let reading {
        reload(shipper, manager, reading)
        return true
      }
      guard let end else { return false }
      let isSecond = isEnding.withLock { isEnding in
        defer { isEnding = true }
        return isEnding
      }
      if isSecond { exit(ExitCode.interrupted(by: signal.number)) }
      end()
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
  private static func prepare(_ directory: String, _ keeping: Keeping) throws(LogError) {
    var path = ""
    for part in directory.split(separator: "/") {
      path += directory.hasPrefix("/") || !path.isEmpty ? "/\(part)" : String(part)
      if unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
        throw LogError(
          .spoolFailed,
          "cannot create \(path) for what is read: \(SystemError.last.text); name another with \(keeping.flag)")
      }
    }
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    if unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      _ = unsafe setrlimit(resource, &limit)
    }
  }
}

/// Tells how far the shipper is: a file in its state directory, and the service manager.
private final class ShipReporter: Sendable {
  private let path: String?
  private let manager: ServiceManager?

  init(_ directory: String?, _ manager: ServiceManager?) {
    path = directory.map { "\($0)/\(ShipReport.statusName)" }
    self.manager = manager
  }

  func tell(_ status: ShipperStatus) {
    manager?.tell(status.line)
    guard let path else { return }
    do throws(FileError) {
      try PosixFileSystem(readableBy: .nobody).replace(path, temporary: "\(path).new") { _ in
        status.json(process: getpid())
      }
    } catch {
      // It only tells; the disk that is full is the spool's to report.
    }
  }
}
