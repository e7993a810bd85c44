internal import Synchronization

/// The latest times of streams in sealed segments, learned from searches that went through all of their runs.
final class TimeBounds: Sendable {
  struct Key: Hashable, Sendable {
    var segment: Int64
    var stream: Int64
  }

  /// About 2 MiB.
  private static let countMax = 32_768

  private let latest = Mutex<[Key: Int64]>([:])

  subscript(key: Key) -> Int64? {
    get { latest.withLock { $0[key] } }
    set {
      latest.withLock { latest in
        // Rare, and what is needed again is soon learned again.
        if latest.count >= Self.countMax { latest = [:] }
        latest[key] = newValue
      }
    }
  }
}
