internal import LogsClient
internal import LogsWire
internal import Synchronization

/// Notes on stderr that the server cannot be reached or refuses everything, that it is back, and that it checks no
/// tokens.
final class ConnectionNotices: Sendable {
  /// How often an outage is reported.
  private static let outageInterval = Duration.seconds(10)
  /// How often refusals are reported.
  private static let refusalInterval = Duration.seconds(60)

  private let client: LogClient
  private let retries: Bool
  private let isTokenNoted = Atomic(false)
  /// How often a limit of the server's slowed the command down, and its name.
  private let pace = Mutex<(name: String, count: Int)?>(nil)
  private let task = Mutex<Task<Void, Never>?>(nil)
  /// Waits to tell of an attempt to connect that takes long, which is done once.
  private let slowAttempt = Mutex<Task<Void, Never>?>(nil)
  private let isSlowNoted = Atomic(false)
  /// How long an attempt to connect goes on without a word.
  private static let attemptDuration = Duration.seconds(2)

  /// Reports until `end`.
  ///
  /// - Parameter patience: how long the command tries. If it is zero the command ends with an error at the first
  ///   failure, and nothing is reported here.
  init(_ client: LogClient, patience: Duration?) {
    self.client = client
    retries = patience != .zero
    let states = client.states
    task.withLock { $0 = Task { for await state in states { self.report(state) } } }
  }

  /// Stops reporting, except that the note about the token may still be due.
  func end() {
    task.withLock { $0 }?.cancel()
    slowAttempt.withLock { $0.take() }?.cancel()
    if let pace = pace.withLock({ $0.take() }), pace.count > 1 {
      Terminal.note("the server had it wait \(pace.count) times (\(pace.name))")
    }
    noteToken()
  }

  private enum Trouble { case none, outage, refusal }
  private let last = Mutex<(trouble: Trouble, time: ContinuousClock.Instant)>((.none, .now))

  private func report(_ state: ConnectionState) {
    slowAttempt.withLock { $0.take() }?.cancel()
    switch state {
    case .idle, .suspended, .closed: break
    case .connecting: noteSlowAttempt()
    case .connected(_, let url):
      noteToken()
      let before = last.withLock { last in
        defer { last.trouble = .none }
        return last.trouble
      }
      switch before {
      case .none: break
      case .outage: Terminal.note("connected to \(url)")
      case .refusal: Terminal.note("\(url) takes entries again")
      }
    // A connection whose token counts no more. The next attempt is at once: either there is another token by now, or
    // its refusal ends the command.
    case .waiting(_, let error) where error.code == .refused(.unauthorized): break
    case .waiting(_, let error): report(error, .outage, every: Self.outageInterval)
    case .refusing(let error):
      if let limit = error.refusal?.limit, let rate = Self.rate(limit) { return notePace(limit, rate) }
      report(error, .refusal, every: Self.refusalInterval)
    }
  }

  private func noteSlowAttempt() {
    if isSlowNoted.load(ordering: .relaxed) { return }
    let servers = client.servers.joined(separator: ", ")
    let waiting = Task {
      do { try await Task.sleep(for: Self.attemptDuration) } catch { return }
      self.isSlowNoted.store(true, ordering: .relaxed)
      Terminal.note("no answer from \(servers) yet; it is waited for (Ctrl-C ends it)")
    }
    slowAttempt.withLock { $0 = waiting }
  }

  private func report(_ error: LogError, _ trouble: Trouble, every interval: Duration) {
    guard retries else { return }
    let now = ContinuousClock.now
    let isDue = last.withLock { last in
      if last.trouble == trouble, now - last.time < interval { return false }
      last = (trouble, now)
      return true
    }
    guard isDue else { return }
    Terminal.note("\(error.message); trying again (Ctrl-C ends it, --retry-for TIME gives up)")
  }

  /// A limit of the server's slows the command down: that is how it should be, and said once.
  private func notePace(_ limit: Refusal.Limit, _ rate: String) {
    guard retries else { return }
    let isFirst = pace.withLock { pace in
      pace = (limit.name, (pace?.count ?? 0) + 1)
      return pace?.count == 1
    }
    guard isFirst else { return }
    Terminal.note("the server takes \(rate) (\(limit.name)): the rest waits, nothing is lost")
  }

  /// What a limit on pace is of; nil for other limits.
  private static func rate(_ limit: Refusal.Limit) -> String? {
    if limit.name == "new-streams" {
      return "\(Figures.count(limit.value, "new stream", "new streams")) a minute from a client"
    }
    guard limit.name.hasPrefix("append-rate") else { return nil }
    let isOfEntries = limit.name.hasSuffix("-entries")
    let count =
      isOfEntries ? Figures.count(limit.value, "entry", "entries") : Figures.count(limit.value, "byte", "bytes")
    return "\(count) a second \(limit.name.hasPrefix("append-rate-stream") ? "for a stream" : "from a client")"
  }

  private func noteToken() {
    guard client.isTokenIgnored, !isTokenNoted.exchange(true, ordering: .relaxed) else { return }
    Terminal.note("the server checks no tokens: yours is not needed, and anyone who can connect may do everything")
  }
}
