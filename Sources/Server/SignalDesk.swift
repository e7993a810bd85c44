internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Handles the signals of the process and its service manager, from its start to its end, on a thread of its own.
///
/// Invariant behind `@unchecked Sendable`: every `var` is touched on the loop alone.
final class SignalDesk: @unchecked Sendable {
  private let loop: EventLoop
  private let log: ServerLog
  private let manager: ServiceManager?
  private let now: @Sendable () -> MonotonicTime
  private var watches: [LoopWatch] = []
  private var requests = StopRequests()
  private var server: Server?
  private var reading: (@Sendable () throws(ConfigurationError) -> ServerConfiguration)?
  private var signsOfLife: LoopTimer?
  private var counts: LoopTimer?
  /// Whether SIGUSR1 came before there was a server.
  private var isSealRequested = false
  private var control: ControlSocket?

  /// Begins to watch. Until it has a server, SIGTERM and SIGINT end the process as usual.
  init(
    log: ServerLog, manager: ServiceManager? = nil, now: @escaping @Sendable () -> MonotonicTime = { .now() }
  ) throws(TransportError) {
    // A signal that comes before it is watched, or was meant for another program of that name, must not end this one.
    for number in [SIGHUP, SIGUSR1, SIGUSR2] { signal(number, SIG_IGN) }
    loop = try EventLoop.start(name: "signals")
    self.log = log
    self.manager = manager
    self.now = now
    loop.execute { [self] in
      watches = [loop.onSignal(SIGHUP) { self.reload("SIGHUP") }, loop.onSignal(SIGUSR2) { self.nothing() }]
      watches.append(loop.onSignal(SIGUSR1) { self.seal() })
      counts = loop.every(RetryCounts.interval / 6) { self.log.tick() }
    }
  }

  /// SIGTERM and SIGINT stop `server` as soon as this returns, and the service manager hears how it is.
  ///
  /// - Parameter reading: reads the settings again, for a reload.
  func attend(
    _ server: Server, reading: @escaping @Sendable () throws(ConfigurationError) -> ServerConfiguration
  ) async {
    await withCheckedContinuation { continuation in
      loop.execute { [self] in
        self.server = server
        self.reading = reading
        if isSealRequested { _ = server.seal() }
        watches += [SIGTERM, SIGINT].map { number in loop.onSignal(number) { self.stop(number) } }
        openControl(server)
        beReady(server)
        continuation.resume()
      }
    }
  }

  private static let statusInterval = Duration.seconds(10)

  private func beReady(_ server: Server) {
    guard let manager else { return }
    manager.ready()
    manager.tell(server.statusLine)
    // Twice as often as asked for. A shard that hangs gives none, and the manager starts the server again.
    let interval = min(manager.watchdog.map { $0 / 2 } ?? Self.statusInterval, Self.statusInterval)
    signsOfLife = loop.every(interval) {
      manager.tell(server.statusLine)
      server.whenAllShardsHaveTurned { manager.isAlive() }
    }
  }

  private func nothing() { log.write(.notice("SIGUSR2 does nothing; its log is stderr")) }

  /// - Parameter origin: who wants it.
  /// - Returns: what was logged of it.
  @discardableResult private func reload(_ origin: String) -> [LogLine] {
    guard let server, let reading else { return [] }
    log.write(.notice("\(origin): reading settings, tokens and certificate again"))
    manager?.reloading()
    defer { manager?.ready() }
    return server.reload(reading, log)
  }

  private func openControl(_ server: Server) {
    let control = ControlSocket(on: loop, log: { [log] in log.write($0) }) { [unowned self] command, answer in
      switch command {
      case .reload: answer.give(reload("logsd reload"))
      case .seal: seal(server, answer)
      }
    }
    let path = ControlCommand.socketPath(server.configuration.dataDirectory)
    do throws(TransportError) {
      try control.open(path)
      self.control = control
    } catch {
      log.write(.warn("logsd reload and logsd seal do not reach this server, use SIGHUP and SIGUSR1: \(error.message)"))
    }
  }

  private static let sealInterval = Duration.milliseconds(20)

  private func seal(_ server: Server, _ answer: ControlAnswer) {
    log.write(.upkeep("logsd seal: everything stored so far is being sealed"))
    let asked = Set(server.seal())
    var timer: LoopTimer?
    timer = loop.every(Self.sealInterval) {
      let isDone = asked.isDisjoint(with: server.unsealedSegments)
      guard isDone || !answer.isAwaited else { return }
      timer?.cancel()
      timer = nil
      answer.give([.notice("everything stored is sealed")])
    }
  }

  private func seal() {
    log.write(.upkeep("SIGUSR1: everything stored so far is being sealed"))
    if let server { _ = server.seal() } else { isSealRequested = true }
  }

  private func stop(_ number: Int32) {
    let name = Self.name(number)
    switch requests.receive(now: now()) {
    case .stop:
      control?.close()
      manager?.stopping()
      server?.stop(.signal(name))
    case .ignore:
      log.write(
        .notice(
          """
          \(name) again: it is stopping; one that comes \(TimeSpan.format(StopRequests.repeatDuration)) later cuts \
          that off
          """))
    case .cutOff:
      log.write(
        .notice(
          """
          \(name) again: clients are not waited for any more; what is acknowledged is stored. One more ends it at once
          """))
      server?.cutOff()
    case .end:
      log.write(
        .warn("\(name) again: it ends at once; what is acknowledged is stored, and the next start will check it"))
      log.flush()
      _exit(1)
    }
  }

  private static func name(_ number: Int32) -> String {
    switch number {
    case SIGTERM: "SIGTERM"
    case SIGINT: "SIGINT"
    case SIGHUP: "SIGHUP"
    case SIGUSR1: "SIGUSR1"
    case SIGUSR2: "SIGUSR2"
    default: "signal \(number)"
    }
  }
}
