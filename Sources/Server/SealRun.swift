internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// `logsd --seal`: has everything that is stored in a data directory sealed, and waits for it.
///
/// Only one process may write to the directory. If a server has it open, that server is asked over its control socket,
/// or by SIGUSR1 if that cannot be reached, and its files show what it has done; otherwise this process opens the store
/// itself.
struct SealRun {
  private let configuration: ServerConfiguration

  /// Between two looks at what a server, or the upkeep, has done.
  private static let pause = Duration.milliseconds(20)

  init(_ configuration: ServerConfiguration) { self.configuration = configuration }

  /// - Returns: the exit code.
  func run() -> Int32 {
    do throws(StoreError) {
      let view = try StoreView(directory: configuration.dataDirectory)
      return try view.isInUse() ? try askServer(view) : try sealHere(view)
    } catch {
      Self.say(error.description)
      return 1
    }
  }

  // MARK: by a server

  private func askServer(_ view: StoreView) throws(StoreError) -> Int32 {
    let last = try view.newestWithEntries()
    let asked = try view.unsealedSegments(through: last)
    if asked.isEmpty { return done(asked) }
    switch ControlRequest.ask(.seal, in: configuration.dataDirectory, within: configuration.sealDurationMax) {
    case .unreachable: return try signalServer(view, asked, through: last)
    case .timeout: throw timeout(try view.unsealed(of: asked), Self.timeoutAdvice)
    case .answer(let lines, isDone: false):
      throw failure("the server does not seal: \(lines.joined(separator: "; "))")
    case .answer:
      let rest = try view.unsealed(of: asked)
      guard rest.isEmpty else {
        throw failure("\(Self.are(rest)) not sealed, though the server is done; its log may say why")
      }
    case .ended:
      let rest = try view.unsealed(of: asked)
      guard rest.isEmpty else { throw ended(rest) }
    }
    return done(asked)
  }

  private func signalServer(
    _ view: StoreView, _ asked: [Int64], through last: Int64
  ) throws(StoreError) -> Int32 {
    let server = try view.user()
    if try view.newest() == last, kill(server, SIGUSR1) != 0 {
      throw failure("cannot ask process \(server), the server, to seal: \(SystemError.last.text)")
    }
    let deadline = ContinuousClock.now + configuration.sealDurationMax
    while true {
      let rest = try view.unsealed(of: asked)
      if rest.isEmpty { return done(asked) }
      guard try view.isInUse(), try view.notedUser() == server else {
        throw ended(rest)
      }
      guard ContinuousClock.now < deadline else {
        throw timeout(rest, Self.timeoutAdvice)
      }
      usleep(UInt32(Self.pause / .microseconds(1)))
    }
  }

  // MARK: by this process

  private func sealHere(_ view: StoreView) throws(StoreError) -> Int32 {
    guard try view.owner() == geteuid() else {
      // What it makes would belong to this user, and a server that runs as the other one could not open it.
      throw failure(
        "the files in \(configuration.dataDirectory) belong to user \(try view.owner()): run this as that user")
    }
    let asked = try view.unsealedSegments(through: try view.newestWithEntries())
    if asked.isEmpty { return done(asked) }
    let ending = SealEnding()
    let signals: EventLoop
    do throws(TransportError) { signals = try EventLoop.start(name: "signals") } catch { throw failure(error.message) }
    defer { signals.stop() }
    signals.execute {
      for number in [SIGINT, SIGTERM] { _ = signals.onSignal(number) { ending.end(.signal(number)) } }
    }
    let store = try Store.open(Server.storeConfiguration(configuration, log: { Self.say($0.text) }), sink: ending)
    defer { store.close() }
    store.seal()
    let deadline = ContinuousClock.now + configuration.sealDurationMax
    while true {
      let rest = store.unsealedSegments
      if rest.isEmpty { return done(asked) }
      switch ending.wait(Self.pause) {
      case .signal(let number): return Self.signalExitCode + number
      case .failure(let error): throw error
      case nil: break
      }
      guard ContinuousClock.now < deadline else {
        throw timeout(rest, "the lines above may say why. Run this again, or start the server")
      }
    }
  }

  /// As in shells: 130 for SIGINT, 143 for SIGTERM.
  private static let signalExitCode: Int32 = 128

  // MARK: what is said

  private func done(_ segments: [Int64]) -> Int32 {
    if segments.isEmpty {
      Self.say("everything stored in \(configuration.dataDirectory) was sealed already")
    } else {
      Self.say("everything stored in \(configuration.dataDirectory) is sealed")
    }
    return 0
  }

  private static func say(_ text: String) {
    Output.write("logsd: \(PrintableText.escaped(text))", to: STDERR_FILENO)
  }

  private func timeout(_ rest: [Int64], _ advice: String) -> StoreError {
    failure(
      """
      \(Self.are(rest)) not sealed after \(TimeSpan.format(configuration.sealDurationMax)) (seal-timeout); \(advice)
      """)
  }

  private static let timeoutAdvice = "the server's log may say why. It goes on trying"

  private func ended(_ rest: [Int64]) -> StoreError {
    failure("the server ended before \(Self.are(rest)) sealed. Nothing is lost: run this again, or start the server")
  }

  private static func are(_ segments: [Int64]) -> String {
    let list = segments.map(String.init).joined(separator: ", ")
    return segments.count == 1 ? "segment \(list) is" : "segments \(list) are"
  }

  private func failure(_ message: String) -> StoreError { StoreError(.inputOutput, message) }
}

/// Why a store that is opened for sealing has to be closed before everything is sealed.
private final class SealEnding: StoreSink {
  enum Reason: Sendable {
    case signal(Int32)
    case failure(StoreError)
  }

  private let monitor = Monitor<Reason?>(nil)

  func end(_ reason: Reason) {
    monitor.withLock { $0 = $0 ?? reason }
    monitor.signal()
  }

  func wait(_ timeout: Duration) -> Reason? { monitor.wait(timeout: timeout) { $0 } }

  func committed(_ commit: Commit) {}

  func failed(_ error: StoreError) { end(.failure(error)) }
}
