import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// A machine whose applications share one client and one process. It crashes and restarts with the content of its disk.
final class ModelSite {
  private let simulation: Simulation
  private let checker: Checker
  private let name: String
  let producers: [ModelProducer]
  let readers: [ModelReader]
  private let clientDefect: VirtualClient.Defect?
  private var lifeCount = 0
  /// All processes so far: events planned in virtual time still refer to them.
  private(set) var clients: [VirtualClient] = []
  private var damaging: [VirtualLink] = []
  /// One link in this many fails in some way; 0 for none.
  var faults = 0
  /// The only way in which links fail; nil for any.
  var fault: Fault?

  enum Fault: CaseIterable { case cut, blackHole, halfOpen, late, brokenEnd, damage }

  init(
    _ simulation: Simulation, _ checker: Checker, name: String, producers: [ModelProducer], readers: [ModelReader],
    clientDefect: VirtualClient.Defect?
  ) {
    self.simulation = simulation
    self.checker = checker
    self.name = name
    self.producers = producers
    self.readers = readers
    self.clientDefect = clientDefect
  }

  var client: VirtualClient? { clients.last.flatMap { $0.isEnded ? nil : $0 } }
  /// Whether the streams that keep their right are done, which must not wait for the others.
  func isDone(exceptFor withheld: [StreamName: Set<ProducerID>]) -> Bool {
    producers.allSatisfy { $0.isDone(exceptFor: withheld) }
  }

  var isDone: Bool { producers.allSatisfy(\.isDone) && readers.allSatisfy { checker.isComplete($0) } }

  func start() {
    lifeCount += 1
    let producer = ProducerID(high: simulation.random.next(), low: UInt64(lifeCount))
    let client = VirtualClient(simulation, checker, name: "\(name)-\(lifeCount)", producer: producer) {
      [unowned self] link in spoil(link)
    }
    client.defect = clientDefect
    clients.append(client)
    for producer in producers { producer.begin(on: client) }
    for (index, reader) in readers.enumerated() { reader.begin(on: client, key: UInt64(lifeCount * 100 + index)) }
  }

  func crash(isSilent: Bool, downMilliseconds: Int) {
    guard let client else { return }
    client.crash(isSilent: isSilent)
    for producer in producers { producer.stop() }
    for reader in readers { reader.stop() }
    simulation.after(downMilliseconds...downMilliseconds) { [unowned self] in start() }
  }

  /// Ends all faults. Earlier faults must still be noticed; but a link that damages bytes is cut, since a damaged
  /// length may pass a frame header's short check and then swallow the next bytes.
  func calm() {
    faults = 0
    for link in damaging { link.cut() }
  }

  private func spoil(_ link: VirtualLink) {
    guard faults > 0, simulation.chance(faults) else { return }
    let fault = fault ?? Fault.allCases[simulation.draw(0...Fault.allCases.count - 1)]
    let end = simulation.chance(2) ? VirtualLink.End.client : .server
    simulation.after(0...500) { [unowned self] in
      guard faults > 0 else { return }
      let now = simulation.milliseconds
      switch fault {
      case .cut: link.cut()
      case .blackHole: link.stall()
      case .halfOpen: link.hold(end, until: .max)
      case .late: link.hold(end, until: now + UInt64(simulation.draw(50...1500)))
      case .brokenEnd: link.breakClientEnd(lateUntil: now + UInt64(simulation.draw(20...500)))
      case .damage:
        link.corrupt(end, oneIn: simulation.draw(1...10))
        damaging.append(link)
      }
    }
  }
}
