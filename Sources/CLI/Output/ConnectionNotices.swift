internal import LogsClient

/// Tells on stderr when the server is not reached, and when it is again.
enum ConnectionNotices {
  /// While an outage lasts, how often it is told.
  private static let interval = Duration.seconds(10)

  /// Runs until the client is closed.
  static func begin(_ client: LogClient) -> Task<Void, Never> {
    let states = client.states
    return Task {
      var toldAt: ContinuousClock.Instant?
      for await state in states {
        switch state {
        case .idle, .connecting, .suspended, .closed: break
        case .connected(_, let url):
          if toldAt != nil { Terminal.note("connected to \(url)") }
          toldAt = nil
        case .waiting(_, let error), .refusing(let error):
          let now = ContinuousClock.now
          if let last = toldAt, now - last < interval { continue }
          toldAt = now
          Terminal.note("\(error.message); trying again (Ctrl-C ends it, --retry-for SECONDS gives up)")
        }
      }
    }
  }
}
