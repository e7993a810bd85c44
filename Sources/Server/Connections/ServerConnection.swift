internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// One client's connection: carries out what its session decides.
///
/// Lives on its shard's loop, like everything it owns.
final class ServerConnection {
  let id: UInt64
  let connection: Connection
  unowned let desk: ShardDesk
  var session: ServerSession
  var subscriptions: [UInt32: Subscription] = [:]
  /// Subscriptions that wait for room in the socket, or for a reader, in the order in which they will get it.
  var waitingForRoom = WaitingLine()
  var waitingForReader = WaitingLine()
  /// Reads of this connection that reader threads have not answered, of ended subscriptions too.
  var readCount = 0
  /// LIST requests that are not answered yet.
  var searches: [UInt32: ListSearch] = [:]
  private var lastSerial: UInt64 = 0
  /// Nothing new is taken: closes once every append has its answer.
  private var isLeaving = false
  private var client = ""

  /// How long a close waits for the client to read what was sent and to close in turn.
  private static let lingerDuration = Duration.seconds(2)
  /// Answers that a client may leave unread.
  private static let unreadByteCountMax = 8 << 20

  init(id: UInt64, connection: Connection, desk: ShardDesk) {
    self.id = id
    self.connection = connection
    self.desk = desk
    session = ServerSession(settings: desk.sessionSettings, now: connection.loop.now)
    let high = desk.settings.outputByteCountMax
    connection.setWatermarks(low: high / 4, high: high)
    connection.handler = self
  }

  private func perform(_ actions: [ServerSession.Action]) {
    for action in actions {
      switch action {
      case .send(let frame): send(frame)
      case .opened(let client, _): self.client = client
      case .append(let id, let append): submit(id, append)
      case .complete(let id, let complete): submit(id, complete)
      case .follow(let id, let follow): begin(id, follow)
      case .resume(let id): subscriptions[id]?.pump()
      case .cancel(let id): subscriptions[id]?.cancel()
      case .list(let id, let request): list(id, request)
      case .stat(let id): send(session.answer(id, .status(desk.facts())))
      case .close(let reason): leave(because: reason)
      }
    }
  }

  func send(_ frame: OutgoingFrame?) {
    guard let frame else { return }
    connection.send(frame.head, sharing: frame.batches)
    // Batches stop at the watermark; answers do not, so a client that asks and never reads would fill the memory.
    let limit = desk.settings.outputByteCountMax + Limits.batchStoredByteCountMax + Self.unreadByteCountMax
    if connection.pendingByteCount > limit, connection.isOpen {
      note("it leaves \(Self.unreadByteCountMax) bytes of answers unread")
      connection.close()
    }
  }

  private func leave(because reason: String) {
    note(reason)
    forgetSubscriptions()
    connection.closeLingering(for: Self.lingerDuration)
  }

  private func note(_ reason: String) {
    desk.log("connection \(id) (\(connection.peer)\(client.isEmpty ? "" : ", \(client)")) ends: \(reason)")
  }

  /// A number that no other subscription of this connection has had.
  func nextSerial() -> UInt64 {
    lastSerial += 1
    return lastSerial
  }
}

// MARK: - What the socket tells

extension ServerConnection: ConnectionHandler {
  func received(_ bytes: RawSpan, on connection: Connection) {
    perform(session.receive(bytes, now: connection.loop.now))
  }

  /// The client sends no more: what it has sent is answered first.
  func inputEnded(on connection: Connection) {
    isLeaving = true
    closeIfDone()
  }

  func drained(_ connection: Connection) {
    // Who fills the socket again goes to the end of the line.
    while !connection.isAboveHighWatermark, let id = waitingForRoom.popFirst() { subscriptions[id]?.pump() }
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    session.close()
    forgetSubscriptions()
    searches.removeAll()
    desk.forget(self)
  }

  /// Looks at the deadlines.
  func tick() {
    let now = connection.loop.now
    let stall = desk.settings.outputStallDurationMax
    if connection.pendingByteCount > 0, now >= connection.lastProgress + stall {
      note("it took no output for \(TimeSpan.format(stall))")
      return connection.close()
    }
    perform(session.tick(now: now))
    for id in subscriptions.keys.sorted() { subscriptions[id]?.tick() }
  }

  /// The server stops: finishes what the client has begun, then closes.
  func drain(_ goAway: GoAway) {
    isLeaving = true
    perform(session.drain(goAway))
    closeIfDone()
  }

  /// The time for draining is over.
  func abandon() { connection.close() }

  func closeIfDone() {
    guard isLeaving, session.appendCount == 0 else { return }
    forgetSubscriptions()
    connection.closeLingering(for: Self.lingerDuration)
  }
}

/// Who waits for the same thing, each once, first come first served.
struct WaitingLine {
  private var line: ArraySlice<UInt32> = []
  private var members: Set<UInt32> = []

  mutating func append(_ id: UInt32) { if members.insert(id).inserted { line.append(id) } }

  mutating func popFirst() -> UInt32? {
    guard let id = line.popFirst() else { return nil }
    members.remove(id)
    return id
  }
}
