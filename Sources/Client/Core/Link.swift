internal import LogsTransport
internal import LogsWire

/// One connection and the session on it. Bound to the loop's thread.
///
/// It reports events to the core together with itself, so that late events of an abandoned link are not taken for
/// events of the next one.
final class Link: ConnectionHandler {
  private let connection: Connection
  private let core: ClientCore
  private var session: ClientSession
  /// The head of the append that is being sent; keeps its memory.
  private var head = ByteWriter(capacity: 128)
  private var ticks: LoopTimer?
  private(set) var tickInterval = Duration.zero
  /// How many batches of one lane may be in flight, once the server has said so.
  private(set) var inFlightCountMax = 0
  private var isOver = false

  /// How many times per heartbeat the deadlines of the session are checked.
  private static let ticksPerHeartbeat = 4

  /// Sends HELLO.
  init(
    connection: Connection, core: ClientCore, configuration: LogClientConfiguration, token: String
  ) {
    self.connection = connection
    self.core = core
    let milliseconds = UInt64(max(configuration.connectTimeout.nanoseconds / 1_000_000, 1))
    session = ClientSession(handshakeMillisecondsMax: milliseconds, now: connection.loop.now)
    connection.handler = self
    let hasProvider = configuration.tokenProvider != nil
    let features: Hello.Features = hasProvider ? [.dictionaries, .challenges] : [.dictionaries]
    send(ClientSession.hello(client: configuration.name, token: token, features: features))
    tick(every: milliseconds)
  }

  private func tick(every milliseconds: UInt64) {
    ticks?.cancel()
    tickInterval = Duration.milliseconds(Int64(clamping: milliseconds)) / Self.ticksPerHeartbeat
    // The timer is cancelled at the end, and then releases it. A weak reference would slow down all others.
    ticks = connection.loop.every(tickInterval) {
      guard !self.isOver else { return }
      self.pass(self.session.tick(now: self.connection.loop.now))
    }
  }

  // MARK: Calls of the core

  /// Sends a batch; nil if the credit does not allow it now.
  func append(_ batch: NumberedBatch) -> UInt32? { append(batch, head: &head) }

  private func append(_ batch: NumberedBatch, head: inout ByteWriter) -> UInt32? {
    head.removeAll()
    guard let (id, tail) = session.append(batch, head: &head) else { return nil }
    if tail.count < Self.sharedByteCountMin {
      head.append(tail)
      connection.send(copying: head.span)
    } else {
      connection.send(copying: head.span, sharing: tail)
    }
    return id
  }

  /// Below this size a batch is copied anyway, and goes out with its head in one piece.
  private static let sharedByteCountMin = 1024

  func follow(_ follow: Follow) -> UInt32 {
    let (id, frame) = session.follow(follow)
    send(frame)
    return id
  }

  func credit(_ id: UInt32, total: UInt64) { if let frame = session.credit(id, total: total) { send(frame) } }

  func cancel(_ id: UInt32) { if let frame = session.cancel(id) { send(frame) } }

  /// Whether one more request is allowed now.
  var canRequest: Bool { session.canRequest }

  func list(_ request: ListRequest) -> UInt32 {
    let (id, frame) = session.list(request)
    send(frame)
    return id
  }

  /// Whether one more query is allowed now.
  var canQuery: Bool { session.canQuery }

  func query(_ query: Query) -> UInt32 {
    let (id, frame) = session.query(query)
    send(frame)
    return id
  }

  func stat() -> UInt32 {
    let (id, frame) = session.stat()
    send(frame)
    return id
  }

  func delete(_ request: DeleteRequest) -> UInt32 {
    let (id, frame) = session.delete(request)
    send(frame)
    return id
  }

  /// Whether another token may be shown now.
  var canRenew: Bool { session.canRenew }

  func renew(token: String) -> UInt32 {
    let (id, frame) = session.renew(token: token)
    send(frame)
    return id
  }

  /// Closes without notifying the core: at once, unless the session has failed and the server is to learn why.
  func abandon() {
    end()
    if session.isClosed { connection.closeLingering(for: Self.farewellDuration) } else { connection.close() }
  }

  /// How long the server may take to read why the session failed.
  private static let farewellDuration = Duration.seconds(1)

  /// Sends what is queued and closes; the core is notified when it has closed.
  func closeLingering(for duration: Duration) { connection.closeLingering(for: duration) }

  private func send(_ frame: OutgoingFrame) { connection.send(frame.head, sharing: frame.batches) }

  private func end() {
    isOver = true
    ticks?.cancel()
    ticks = nil
  }

  // MARK: Events

  func received(_ bytes: RawSpan, on connection: Connection) {
    guard !isOver else { return }
    let now = connection.loop.now
    if let (id, stored) = session.receiveAck(bytes, now: now) {
      return core.onLoop((id, stored, self)) { core, ack in core.acknowledged(ack.0, ack.1, on: ack.2) }
    }
    pass(session.receive(bytes, now: now))
  }

  private func pass(_ events: [ClientSession.Event]) {
    guard !events.isEmpty else { return }
    for event in events {
      if case .send(let frame) = event { send(frame) }
      if case .welcomed(let welcome) = event {
        inFlightCountMax = AppendQueue.inFlightCountMax(welcome)
        tick(every: session.heartbeatMilliseconds)
      }
    }
    core.onLoop((events, self)) { core, happened in core.happened(happened.0, on: happened.1) }
  }

  func inputEnded(on connection: Connection) { connection.close() }

  func closed(_ connection: Connection, reason: CloseReason) {
    guard !isOver else { return }
    end()
    let error = LogError(reason, server: connection.peer)
    core.onLoop((error, self)) { core, closed in core.linkClosed(closed.0, closed.1) }
  }
}
