import LogsWire
import Testing

@testable import LogsServer

@Suite struct PatternIndexTests {
  /// Random numbers that are the same in each run.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  private static func text(_ letters: String, _ count: ClosedRange<Int>, _ random: inout Numbers) -> String {
    let letters = Array(letters)
    return String((0..<Int.random(in: count, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" })
  }

  /// Compares a name in as many turns as needed.
  private static func matches(_ index: PatternIndex, _ name: StreamName) -> (
    isMatch: Bool, turnCount: Int, stepCountMax: Int
  ) {
    var progress = index.start(of: name)
    var (turnCount, stepCountMax) = (0, 0)
    while true {
      var turn = Turn()
      turnCount += 1
      let isMatch = index.match(name, from: &progress, &turn)
      stepCountMax = max(stepCountMax, turn.stepCount)
      if let isMatch { return (isMatch, turnCount, stepCountMax) }
    }
  }

  @Test(arguments: 1...20) func `a name matches an index when it matches one of its patterns`(seed: Int) throws {
    var random = Numbers(state: UInt64(seed))
    for _ in 0..<200 {
      let patterns = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in
        try? StreamPattern(Self.text("aab/*?", 1...6, &random))
      }
      let index = PatternIndex(patterns)
      let prefixes = index.prefixes
      #expect(prefixes == prefixes.sorted())
      for _ in 0..<20 {
        guard let name = try? StreamName(Self.text("aab/", 1...6, &random)) else { continue }
        let expected = patterns.contains { $0.matches(name) }
        #expect(Self.matches(index, name).isMatch == expected, "seed \(seed): \(name) with \(patterns)")
        let holders = prefixes.filter { name.text.hasPrefix($0) }
        #expect(holders.count <= 1 && (!expected || holders.count == 1), "seed \(seed): \(name) in \(prefixes)")
      }
    }
  }

  @Test func `patterns that begin with other text cost nothing`() throws {
    let index = PatternIndex(try (0..<1_024).map { try StreamPattern("service-\($0)/**") })
    var turn = Turn()
    for number in 0..<100 {
      let name = try StreamName("service-\(number)/worker")
      var progress = index.start(of: name)
      #expect(index.match(name, from: &progress, &turn) == true)
    }
    #expect(turn.stepCount < 100 * 12)
  }

  @Test func `the worst patterns are compared in turns of limited length`() throws {
    let stars = String(repeating: "*a", count: 90)
    let index = PatternIndex(try (0..<1_024).map { try StreamPattern("many/\(stars)*\($0)z*") })
    let name = try StreamName("many/" + String(repeating: "a", count: 194) + "z")
    let (isMatch, turnCount, stepCountMax) = Self.matches(index, name)
    #expect(!isMatch)
    #expect(turnCount > 10)
    // A comparison that has begun is finished: at most 200 bytes in 4 words.
    #expect(stepCountMax <= Turn.stepCountMax + 801)
  }
}
