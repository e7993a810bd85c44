import Testing

import func Glibc.getenv

/// The seeds of a random test: its own, `LOGS_TEST_ROUNDS` times as many, or only the one in `LOGS_TEST_SEED`.
enum TestSeeds {
  static func first(_ count: Int) -> [UInt64] {
    if let seed = number("LOGS_TEST_SEED") { return [seed] }
    return Array(1...UInt64(count) * max(number("LOGS_TEST_ROUNDS") ?? 1, 1))
  }

  static func number(_ variable: String) -> UInt64? {
    getenv(variable).flatMap { UInt64(String(cString: $0)) }
  }

  /// The text of a failed expectation, with the command that repeats the failure.
  static func replay(_ seed: UInt64, _ filter: String) -> Comment {
    "replay: env LOGS_TEST_SEED=\(seed) swift test --filter \(filter)"
  }
}
