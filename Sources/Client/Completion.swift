internal import Synchronization

/// Something that happens once, and any number of tasks that wait for it.
final class Completion: Sendable {
  private struct State {
    var isComplete = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func wait() async {
    await withCheckedContinuation { waiter in
      let isComplete = state.withLock { state in
        if !state.isComplete { state.waiters.append(waiter) }
        return state.isComplete
      }
      if isComplete { waiter.resume() }
    }
  }

  func complete() {
    let waiters = state.withLock { state in
      state.isComplete = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }
}
