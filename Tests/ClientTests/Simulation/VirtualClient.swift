import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// The client in virtual time: `ConnectionPlan`, `AppendQueue`, `SubscriptionTable` and `ClientSession` decide as they
/// do in `ClientCore`; only the part that acts on their decisions is rewritten, for a simulated link in place of the
/// loop.
///
/// It lives as long as its process. While the machine sleeps nothing runs, and events wait for it to wake.
final class VirtualClient {
  /// A planted fault, which the checks of the simulation must find.
  enum Defect {
    case renumbersAfterReconnect, raisesFloorEarly, exceedsLimits, resumesOneOff, givesUpHeld, passesOverHeld
  }

  enum Phase {
    case idle
    case connecting
    case handshake(VirtualLink)
    case open(VirtualLink, Welcome)
    case draining(VirtualLink, LogError)
    case waiting
    case ended
  }

  static let backoff = Backoff(base: .milliseconds(10), cap: .milliseconds(300), healthyDuration: .milliseconds(400))

  let simulation: Simulation
  let checker: Checker
  let name: String
  /// The identity of batches that have none of their own.
  let producer: ProducerID
  var defect: Defect?
  /// Called with each new link.
  private let linkMade: (VirtualLink) -> Void

  let random: (UInt64) -> UInt64
  var session: ClientSession
  var phase = Phase.idle
  private var connectionCount = 0
  private var plan: ConnectionPlan
  private var isAsleep = false
  private var whenAwake: [() -> Void] = []

  var appends = AppendQueue()
  /// The number of waits so far; only the end of the last one counts.
  var waitCount = 0
  /// Batches in flight, counted independently of the session and the queue.
  var flights: [UInt32: Flight] = [:]
  /// What was held back, until something of it has another answer.
  var heldKeys: Set<AppendQueue.Key> = []

  /// DELETE in flight.
  var deletions: [UInt32: DeleteRequest] = [:]

  var subscriptions: SubscriptionTable
  var renewal = TokenRenewal("")
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
    random = { [simulation] in UInt64.random(in: 0...$0, using: &simulation.random) }
    session = ClientSession(handshakeMillisecondsMax: 500, now: simulation.now)
    plan = ConnectionPlan(serverCount: 1, backoff: Self.backoff, random: random)
    subscriptions = SubscriptionTable(backoff: Self.backoff, random: random)
  }

  /// How often connections were lost.
  var reconnectCount: Int { max(connectionCount - 1, 0) }

  var link: VirtualLink? {
    switch phase {
    case .handshake(let link), .open(let link, _), .draining(let link, _): link
    case .idle, .connecting, .waiting, .ended: nil
    }
  }

  var isEnded: Bool { if case .ended = phase { true } else { false } }

  // MARK: - The process

  /// - Parameter isSilent: whether the machine fails as well, so that the server does not notice.
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
    let milliseconds = UInt64((delay.nanoseconds + 999_999) / 1_000_000)
    simulation.at(simulation.milliseconds + milliseconds) { [unowned self] in run(body) }
  }

  // MARK: - Connecting

  func start() {
    guard case .idle = phase else { return }
    take(plan.begin(now: simulation.now))
  }

  private func take(_ step: ConnectionPlan.Step) {
    switch step {
    case .connect:
      phase = .connecting
      simulation.after(1...15) { [unowned self] in run { self.connected() } }
    case .wait(let time, _):
      phase = .waiting
      later(time) { [unowned self] in if case .waiting = phase { take(plan.waited(now: simulation.now)) } }
    case .fail(let error):
      phase = .idle
      checker.violate(.nobodyWaitsForEver, "\(name) gives up for good: \(error)")
    }
  }

  private func connected() {
    let link = VirtualLink(simulation, "\(name).\(connectionCount + 1)")
    guard checker.server.accept(link, name: link.name) else {
      return lose(LogError(.unreachable, "nobody listens", isRetryable: true))
    }
    connectionCount += 1
    phase = .handshake(link)
    session = ClientSession(handshakeMillisecondsMax: 500, now: simulation.now)
    // The link has the closures, but may be gone when the process wakes, so the waiting closure keeps it alive.
    link.attach(.client) { [unowned self, unowned link] bytes in
      run { [link] in self.received(bytes, link) }
    } closed: { [unowned self, unowned link] in
      run { [link] in self.closed(link) }
    }
    let token = checker.server.handedToken
    renewal = TokenRenewal(token)
    // Some know nothing of CHALLENGE.
    let takesChallenges = !checker.server.tokenDice.chance(8)
    let features: Hello.Features = takesChallenges ? [.challenges, .dictionaries] : [.dictionaries]
    send(ClientSession.hello(client: name, token: token, features: features))
    tick(link)
    linkMade(link)
  }

  private func received(_ bytes: ByteString, _ link: VirtualLink) {
    guard self.link === link else { return }
    if let (id, stored) = session.receiveAck(bytes.span, now: simulation.now) {
      return pass([.acknowledged(id: id, stored)], link)
    }
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
    switch phase {
    case .open, .draining: checker.tally.lostConnectionCount += 1
    case .idle, .connecting, .handshake, .waiting, .ended: break
    }
    link?.close(from: .client)
    phase = .idle
    appends.disconnect()
    flights = [:]
    let unanswered = deletions.sorted { $0.key < $1.key }.map(\.value)
    deletions = [:]
    subscriptions.disconnected(error)
    carryOutFollows()
    take(plan.lost(error, now: simulation.now))
    for request in unanswered { deletionLost(request) }
  }

  // MARK: - What the session tells

  private func pass(_ events: [ClientSession.Event], _ link: VirtualLink) {
    for event in events { if case .send(let frame) = event { send(frame) } }
    for event in events {
      guard self.link === link else { return }
      simulation.trace("\(link.name) client: \(event.shown)")
      happened(event, link)
      carryOutFollows()
    }
    guard self.link === link else { return }
    sendWaiting()
    leaveIfDrained()
  }

  private func happened(_ event: ClientSession.Event, _ link: VirtualLink) {
    switch event {
    // It was sent before the others.
    case .send: break
    case .welcomed(let welcome):
      phase = .open(link, welcome)
      plan.connected(now: simulation.now)
      subscriptions.connected()
    case .goingAway(let goAway):
      guard case .open = phase else { return }
      phase = .draining(link, LogError(goAway))
      plan.goingAway(goAway.advice)
      subscriptions.goingAway()
    case .failed(let refusal):
      if !link.hasFault { checker.violate(promise(refusal), "\(link.name) fails for no reason of its own: \(refusal)") }
      lose(LogError(refusal))
    case .acknowledged(let id, let stored): acknowledged(id, stored)
    case .refused(let id, let refusal):
      if renewalAnswered(id, link, isAccepted: false) { return }
      if appends.isInFlight(id) {
        appendRefused(id, refusal)
      } else if let request = deletions.removeValue(forKey: id) {
        checker.refused(request, refusal, name)
      } else {
        checkDeletion(id, refusal)
        let followed = followedElsewhere(id, refusal)
        subscriptions.refused(id, refusal, now: simulation.now)
        if let followed { checkPatience(followed) }
      }
    case .announced(let id, let announcement): subscriptions.announced(id, announcement)
    case .resolved(let id): subscriptions.resolved(id, now: simulation.now)
    case .delivered(let id, let delivery):
      checkCredit(id, delivery)
      subscriptions.delivered(id, delivery)
    case .skipped(let id, let skip): subscriptions.skipped(id, skip)
    case .heads(let id, let heads): subscriptions.headsMoved(id, heads)
    case .live(let id): subscriptions.live(id, now: simulation.now)
    case .ended(let id, let reason): subscriptions.ended(id, reason, now: simulation.now)
    case .deleted(let id, let summary): deleted(id, summary)
    case .challenged: challenged(link)
    case .authorized(let id): _ = renewalAnswered(id, link, isAccepted: true)
    case .listed, .answered, .progressed, .counted: break
    }
  }

  /// The promise that is broken if an intact connection ends this way.
  private func promise(_ refusal: Refusal) -> Promise {
    if refusal.text.contains("overdrawn") { return .bounded }
    guard refusal.text.hasPrefix("a gap") else { return .badInputHarmsNobody }
    return subscriptions.subscriptions.values.contains { $0.liveSince != nil } ? .exactSwitch : .noSilentGap
  }

  private func leaveIfDrained() {
    guard case .draining(_, let reason) = phase, appends.inFlightCount == 0, deletions.isEmpty else { return }
    lose(reason)
  }
}
