internal import Glibc
package import LogsWire

/// The system's clocks, in nanoseconds.
package enum SystemClock {
  /// Since 1970, UTC.
  package static func wall() -> Int64 { read(CLOCK_REALTIME) }

  /// A count that only grows, for measuring.
  package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

  /// A count that cannot be set, and goes on while the machine sleeps.
  package static func elapsed() -> Int64 { read(CLOCK_BOOTTIME) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    let status = unsafe clock_gettime(clock, &time)
    precondition(status == 0, "Linux has these clocks")
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

extension MonotonicTime {
  package static func now() -> MonotonicTime { MonotonicTime(nanoseconds: UInt64(SystemClock.monotonic())) }
}
