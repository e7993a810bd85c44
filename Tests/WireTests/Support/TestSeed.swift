import Testing

import func Glibc.getenv

/// Random numbers that a seed repeats (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }

  mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &self) == 0 }

  mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) } }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// The seeds that a random test runs with: its own, `LOGS_TEST_ROUNDS` times as many, or the one of `LOGS_TEST_SEED` alone.
enum TestSeeds {
  static func first(_ count: Int) -> [UInt64] {
    if let seed = number("LOGS_TEST_SEED") { return [seed] }
    return Array(1...UInt64(count) * max(number("LOGS_TEST_ROUNDS") ?? 1, 1))
  }

  private static func number(_ variable: String) -> UInt64? {
    getenv(variable).flatMap { UInt64(String(cString: $0)) }
  }

  /// What a failed expectation says, so that the failure can be repeated.
  static func replay(_ seed: UInt64, _ filter: String) -> Comment {
    "replay: env LOGS_TEST_SEED=\(seed) swift test --filter \(filter)"
  }
}
