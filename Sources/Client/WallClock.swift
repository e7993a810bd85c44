internal import Glibc

/// The system's clock.
package enum WallClock {
  /// Nanoseconds since 1970, UTC.
  package static func now() -> Int64 {
    var time = timespec()
    let status = unsafe clock_gettime(CLOCK_REALTIME, &time)
    precondition(status == 0, "the system's clock can be read")
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
