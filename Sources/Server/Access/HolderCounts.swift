internal import Synchronization

/// How many of something each holder has: an address its connections, a client its queries.
final class HolderCounts: Sendable {
  private let counts = Mutex<[String: Int]>([:])

  /// Adds one.
  ///
  /// - Returns: false if the holder has as many as it may.
  func add(_ holder: String, limit: Int) -> Bool {
    counts.withLock { counts in
      let count = counts[holder] ?? 0
      guard count < limit else { return false }
      counts[holder] = count + 1
      return true
    }
  }

  func remove(_ holder: String) {
    counts.withLock { counts in
      guard let count = counts[holder] else { return }
      counts[holder] = count > 1 ? count - 1 : nil
    }
  }
}
