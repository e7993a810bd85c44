import Testing

@testable import LogsSimulation

/// Reproducible random numbers, and what the tests make of them.
struct Seeded: RandomNumberGenerator {
  private var generator: SeededGenerator

  init(_ seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func next() -> UInt64 { generator.next() }

  /// Ascending numbers of lines at which something happens.
  mutating func moments(_ count: Int, in lineCount: Int) -> [Int] {
    (0..<count).map { _ in Int.random(in: 1..<lineCount, using: &self) }.sorted()
  }

  private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567 {}\"".utf8)

  /// Text that is stored at three quarters of its size. Made without closures: debug builds take long for them.
  mutating func letters(_ count: Int) -> [UInt8] {
    Self.letters.withUnsafeBufferPointer { letters in
      [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
        var word: UInt64 = 0
        var index = 0
        while index < count {
          if index & 7 == 0 { word = next() }
          buffer[index] = letters[Int(truncatingIfNeeded: word & 63)]
          word >>= 8
          index += 1
        }
        initializedCount = count
      }
    }
  }

  /// The seed of this run: `LOGS_TEST_SEED`, or a random one. Printed with the command that replays it.
  static func forTest() -> Seeded {
    let seed = Environment.text("LOGS_TEST_SEED").flatMap(UInt64.init) ?? UInt64.random(in: 1...999_999_999)
    let name = Test.current?.name ?? ""
    // Without the parameters: the filter is a regular expression.
    let words = name.filter { $0 != "`" }.prefix { $0 != "(" }
    print("seed \(seed): LOGS_TEST_SEED=\(seed) swift test --filter '\(words)'")
    return Seeded(seed)
  }
}
