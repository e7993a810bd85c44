import LogsTransport
import LogsWire
import Synchronization

/// A value that only a loop's thread touches; this is the invariant behind `@unchecked Sendable`.
final class LoopBox<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

final class Counter: Sendable {
  private let state = Atomic<Int>(0)
  func add(_ delta: Int) { state.add(delta, ordering: .sequentiallyConsistent) }
  var value: Int { state.load(ordering: .sequentiallyConsistent) }
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

/// Yields the processor until `condition` holds.
func waitUntil(_ condition: () async -> Bool) async {
  while !(await condition()) {
    do { try await Task.sleep(for: .milliseconds(1)) } catch { return }
  }
}
