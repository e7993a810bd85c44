internal import Synchronization

/// Entries that were handed over together and that somebody may wait for, in two stages: accepted, then acknowledged.
final class Submission: Sendable {
  private typealias Waiter = CheckedContinuation<LogError?, Never>

  private struct State {
    /// Batches that are not accepted yet, and one for the call that still adds to them.
    var openCount = 1
    var error: LogError?
    var waiter: Waiter?
  }

  let pending: PendingAppend
  private let state = Mutex(State())

  init(stream: StreamName) { pending = PendingAppend(stream: stream) }

  /// Waits until every batch that it has a share in is kept as durably as the backlog keeps anything. Called once.
  func waitUntilAccepted() async throws(LogError) {
    let error = await withCheckedContinuation { (waiter: Waiter) in
      let answer = state.withLock { state -> LogError?? in
        if state.openCount == 0 { return .some(state.error) }
        state.waiter = waiter
        return nil
      }
      if case .some(let error) = answer { waiter.resume(returning: error) }
    }
    if let error { throw error }
  }

  // MARK: What the producer reports

  /// It has a share in one batch more.
  func open() {
    state.withLock { $0.openCount += 1 }
    pending.open()
  }

  /// All shares have been given.
  func seal() {
    settle(nil)
    pending.seal()
  }

  /// One batch is accepted.
  func accepted() { settle(nil) }

  /// One batch was given up before it was accepted.
  func rejected(_ error: LogError) {
    settle(error)
    pending.failed(error)
  }

  private func settle(_ error: LogError?) {
    let (waiter, outcome) = state.withLock { state -> (Waiter?, LogError?) in
      state.openCount -= 1
      state.error = state.error ?? error
      guard state.openCount == 0 else { return (nil, nil) }
      defer { state.waiter = nil }
      return (state.waiter, state.error)
    }
    waiter?.resume(returning: outcome)
  }
}
