internal import Glibc
internal import LogsWire

/// A value behind a lock that threads can wait on for a change.
///
/// `Mutex` everywhere else; this only where a thread has to sleep until another has done something.
///
/// Invariant behind `@unchecked Sendable`: `value` is touched only between lock and unlock.
@safe final class Monitor<Value>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var value: Value

  init(_ value: sending Value) {
    self.value = value
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe Self.check(pthread_mutex_init(mutex, nil))
    var attributes = pthread_condattr_t()
    unsafe Self.check(pthread_condattr_init(&attributes))
    unsafe Self.check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC))
    unsafe Self.check(pthread_cond_init(condition, &attributes))
    unsafe Self.check(pthread_condattr_destroy(&attributes))
  }

  deinit {
    unsafe Self.check(pthread_cond_destroy(condition))
    unsafe Self.check(pthread_mutex_destroy(mutex))
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Calls `body` with the value, alone.
  func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    unsafe Self.check(pthread_mutex_lock(mutex))
    defer { unsafe Self.check(pthread_mutex_unlock(mutex)) }
    return try body(&value)
  }

  /// Wakes every thread in `wait`.
  func signal() { unsafe Self.check(pthread_cond_broadcast(condition)) }

  /// Sleeps until `body` gives a result, which it is asked for at once, after every `signal` and at the deadline.
  ///
  /// - Returns: nil when `timeout` has passed.
  func wait<Result>(
    timeout: Duration? = nil, until body: (inout Value) -> sending Result?
  ) -> sending Result? {
    unsafe Self.check(pthread_mutex_lock(mutex))
    defer { unsafe Self.check(pthread_mutex_unlock(mutex)) }
    let deadline = timeout.map { SystemClock.monotonic() &+ $0.nanoseconds }
    while true {
      if let result = body(&value) { return result }
      guard let deadline else {
        unsafe Self.check(pthread_cond_wait(condition, mutex))
        continue
      }
      var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      let status = unsafe pthread_cond_timedwait(condition, mutex, &time)
      if status == ETIMEDOUT { return body(&value) }
      Self.check(status)
    }
  }

  private static func check(_ status: Int32) {
    precondition(status == 0, "a lock failed with errno \(status)")
  }
}
