internal import LogsWire

/// A value behind a lock, for whose changes threads can wait.
///
/// Used only where a thread has to sleep until another has done something; `Mutex` is used everywhere else. Public as
/// `Deque` is.
///
/// Invariant behind `@unchecked Sendable`: `value` is touched only between lock and unlock.
public final class Monitor<Value>: @unchecked Sendable {
  @usableFromInline let condition = Condition()
  @usableFromInline var value: Value

  @inlinable public init(_ value: sending Value) { self.value = value }

  /// Calls `body` with exclusive access to the value.
  @inlinable public func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    condition.lock()
    defer { condition.unlock() }
    return try body(&value)
  }

  /// Wakes every thread in `wait`.
  @inlinable public func signal() { condition.signal() }

  /// Sleeps until `body` gives a result. It is called at once, after every `signal` and at the deadline.
  ///
  /// - Returns: nil if `timeout` has passed.
  @inlinable public func wait<Result>(
    timeout: Duration? = nil, until body: (inout Value) -> sending Result?
  ) -> sending Result? {
    condition.lock()
    defer { condition.unlock() }
    let deadline = Self.deadline(timeout)
    while true {
      if let result = body(&value) { return result }
      if condition.wait(until: deadline) { return body(&value) }
    }
  }

  @usableFromInline static func deadline(_ timeout: Duration?) -> Int64? {
    timeout.map { SystemClock.monotonic() &+ $0.nanoseconds }
  }
}
