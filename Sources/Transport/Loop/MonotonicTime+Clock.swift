internal import Glibc
package import LogsWire

extension MonotonicTime {
  /// The time now, by the clock that `EventLoop.now` reads once a turn.
  package static func current() -> MonotonicTime {
    var time = timespec()
    precondition(unsafe clock_gettime(CLOCK_MONOTONIC, &time) == 0, "Linux has a monotonic clock")
    return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }
}
