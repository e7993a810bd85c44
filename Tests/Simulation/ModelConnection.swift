import LogsServer
import LogsWire

extension ModelServer {
  /// One client of a server, and the host of its subscriptions.
  final class Connection {
    let name: String
    let link: VirtualLink
    private unowned let server: ModelServer
    var session: ServerSession
    private(set) var subscriptions: [Subscription] = []
    let reads = ReadSlots()
    private var waitingForTurn: [Subscription] = []
    private var isTurnPlanned = false
    /// Whether its socket takes nothing now.
    private var isFull = false
    private(set) var windowByteCount = 64 << 10
    /// The last subscription that received LIVE, until it receives something else.
    private var newlyLive: UInt32?
    var isDraining = false
    /// The one that it has shown last.
    var token = ""

    init(_ server: ModelServer, name: String, link: VirtualLink, session: consuming ServerSession) {
      self.server = server
      self.name = name
      self.link = link
      self.session = session
    }

    func begin(_ id: UInt32, _ follow: Follow) {
      let subscription = server.hub.subscription(id, follow, host: self)
      subscriptions.append(subscription)
      subscription.begin()
    }

    func subscription(_ id: UInt32) -> Subscription? { subscriptions.first { $0.id == id } }

    func close() {
      session.close()
      for subscription in subscriptions { subscription.abandon() }
      subscriptions = []
      waitingForTurn = []
    }

    // MARK: Turns

    private func planTurn() {
      guard !isTurnPlanned, !isFull else { return }
      isTurnPlanned = true
      server.simulation.after(0...2) { [weak self] in self?.takeTurn() }
    }

    /// Sometimes there is little time.
    private func takeTurn() {
      isTurnPlanned = false
      var turn = Turn(stepCount: server.simulation.chance(4) ? server.simulation.draw(0...Turn.stepCountMax) : 0)
      while !turn.isOver, !isFull, !waitingForTurn.isEmpty { waitingForTurn.removeFirst().takeTurn(&turn) }
      if !waitingForTurn.isEmpty { planTurn() }
    }

    /// For a while nobody takes output.
    private func fill() {
      isFull = true
      windowByteCount = server.simulation.chance(2) ? 64 << 10 : server.simulation.draw(1...4000)
      server.simulation.after(1...15) { [weak self] in
        guard let self else { return }
        isFull = false
        if !waitingForTurn.isEmpty { planTurn() }
      }
    }
  }
}

extension ModelServer.Connection: SubscriptionHost {
  var takesDictionaries: Bool { session.takesDictionaries }

  func hasDictionary(_ dictionary: BatchDictionary) -> Bool { session.has(dictionary) }

  func introduce(_ dictionary: BatchDictionary) {
    guard let frame = session.introduce(dictionary) else { return }
    server.dictionaryCount += 1
    server.send(frame, self)
  }

  func hasRoom(for subscription: Subscription) -> Bool {
    if !isFull, server.simulation.chance(40) { fill() }
    if isFull { awaitTurn(subscription) }
    return !isFull
  }

  func creditLeft(_ subscription: Subscription) -> Int {
    server.defect == .ignoresCredit ? .max : session.creditLeft(subscription.id)
  }

  func awaitTurn(_ subscription: Subscription) {
    if !waitingForTurn.contains(where: { $0 === subscription }) { waitingForTurn.append(subscription) }
    planTurn()
  }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    if server.defect == .hidesEntries, server.simulation.chance(20) { return }
    if newlyLive == subscription.id {
      newlyLive = nil
      if server.defect == .switchesOneOff { return }
    }
    let parts = parts(range, batches, creditLeft(subscription))
    for range in subscription.follow.isReverse ? parts.reversed() : parts {
      server.send(session.deliver(subscription.id, range, batches: batches), self)
    }
  }

  /// Now and then a range ends inside a batch, which then comes twice.
  private func parts(_ range: BatchRange, _ batches: ByteString, _ credit: Int) -> [BatchRange] {
    guard range.to > range.from, credit > batches.count, server.simulation.chance(4), isSingle(batches) else {
      return [range]
    }
    let middle = UInt64(server.simulation.draw(Int(range.from)...Int(range.to) - 1))
    return [
      BatchRange(handle: range.handle, from: range.from, to: middle),
      BatchRange(handle: range.handle, from: middle + 1, to: range.to),
    ]
  }

  private func isSingle(_ batches: ByteString) -> Bool {
    do { return try BatchHeader(decoding: batches.span).batchByteCount == batches.count } catch {
      server.simulation.fail("a batch without a header is delivered: \(error)")
      return false
    }
  }

  func tell(_ message: Message, to subscription: Subscription) {
    if message.type == .live { newlyLive = subscription.id }
    var message = message
    if case .skip(var skip) = message, skip.reason == .trimmed || skip.reason == .deleted {
      if server.defect == .hidesDeletions { return }
      if server.defect == .skipsTooShort, skip.from < skip.to {
        skip.to -= 1
        message = .skip(skip)
      }
    }
    server.send(session.tell(subscription.id, message), self)
  }

  func end(_ subscription: Subscription, _ reason: EndReason) {
    forget(subscription)
    server.send(session.end(subscription.id, reason), self)
  }

  func refuse(_ subscription: Subscription, _ refusal: Refusal) {
    forget(subscription)
    server.send(session.refuse(subscription.id, refusal), self)
  }

  private func forget(_ subscription: Subscription) {
    subscriptions.removeAll { $0 === subscription }
    waitingForTurn.removeAll { $0 === subscription }
  }
}
