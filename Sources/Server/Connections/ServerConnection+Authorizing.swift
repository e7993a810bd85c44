internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// What the client may do: decided when it says HELLO, and again with each AUTH; ended when its token is revoked or
/// expires, a while after CHALLENGE if it answers that.
extension ServerConnection {
  func authorize(client: String, token: String) {
    self.client = client
    switch core.access.decide(claim(token), now: connection.loop.now) {
    case .accepted(let access):
      self.access = access
      setChallengeLead()
      decided(.accepted)
    case .refused(let refusal, let delay):
      core.counters.refusedTokens.add(1)
      connection.loop.schedule(after: delay) { [weak self] in self?.decided(.refused(refusal)) }
    }
  }

  private func claim(_ token: String) -> AccessControl.Claim {
    AccessControl.Claim(
      token: token, address: ConnectionEnds.address(of: connection.peer), process: connection.peerProcess,
      certificate: connection.peerName)
  }

  private func decided(_ decision: ServerSession.Decision) {
    perform(session.decide(decision, now: connection.loop.now))
    closeIfDone()
  }

  /// Another token: what it allows counts at once. One that does not count leaves everything as it was.
  func renew(_ id: UInt32, token: String) {
    switch core.access.decide(claim(token), now: connection.loop.now) {
    case .accepted(let access):
      replaceAccess(access)
      authorized(id)
    case .refused(let refusal, let delay):
      core.counters.refusedTokens.add(1)
      core.connectionEnds.note(
        .wrongToken, peer: connection.peer,
        "connection \(self.id) of \(client) shows a token that does not count: "
          + refusal.text, now: connection.loop.now)
      // Without a token, too, or one connection could ask as fast as the answers come.
      connection.loop.schedule(after: max(delay, AccessControl.delayMin)) { [weak self] in
        guard let self else { return }
        send(session.refuse(id, refusal))
        closeIfDone()
      }
    }
  }

  /// Answers AUTH, but not too soon after the one before: each looks at all that the client has begun, and the next one
  /// comes after the answer.
  private func authorized(_ id: UInt32) {
    let now = connection.loop.now
    let due = max(renewalDue, now)
    renewalDue = due + Self.renewalIntervalMin
    guard due > now else {
      send(session.answer(id, .authorized))
      return closeIfDone()
    }
    isRenewalWaiting = true
    connection.loop.schedule(after: .nanoseconds(Int64(clamping: due.nanoseconds(since: now)))) { [weak self] in
      guard let self else { return }
      isRenewalWaiting = false
      send(session.answer(id, .authorized))
      closeIfDone()
    }
  }

  /// What the client has begun goes on as far as it is still allowed. The rest it may ask for again, as after a
  /// connection that has ended.
  private func replaceAccess(_ new: AccessControl.Access) {
    let old = access
    access = new
    graceEnd = nil
    setChallengeLead()
    guard !new.rights.readsTheSame(as: old.rights) else { return }
    for id in subscriptions.keys.sorted() { subscriptions[id]?.take(new.rights, of: new.name) }
    for (id, query) in queries.sorted(by: { $0.key < $1.key }) {
      let selectors = query.query.selectors
      if !selectors.contains(where: \.isPattern), refusal(toRead: selectors) == nil { continue }
      query.cancel()
      queries[id] = nil
      send(session.refuse(id, Self.hasOtherRights(new.name)))
    }
    for (id, request) in requests {
      if case .list(var search) = request {
        search.restart(new.rights)
        requests[id] = .list(search)
      }
    }
  }

  /// What counts streams by the rights that it began with.
  private static func hasOtherRights(_ name: String) -> Refusal {
    Refusal(
      .unauthorized, "the \(name) may read other streams than what was shown before; ask again", isRetryable: true)
  }

  /// Ends the connection if its token does not count any more. A client that answers CHALLENGE is asked for another one
  /// before.
  func checkAccess() {
    // A CHALLENGE before AUTHORIZED would be taken for one that the AUTH has answered.
    guard !isRenewalWaiting else { return }
    let refusal = core.access.refusal(of: &access)
    let timeLeft = refusal == nil ? core.access.timeLeft(of: access) : .zero
    guard let timeLeft, timeLeft <= challengeLead else { return graceEnd = nil }
    let now = connection.loop.now
    if graceEnd == nil {
      let grace = min(core.configuration.heartbeat, Self.challengeGraceMax)
      let challenge = Challenge(
        graceMilliseconds: UInt32(clamping: max(grace, timeLeft).nanoseconds / 1_000_000),
        text: refusal?.text ?? "the \(access.name) is about to expire; show another one")
      guard let frame = session.challenge(challenge) else {
        if let refusal { perform(session.end(because: refusal)) }
        return
      }
      graceEnd = now + grace
      send(frame)
    } else if let refusal, let graceEnd, now >= graceEnd {
      perform(session.end(because: refusal))
    }
  }

  /// How long before a token expires its client is asked for another one. Of a token with a short life it is half of
  /// that: it would be asked for again as soon as it is shown.
  private func setChallengeLead() {
    let timeLeft = core.access.timeLeft(of: access)
    challengeLead = timeLeft.map { min(Self.challengeLeadMax, $0 / 2) } ?? Self.challengeLeadMax
  }

  static let challengeLeadMax = Duration.seconds(60)

  /// How long after an AUTHORIZED the next one comes at the earliest.
  static let renewalIntervalMin = Duration.seconds(1)

  /// How long a connection whose token does not count any more goes on at most.
  static let challengeGraceMax = Duration.seconds(10)

  /// Why the client may not do that with a stream, whether the stream exists or not; nil if it may.
  func refusal(_ action: Rights.Action, _ stream: StreamName) -> Refusal? { access.refusal(action, stream) }

  /// Why it may not read one of the streams that are named. Patterns are narrowed to what it may read.
  func refusal(toRead selectors: [StreamSelector]) -> Refusal? {
    for case .stream(let name) in selectors {
      if let refusal = refusal(.read, name) { return refusal }
    }
    return nil
  }
}
