import Glibc
import Testing

@testable import LogsSimulation

/// What `make fuzz` does for as long as one likes, for a moment: each target on its seeds and on changed ones.
///
/// `LOGS_TEST_ROUNDS` makes it longer, `LOGS_TEST_SEED` repeats a failure.
@Suite struct FuzzTargetTests {
  @Test(arguments: FuzzTarget.all) func `what others send breaks nothing`(_ target: FuzzTarget) throws {
    let seeds = try target.seeds()
    #expect(!seeds.isEmpty)
    for seed in seeds.prefix(target.testRunCount) { expectFine(seed, target) }
    let first = number("LOGS_TEST_SEED") ?? 1
    var random = SeededGenerator(seed: first)
    for _ in 0..<target.testRunCount * Int(number("LOGS_TEST_ROUNDS") ?? 1) {
      expectFine(changed(seeds, &random), target)
    }
  }

  @Test(arguments: FuzzFinding.all) func `what was found once stays right`(_ finding: FuzzFinding) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == finding.target })
    expectFine(SeedVectors.hex(finding.input), target)
  }

  @Test func `names of targets differ`() {
    #expect(Set(FuzzTarget.all.map(\.name)).count == FuzzTarget.all.count)
  }

  private func number(_ variable: String) -> UInt64? {
    getenv(variable).flatMap { UInt64(String(cString: $0)) }
  }

  private func expectFine(_ bytes: [UInt8], _ target: FuzzTarget) {
    do { try target.run(bytes) } catch {
      let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      Issue.record("\(error)\nthe input of \(target.name): \(digits)")
    }
  }

  /// A seed, or two joined, with some bytes changed, removed or doubled.
  private func changed(_ seeds: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = seeds.randomElement(using: &random) ?? []
    if random.chance(4) { bytes += (seeds.randomElement(using: &random) ?? []).suffix(20) }
    for _ in 0..<Int.random(in: 1...5, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[place] = .random(in: 0...255, using: &random)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
      case 2: bytes.remove(at: place)
      case 3: bytes.insert(contentsOf: bytes[place..<min(place + 9, bytes.count)], at: place)
      default: bytes[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
      }
    }
    return bytes
  }
}

extension FuzzTarget: CustomTestStringConvertible {
  var testDescription: String { name }

  /// How many inputs a test runs, so that it takes about a second.
  fileprivate var testRunCount: Int { ["store", "spool"].contains(name) ? 12 : 250 }
}
