import Testing

import func Glibc.getenv

/// The seeds that a random test runs with: its own, `LOGS_TEST_ROUNDS` times as many, or the one of `LOGS_TEST_SEED` alone.
enum TestSeeds {
  static func first(_ count: Int) -> [UInt64] {
    if let seed = number("LOGS_TEST_SEED") { return [seed] }
    return Array(1...UInt64(count) * max(number("LOGS_TEST_ROUNDS") ?? 1, 1))
  }

  static func number(_ variable: String) -> UInt64? {
    getenv(variable).flatMap { UInt64(String(cString: $0)) }
  }

  /// What a failed expectation says, so that the failure can be repeated.
  static func replay(_ seed: UInt64, _ filter: String) -> Comment {
    "replay: env LOGS_TEST_SEED=\(seed) swift test --filter \(filter)"
  }
}
