@testable import LogsSimulation
@testable import LogsWire

/// A client that appends and follows through one connection at a time, and resumes after each loss.
final class ModelClient {
  /// Batches of one producer for one stream.
  final class Lane {
    let producer: ProducerID
    let stream: StreamName
    let batches: [Batch]
    let isSealing: Bool
    var answers: [UInt64: ClientSession.Stored] = [:]
    /// Unanswered numbers in flight on this connection.
    var inFlight: Set<UInt64> = []

    init(producer: ProducerID, stream: StreamName, batches: [Batch], isSealing: Bool) {
      self.producer = producer
      self.stream = stream
      self.batches = batches
      self.isSealing = isSealing
    }

    var last: UInt64 { UInt64(batches.count) + (isSealing ? 1 : 0) }
    var floor: UInt64 { (1...last + 1).first { answers[$0] == nil } ?? last + 1 }
    var isDone: Bool { answers.count == Int(last) }
    /// The lowest number that may be sent now.
    var next: UInt64? {
      let floor = floor
      return (floor..<floor + 32).first { $0 <= last && answers[$0] == nil && !inFlight.contains($0) }
    }
  }

  /// A subscription that outlives connections.
  final class Follower {
    let selectors: [StreamSelector]
    let isReverse: Bool
    let window: UInt64
    /// What the text of entries must contain; nil for all entries.
    let wanted: String?
    /// In the order in which the streams were announced.
    var cursor: [CursorPosition] = []
    // Of each history of a stream.
    var entries: [Incarnation: [LogEntry]] = [:]
    var skips: [Incarnation: [Skip]] = [:]
    /// How many numbers were delivered or skipped.
    var covered: [Incarnation: UInt64] = [:]
    var isDone = false
    // Of this connection.
    var id: UInt32 = 0
    var told: [Announcement] = []
    var isResolved = false
    var received: UInt64 = 0
    var credit: UInt64 = 0

    init(selectors: [StreamSelector], isReverse: Bool, window: UInt64, wanted: String?) {
      self.wanted = wanted
      self.selectors = selectors
      self.isReverse = isReverse
      self.window = window
    }

    /// Forgets everything, to begin again.
    func startOver() {
      cursor = []
      entries = [:]
      skips = [:]
      covered = [:]
    }
  }

  private let simulation: Simulation
  private let name: String
  private let connect: (VirtualLink) -> Void
  let lanes: [Lane]
  let followers: [Follower]
  private var session: ClientSession
  private var link: VirtualLink?
  private var connectionCount = 0
  private var laneOfID: [UInt32: (lane: Lane, number: UInt64)] = [:]
  private var decoder = BatchDecoder()
  private(set) var timeoutCount = 0
  /// Streams that ended subscriptions because they were deleted.
  private(set) var deletions: [StreamName] = []
  var isConnected: Bool { link != nil && session.isOpen }
  /// How often links fail; 0 means never.
  var faults = 0

  init(
    _ simulation: Simulation, name: String, lanes: [Lane], followers: [Follower],
    connect: @escaping (VirtualLink) -> Void
  ) {
    self.simulation = simulation
    self.name = name
    self.lanes = lanes
    self.followers = followers
    self.connect = connect
    session = ClientSession(handshakeMillisecondsMax: 500, now: simulation.now)
  }

  var isDone: Bool { lanes.allSatisfy(\.isDone) }

  // MARK: - Connections

  func start() {
    connectionCount += 1
    let link = VirtualLink(simulation, "\(name).\(connectionCount)")
    self.link = link
    session = ClientSession(handshakeMillisecondsMax: 500, now: simulation.now)
    laneOfID = [:]
    for lane in lanes { lane.inFlight = [] }
    for follower in followers { follower.id = 0 }
    link.attach(.client) { [unowned self, unowned link] bytes in
      guard self.link === link else { return }
      take(session.receive(bytes.span, now: simulation.now), link)
    } closed: { [unowned self, unowned link] in
      if self.link === link { lose() }
    }
    connect(link)
    send(ClientSession.hello(client: name, token: "t"))
    tick(link)
    guard faults > 0 else { return }
    if simulation.chance(faults) {
      simulation.after(1...600) { [unowned self] in if faults > 0 { link.cut() } }
    } else if simulation.chance(faults * 4) {
      simulation.after(1...600) { [unowned self] in if faults > 0 { link.stall() } }
    }
  }

  var linkName: String { "\(name).\(connectionCount)" }

  private func tick(_ link: VirtualLink) {
    simulation.at(simulation.milliseconds + 50) { [unowned self] in
      guard self.link === link else { return }
      take(session.tick(now: simulation.now), link)
      tick(link)
    }
  }

  private func lose() {
    simulation.trace("\(linkName) client: lost")
    link = nil
    simulation.after(1...100) { [unowned self] in start() }
  }

  private func send(_ frame: OutgoingFrame?) {
    guard let frame, let link else { return }
    simulation.trace("\(linkName) client: \(Shown.frame(frame))")
    link.send(frame, from: .client)
  }

  // MARK: - Requests

  private func work() {
    guard link != nil, session.isOpen else { return }
    for lane in lanes {
      while let number = lane.next {
        let isSeal = number > UInt64(lane.batches.count)
        let batch = isSeal ? ByteString() : lane.batches[Int(number) - 1].bytes
        guard session.canAppend(byteCount: batch.count) else { break }
        let (id, frame) =
          isSeal
          ? session.complete(
            Complete(producer: lane.producer, number: number, floor: lane.floor, stream: lane.stream, text: "sealed"))
          : session.append(
            Append(producer: lane.producer, number: number, floor: lane.floor, stream: lane.stream, batch: batch),
            entryCount: Int(lane.batches[Int(number) - 1].header.count))
        lane.inFlight.insert(number)
        laneOfID[id] = (lane, number)
        send(frame)
        // Not always all at once.
        if simulation.chance(6) {
          simulation.after(1...20) { [unowned self] in work() }
          return
        }
      }
    }
  }

  private func subscribe(_ follower: Follower) {
    guard !follower.isDone else { return }
    follower.told = []
    follower.isResolved = false
    follower.received = 0
    follower.credit = follower.window
    // A reader of the past starts again.
    if follower.isReverse { follower.startOver() }
    var follow = Follow(
      credit: follower.credit, selectors: follower.selectors, start: .first, isReverse: follower.isReverse,
      cursor: follower.cursor)
    if let wanted = follower.wanted {
      do { follow.filter = try Filter("\"\(wanted)\"") } catch { simulation.fail("\(error)") }
    }
    let (id, frame) = session.follow(follow)
    follower.id = id
    send(frame)
  }

  // MARK: - Events

  private func take(_ events: [ClientSession.Event], _ link: VirtualLink) {
    for event in events {
      simulation.trace("\(linkName) client: \(event.shown)")
      switch event {
      case .send(let frame): link.send(frame, from: .client)
      case .welcomed:
        for follower in followers { subscribe(follower) }
        if simulation.chance(3) {
          send(session.list(ListRequest()).frame)
          send(session.stat().frame)
        }
      case .acknowledged(let id, let stored):
        guard let (lane, number) = laneOfID.removeValue(forKey: id) else {
          return simulation.fail("an ACK for nothing")
        }
        lane.inFlight.remove(number)
        lane.answers[number] = stored
      case .refused(let id, let refusal): refused(id, refusal)
      case .announced(let id, let announcement): told(announcement, follower(id))
      case .resolved(let id):
        guard let follower = follower(id) else { return }
        follower.isResolved = true
        // What is not there any more was deleted; the next stream of its name is another one.
        follower.cursor.removeAll { known in !follower.told.contains { $0.stream == known.stream } }
        for announcement in follower.told { keep(announcement, follower) }
      case .delivered(let id, let delivery): delivered(delivery, follower(id))
      case .skipped(let id, let skip):
        guard let follower = follower(id), let stream = advance(follower, skip.handle, skip.from, skip.to) else {
          return
        }
        follower.skips[stream, default: []].append(skip)
      case .ended(let id, let reason):
        if reason != .cancelled { follower(id)?.isDone = true }
      case .goingAway:
        simulation.after(0...30) { [unowned self] in
          guard self.link === link, simulation.chance(2) else { return }
          link.close(from: .client)
          lose()
        }
      case .failed(let refusal):
        if refusal.code == .timedOut { timeoutCount += 1 }
        if refusal.code != .timedOut, refusal.code != .goingAway { simulation.fail("\(linkName) failed: \(refusal)") }
        link.close(from: .client)
        lose()
      case .live, .heads, .listed, .answered, .progressed, .counted, .deleted, .challenged, .authorized: break
      }
    }
    work()
  }

  private func refused(_ id: UInt32, _ refusal: Refusal) {
    // A draining server accepts no subscription and answers no request; the next connection asks again.
    if refusal.code == .goingAway, laneOfID[id] == nil { return }
    if let follower = followers.first(where: { $0.id == id }) { return refused(follower, refusal) }
    guard let (lane, number) = laneOfID.removeValue(forKey: id), refusal.isRetryable else {
      return simulation.fail("\(linkName) refused \(id): \(refusal)")
    }
    lane.inFlight.remove(number)
    simulation.after(0...20) { [unowned self] in work() }
  }

  /// A subscription ends because a stream of it was deleted.
  private func refused(_ follower: Follower, _ refusal: Refusal) {
    follower.id = 0
    guard refusal.code == .streamReplaced || refusal.code == .cursorAhead, let gone = refusal.stream else {
      return simulation.fail("\(linkName) refused a subscription: \(refusal)")
    }
    deletions.append(StreamName(stored: gone.name))
    let isFound = follower.selectors.allSatisfy(\.isPattern)
    if gone.incarnation == .any, follower.isResolved, isFound {
      follower.cursor.removeAll { $0.stream.text == gone.name }
    } else if !refusal.isRetryable {
      follower.startOver()
    }
    simulation.after(0...20) { [unowned self] in
      if session.isOpen, link != nil, follower.id == 0 { subscribe(follower) }
    }
  }

  private func follower(_ id: UInt32) -> Follower? {
    let follower = followers.first { $0.id == id }
    if follower == nil { simulation.fail("an event for subscription \(id), which nobody has") }
    return follower
  }

  private func told(_ announcement: Announcement, _ follower: Follower?) {
    guard let follower else { return }
    follower.told.append(announcement)
    // Before RESOLVED the cursor stays as it was: a cut would ask for the start again.
    if follower.isResolved { keep(announcement, follower) }
  }

  private func keep(_ announcement: Announcement, _ follower: Follower) {
    if let known = follower.cursor.first(where: { $0.stream == announcement.stream }) {
      if known.incarnation != announcement.incarnation || known.sequence != announcement.position {
        simulation.fail(
          "the server starts \(announcement.stream) at \(announcement.position), not at \(known.sequence)")
      }
      return
    }
    follower.cursor.append(
      CursorPosition(
        stream: announcement.stream, incarnation: announcement.incarnation, sequence: announcement.position))
  }

  /// Moves the cursor over a range that must begin where the last one ended, over all connections (P5).
  private func advance(_ follower: Follower, _ handle: UInt32, _ from: UInt64, _ to: UInt64) -> Incarnation? {
    guard let stream = follower.told.first(where: { $0.handle == handle })?.stream,
      let index = follower.cursor.firstIndex(where: { $0.stream == stream })
    else {
      simulation.fail("a range of a stream that was never told")
      return nil
    }
    let known = follower.cursor[index].sequence
    guard follower.isReverse ? to + 1 == known : from == known + 1 else {
      simulation.fail("\(stream): a hole between \(known) and \(from)-\(to)")
      return nil
    }
    follower.cursor[index].sequence = follower.isReverse ? from : to
    let incarnation = follower.cursor[index].incarnation
    follower.covered[incarnation, default: 0] += to - from + 1
    return incarnation
  }

  private func delivered(_ delivery: ClientSession.Delivery, _ follower: Follower?) {
    guard let follower, let stream = advance(follower, delivery.handle, delivery.from, delivery.to) else { return }
    // One batch may overdraw; a second one must not be sent.
    let others = UInt64(delivery.batches.dropLast().reduce(0) { $0 + $1.bytes.count })
    if follower.received >= follower.credit || follower.received + others > follower.credit {
      simulation.fail("credit \(follower.credit) is overdrawn twice")
    }
    follower.received += UInt64(delivery.byteCount)
    var entries: [LogEntry] = []
    do {
      for batch in delivery.batches {
        entries += try decoder.entries(of: batch).filter { delivery.from <= $0.sequence && $0.sequence <= delivery.to }
      }
    } catch { simulation.fail("a delivered batch cannot be read: \(error)") }
    if let wanted = follower.wanted {
      if !entries.allSatisfy({ $0.text.contains(wanted) }) {
        simulation.fail("an entry came that the filter holds back")
      }
    } else if entries.map(\.sequence) != Array(delivery.from...delivery.to) {
      simulation.fail("entries are missing in a delivery")
    }
    if follower.isReverse { entries.reverse() }
    follower.entries[stream, default: []] += entries
    let id = follower.id
    simulation.after(0...40) { [unowned self] in
      guard follower.id == id, link != nil, session.isOpen else { return }
      follower.credit = follower.received + follower.window
      send(session.credit(id, total: follower.credit))
    }
  }
}
