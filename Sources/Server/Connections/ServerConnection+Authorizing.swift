internal import LogsTransport
internal import LogsWire

/// What the client may do: decided once, when it says HELLO, and ended when its token is revoked or expires.
extension ServerConnection {
  func authorize(client: String, token: String) {
    self.client = client
    let claim = AccessControl.Claim(
      token: token, address: ConnectionEnds.address(of: connection.peer), process: connection.peerProcess,
      certificate: connection.peerName)
    switch core.access.decide(claim, now: connection.loop.now) {
    case .accepted(let access):
      self.access = access
      decided(.accepted)
    case .refused(let refusal, let delay):
      core.counters.refusedTokens.add(1)
      connection.loop.schedule(after: delay) { [weak self] in self?.decided(.refused(refusal)) }
    }
  }

  private func decided(_ decision: ServerSession.Decision) {
    perform(session.decide(decision, now: connection.loop.now))
    closeIfDone()
  }

  /// Ends the connection if its token does not count any more.
  func checkAccess() {
    if let refusal = core.access.refusal(of: &access) { perform(session.end(because: refusal)) }
  }

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
