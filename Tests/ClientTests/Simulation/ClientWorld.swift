import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// A server, a few machines with producers and readers, malicious peers, and for a while everything that can go wrong.
final class ClientWorld {
  /// Faults put in on purpose, at most one per world.
  struct Defects {
    var server: ModelServer.Defect?
    var client: VirtualClient.Defect?
    /// Of the producers.
    var ignoresWindow = false
    var waitsForHeld = false
  }

  /// The outcome of a run, to be compared with another run of the same seed.
  struct Outcome: Equatable {
    var traceHash: UInt64
    var traceCount: Int
    var milliseconds: UInt64
    var violations: [String]
    var promises: Set<Promise>
    var tally: Checker.Tally
  }

  private static let faultyMilliseconds = 1500
  /// A page of one entry takes 160 ms.
  private static let endMilliseconds: UInt64 = 60_000

  let simulation: Simulation
  private let checker: Checker
  private let server: ModelServer
  private var sites: [ModelSite] = []
  private let hostile: HostilePeer
  private var streams: [StreamName] = []
  private var batchCount = 0
  private var isOver = false

  /// - Parameter hasJournal: whether the server has one; nil to leave it to the seed.
  init(seed: UInt64, defects: Defects = Defects(), hasJournal: Bool? = nil, isTracing: Bool = false) throws {
    simulation = Simulation(seed: seed)
    simulation.isTracing = isTracing
    let isTight = simulation.chance(3)
    server = ModelServer(simulation, welcome: Self.welcome(isTight: isTight), hasJournal: hasJournal)
    server.defect = defects.server
    if seed.isMultiple(of: 2) { server.dictionary = try BatchPool.dictionary.get() }
    checker = Checker(simulation, server)
    streams = try (0..<simulation.draw(1...3)).map { try StreamName("stream/\($0)") }
    hostile = HostilePeer(simulation, server, streams: streams)
    if simulation.chance(3) {
      for batch in BatchPool.all where batch.header.check % 11 == 3 { server.badChecks.insert(batch.header.check) }
    }
    for index in 0..<simulation.draw(1...3) { sites.append(site(index, defects)) }
    planRights()
    if simulation.chance(2) { planRemovals(simulation.draw(1...8)) }
    planFaults(Weather.allCases[simulation.draw(0...Weather.allCases.count - 1)])
    if simulation.chance(3) {
      for _ in 0..<simulation.draw(1...4) { simulation.after(0...1200) { [unowned self] in hostile.attack() } }
    }
  }

  private static func welcome(isTight: Bool) -> Welcome {
    var welcome = Welcome(
      frameByteCountMax: UInt32(Limits.frameByteCountMax), server: InstanceID(high: 1, low: 1),
      store: InstanceID(high: 2, low: 2), heartbeatMilliseconds: 200, appendByteCountMax: isTight ? 2000 : 1 << 20,
      appendBatchCountMax: isTight ? 5 : 200, producerBatchCountMax: 32, subscriptionCountMax: 1000, name: "logsd")
    welcome.features = Welcome.renewalFeature
    return welcome
  }

  // MARK: - What there is

  private func site(_ index: Int, _ defects: Defects) -> ModelSite {
    var producers: [ModelProducer] = []
    for number in 0..<simulation.draw(0...2) {
      let spooled =
        simulation.chance(3) ? nil : ProducerID(high: UInt64(index * 10 + number + 1), low: 1)
      let stream = streams[simulation.draw(0...streams.count - 1)]
      // Many at once, and a disk that is slow to record their answers.
      let isBusy = simulation.chance(5)
      // Those that wait for rights have something for each stream, so that the others can go on.
      let waitsForPermission = spooled != nil && server.rightsDice.chance(2)
      let producer = ModelProducer(
        simulation, checker, streams: waitsForPermission ? streams : [stream], spooled: spooled,
        waitsForPermission: waitsForPermission, noteMilliseconds: isBusy ? 600 : 30)
      producer.ignoresWindow = defects.ignoresWindow
      producer.waitsForHeld = defects.waitsForHeld
      producers.append(producer)
      planHandOvers(producer, isBusy: isBusy)
    }
    let readers = (0..<simulation.draw(index == 0 ? 1...2 : 0...2)).map { reader("reader \(index).\($0)") }
    return ModelSite(
      simulation, checker, name: "site\(index)", producers: producers, readers: readers, clientDefect: defects.client)
  }

  private func planHandOvers(_ producer: ModelProducer, isBusy: Bool) {
    let from = simulation.draw(0...800)
    for _ in 0..<(isBusy ? simulation.draw(30...70) : simulation.draw(1...12)) {
      let batch = BatchPool.all[batchCount]
      batchCount += 1
      simulation.after(isBusy ? from...from + 50 : 0...1400) { producer.handOver(batch) }
    }
    guard simulation.chance(6) else { return }
    let text = "sealed by \(batchCount)"
    guard case .completion(let batch) = ModelServer.completion(text, Compressor()) else { return }
    simulation.after(700...1400) { producer.handOver(batch, completion: text) }
  }

  private func reader(_ name: String) -> ModelReader {
    let isReverse = simulation.chance(6)
    let isPaging = !isReverse && simulation.chance(8)
    var end = FollowEnd()
    switch simulation.draw(0...7) {
    case _ where isPaging: end = FollowEnd(atHead: true, limit: UInt64(simulation.draw(1...9)))
    case 0 where !isReverse: end.atHead = true
    case 1 where !isReverse: end.limit = UInt64(simulation.draw(1...20))
    default: break
    }
    let start: FollowStart =
      switch simulation.draw(0...4) {
      case 0: .now
      case 1: .last(UInt64(simulation.draw(0...9)))
      default: .first
      }
    var limits = FollowLimits()
    var window = simulation.draw(1...4000)
    if simulation.chance(5) {
      // Each of about ten requests has a share of its half.
      window += 100
      limits.controlByteCountMax = 0
      limits.selectorCountMax = 1
      limits.bornPartCountMax = 1
    }
    return ModelReader(
      simulation, checker, name: name, selectors: simulation.chance(2) ? [.pattern(.all)] : streams.map { .stream($0) },
      start: start, end: end, isReverse: isReverse, window: window,
      paceMilliseconds: simulation.chance(8) ? 60 : simulation.draw(0...15), limits: limits,
      isPaging: isPaging)
  }

  /// The rights of producers that wait for them go and come at any moment, and some only when all else is done.
  private func planRights() {
    for producer in sites.flatMap(\.producers) where producer.waitsForPermission {
      guard let id = producer.spooled else { continue }
      for stream in streams where server.rightsDice.chance(2) {
        for _ in 0..<Int.random(in: 1...3, using: &server.rightsDice) {
          let from = UInt64.random(in: 0...UInt64(Self.faultyMilliseconds) - 100, using: &server.rightsDice)
          let milliseconds = UInt64.random(in: 1...1500, using: &server.rightsDice)
          simulation.at(from) { [unowned self] in server.withheld[stream, default: []].insert(id) }
          guard !server.rightsDice.chance(3) else { continue }
          simulation.at(from + milliseconds) { [unowned self] in _ = server.withheld[stream]?.remove(id) }
        }
      }
    }
  }

  /// Retention and deletions, at any moment.
  private func planRemovals(_ count: Int) {
    for _ in 0..<count {
      simulation.after(0...Self.faultyMilliseconds - 100) { [unowned self] in
        let stream = streams[simulation.draw(0...streams.count - 1)]
        guard let removal = server.drawRemoval(of: stream) else { return }
        let client = sites[simulation.draw(0...sites.count - 1)].client
        switch removal {
        case .delete(let numbers) where simulation.chance(2): delete(stream, numbers, client)
        case .deleteStream where simulation.chance(2): delete(stream, nil, client)
        default: server.remove(removal, of: stream)
        }
      }
    }
  }

  private func delete(_ stream: StreamName, _ numbers: ClosedRange<UInt64>?, _ client: VirtualClient?) {
    let isDryRun = simulation.chance(2)
    client?.run { client?.delete(DeleteRequest(stream: stream, numbers: numbers, isDryRun: isDryRun)) }
  }

  // MARK: - What goes wrong

  /// How bad it is, besides the malicious peers.
  private enum Weather: CaseIterable {
    case calm
    case mixed
    /// Everything often.
    case storm
    /// Data of lost connections arrives late, while the server refuses much.
    case late
    /// Links damage bytes.
    case damage
  }

  private func planFaults(_ weather: Weather) {
    switch weather {
    case .calm: return
    case .mixed:
      server.overload = simulation.chance(2) ? simulation.draw(5...40) : 0
      server.forbidding = simulation.chance(4) ? simulation.draw(10...60) : 0
      for site in sites { site.faults = simulation.chance(3) ? 0 : simulation.draw(1...4) }
    case .storm:
      server.overload = simulation.draw(3...10)
      for site in sites { site.faults = 1 }
    case .late:
      server.overload = simulation.draw(3...8)
      server.forbidding = simulation.draw(3...10)
      for site in sites { (site.faults, site.fault) = (1, .brokenEnd) }
    case .damage: for site in sites { (site.faults, site.fault) = (1, .damage) }
    }
    planServerFaults(weather == .storm ? simulation.draw(2...5) : simulation.draw(0...2))
    for site in sites { planCrashes(site, weather == .storm ? simulation.draw(1...3) : simulation.draw(0...1)) }
  }

  private func planServerFaults(_ count: Int) {
    let count = server.journal == nil ? count : count + Int.random(in: 0...3, using: &server.journalDice)
    for _ in 0..<count {
      let (isSilent, milliseconds) = (simulation.chance(4), simulation.draw(1...200))
      simulation.after(50...Self.faultyMilliseconds) { [unowned self] in
        server.kill(isSilent: isSilent, downMilliseconds: milliseconds)
      }
    }
    if simulation.chance(4) {
      simulation.after(50...Self.faultyMilliseconds) { [unowned self] in server.drain() }
    }
    if server.tokenDice.chance(3) {
      for _ in 0..<Int.random(in: 1...3, using: &server.tokenDice) {
        let time = UInt64.random(in: 50...UInt64(Self.faultyMilliseconds), using: &server.tokenDice)
        simulation.at(simulation.milliseconds + time) { [unowned self] in server.rotate() }
      }
    }
    guard simulation.chance(4) else { return }
    simulation.after(0...800) { [unowned self] in server.isDiskFull = true }
    simulation.after(800...Self.faultyMilliseconds) { [unowned self] in server.isDiskFull = false }
  }

  private func planCrashes(_ site: ModelSite, _ count: Int) {
    for _ in 0..<count {
      let (isSilent, milliseconds) = (simulation.chance(3), simulation.draw(1...300))
      simulation.after(50...Self.faultyMilliseconds) {
        site.crash(isSilent: isSilent, downMilliseconds: milliseconds)
      }
    }
    guard simulation.chance(4) else { return }
    let milliseconds = simulation.draw(50...1200)
    simulation.after(50...Self.faultyMilliseconds) { site.client?.sleep(milliseconds: milliseconds) }
  }

  // MARK: - The run

  func run() -> Outcome {
    for site in sites { simulation.after(0...200) { site.start() } }
    simulation.after(Self.faultyMilliseconds...Self.faultyMilliseconds) { [unowned self] in
      server.overload = 0
      server.forbidding = 0
      server.isDiskFull = false
      for site in sites { site.calm() }
      look()
    }
    simulation.run(until: Self.endMilliseconds) { isOver }
    simulation.stop()
    checker.tally.renewalCount = server.renewalCount
    checker.tally.dictionaryCount = server.dictionaryCount
    checker.tally.journal = server.journalTally
    for producer in sites.flatMap(\.producers) where checker.violations.isEmpty { producer.checkReports() }
    checker.check(sites.flatMap(\.readers), isCutShort: !checker.violations.isEmpty)
    return Outcome(
      traceHash: simulation.traceHash, traceCount: simulation.traceCount, milliseconds: simulation.milliseconds,
      violations: checker.violations.map(\.text) + simulation.problems,
      promises: Set(checker.violations.map(\.promise)), tally: checker.tally)
  }

  /// Whether all is done is checked only now and then, since it takes a while.
  private func look() {
    if sites.allSatisfy({ $0.client != nil && $0.isDone(exceptFor: server.withheld) }) { server.withheld = [:] }
    isOver = sites.allSatisfy { $0.client != nil && $0.isDone } || !checker.violations.isEmpty
    if !isOver { simulation.after(50...50) { [unowned self] in look() } }
  }
}
