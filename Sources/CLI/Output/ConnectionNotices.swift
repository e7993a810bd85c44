internal import LogsClient
internal import Synchronization

/// Tells on stderr when the server is not reached or takes nothing, when it does again, and that it has checked no
/// token.
final class ConnectionNotices: Sendable {
  /// While the server is not reached, how often that is reported.
  private static let outageInterval = Duration.seconds(10)
  /// While the server refuses, how often.
  private static let refusalInterval = Duration.seconds(60)

  private let client: LogClient
  private let retries: Bool
  private let isTokenTold = Atomic(false)
  private let task = Mutex<Task<Void, Never>?>(nil)

  /// Begins to tell, until `end`.
  ///
  /// - Parameter patience: how long the command tries; when it is zero it ends at the first failure, with an error
  ///   that says all.
  init(_ client: LogClient, patience: Duration?) {
    self.client = client
    retries = patience != .zero
    let states = client.states
    task.withLock { $0 = Task { for await state in states { self.tell(state) } } }
  }

  /// Nothing is reported any more, except what is still to be said about the token.
  func end() {
    task.withLock { $0 }?.cancel()
    tellToken()
  }

  private enum Trouble { case none, outage, refusal }
  private let told = Mutex<(trouble: Trouble, time: ContinuousClock.Instant)>((.none, .now))

  private func tell(_ state: ConnectionState) {
    switch state {
    case .idle, .connecting, .suspended, .closed: break
    case .connected(_, let url):
      tellToken()
      let before = told.withLock { told in
        defer { told.trouble = .none }
        return told.trouble
      }
      switch before {
      case .none: break
      case .outage: Terminal.note("connected to \(url)")
      case .refusal: Terminal.note("\(url) takes entries again")
      }
    case .waiting(_, let error): tell(error, .outage, every: Self.outageInterval)
    case .refusing(let error): tell(error, .refusal, every: Self.refusalInterval)
    }
  }

  private func tell(_ error: LogError, _ trouble: Trouble, every interval: Duration) {
    guard retries else { return }
    let now = ContinuousClock.now
    let isDue = told.withLock { told in
      if told.trouble == trouble, now - told.time < interval { return false }
      told = (trouble, now)
      return true
    }
    guard isDue else { return }
    Terminal.note("\(error.message); trying again (Ctrl-C ends it, --retry-for SECONDS gives up)")
  }

  private func tellToken() {
    guard client.isTokenIgnored, !isTokenTold.exchange(true, ordering: .relaxed) else { return }
    Terminal.note("the server checks no tokens: yours is not needed, and anyone who can connect may do everything")
  }
}
