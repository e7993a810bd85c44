import Testing

@testable import LogsSimulation
@testable import LogsWire

/// Client and server against each other over links that delay, cut and lose bytes.
@Suite struct `Simulated network` {
  /// The result of a run, to be compared with another run of the same seed.
  struct Outcome: Equatable {
    var traceHash: UInt64
    var traceCount: Int
    var milliseconds: UInt64
    var problems: [String]
  }

  /// A server, a few clients with producers and followers, and for the first seconds everything that can go wrong.
  private final class World {
    let simulation: Simulation
    let server: ModelServer
    var clients: [ModelClient] = []

    init(seed: UInt64) throws {
      simulation = Simulation(seed: seed)
      let simulation = simulation
      let isTight = simulation.chance(2)
      server = ModelServer(
        simulation,
        welcome: Sample.welcome(
          heartbeat: 200, appendBytes: isTight ? 2000 : 1 << 20, appendBatches: isTight ? 5 : 200, subscriptions: 10))
      server.overload = simulation.chance(2) ? simulation.draw(5...40) : 0
      let server = server
      let names = (0..<simulation.draw(1...4)).map { Sample.name("stream/\($0)") }
      for index in 0..<simulation.draw(1...4) {
        var lanes: [ModelClient.Lane] = []
        for name in names where simulation.chance(2) {
          lanes.append(try Self.lane(simulation, UInt64(index) + 1, name))
        }
        if index == 0 {
          // One stream of one producer, who seals it.
          lanes.append(try Self.lane(simulation, 100, Sample.name("sealed"), isSealing: true))
        }
        let followers = (0..<simulation.draw(0...2)).map { _ in Self.follower(simulation, names) }
        let client = ModelClient(simulation, name: "client\(index)", lanes: lanes, followers: followers) { link in
          server.accept(link, name: "client\(index)")
        }
        client.faults = simulation.chance(4) ? 0 : simulation.draw(1...4)
        clients.append(client)
      }
    }

    private static func lane(
      _ simulation: Simulation, _ producer: UInt64, _ stream: StreamName, isSealing: Bool = false
    ) throws -> ModelClient.Lane {
      let batches = try (1...simulation.draw(1...40)).map { number in
        try Batches.built(
          (1...simulation.draw(1...4)).map { LogEntry(message: ByteString("\(producer) \(number).\($0)")) })
      }
      return ModelClient.Lane(
        producer: ProducerID(high: producer, low: 0), stream: stream, batches: batches, isSealing: isSealing)
    }

    private static func follower(_ simulation: Simulation, _ names: [StreamName]) -> ModelClient.Follower {
      let selectors: [StreamSelector]
      switch simulation.draw(0...3) {
      case 0: selectors = [.stream(Sample.name("sealed"))]
      case 1: selectors = names.map { .stream($0) }
      default: selectors = [.pattern(.all)]
      }
      return ModelClient.Follower(
        selectors: selectors, isReverse: simulation.chance(5), window: UInt64(simulation.draw(1...3000)),
        wanted: simulation.chance(2) ? ["3", " 1", ".2", "nothing"][simulation.draw(0...3)] : nil)
    }

    private var isDone: Bool {
      clients.allSatisfy(\.isDone) && clients.allSatisfy { $0.followers.allSatisfy { hasAll($0) } }
    }

    /// Whether a follower has accounted for everything stored.
    private func hasAll(_ follower: ModelClient.Follower) -> Bool {
      if follower.isReverse || follower.isDone { return follower.isDone }
      return streams(of: follower).allSatisfy { stream in
        follower.cursor.contains { $0.incarnation == stream.incarnation && $0.sequence == stream.head }
      }
    }

    /// The streams that are there and selected.
    private func streams(of follower: ModelClient.Follower) -> [ModelDisk.Stream] {
      server.streams.filter { stream in
        follower.selectors.contains {
          switch $0 {
          case .stream(let name): name == stream.name
          case .pattern(let pattern): pattern.matches(stream.name)
          }
        }
      }
    }

    /// Retention and deletions, at any moment.
    private func planRemovals() {
      let names = Set(clients.flatMap(\.lanes).map(\.stream)).sorted()
      guard simulation.chance(2), !names.isEmpty else { return }
      for _ in 0..<simulation.draw(1...12) {
        simulation.after(50...2400) { [unowned self] in
          let name = names[simulation.draw(0...names.count - 1)]
          if let removal = server.drawRemoval(of: name) { server.remove(removal, of: name) }
        }
      }
    }

    func run(until end: UInt64 = 60_000) -> Outcome {
      for client in clients { simulation.after(0...300) { client.start() } }
      if simulation.chance(3) { simulation.after(50...1500) { [server] in server.kill() } }
      if simulation.chance(4) { simulation.after(50...1500) { [server] in server.drain() } }
      planRemovals()
      let clients = clients
      let server = server
      simulation.at(2500) {
        for client in clients { client.faults = 0 }
        server.overload = 0
      }
      simulation.run(until: end) { simulation.milliseconds > 2500 && isDone }
      simulation.stop()
      if !isDone { simulation.fail("not done after \(end) ms") }
      check()
      return Outcome(
        traceHash: simulation.traceHash, traceCount: simulation.traceCount, milliseconds: simulation.milliseconds,
        problems: simulation.problems)
    }

    /// P1, P2, P4 and P5 for everything that was stored and seen.
    private func check() {
      var decoder = BatchDecoder()
      var stored: [Incarnation: [LogEntry]] = [:]
      for stream in server.disk.streams {
        var entries: [LogEntry] = []
        for batch in stream.batches {
          do { entries += try decoder.entries(of: batch) } catch {
            simulation.fail("\(stream.name) is unreadable: \(error)")
          }
        }
        if entries.map(\.sequence) != Array(1...max(stream.head, 1)) {
          simulation.fail("P1: the numbers of \(stream.name) are not dense")
        }
        if stored.updateValue(entries, forKey: stream.incarnation) != nil {
          simulation.fail("P1: \(stream.name) has an incarnation that was given before")
        }
      }
      for lane in clients.flatMap(\.lanes) { check(lane, stored) }
      for follower in clients.flatMap(\.followers) {
        for stream in server.disk.streams { check(follower, stream, stored[stream.incarnation] ?? []) }
        // One that ended with its streams hears nothing of those that get their names later.
        let known = follower.cursor.compactMap { server.disk.stream($0.incarnation) }
        for stream in follower.isDone ? known : streams(of: follower) where !follower.isReverse {
          if follower.covered[stream.incarnation] != stream.head {
            simulation.fail("P5: a follower of \(stream.name) does not learn of all numbers")
          }
        }
      }
      for name in clients.flatMap(\.deletions) {
        if !server.disk.streams.contains(where: { $0.name == name && $0.isDeleted }) {
          simulation.fail("a subscription ended because \(name) was deleted, and it was not")
        }
      }
    }

    /// Whether each number that was covered was given with its entry, or left out for a reason that is true.
    private func check(_ follower: ModelClient.Follower, _ stream: ModelDisk.Stream, _ all: [LogEntry]) {
      var seen = follower.entries[stream.incarnation] ?? []
      if follower.isReverse { seen.reverse() }
      var skipped: Set<UInt64> = []
      for skip in follower.skips[stream.incarnation] ?? [] {
        let numbers = skip.from...skip.to
        let isTrue =
          switch (skip.reason, follower.wanted) {
          case (.filtered, let wanted?):
            all.allSatisfy { !numbers.contains($0.sequence) || !$0.text.contains(wanted) }
          case (.filtered, nil): false
          default: stream.justifies(skip.reason, of: numbers)
          }
        if !isTrue { simulation.fail("P5: \(numbers) of \(stream.name) is said to be \(skip.reason)") }
        skipped.formUnion(numbers)
      }
      // A cover has no holes, and starts or ends at 1.
      let end = follower.covered[stream.incarnation] ?? 0
      let expected = all.filter { entry in
        entry.sequence <= end && !skipped.contains(entry.sequence)
          && follower.wanted.map { entry.text.contains($0) } ?? true
      }
      if seen != expected {
        simulation.fail("P5: a follower of \(stream.name) saw \(seen.count) of \(expected.count) entries")
      }
    }

    private func check(_ lane: ModelClient.Lane, _ stored: [Incarnation: [LogEntry]]) {
      let prefix = "\(lane.producer.high) "
      let sent = lane.batches.enumerated().map { index, batch in
        (1...batch.header.count).map { "\(prefix)\(index + 1).\($0)" }
      }
      // What was stored without an answer and then deleted with its stream is stored again in the next one.
      for stream in server.disk.streams where stream.name == lane.stream {
        let mine = (stored[stream.incarnation] ?? []).map(\.text).filter { $0.hasPrefix(prefix) }
        let there = Set(mine)
        if mine != sent.filter({ there.contains($0[0]) }).flatMap({ $0 }) {
          simulation.fail("P4: \(lane.stream) holds \(mine.count) entries that were not sent like that")
        }
      }
      for (index, texts) in sent.enumerated() {
        guard let answer = lane.answers[UInt64(index) + 1] else {
          simulation.fail("P2: batch \(index + 1) of \(lane.stream) has no answer")
          continue
        }
        let entries = (stored[answer.incarnation] ?? []).dropFirst(Int(answer.firstSequence) - 1)
        if server.disk.stream(answer.incarnation)?.name != lane.stream
          || entries.prefix(Int(answer.count)).map(\.text) != texts
        {
          simulation.fail("P2: batch \(index + 1) of \(lane.stream) is not where its ACK says")
        }
      }
    }
  }

  private static func run(_ seed: UInt64) throws -> Outcome {
    let world = try World(seed: seed)
    let outcome = world.run()
    if !outcome.problems.isEmpty { print(world.simulation.lastLines.suffix(60).joined(separator: "\n")) }
    return outcome
  }

  @Test(arguments: TestSeeds.first(200, and: 443)) func `nothing is lost, doubled or skipped unseen`(_ seed: UInt64)
    throws
  {
    let outcome = try Self.run(seed)
    #expect(outcome.problems.isEmpty, TestSeeds.replay(seed, "SimulationTests"))
  }

  @Test(arguments: TestSeeds.first(15)) func `one seed gives one trace`(_ seed: UInt64) throws {
    #expect(try Self.run(seed) == Self.run(seed), TestSeeds.replay(seed, "SimulationTests"))
  }

  @Test func `other seeds give other traces`() throws {
    #expect(try Self.run(1).traceHash != Self.run(2).traceHash)
  }

  @Test(arguments: [
    ModelServer.Defect.forgetsMarks, .hidesEntries, .ignoresCredit, .acksEarly, .skipsTooShort, .hidesDeletions,
    .headsFallBack, .reusesIncarnations,
  ])
  func `a defect in the server is found`(
    _ defect: ModelServer.Defect
  ) throws {
    let found = try (1...UInt64(20)).contains { seed in
      let world = try World(seed: seed)
      world.server.defect = defect
      return !world.run(until: 20_000).problems.isEmpty
    }
    #expect(found)
  }

  @Test func `heartbeats alone keep a quiet connection alive`() {
    let simulation = Simulation(seed: 1)
    let server = ModelServer(simulation, welcome: Sample.welcome(heartbeat: 200))
    let client = ModelClient(simulation, name: "client", lanes: [], followers: []) { server.accept($0, name: "client") }
    client.start()
    simulation.run(until: 60_000) { false }
    #expect(client.isConnected)
    #expect(client.timeoutCount == 0)
    #expect(client.linkName == "client.1")
    #expect(simulation.problems.isEmpty)
  }

  @Test func `a black hole is noticed by both ends after three heartbeats`() {
    let simulation = Simulation(seed: 1)
    let server = ModelServer(simulation, welcome: Sample.welcome(heartbeat: 200))
    var hole: VirtualLink?
    let client = ModelClient(simulation, name: "client", lanes: [], followers: []) {
      hole = $0
      server.accept($0, name: "client")
    }
    client.start()
    simulation.at(1000) { hole?.stall() }
    // The last byte came at most one heartbeat and one transit time earlier.
    simulation.run(until: 1300) { false }
    #expect(client.timeoutCount == 0)
    simulation.run(until: 1900) { false }
    #expect(client.timeoutCount == 1)
    let noticed = simulation.lastLines.contains { $0.contains("server closes: nothing was heard from the client") }
    #expect(noticed)
  }
}
