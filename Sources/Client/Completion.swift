internal import Synchronization

/// The end of a producer, which happens once, for one reason, and which any number of tasks can await.
final class Completion: Sendable {
  enum Reason: Sendable {
    case shutDown
    /// The task that ran it was cancelled, or its last reference was released.
    case cutShort
  }

  private struct State {
    var reason: Reason?
    var waiters: [CheckedContinuation<Reason, Never>] = []
  }

  private let state = Mutex(State())

  var isComplete: Bool { state.withLock { $0.reason != nil } }

  func wait() async -> Reason {
    await withCheckedContinuation { waiter in
      let reason = state.withLock { state in
        if state.reason == nil { state.waiters.append(waiter) }
        return state.reason
      }
      if let reason { waiter.resume(returning: reason) }
    }
  }

  /// The first caller decides the reason.
  func complete(_ reason: Reason) {
    let waiters = state.withLock { state -> [CheckedContinuation<Reason, Never>] in
      guard state.reason == nil else { return [] }
      state.reason = reason
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(returning: reason) }
  }
}
