internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// A client that speaks the wire protocol: carries out what its session decides.
///
/// Lives on its shard's loop, like everything it owns.
final class ServerConnection {
  let id: UInt64
  let connection: Connection
  unowned let core: ShardCore
  var session: ServerSession
  var subscriptions: [UInt32: Subscription] = [:]
  /// Requests and subscriptions that have something to do in the connection's next turn. It has none while the socket
  /// is full.
  var waitingForTurn = UniqueQueue<UInt32>()
  let reads = ReadSlots()
  /// LIST, STAT and dry runs of DELETE that are not answered yet.
  var requests: [UInt32: Request] = [:]
  var queries: [UInt32: RunningQuery] = [:]
  /// DELETE that the store is carrying out.
  var deletions: Set<UInt32> = []
  /// The client sends no more: closes once everything is answered.
  private var hasInputEnded = false
  /// The server is stopping: closes once every append and deletion is answered.
  private var isDraining = false
  var client = ""
  /// What it may do.
  var access = AccessControl.Access.none
  /// How long before its token ends it is asked for another one.
  var challengeLead = ServerConnection.challengeLeadMax
  /// It was asked for another token: until then the connection goes on without one.
  var graceEnd: MonotonicTime?
  /// When AUTHORIZED may come again.
  var renewalDue = MonotonicTime(nanoseconds: 0)
  /// Whether AUTHORIZED waits for that.
  var isRenewalWaiting = false
  private var portion = InputPortion()
  /// Output that may be queued before its followers have to wait.
  private(set) var windowByteCount: Int
  private let windowByteCountMax: Int
  /// Bytes of answers queued since the socket last had room, and of the largest batches among them.
  private var answerByteCount = 0
  private var batchByteCountMax = 0
  private var dictionaryByteCountMax = 0

  /// How long a close waits for the client to read what was sent and to close in turn.
  static let lingerDuration = Duration.seconds(2)
  /// How many bytes of answers a client may leave unread.
  private static let unreadByteCountMax = 8 << 20
  /// The window, and the answers that may be left unread, while the output of all connections takes more than the
  /// server's budget.
  private static let smallByteCount = 16 << 10

  init(id: UInt64, connection: Connection, core: ShardCore) {
    self.id = id
    self.connection = connection
    self.core = core
    session = ServerSession(configuration: core.sessionConfiguration, now: connection.loop.now)
    windowByteCountMax = core.configuration.outputByteCountMax
    windowByteCount = windowByteCountMax
    connection.setWatermarks(low: windowByteCount / 4, high: windowByteCount)
    connection.readByteCountMax = portion.byteCount
    connection.handler = self
  }

  func perform(_ actions: [ServerSession.Action]) {
    for action in actions {
      switch action {
      case .send(let frame): send(frame)
      case .authorize(let client, let token): authorize(client: client, token: token)
      case .append(let id, let append): submit(id, append)
      case .complete(let id, let complete): submit(id, complete)
      case .follow(let id, let follow): begin(id, follow)
      case .resume(let id): subscriptions[id]?.pump()
      case .cancel(let id): subscriptions[id]?.cancel()
      case .list(let id, let request):
        begin(id, .list(ListSearch(request, source: core.hub.source, rights: access.rights)))
      case .stat(let id): begin(id, .stat)
      case .query(let id, let query): begin(id, query)
      case .cancelQuery(let id): cancelQuery(id)
      case .delete(let id, let request): begin(id, request)
      case .renew(let id, let token): renew(id, token: token)
      case .close(let reason, let code): leave(because: reason, code.map { .refused($0) } ?? .endedByClient)
      }
    }
  }

  func send(_ frame: OutgoingFrame?) {
    guard let frame else { return }
    if connection.pendingByteCount == 0 { (answerByteCount, batchByteCountMax, dictionaryByteCountMax) = (0, 0, 0) }
    if frame.batches.isEmpty { answerByteCount += frame.head.count }
    batchByteCountMax = max(batchByteCountMax, frame.batches.count)
    connection.send(frame.head, sharing: frame.batches)
    // Batches stop at the window; answers do not, so a client that asks and never reads would fill the memory.
    guard answerByteCount > Self.smallByteCount, connection.isOpen else { return }
    let isShort = core.isOutputShort
    let unreadByteCountMax = isShort ? Self.smallByteCount : Self.unreadByteCountMax
    let queueByteCountMax =
      (isShort ? windowByteCount : windowByteCountMax) + batchByteCountMax + dictionaryByteCountMax + unreadByteCountMax
    guard answerByteCount > unreadByteCountMax, connection.pendingByteCount > queueByteCountMax else { return }
    note("it leaves \(unreadByteCountMax) bytes of answers unread", .unread)
    connection.close()
  }

  func hasDictionary(_ dictionary: BatchDictionary) -> Bool { session.has(dictionary) }

  /// Sends what the next batch needs, if the client does not have it. It comes only where a batch may come: it is no
  /// answer that the client leaves unread.
  func introduce(_ dictionary: BatchDictionary) {
    guard let frame = session.introduce(dictionary) else { return }
    dictionaryByteCountMax = max(dictionaryByteCountMax, frame.head.count)
    connection.send(frame.head, sharing: frame.batches)
  }

  /// Whether its queue of output is full. What waits for room gets a turn when it has some.
  var isFull: Bool {
    let byteCount = core.isOutputShort ? Self.smallByteCount : windowByteCountMax
    if byteCount != windowByteCount {
      windowByteCount = byteCount
      connection.setWatermarks(low: byteCount / 4, high: byteCount)
      if !connection.isAboveHighWatermark, !waitingForTurn.isEmpty { core.awaitTurn(self) }
    }
    return connection.isAboveHighWatermark
  }

  private func leave(because reason: String, _ kind: ConnectionEnds.Kind) {
    note(reason, kind)
    finish()
  }

  /// Sends what is queued and closes.
  private func finish() {
    forgetRequests()
    connection.closeLingering(for: Self.lingerDuration)
  }

  /// Nobody waits for pending answers anymore.
  private func forgetRequests() {
    for subscription in subscriptions.values { subscription.abandon() }
    subscriptions.removeAll()
    requests.removeAll()
    cancelQueries()
    deletions.removeAll()
    waitingForTurn = UniqueQueue()
  }

  private func cancelQueries() {
    for query in queries.values { query.cancel() }
    queries.removeAll()
  }

  private func note(_ reason: String, _ kind: ConnectionEnds.Kind) {
    core.connectionEnds.note(
      kind, peer: connection.peer, "connection \(id)\(client.isEmpty ? "" : " of \(client)") ends: \(reason)",
      now: connection.loop.now)
  }
}

// MARK: - Turns

extension ServerConnection {
  /// `id` has something to do in the connection's next turn.
  func awaitTurn(_ id: UInt32) {
    waitingForTurn.append(id)
    if !isFull { core.awaitTurn(self) }
  }

  /// Gives requests and subscriptions their shares of the turn, one after the other.
  ///
  /// - Returns: whether something is left to be done in another one.
  func takeTurn() -> Bool {
    var turn = Turn()
    while !turn.isOver, !isFull, let id = waitingForTurn.popFirst() {
      turn.spend(.begin)
      if let request = requests[id] {
        answer(id, request, &turn)
      } else if let query = queries[id] {
        if query.takeTurn(&turn) { awaitTurn(id) }
      } else if let subscription = subscriptions[id] {
        subscription.takeTurn(&turn)
      }
    }
    return !waitingForTurn.isEmpty && !isFull
  }
}

// MARK: - What the socket tells

extension ServerConnection: ConnectionHandler, SocketClient {
  func received(_ bytes: RawSpan, on connection: Connection) {
    let begun = MonotonicTime.now()
    perform(session.receive(bytes, now: connection.loop.now))
    portion.took(MonotonicTime.now().nanoseconds(since: begun), for: bytes.byteCount)
    connection.readByteCountMax = portion.byteCount
  }

  /// The client sends no more: what it has sent is answered first. Queries are not: a client that has died looks the
  /// same, and they would search on for nobody.
  func inputEnded(on connection: Connection) {
    hasInputEnded = true
    cancelQueries()
    closeIfDone()
  }

  func drained(_ connection: Connection) {
    answerByteCount = 0
    if !waitingForTurn.isEmpty { core.awaitTurn(self) }
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    if case .failed(let error) = reason, error.code == .tls { note(error.message, .tls) }
    session.close()
    forgetRequests()
    core.forget(self)
  }

  /// Checks the deadlines.
  func tick() {
    let now = connection.loop.now
    let stall = core.configuration.outputStallDurationMax
    if connection.pendingByteCount > 0, now >= connection.lastProgress + stall {
      note("it took no output for \(TimeSpan.format(stall))", .stalled)
      return connection.close()
    }
    perform(session.tick(now: now))
    checkAccess()
    for id in subscriptions.keys.sorted() { subscriptions[id]?.tick() }
  }

  /// The server is stopping: finishes what the client has begun, then closes.
  func drain(_ goAway: GoAway) {
    isDraining = true
    perform(session.drain(goAway))
    closeIfDone()
  }

  /// The time for draining is over.
  func abandon() { connection.close() }

  func closeIfDone() {
    let isSettled = session.appendCount == 0 && deletions.isEmpty
    guard isDraining ? isSettled : hasInputEnded && session.isAllAnswered else { return }
    finish()
  }
}
