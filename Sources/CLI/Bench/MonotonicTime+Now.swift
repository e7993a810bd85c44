internal import Glibc
internal import LogsWire

extension MonotonicTime {
  /// The time now, by the one clock that all times of a measurement are read from.
  static func now() -> MonotonicTime {
    var time = timespec()
    precondition(unsafe clock_gettime(CLOCK_MONOTONIC, &time) == 0, "Linux has a monotonic clock")
    return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// Blocks the thread until then; not at all when it is past.
  func waitBlocking() {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}
