internal import LogsTransport
internal import LogsWire

extension ClientCore {
  /// Something has been asked for: connects unless that is under way, or has to wait for `resume`.
  func start() {
    guard case .idle = phase else { return }
    failureCount = 0
    attemptCount = 0
    beginOutage()
    connect()
  }

  /// There is no connection from now on.
  private func beginOutage() {
    attemptCount = 0
    guard deadline == nil, let limit = configuration.reconnectDeadline else { return }
    deadline = loop.schedule(after: limit) { self.deadlinePassed() }
  }

  /// What is under way may succeed yet; there is no more waiting.
  private func deadlinePassed() {
    deadline = nil
    isOverdue = true
    guard case .waiting(let timer) = phase else { return }
    timer.cancel()
    goOnOverdue()
  }

  /// Every server is tried once, however short the deadline.
  private func goOnOverdue() { if attemptCount < endpoints.count { connect() } else { giveUp() } }

  func endOutage() {
    deadline?.cancel()
    deadline = nil
    isOverdue = false
    attemptCount = 0
  }

  private func giveUp() {
    let limit = configuration.reconnectDeadline.map { $0 == .zero ? "" : " for \($0)" } ?? ""
    let reason = lastError.map { ": \($0)" } ?? ""
    reset(LogError(.gaveUp, "no connection\(limit)\(reason)", isRetryable: true, cause: lastError?.message))
  }

  private func connect() {
    attemptCount += 1
    board.set(.connecting(attempt: attemptCount))
    let attempt = Connector.connect(to: endpoints[serverIndex], on: loop, timeout: configuration.connectTimeout) {
      result in self.connected(result)
    }
    phase = .connecting(attempt)
  }

  private func connected(_ result: Result<Connection, TransportError>) {
    guard case .connecting = phase else { return }
    switch result {
    case .success(let connection):
      linkNumberLast += 1
      phase = .greeting(Link(number: linkNumberLast, connection: connection, core: self, configuration: configuration))
    case .failure(let error): lose(LogError(connecting: error))
    }
  }

  func welcomed(_ welcome: Welcome, _ link: Link) {
    phase = .open(link, welcome)
    openSince = loop.now
    endOutage()
    board.isTokenIgnored = configuration.token?.isEmpty == false && !welcome.checksTokens
    board.set(connectedState(welcome))
    for key in follows.keys.sorted() { request(key) }
    for key in questions.keys.sorted() { ask(key) }
  }

  private func connectedState(_ welcome: Welcome) -> ConnectionState {
    .connected(server: welcome.name, url: endpoints[serverIndex].description)
  }

  /// The server has taken everything that it had refused for a moment, or nobody wants it to any more.
  func endRefusing() {
    guard case .open(_, let welcome) = phase, !appends.hasPostponed else { return }
    board.endRefusing(connectedState(welcome))
  }

  /// The link, in whatever phase it was, is gone by itself.
  func linkClosed(_ error: LogError, link number: UInt64) {
    guard link?.number == number else { return }
    if case .draining(_, let reason) = phase { return lose(reason) }
    lose(error)
  }

  /// The connection, or the attempt to make one, is over.
  func lose(_ error: LogError) {
    if case .closing = phase { return close() }
    if case .suspending = phase { return suspensionEnded() }
    if let openSince, loop.now.nanoseconds(since: openSince) >= configuration.backoff.healthyDuration.wholeNanoseconds {
      failureCount = 0
    }
    let wasOpen = openSince != nil
    openSince = nil
    lastError = error
    stopPhase()
    guard error.isRetryable else { return reset(error) }
    appends.disconnect()
    interruptFollows(error)
    interruptQuestions()
    if wasOpen { beginOutage() }
    phase = .idle
    wait(because: error)
    closeIfDone()
  }

  /// Waits for the next attempt. The other servers are tried at once; once all have failed, there is a pause.
  private func wait(because error: LogError) {
    let round = failureCount / endpoints.count
    failureCount += 1
    serverIndex = (serverIndex + 1) % endpoints.count
    if isOverdue { return goOnOverdue() }
    let delay =
      failureCount % endpoints.count != 0
      ? .zero : configuration.backoff.delay(attempt: round, retryAfter: error.retryAfter, random: random)
    board.set(.waiting(for: delay, because: error))
    phase = .waiting(
      loop.schedule(after: delay) {
        guard case .waiting = self.phase else { return }
        self.connect()
      })
  }

  /// Fails everything; the next request begins anew.
  private func reset(_ error: LogError) {
    stopPhase()
    endOutage()
    openSince = nil
    phase = .idle
    failAll(error)
    board.set(.idle)
    closeIfDone()
  }

  /// Ends what the phase keeps going.
  func stopPhase() {
    switch phase {
    case .connecting(let attempt): attempt.cancel()
    case .waiting(let timer): timer.cancel()
    case .greeting(let link), .open(let link, _), .draining(let link, _), .suspending(let link), .closing(let link):
      link.abandon()
    case .idle, .suspended, .closed: break
    }
  }

  /// The server is about to stop.
  func goingAway(_ goAway: GoAway) {
    guard case .open(let link, _) = phase else { return }
    let retryAfter = Duration.milliseconds(goAway.retryAfterMilliseconds)
    phase = .draining(
      link,
      LogError(
        .connectionLost, "the server is going away: \(goAway.text)", isRetryable: true,
        retryAfter: retryAfter == .zero ? nil : retryAfter))
  }

  /// Leaves a server that is about to stop once it has answered what was begun.
  func leaveIfDrained() {
    guard case .draining(_, let reason) = phase, appends.inFlightCount == 0, questionKeys.isEmpty else { return }
    lose(reason)
  }
}

// MARK: - What the link tells

extension ClientCore {
  func happened(_ events: [ClientSession.Event], onLink number: UInt64) {
    for event in events {
      guard let link, link.number == number else { return }
      happened(event, link)
    }
    guard link?.number == number else { return }
    endRefusing()
    requestUntoldParts()
    sendAppends()
    askWaiting()
    leaveIfDrained()
    closeIfDone()
  }

  private func happened(_ event: ClientSession.Event, _ link: Link) {
    switch event {
    // The link has sent it.
    case .send: break
    case .welcomed(let welcome): welcomed(welcome, link)
    case .goingAway(let goAway): goingAway(goAway)
    case .failed(let refusal): lose(LogError(refusal))
    case .acknowledged(let id, let stored): acknowledged(id, stored)
    case .refused(let id, let refusal):
      if appends.isInFlight(id) {
        appendRefused(id, refusal)
      } else if let place = followPlaces[id] {
        followRefused(place, id, refusal)
      } else if let key = questionKeys.removeValue(forKey: id) {
        questionRefused(key, refusal)
      }
    case .announced(let id, let announcement): announced(id, announcement)
    case .resolved(let id): resolved(id)
    case .delivered(let id, let delivery): delivered(id, delivery)
    case .skipped(let id, let skip): skipped(id, skip)
    case .live(let id): live(id)
    case .ended(let id, let reason): ended(id, reason)
    case .listed(let id, let listing): answered(id, .listing(listing))
    case .answered(let id, let facts): answered(id, .facts(facts))
    }
  }
}
