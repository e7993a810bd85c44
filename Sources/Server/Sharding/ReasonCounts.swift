internal import Synchronization

/// Counts by reason, from all threads. For what is rare: there is a lock.
final class ReasonCounts: Sendable {
  private let counts = Mutex<[String: Int]>([:])

  func add(_ count: Int, _ reason: String) { counts.withLock { $0[reason, default: 0] += count } }

  /// By reason.
  var all: [(reason: String, count: Int)] {
    counts.withLock { counts in counts.sorted { $0.key < $1.key }.map { (reason: $0.key, count: $0.value) } }
  }
}
