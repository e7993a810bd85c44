import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// CHALLENGE and AUTH: as `ClientCore`, with a provider that takes a while and may not have the new token yet.
extension VirtualClient {
  func challenged(_ link: VirtualLink) {
    if renewal.challenged() { askForToken(link) }
  }

  private func askForToken(_ link: VirtualLink) {
    guard self.link === link, case .open = phase, renewal.ask() else { return }
    let delay = Int64.random(in: 0...20, using: &checker.server.tokenDice)
    later(.milliseconds(delay)) { [unowned self, weak link] in
      guard let link, self.link === link, case .open = phase else { return }
      let token = checker.server.tokenDice.chance(10) ? nil : checker.server.handedToken
      take(renewal.offered(token, canShow: session.canRenew), link)
    }
  }

  private func take(_ step: TokenRenewal.Step, _ link: VirtualLink) {
    switch step {
    case .nothing: break
    case .show(let token):
      let (id, frame) = session.renew(token: token)
      renewal.sent(token, id: id)
      send(frame)
    case .wait:
      later(.milliseconds(50)) { [unowned self, weak link] in if let link { askForToken(link) } }
    }
  }

  /// - Returns: false if the id is not that of an AUTH.
  func renewalAnswered(_ id: UInt32, _ link: VirtualLink, isAccepted: Bool) -> Bool {
    guard let step = renewal.answered(id, isAccepted: isAccepted) else { return false }
    take(step, link)
    return true
  }
}
