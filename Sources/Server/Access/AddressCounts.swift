internal import Synchronization

/// How many connections each address has.
final class AddressCounts: Sendable {
  private let counts = Mutex<[String: Int]>([:])

  /// Adds one.
  ///
  /// - Returns: false if the address has as many as it may.
  func add(_ address: String, limit: Int) -> Bool {
    counts.withLock { counts in
      let count = counts[address] ?? 0
      guard count < limit else { return false }
      counts[address] = count + 1
      return true
    }
  }

  func remove(_ address: String) {
    counts.withLock { counts in
      guard let count = counts[address] else { return }
      counts[address] = count > 1 ? count - 1 : nil
    }
  }
}
