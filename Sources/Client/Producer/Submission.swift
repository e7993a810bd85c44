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
  /// Whether somebody may wait for the second stage; else nothing is kept of it behind the first.
  let wantsReceipt: Bool
  private let state = Mutex(State())

  init(stream: StreamName, wantsReceipt: Bool = true) {
    pending = PendingAppend(stream: stream)
    self.wantsReceipt = wantsReceipt
  }

  /// Waits until every batch that it has a share in is kept as durably as the backlog keeps anything. Called once.
  ///
  /// Cancelling the task ends the waiting; the entries stay handed over.
  func waitUntilAccepted() async throws(LogError) {
    let error = await withTaskCancellationHandler {
      await withCheckedContinuation { (waiter: Waiter) in add(waiter) }
    } onCancel: {
      cancel()
    }
    if let error { throw error }
  }

  private static let cancelled = LogError.cancelled("waiting for the spool", mayHaveTakenEffect: true)

  private func add(_ waiter: Waiter) {
    let answer = state.withLock { state -> LogError?? in
      if state.openCount == 0 { return .some(state.error) }
      // The handler may have run already. Asked under the lock: if it runs later, it finds the waiter.
      if Task.isCancelled { return .some(Self.cancelled) }
      state.waiter = waiter
      return nil
    }
    if case .some(let error) = answer { waiter.resume(returning: error) }
  }

  private func cancel() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: Self.cancelled)
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
