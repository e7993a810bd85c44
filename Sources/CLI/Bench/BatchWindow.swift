internal import Synchronization

/// Limits how many batches of one task are in flight at once.
final class BatchWindow: Sendable {
  private struct State {
    var free: Int
    var isClosed = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state: Mutex<State>

  init(_ batchCount: Int) { state = Mutex(State(free: batchCount)) }

  /// Waits until one more may be sent. Used by one task.
  ///
  /// - Returns: false once the window is closed.
  func enter() async -> Bool {
    await withCheckedContinuation { waiter in
      let mustWait = state.withLock { state in
        guard !state.isClosed, state.free == 0 else { return false }
        state.waiter = waiter
        return true
      }
      if !mustWait { waiter.resume() }
    }
    return state.withLock { state in
      if !state.isClosed { state.free -= 1 }
      return !state.isClosed
    }
  }

  /// A batch has been answered.
  func leave() { change { $0.free += 1 } }

  /// No more may be sent.
  func close() { change { $0.isClosed = true } }

  private func change(_ body: (inout State) -> Void) {
    let waiter = state.withLock { state in
      body(&state)
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }
}
