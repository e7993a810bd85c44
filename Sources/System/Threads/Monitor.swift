internal import LogsWire

/// A value behind a lock, for whose changes threads can wait.
///
/// Used only where a thread has to sleep until another has done something; `Mutex` is used everywhere else.
///
/// Invariant behind `@unchecked Sendable`: `value` is touched only between lock and unlock.
package final class Monitor<Value>: @unchecked Sendable {
  @usableFromInline let condition = Condition()
  @usableFromInline var value: Value

  @inlinable package init(_ value: sending Value) { self.value = value }

  /// Calls `body` with exclusive access to the value.
  @inlinable package func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    condition.lock()
    defer { condition.unlock() }
    return try body(&value)
  }

  /// Wakes every thread in `wait`.
  @inlinable package func signal() { condition.signal() }

  /// Sleeps until `body` gives a result. It is called at once, after every `signal` and at the deadline.
  ///
  /// - Returns: nil if `timeout` has passed.
  @inlinable package func wait<Result>(
    timeout: Duration? = nil, until body: (inout Value) -> sending Result?
  ) -> sending Result? {
    condition.lock()
    defer { condition.unlock() }
    let deadline = timeout.map { SystemClock.monotonic() &+ $0.nanoseconds }
    while true {
      if let result = body(&value) { return result }
      if condition.wait(until: deadline) { return body(&value) }
    }
  }
}
