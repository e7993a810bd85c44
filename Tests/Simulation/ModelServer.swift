import LogsServer
import LogsStore
import LogsWire

/// A server made of one `ServerSession` a connection, the real hub and its subscriptions, and the simplest store that
/// keeps the promises, over crashes as well.
///
/// The content of its disk survives a crash. A group that is decided but not yet synced survives or is lost as a whole;
/// waiting requests are lost with the connections. Half of the servers have a journal: their disk is what a start makes
/// of that and of the segment.
final class ModelServer {
  /// A planted fault, which the checks of a simulation must find.
  enum Defect {
    // Of the one that stores.
    case forgetsMarks, acksEarly, storesMarksLater, acceptsAnyOrder, losesAnswers
    // Of its journal.
    case acksBeforeJournal, notesPositionLater, forgetsTail, overwritesUnsynced
    // Of the one that delivers.
    case hidesEntries, ignoresCredit, publishesEarly, switchesOneOff
    // Of the one that removes.
    case skipsTooShort, hidesDeletions, reusesIncarnations, headsFallBack, saysDeletedEarly
    /// A fault of one connection ends all.
    case fallsWithOne

    /// Whether only a server with a journal has it.
    var isOfJournal: Bool {
      switch self {
      case .acksBeforeJournal, .notesPositionLater, .forgetsTail, .overwritesUnsynced: true
      default: false
      }
    }
  }

  let simulation: Simulation
  private let welcome: Welcome
  /// What survives a crash.
  var disk = ModelDisk()
  /// The same, including decisions that are not synced yet.
  var memory = ModelDisk()
  private let store: ModelStore
  private(set) var hub: Hub
  /// Commits that the hub has not taken yet.
  private var commits: [Commit] = []
  var connections: [Connection] = []
  var queue: [Waiting] = []
  /// What is to be removed with the next group.
  var removals: [(stream: StreamName, removal: ModelDisk.Removal)] = []
  /// DELETE without an answer.
  var deletions: [WaitingDeletion] = []
  var isCommitting = false
  var writing: Writing?
  /// Whether what is being written will be on disk if the server crashes now.
  var isSynced = false
  /// What small groups go through; nil if all go to the disk at once.
  var journal: ModelJournal?
  /// Whether the applier works, and what then waits for it.
  var isApplying = false
  var afterApplying: (() -> Void)?
  var journalTally = JournalTally()
  private var checker = BatchChecker()
  private let compressor = Compressor()
  /// How often it was started.
  private(set) var generation = 0
  private(set) var isDown = false

  var defect: Defect? {
    didSet { journal?.defect = defect }
  }
  /// Temporarily refuses one append in this many; 0 for none.
  var overload = 0
  /// Refuses one append in this many for good, whether or not it was stored before; 0 for none.
  var forbidding = 0
  var isDiskFull = false
  /// The token that counts, and the one that clients can have: a new one comes to them later.
  var token = "0"
  var handedToken = "0"
  /// For what concerns tokens, so that worlds without rotations stay what they are.
  var tokenDice: SeededGenerator
  /// The producers that may not append to a stream now.
  var withheld: [StreamName: Set<ProducerID>] = [:]
  /// For what concerns rights, so that worlds without such producers stay what they are.
  var rightsDice: SeededGenerator
  /// For what concerns the journal, so that worlds without one stay what they are.
  var journalDice: SeededGenerator
  /// How often a connection went on with another token.
  var renewalCount = 0
  /// What commits are compressed with.
  var dictionary: BatchDictionary? {
    didSet { store.dictionary = { [dictionary] in dictionary.map { StreamDictionary($0, first: 1) } } }
  }
  /// How often a client was sent a dictionary.
  var dictionaryCount = 0
  /// Batches that are wrong, by their checks.
  var badChecks: Set<UInt64> = []

  /// - Parameter hasJournal: nil to leave it to chance.
  init(_ simulation: Simulation, welcome: Welcome, hasJournal: Bool? = nil) {
    self.simulation = simulation
    self.welcome = welcome
    tokenDice = simulation.random
    rightsDice = simulation.random
    // With a seed of its own, since the first draws of equal dice are the same.
    var seeds = simulation.random
    journalDice = SeededGenerator(seed: seeds.next())
    store = ModelStore(simulation)
    hub = Self.hub(store, simulation)
    let isDrawn = journalDice.chance(2)
    guard hasJournal ?? isDrawn else { return }
    let slotCount = Int.random(in: 1...4, using: &journalDice)
    let lingerMilliseconds = Int.random(in: 1...30, using: &journalDice)
    let changeCountMax = Int.random(in: 2...8, using: &journalDice)
    journal = ModelJournal(slotCount: slotCount, changeCountMax: changeCountMax, lingerMilliseconds: lingerMilliseconds)
    simulation.trace("server has a journal of \(slotCount) records of up to \(changeCountMax) batches")
  }

  deinit { hub.close() }

  private static func hub(_ store: ModelStore, _ simulation: Simulation) -> Hub {
    let thread = ModelThread(simulation)
    var terms = LiveDictionaries.Terms()
    (terms.pauseMin, terms.askByteCountMin, terms.repayment, terms.useMin) = (0, 0, 0, (0, 0))
    let hub = Hub(
      source: store, thread: thread, counters: Counters(), subscriptionCount: SubscriptionCount(),
      followedStreamCountMax: .max, liveDictionaries: terms)
    thread.hub = hub
    return hub
  }

  /// What is stored, in the order of creation.
  var streams: [ModelDisk.Stream] { disk.streams.filter { !$0.isDeleted } }

  func stream(_ name: StreamName) -> ModelDisk.Stream? { disk.stream(name) }

  // MARK: - Connections

  /// - Returns: false if nobody listens.
  @discardableResult
  func accept(_ link: VirtualLink, name: String) -> Bool {
    guard !isDown else { return false }
    let session = ServerSession(
      configuration: .init(welcome: welcome, handshakeMillisecondsMax: 500), now: simulation.now)
    let connection = Connection(self, name: name, link: link, session: session)
    connections.append(connection)
    link.attach(.server) { [unowned self, weak connection] bytes in
      guard let connection else { return }
      act(connection.session.receive(bytes.span, now: simulation.now), connection)
    } closed: { [unowned self, weak connection] in
      if let connection { drop(connection) }
    }
    tick(connection)
    return true
  }

  private func tick(_ connection: Connection) {
    simulation.at(simulation.milliseconds + 50) { [unowned self] in
      guard connections.contains(where: { $0 === connection }) else { return }
      act(connection.session.tick(now: simulation.now), connection)
      tick(connection)
    }
  }

  private func drop(_ connection: Connection) {
    connection.close()
    connections.removeAll { $0 === connection }
  }

  func send(_ frame: OutgoingFrame?, _ connection: Connection) {
    guard let frame else { return }
    simulation.trace("\(connection.name) server: \(Shown.frame(frame))")
    connection.link.send(frame, from: .server)
  }

  // MARK: - The process

  /// Like `kill -9`, or like a power loss, which no client notices.
  func kill(isSilent: Bool = false, downMilliseconds: Int = 0) {
    simulation.trace("server killed")
    recover(isPowerLoss: isSilent || journalDice.chance(2))
    generation += 1
    if defect == .headsFallBack {
      for index in disk.streams.indices { disk.streams[index].fallBack() }
      journal?.disk = disk
    }
    memory = disk
    queue = []
    removals = []
    deletions = []
    isCommitting = false
    for connection in connections {
      if isSilent { connection.link.stall() } else { connection.link.cut() }
      drop(connection)
    }
    hub.close()
    hub = Self.hub(store, simulation)
    commits = []
    _ = store.show(disk)
    guard downMilliseconds > 0 else { return }
    isDown = true
    simulation.after(downMilliseconds...downMilliseconds) { [unowned self] in isDown = false }
  }

  func drain() {
    simulation.trace("server drains")
    for connection in connections {
      connection.isDraining = true
      connection.link.hasFault = true
      act(connection.session.drain(GoAway(retryAfterMilliseconds: 10, text: "restarting")), connection)
      closeIfDrained(connection)
    }
  }

  func closeIfDrained(_ connection: Connection) {
    guard connection.isDraining, connection.session.isAllAnswered, !connection.session.isClosed else { return }
    connection.isDraining = false
    simulation.after(0...50) { [unowned self] in
      connection.link.close(from: .server)
      drop(connection)
    }
  }

  // MARK: - Commits

  /// Publishes what is new on `disk`: in the catalog at once, to the hub a little later.
  func publish(_ disk: ModelDisk) {
    commits.append(store.show(disk))
    let started = generation
    simulation.after(0...2) { [unowned self] in
      guard started == generation else { return }
      let commit = commits.removeFirst()
      hub.take(commit.runs, deleted: commit.deleted)
    }
  }

  // MARK: - What a session wants

  func act(_ actions: [ServerSession.Action], _ connection: Connection) {
    for action in actions {
      switch action {
      case .send(let frame): send(frame, connection)
      case .authorize(_, let token):
        connection.token = token
        simulation.after(0...(simulation.chance(4) ? 100 : 0)) { [unowned self, weak connection] in
          guard let connection else { return }
          act(connection.session.decide(.accepted, now: simulation.now), connection)
        }
      case .append(let id, let append):
        let item = ModelDisk.Item(
          producer: append.producer, number: append.number, floor: append.floor, stream: append.stream,
          content: checked(append.batch))
        enqueue(Waiting(connection: connection, id: id, item: item))
      case .complete(let id, let complete):
        let item = ModelDisk.Item(
          producer: complete.producer, number: complete.number, floor: complete.floor, stream: complete.stream,
          content: Self.completion(complete.text, compressor))
        enqueue(Waiting(connection: connection, id: id, item: item))
      case .follow(let id, let follow): connection.begin(id, follow)
      case .resume(let id): connection.subscription(id)?.pump()
      case .cancel(let id): connection.subscription(id)?.cancel()
      case .list(let id, let request): send(connection.session.answer(id, .listing(page(request))), connection)
      case .stat(let id):
        send(connection.session.answer(id, .status([ServerFact("streams", UInt64(streams.count))])), connection)
      case .query(let id, _):
        let refusal = Refusal(.unsupported, "the model has no queries")
        send(connection.session.refuse(id, refusal), connection)
      case .cancelQuery: break
      case .delete(let id, let request):
        enqueue(WaitingDeletion(connection: connection, id: id, request: request))
      case .renew(let id, let token): renew(id, token, connection)
      case .close(let reason, _):
        simulation.trace("\(connection.name) server closes: \(reason)")
        connection.link.close(from: .server)
        drop(connection)
        guard defect == .fallsWithOne, !connection.link.hasFault else { continue }
        for other in connections { other.link.breakOff() }
      }
    }
  }

  private func checked(_ bytes: ByteString) -> ModelDisk.Item.Content {
    guard Batch.isIntact(appended: bytes) else {
      return .refused(Refusal(.badBatch, "damaged on the way", isRetryable: true))
    }
    do {
      let batch = try Batch(wholeOf: bytes)
      try checker.check(appended: batch)
      return badChecks.contains(batch.header.check) ? .refused(Refusal(.badBatch, "wrong")) : .batch(batch)
    } catch { return .refused(Refusal(.badBatch, "\(error)")) }
  }

  static func completion(_ text: String, _ compressor: borrowing Compressor) -> ModelDisk.Item.Content {
    do {
      var builder = BatchBuilder(seed: 1)
      _ = try builder.append(LogEntry(message: ByteString(text), kind: .complete))
      return .completion(builder.finish(compressor: compressor))
    } catch { return .refused(Refusal(.internalError, "\(error)")) }
  }

  private func page(_ request: ListRequest) -> Listing {
    let names = streams.sorted { $0.name < $1.name }.filter { stream in
      request.after.map { $0 < stream.name } ?? true
    }
    let page = names.prefix(Int(request.limit)).map {
      StreamSummary(
        stream: $0.name, incarnation: $0.incarnation, first: 1, head: $0.head, entryCount: $0.head, byteCount: 0,
        lastReceived: 0, isSealed: $0.isSealed)
    }
    return Listing(streams: page, hasMore: names.count > page.count)
  }
}
