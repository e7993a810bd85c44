internal import LogsSystem
internal import Synchronization

/// Bounds the bytes of batches that wait to be acknowledged. Callers that want to add more wait in order for room.
final class SendBudget: Sendable {
  private typealias Waiter = AnswerWaiter<LogError?>

  private struct Waiting {
    let byteCount: Int
    let id: UInt64
    let waiter: Waiter
  }

  private struct State {
    var used = 0
    var waiting = Deque<Waiting>()
    var waiterIDLast: UInt64 = 0
    var closed: LogError?
  }

  private let byteCountMax: Int
  private let state = Mutex(State())

  init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

  /// How many wait for room.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Takes room, waiting for it if necessary; `release` gives it back. A batch larger than the whole budget goes alone.
  ///
  /// - Throws: `LogError`: `cancelled`, or what `close` was given; then nothing is taken.
  func take(_ byteCount: Int) async throws(LogError) {
    if takeAtOnce(byteCount) { return }
    let id = state.withLock { state in
      state.waiterIDLast += 1
      return state.waiterIDLast
    }
    let failure = await withTaskCancellationHandler {
      await Waiter.wait { wait(byteCount, id, $0) }
    } onCancel: {
      cancel(id)
    }
    if let failure { throw failure }
  }

  /// Takes room if there is some and nobody waits for it.
  func takeAtOnce(_ byteCount: Int) -> Bool {
    state.withLock { state in
      guard case .none = state.closed, state.waiting.isEmpty, fits(byteCount, used: state.used) else { return false }
      state.used += byteCount
      return true
    }
  }

  private func fits(_ byteCount: Int, used: Int) -> Bool { used == 0 || used + byteCount <= byteCountMax }

  private func wait(_ byteCount: Int, _ id: UInt64, _ waiter: Waiter) {
    let answer = state.withLock { state -> LogError?? in
      if let closed = state.closed { return .some(closed) }
      // The handler may have run already. This is checked under the lock: if it runs later, it finds the waiter.
      if Task.isCancelled { return .some(.cancelled("waiting for room in the send queue")) }
      if state.waiting.isEmpty, fits(byteCount, used: state.used) {
        state.used += byteCount
        return .some(nil)
      }
      state.waiting.append(Waiting(byteCount: byteCount, id: id, waiter: waiter))
      return nil
    }
    if case .some(let error) = answer { waiter.resume(returning: error) }
  }

  private func cancel(_ id: UInt64) {
    let waiters = state.withLock { state -> (Waiter?, [Waiter]) in
      for offset in 0..<state.waiting.count where state.waiting[offset].id == id {
        let waiter = state.waiting.remove(at: offset).waiter
        // Smaller ones after it may fit now.
        return (waiter, admit(&state))
      }
      return (nil, [])
    }
    waiters.0?.resume(returning: .cancelled("waiting for room in the send queue"))
    for waiter in waiters.1 { waiter.resume(returning: nil) }
  }

  func release(_ byteCount: Int) {
    let waiters = state.withLock { state -> [Waiter] in
      state.used -= byteCount
      return state.waiting.isEmpty ? [] : admit(&state)
    }
    for waiter in waiters { waiter.resume(returning: nil) }
  }

  private func admit(_ state: inout State) -> [Waiter] {
    var admitted: [Waiter] = []
    while let next = state.waiting.first, fits(next.byteCount, used: state.used) {
      state.used += next.byteCount
      admitted.append(next.waiter)
      _ = state.waiting.popFirst()
    }
    return admitted
  }

  /// Fails all current and later waiters.
  func close(_ error: LogError) {
    let waiting = state.withLock { state in
      state.closed = error
      var waiting: [Waiter] = []
      while let next = state.waiting.popFirst() { waiting.append(next.waiter) }
      return waiting
    }
    for waiter in waiting { waiter.resume(returning: error) }
  }
}
