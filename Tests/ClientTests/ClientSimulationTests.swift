import Glibc
import Testing

@testable import LogsSimulation

/// The client's decisions against a server in virtual time: the seed decides on networks, crashes and bad peers.
@Suite struct `Simulated clients` {
  /// `count` seeds from a new random one each time, or from `LOGS_TEST_SEED`, which runs alone unless
  /// `LOGS_TEST_ROUNDS` multiplies the count.
  private static func seeds(_ count: UInt64) -> Range<UInt64> {
    let (seed, rounds) = (number("LOGS_TEST_SEED"), number("LOGS_TEST_ROUNDS"))
    let first = seed ?? UInt64.random(in: 1...1_000_000_000)
    return first..<first + (seed != nil && rounds == nil ? 1 : count * max(rounds ?? 1, 1))
  }

  /// Seeds that once found something, with a server without a journal.
  private static let found: [UInt64] = [
    968_377_278, 665_410_477, 472_412_265, 56_383_158, 554_008_237, 920_432_464, 3_113_903, 480_044_191,
  ]

  private static func number(_ variable: String) -> UInt64? {
    getenv(variable).flatMap { UInt64(String(cString: $0)) }
  }

  @Test func `whatever a seed brings, every promise is kept and nobody waits forever`() throws {
    let seeds = Self.seeds(2000)
    print("\(seeds.count) seeds from \(seeds.lowerBound) on; LOGS_TEST_ROUNDS=10 runs ten times as many")
    var tally = Checker.Tally()
    // A seed that runs alone may be one of those that once found something.
    let found = seeds.count > 1 ? Self.found : Array(seeds)
    let worlds = seeds.map { (seed: $0, hasJournal: Bool?.none) } + found.map { ($0, false) }
    for (seed, hasJournal) in worlds {
      let outcome = try ClientWorld(seed: seed, hasJournal: hasJournal).run()
      tally += outcome.tally
      guard !outcome.violations.isEmpty else { continue }
      let world = try ClientWorld(seed: seed, hasJournal: hasJournal, isTracing: true)
      _ = world.run()
      print(world.simulation.lastLines.suffix(80).joined(separator: "\n"))
      let journal = hasJournal == false ? " without a journal" : ""
      Issue.record(
        "\(outcome.violations)\(journal); replay: LOGS_TEST_SEED=\(seed) swift test --filter ClientSimulationTests")
      break
    }
    print(tally)
    #expect(tally.renewalCount > 0 || seeds.count < 100, "no token was ever renewed")
    #expect(tally.dictionaryCount > 0 || seeds.count < 100, "no client was ever sent a dictionary")
    #expect(tally.releasedCount > 0 || seeds.count < 100, "nothing that was held back was ever released")
    let journal = tally.journal
    #expect(
      journal.fullCount > 0 && journal.lostCount > 0 && journal.replayedCount > 0 || seeds.count < 100,
      "no journal was ever full, or no start ever needed one")
  }

  @Test func `one seed gives one trace`() throws {
    for seed in Self.seeds(20) {
      let outcome = try ClientWorld(seed: seed, isTracing: true).run()
      #expect(try ClientWorld(seed: seed, isTracing: true).run() == outcome, "seed \(seed)")
      #expect(outcome.traceCount > 0)
    }
  }

  // MARK: - Canaries

  /// A planted fault, and the promise that it breaks.
  struct Canary: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let defects: ClientWorld.Defects
    let promise: Promise

    init(_ name: String, _ promise: Promise, _ defects: ClientWorld.Defects) {
      testDescription = name
      self.promise = promise
      self.defects = defects
    }
  }

  static let canaries = [
    Canary("the server stores a batch before the ones in front of it", .order, .init(server: .acceptsAnyOrder)),
    Canary("the server acknowledges before it has synced", .durable, .init(server: .acksEarly)),
    Canary("the server acknowledges before its journal has it", .durable, .init(server: .acksBeforeJournal)),
    Canary("a start forgets the tail of the journal", .durable, .init(server: .forgetsTail)),
    Canary("the journal goes on over what the segment has not synced", .durable, .init(server: .overwritesUnsynced)),
    Canary("the segment notes later up to where the journal is in it", .storedOnce, .init(server: .notesPositionLater)),
    Canary("the server says that it has deleted before it has synced", .durable, .init(server: .saysDeletedEarly)),
    Canary("the server shows followers what it has not synced", .noPhantom, .init(server: .publishesEarly)),
    Canary("the server forgets what it has stored", .storedOnce, .init(server: .forgetsMarks)),
    Canary("the server syncs its marks after the entries", .storedOnce, .init(server: .storesMarksLater)),
    Canary("the client renumbers what it sends again", .storedOnce, .init(client: .renumbersAfterReconnect)),
    Canary("the client raises its floor over what has no answer", .storedOnce, .init(client: .raisesFloorEarly)),
    Canary("the spool lets more out than a mark remembers", .storedOnce, .init(ignoresWindow: true)),
    Canary("the client gives up what is held back", .storedOnce, .init(client: .givesUpHeld)),
    Canary("the client sends what is behind a held batch first", .order, .init(client: .passesOverHeld)),
    Canary("the producer waits for a stream that is held back", .nobodyWaitsForEver, .init(waitsForHeld: true)),
    Canary("the server passes over entries", .noSilentGap, .init(server: .hidesEntries)),
    Canary("the server says that a removed range is shorter than it is", .noSilentGap, .init(server: .skipsTooShort)),
    Canary("the server does not say what was removed", .noSilentGap, .init(server: .hidesDeletions)),
    Canary("the server gives numbers again after a restart", .order, .init(server: .headsFallBack)),
    Canary("the server gives a stream a former one's incarnation", .order, .init(server: .reusesIncarnations)),
    Canary("the server goes live one entry early", .exactSwitch, .init(server: .switchesOneOff)),
    Canary("the client resumes one entry late", .exactSwitch, .init(client: .resumesOneOff)),
    Canary("the server sends what it has no credit for", .slowIsSafe, .init(server: .ignoresCredit)),
    Canary("the client has more in flight than is allowed", .bounded, .init(client: .exceedsLimits)),
    Canary("the server drops all connections for the fault of one", .badInputHarmsNobody, .init(server: .fallsWithOne)),
    Canary("the server loses answers", .nobodyWaitsForEver, .init(server: .losesAnswers)),
  ]

  @Test(arguments: canaries) func `a planted fault is found by the promise that it breaks`(
    _ canary: Canary
  ) throws {
    let hasJournal = canary.defects.server?.isOfJournal ?? false
    let found = try (UInt64(1)...50).first { seed in
      let world = try ClientWorld(seed: seed, defects: canary.defects, hasJournal: hasJournal)
      return world.run().promises.contains(canary.promise)
    }
    print("\(canary.testDescription): \(canary.promise.rawValue) with seed \(found.map(String.init) ?? "none")")
    #expect(found != nil)
  }

  /// Those with which a stream was to be removed from that had fallen back to nothing.
  @Test(arguments: [231, 320] as [UInt64]) func `a planted fault breaks promises and nothing else`(seed: UInt64) throws
  {
    let defects = ClientWorld.Defects(server: .headsFallBack)
    #expect(try !ClientWorld(seed: seed, defects: defects, hasJournal: false).run().violations.isEmpty)
  }

  @Test func `each promise has a planted fault that breaks it`() {
    #expect(Set(Self.canaries.map(\.promise)) == Set(Promise.allCases))
  }
}
