internal import Glibc
internal import LogsWire

extension MonotonicTime {
  /// Blocks the thread until then; not at all when it is past.
  func waitBlocking() {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}
