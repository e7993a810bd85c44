internal import LogsTransport
internal import LogsWire

/// Tokens from a provider: one for each attempt to connect, and others when the server asks for them.
extension ClientCore {
  /// Begins an attempt, with a token if there are any.
  func connect() {
    guard let provider = configuration.tokenProvider else { return connect(token: configuration.token ?? "") }
    askNumberLast += 1
    let number = askNumberLast
    let task = Task { [configuration] in
      let result = await configuration.token(from: provider)
      self.gotToken(result, number)
    }
    let limit = configuration.connectTimeout
    let timer = loop.schedule(after: limit) {
      self.gotToken(.failure(LogError(.unreachable, "no token came within \(limit)", isRetryable: true)), number)
    }
    phase = .asking(number, task, timer)
  }

  private func gotToken(_ result: Result<String, LogError>, _ number: UInt64) {
    guard case .asking(number, _, _) = phase else { return }
    switch result {
    case .success(let token):
      stopPhase()
      connect(token: token)
    case .failure(let error): lose(error)
    }
  }

  private func connect(token: String) {
    phase = .connecting(
      Connector.connect(to: endpoints[plan.server], on: loop, tls: tls, timeout: configuration.connectTimeout) {
        self.connected($0, token: token)
      })
  }

  // MARK: Renewal

  /// The server wants another token.
  func challenged() {
    guard configuration.tokenProvider != nil else { return }
    if renewal.challenged() { askForRenewal() }
  }

  private func askForRenewal() {
    guard openLink != nil, let provider = configuration.tokenProvider, renewal.ask() else { return }
    askNumberLast += 1
    let number = askNumberLast
    let task = Task { [configuration] in
      let result = await configuration.token(from: provider)
      self.gotRenewal(try? result.get(), number)
    }
    renewalAsk = (number, task)
    // One that does not answer is asked again.
    renewalTimer = loop.schedule(after: configuration.connectTimeout) { self.gotRenewal(nil, number) }
  }

  /// - Parameter token: nil if there was none to be had.
  private func gotRenewal(_ token: String?, _ number: UInt64) {
    guard let link = openLink, renewalAsk?.number == number else { return }
    stopRenewal()
    take(renewal.offered(token, canShow: link.canRenew), link)
  }

  /// Nobody waits for another token any more.
  func stopRenewal() {
    renewalAsk?.task.cancel()
    renewalAsk = nil
    renewalTimer?.cancel()
    renewalTimer = nil
  }

  private func take(_ step: TokenRenewal.Step, _ link: Link) {
    switch step {
    case .nothing: break
    case .show(let token): renewal.sent(token, id: link.renew(token: token))
    case .wait:
      renewalTimer = loop.schedule(after: link.tickInterval) { self.askForRenewal() }
    }
  }

  /// - Returns: false if the id is not that of an AUTH.
  func renewalAnswered(_ id: UInt32, _ link: Link, isAccepted: Bool) -> Bool {
    guard let step = renewal.answered(id, isAccepted: isAccepted) else { return false }
    take(step, link)
    return true
  }
}
