import LogsTransport
import LogsWire
import Synchronization

/// A value that only a loop's thread touches, until it has ended; this is the invariant behind `@unchecked Sendable`.
final class LoopBox<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

/// A number that others wait for.
final class Counter: Sendable {
  private struct Waiter {
    let isEnough: @Sendable (Int) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private let state = Mutex<(value: Int, waiters: [Waiter])>((0, []))

  func add(_ delta: Int) {
    let done = state.withLock { state in
      state.value += delta
      let value = state.value
      let done = state.waiters.filter { $0.isEnough(value) }
      state.waiters.removeAll { $0.isEnough(value) }
      return done
    }
    for waiter in done { waiter.continuation.resume() }
  }

  var value: Int { state.withLock { $0.value } }

  /// Returns when `isEnough` accepts the number.
  func until(_ isEnough: @escaping @Sendable (Int) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isDone = state.withLock { state in
        if isEnough(state.value) { return true }
        state.waiters.append(Waiter(isEnough: isEnough, continuation: continuation))
        return false
      }
      if isDone { continuation.resume() }
    }
  }
}

extension EventLoop {
  /// Runs `body` on the loop and awaits its result.
  func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in execute { continuation.resume(returning: body()) } }
  }

  func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
      execute { continuation.resume(returning: Result { try body() }) }
    }
    return try result.get()
  }
}
