internal import CAllocations
internal import Glibc

/// The cost of work: wall-clock time, processor time, allocations.
package struct Usage: Sendable {
  package var wallNanoseconds = 0.0
  package var processorNanoseconds = 0.0
  package var allocationCount = 0.0

  /// What the calling thread has used so far. Exact: other threads do not count.
  package static func ofThread() -> Usage {
    Usage(
      wallNanoseconds: read(CLOCK_MONOTONIC), processorNanoseconds: read(CLOCK_THREAD_CPUTIME_ID),
      allocationCount: Double(logs_thread_allocation_count()))
  }

  /// What all threads but the calling one have used so far; its allocations count from the first call on.
  package static func ofOtherThreads() -> Usage {
    logs_count_process_allocations()
    return Usage(
      wallNanoseconds: read(CLOCK_MONOTONIC),
      processorNanoseconds: read(CLOCK_PROCESS_CPUTIME_ID) - read(CLOCK_THREAD_CPUTIME_ID),
      allocationCount: Double(logs_process_allocation_count()) - Double(logs_thread_allocation_count()))
  }

  /// Whether allocations are counted: not under a sanitizer.
  package static var countsAllocations: Bool { logs_allocations_are_counted() != 0 }

  private static func read(_ clock: clockid_t) -> Double {
    var time = timespec()
    precondition(clock_gettime(clock, &time) == 0, "Linux has this clock")
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }

  package static func - (later: Usage, earlier: Usage) -> Usage {
    Usage(
      wallNanoseconds: later.wallNanoseconds - earlier.wallNanoseconds,
      processorNanoseconds: later.processorNanoseconds - earlier.processorNanoseconds,
      allocationCount: later.allocationCount - earlier.allocationCount)
  }

  static func / (usage: Usage, count: Double) -> Usage {
    Usage(
      wallNanoseconds: usage.wallNanoseconds / count, processorNanoseconds: usage.processorNanoseconds / count,
      allocationCount: usage.allocationCount / count)
  }

  /// The median of each number.
  init(medianOf usages: [Usage]) {
    func median(_ number: (Usage) -> Double) -> Double {
      let sorted = usages.map(number).sorted()
      return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
    wallNanoseconds = median(\.wallNanoseconds)
    processorNanoseconds = median(\.processorNanoseconds)
    allocationCount = median(\.allocationCount)
  }

  init(wallNanoseconds: Double = 0, processorNanoseconds: Double = 0, allocationCount: Double = 0) {
    self.wallNanoseconds = wallNanoseconds
    self.processorNanoseconds = processorNanoseconds
    self.allocationCount = allocationCount
  }
}
