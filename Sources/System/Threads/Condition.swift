internal import Glibc

/// A lock, and a condition that threads holding it can wait for.
@safe @usableFromInline package struct Condition: ~Copyable, @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  @usableFromInline package init() {
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

  @usableFromInline package func lock() { unsafe Self.check(pthread_mutex_lock(mutex)) }

  @usableFromInline package func unlock() { unsafe Self.check(pthread_mutex_unlock(mutex)) }

  /// Wakes every thread that waits.
  @usableFromInline package func signal() { unsafe Self.check(pthread_cond_broadcast(condition)) }

  /// Releases the lock until a signal or a spurious wakeup, and takes it again.
  ///
  /// - Parameter deadline: a time of the monotonic clock.
  /// - Returns: whether the deadline has passed.
  @usableFromInline package func wait(until deadline: Int64?) -> Bool {
    guard let deadline else {
      unsafe Self.check(pthread_cond_wait(condition, mutex))
      return false
    }
    var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    let status = unsafe pthread_cond_timedwait(condition, mutex, &time)
    if status == ETIMEDOUT { return true }
    Self.check(status)
    return false
  }

  private static func check(_ status: Int32) {
    precondition(status == 0, "a lock failed with errno \(status)")
  }
}
