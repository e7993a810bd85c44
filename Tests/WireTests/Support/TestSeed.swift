import Testing

import func Glibc.getenv

/// The seeds of a random test: its own, `LOGS_TEST_ROUNDS` times as many, or only the one in `LOGS_TEST_SEED`.
enum TestSeeds {
  /// - Parameter found: seeds beyond them that once found something.
  static func first(_ count: Int, and found: UInt64...) -> [UInt64] {
    if let seed = number("LOGS_TEST_SEED") { return [seed] }
    let last = UInt64(count) * max(number("LOGS_TEST_ROUNDS") ?? 1, 1)
    return Array(1...last) + found.filter { $0 > last }
  }

  private static func number(_ variable: String) -> UInt64? {
    getenv(variable).flatMap { UInt64(String(cString: $0)) }
  }

  /// The text of a failed expectation, with the command that repeats the failure.
  static func replay(_ seed: UInt64, _ filter: String) -> Comment {
    "replay: env LOGS_TEST_SEED=\(seed) swift test --filter \(filter)"
  }
}
