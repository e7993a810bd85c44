/// A moment on a clock that never goes back; only the difference between two in the same process means anything.
package struct MonotonicTime: Hashable, Comparable, Sendable {
  package var nanoseconds: UInt64

  package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The moment that much later; the end of time when that is too far.
  package func advanced(byNanoseconds delta: UInt64) -> MonotonicTime {
    let (sum, isTooFar) = nanoseconds.addingReportingOverflow(delta)
    return MonotonicTime(nanoseconds: isTooFar ? .max : sum)
  }

  /// The moment that much later; the end of time when that is too far.
  package func advanced(byMilliseconds delta: UInt64) -> MonotonicTime {
    let (product, isTooFar) = delta.multipliedReportingOverflow(by: 1_000_000)
    return advanced(byNanoseconds: isTooFar ? .max : product)
  }

  /// How long after `earlier` this is; 0 when it is before.
  package func nanoseconds(since earlier: MonotonicTime) -> UInt64 {
    earlier < self ? nanoseconds - earlier.nanoseconds : 0
  }

  /// How long after `earlier` this is, in whole milliseconds; 0 when it is before.
  package func milliseconds(since earlier: MonotonicTime) -> UInt64 { nanoseconds(since: earlier) / 1_000_000 }

  /// The moment `duration` later; a negative duration counts as zero.
  package static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
    time.advanced(byNanoseconds: UInt64(clamping: duration.nanoseconds))
  }
}

extension Duration {
  /// In nanoseconds, clamped to what fits.
  package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isTooFar) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return isTooLarge || isTooFar ? (seconds < 0 ? .min : .max) : sum
  }
}
