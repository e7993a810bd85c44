internal import LogsTransport
internal import LogsWire

extension ClientCore {
  /// A connection is wanted: connects, unless that is in progress or has to wait for `resume`.
  func start() {
    guard case .idle = phase else { return }
    take(plan.begin(now: loop.now))
  }

  private func take(_ step: ConnectionPlan.Step, because error: LogError? = nil) {
    switch step {
    case .connect(let attempt):
      board.set(.connecting(attempt: attempt))
      connect()
    case .wait(let time, let delay):
      if let error { board.set(.waiting(for: delay, because: error)) }
      phase = .waiting(
        loop.schedule(after: time) {
          guard case .waiting = self.phase else { return }
          self.take(self.plan.waited(now: self.loop.now))
        })
    case .fail(let error):
      phase = .idle
      failAll(error)
      board.set(.idle)
    }
  }

  func connected(_ result: Result<Connection, TransportError>, token: String) {
    guard case .connecting = phase else { return }
    switch result {
    case .success(let connection):
      hasToken = !token.isEmpty
      renewal = TokenRenewal(token)
      phase = .handshake(Link(connection: connection, core: self, configuration: configuration, token: token))
    case .failure(let error): lose(LogError(connecting: error))
    }
  }

  func welcomed(_ welcome: Welcome, _ link: Link) {
    phase = .open(link)
    serverName = welcome.name
    plan.connected(now: loop.now)
    board.isTokenIgnored = hasToken && !welcome.checksTokens
    board.set(connectedState)
    subscriptions.connected()
    carryOutFollows()
    for key in requests.keys.sorted() { makeRequest(key) }
  }

  private var connectedState: ConnectionState {
    .connected(server: serverName, url: endpoints[plan.server].description)
  }

  /// Everything that was refused for now has been accepted or given up.
  func endRefusing() {
    guard isRefusing, case .open = phase, !appends.hasPostponed else { return }
    isRefusing = false
    board.endRefusing(connectedState)
  }

  /// The link has ended by itself, in whatever phase.
  func linkClosed(_ error: LogError, _ link: Link) {
    guard isCurrent(link) else { return }
    if case .draining(_, let reason) = phase { return lose(reason) }
    lose(error)
  }

  /// The connection, or the attempt to make one, is over.
  func lose(_ error: LogError) {
    if case .closing = phase { return close() }
    if case .suspending = phase { return suspensionEnded() }
    stopPhase()
    phase = .idle
    if error.isRetryable { disconnect(error) }
    take(plan.lost(error, now: loop.now), because: error)
    closeIfDone()
  }

  /// What has no answer yet is requested again on the next connection, but for deletions.
  func disconnect(_ error: LogError) {
    appends.disconnect()
    subscriptions.disconnected(error)
    carryOutFollows()
    interruptRequests(error)
  }

  /// Ends what belongs to the current phase.
  func stopPhase() {
    stopRenewal()
    switch phase {
    case .asking(_, let task, let timer):
      task.cancel()
      timer.cancel()
    case .connecting(let attempt): attempt.cancel()
    case .waiting(let timer): timer.cancel()
    case .handshake(let link), .open(let link), .draining(let link, _), .suspending(let link), .closing(let link):
      link.abandon()
    case .idle, .suspended, .closed: break
    }
  }

  /// The server is about to stop.
  func goingAway(_ goAway: GoAway) {
    guard case .open(let link) = phase else { return }
    stopRenewal()
    phase = .draining(link, LogError(goAway))
    plan.goingAway(goAway.advice)
    subscriptions.goingAway()
  }

  /// Leaves a server that is about to stop once it has answered everything in flight.
  func leaveIfDrained() {
    guard case .draining(_, let reason) = phase, appends.inFlightCount == 0, requestKeys.isEmpty else { return }
    lose(reason)
  }
}

// MARK: - Events of the link

extension ClientCore {
  func happened(_ events: [ClientSession.Event], on link: Link) {
    for event in events {
      guard isCurrent(link) else { return }
      happened(event, link)
      carryOutFollows()
    }
    settled(link)
  }

  /// One append is durable, and nothing else has happened.
  func acknowledged(_ id: UInt32, _ stored: ClientSession.Stored, on link: Link) {
    guard isCurrent(link) else { return }
    acknowledged(id, stored)
    settled(link)
  }

  /// Does what the events of a link allow, all of which have been handled.
  private func settled(_ link: Link) {
    guard isCurrent(link) else { return }
    endRefusing()
    sendWaiting()
    makeWaitingRequests()
    leaveIfDrained()
    closeIfDone()
  }

  private func happened(_ event: ClientSession.Event, _ link: Link) {
    switch event {
    // The link has sent it.
    case .send: break
    case .welcomed(let welcome): welcomed(welcome, link)
    case .goingAway(let goAway): goingAway(goAway)
    case .challenged: challenged()
    case .authorized(let id): _ = renewalAnswered(id, link, isAccepted: true)
    case .failed(let refusal): lose(LogError(refusal))
    case .acknowledged(let id, let stored): acknowledged(id, stored)
    case .refused(let id, let refusal):
      if appends.isInFlight(id) {
        appendRefused(id, refusal)
      } else if let key = requestKeys.removeValue(forKey: id) {
        requestRefused(key, refusal)
      } else if !renewalAnswered(id, link, isAccepted: false) {
        subscriptions.refused(id, refusal, now: loop.now)
      }
    case .announced(let id, let announcement): subscriptions.announced(id, announcement)
    case .resolved(let id): subscriptions.resolved(id, now: loop.now)
    case .delivered(let id, let delivery): subscriptions.delivered(id, delivery)
    case .skipped(let id, let skip): subscriptions.skipped(id, skip)
    case .live(let id): subscriptions.live(id, now: loop.now)
    case .heads(let id, let heads): subscriptions.headsMoved(id, heads)
    case .ended(let id, let reason): subscriptions.ended(id, reason, now: loop.now)
    case .listed(let id, let listing): answered(id, .listing(listing))
    case .answered(let id, let facts): answered(id, .facts(facts))
    case .progressed(let id, let progress): progressed(id, progress)
    case .counted(let id, let result): answered(id, .counts(result))
    case .deleted(let id, let summary): answered(id, .deletion(summary))
    }
  }
}
