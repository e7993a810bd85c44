import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// The client in virtual time: `AppendQueue`, `ActiveFollow` with its `FollowState`, `Backoff` and `ClientSession` decide as
/// they do in `ClientCore`; only what acts on their decisions is written anew, for a simulated link in the place of the loop.
///
/// It lives as long as its process. While the machine sleeps nothing of it runs, and what happens waits for it to wake.
final class VirtualClient {
  /// A fault put in on purpose, which the checks of the simulation must find.
  enum Defect { case renumbersAfterReconnect, raisesFloorEarly, exceedsLimits, resumesOneOff }

  enum Phase {
    case idle
    case connecting
    case greeting(VirtualLink)
    case open(VirtualLink, Welcome)
    case draining(VirtualLink, LogError)
    case waiting
    case ended
  }

  static let backoff = Backoff(base: .milliseconds(10), cap: .milliseconds(300), healthyDuration: .milliseconds(400))

  let simulation: Simulation
  let checker: Checker
  let name: String
  /// Who appends what has no identity of its own.
  let producer: ProducerID
  var defect: Defect?
  /// Told of each new link.
  private let linkMade: (VirtualLink) -> Void

  var session: ClientSession
  var phase = Phase.idle
  private var connectionCount = 0
  private var failureCount = 0
  private var openSince: MonotonicTime?
  private var isAsleep = false
  private var whenAwake: [() -> Void] = []

  var appends = AppendQueue()
  var appendTimerCount = 0
  /// What is in flight, counted apart from the session and the queue.
  var flights: [UInt32: Flight] = [:]

  var follows: [UInt64: ActiveFollow] = [:]
  var followPlaces: [UInt32: FollowPlace] = [:]
  var followsToAsk: Set<UInt64> = []
  /// Waits for another try so far, of each follow: only the last one's end counts.
  var followRetryCounts: [UInt64: Int] = [:]
  var readers: [UInt64: ModelReader] = [:]

  init(
    _ simulation: Simulation, _ checker: Checker, name: String, producer: ProducerID,
    linkMade: @escaping (VirtualLink) -> Void
  ) {
    self.simulation = simulation
    self.checker = checker
    self.name = name
    self.producer = producer
    self.linkMade = linkMade
    session = ClientSession(greetingMillisecondsMax: 500, now: simulation.now)
  }

  var random: (UInt64) -> UInt64 { { [simulation] in UInt64.random(in: 0...$0, using: &simulation.random) } }

  /// How often connections were lost.
  var reconnectCount: Int { max(connectionCount - 1, 0) }

  var link: VirtualLink? {
    switch phase {
    case .greeting(let link), .open(let link, _), .draining(let link, _): link
    case .idle, .connecting, .waiting, .ended: nil
    }
  }

  var isOpen: Bool { if case .open = phase { true } else { false } }
  var isEnded: Bool { if case .ended = phase { true } else { false } }

  // MARK: - The process

  /// - Parameter isSilent: whether the machine goes with it, so that the server does not hear of it.
  func crash(isSilent: Bool) {
    simulation.trace("\(name) crashes")
    if let link {
      link.hasFault = true
      if isSilent { link.stall() } else { link.close(from: .client) }
    }
    phase = .ended
  }

  func sleep(milliseconds: Int) {
    guard !isAsleep, !isEnded else { return }
    simulation.trace("\(name) sleeps for \(milliseconds) ms")
    isAsleep = true
    link?.hasFault = true
    simulation.after(milliseconds...milliseconds) { [unowned self] in
      isAsleep = false
      let waiting = whenAwake
      whenAwake = []
      for body in waiting { run(body) }
    }
  }

  /// Runs `body` as soon as the process runs.
  func run(_ body: @escaping () -> Void) {
    if isAsleep {
      whenAwake.append(body)
    } else if !isEnded {
      body()
    }
  }

  func later(_ delay: Duration, _ body: @escaping () -> Void) {
    let milliseconds = (delay.wholeNanoseconds + 999_999) / 1_000_000
    simulation.at(simulation.milliseconds + milliseconds) { [unowned self] in run(body) }
  }

  // MARK: - Connecting

  func start() {
    guard case .idle = phase else { return }
    connect()
  }

  private func connect() {
    phase = .connecting
    simulation.after(1...15) { [unowned self] in run { self.connected() } }
  }

  private func connected() {
    let link = VirtualLink(simulation, "\(name).\(connectionCount + 1)")
    guard checker.server.accept(link, name: link.name) else {
      return lose(LogError(.unreachable, "nobody listens", isRetryable: true))
    }
    connectionCount += 1
    phase = .greeting(link)
    session = ClientSession(greetingMillisecondsMax: 500, now: simulation.now)
    // The link has the closures, but may be gone when the process wakes: what waits for that keeps it.
    link.attach(.client) { [unowned self, unowned link] bytes in
      run { [link] in self.received(bytes, link) }
    } closed: { [unowned self, unowned link] in
      run { [link] in self.closed(link) }
    }
    send(ClientSession.hello(client: name, token: ""))
    tick(link)
    linkMade(link)
  }

  private func received(_ bytes: Bytes, _ link: VirtualLink) {
    guard self.link === link else { return }
    pass(session.receive(bytes.span, now: simulation.now), link)
  }

  private func tick(_ link: VirtualLink) {
    simulation.at(simulation.milliseconds + 50) { [unowned self] in
      run {
        guard self.link === link else { return }
        self.pass(self.session.tick(now: self.simulation.now), link)
        self.tick(link)
      }
    }
  }

  private func closed(_ link: VirtualLink) {
    guard self.link === link else { return }
    if case .draining(_, let reason) = phase { return lose(reason) }
    if !link.hasFault { checker.violate(.badInputHarmsNobody, "\(link.name) is closed for no reason of its own") }
    lose(LogError(.connectionLost, "the server closed the connection", isRetryable: true))
  }

  func send(_ frame: OutgoingFrame) {
    simulation.trace("\(name).\(connectionCount) client: \(Shown.frame(frame))")
    link?.send(frame, from: .client)
  }

  private func lose(_ error: LogError) {
    simulation.trace("\(name) loses its connection: \(error)")
    if let openSince,
      simulation.now.nanoseconds(since: openSince) >= Self.backoff.healthyDuration.wholeNanoseconds
    {
      failureCount = 0
    }
    if openSince != nil { checker.tally.lostConnectionCount += 1 }
    openSince = nil
    link?.close(from: .client)
    phase = .waiting
    if !error.isRetryable { checker.violate(.nobodyWaitsForEver, "\(name) gives up for good: \(error)") }
    appends.disconnect()
    flights = [:]
    interruptFollows(error)
    let delay = Self.backoff.delay(attempt: failureCount, retryAfter: error.retryAfter, random: random)
    failureCount += 1
    later(delay) { [unowned self] in if case .waiting = phase { connect() } }
  }

  // MARK: - What the session tells

  private func pass(_ events: [ClientSession.Event], _ link: VirtualLink) {
    for event in events { if case .send(let frame) = event { send(frame) } }
    for event in events {
      guard self.link === link else { return }
      simulation.trace("\(link.name) client: \(event.shown)")
      happened(event, link)
    }
    guard self.link === link else { return }
    requestUntoldParts()
    sendAppends()
    leaveIfDrained()
  }

  private func happened(_ event: ClientSession.Event, _ link: VirtualLink) {
    switch event {
    // It was sent before the others.
    case .send: break
    case .welcomed(let welcome):
      phase = .open(link, welcome)
      openSince = simulation.now
      for key in follows.keys.sorted() { request(key) }
    case .goingAway(let goAway):
      guard case .open = phase else { return }
      phase = .draining(
        link,
        LogError(
          .connectionLost, "the server is going away", isRetryable: true,
          retryAfter: .milliseconds(goAway.retryAfterMilliseconds)))
    case .failed(let refusal):
      if !link.hasFault { checker.violate(promise(refusal), "\(link.name) fails for no reason of its own: \(refusal)") }
      lose(LogError(refusal))
    case .acknowledged(let id, let stored): acknowledged(id, stored)
    case .refused(let id, let refusal):
      if appends.isInFlight(id) {
        appendRefused(id, refusal)
      } else if let place = followPlaces[id] {
        followRefused(place, id, refusal)
      }
    case .announced(let id, let announcement): announced(id, announcement)
    case .resolved(let id): resolved(id)
    case .delivered(let id, let delivery): delivered(id, delivery)
    case .skipped(let id, let skip): skipped(id, skip)
    case .live(let id): live(id)
    case .ended(let id, let reason): ended(id, reason)
    case .listed, .answered: break
    }
  }

  /// Which promise it breaks that a sound connection ends so.
  private func promise(_ refusal: Refusal) -> Promise {
    if refusal.text.contains("overdrawn") { return .bounded }
    guard refusal.text.hasPrefix("a gap") else { return .badInputHarmsNobody }
    return follows.values.contains { $0.liveSince != nil } ? .seamless : .noSilentGap
  }

  private func leaveIfDrained() {
    guard case .draining(_, let reason) = phase, appends.inFlightCount == 0 else { return }
    lose(reason)
  }
}
