internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// One client's connection: carries out what its session decides.
///
/// Lives on its shard's loop, like everything it owns.
final class ServerConnection {
  let id: UInt64
  private let connection: Connection
  private unowned let desk: ShardDesk
  private var session: ServerSession
  private var subscriptions: [UInt32: Subscription] = [:]
  /// Subscriptions that wait for room in the socket, in the order in which they will get it.
  private var blocked: [UInt32] = []
  /// Nothing new is taken: closes once every append has its answer.
  private var isLeaving = false
  private var client = ""

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
      case .follow(let id, let follow):
        let subscription = Subscription(id: id, follow: follow, connection: self, hub: desk.hub)
        subscriptions[id] = subscription
        desk.counters.subscriptions.add(1)
        subscription.begin()
      case .resume(let id): subscriptions[id]?.pump()
      case .cancel(let id): subscriptions[id]?.cancel()
      case .list(let id, let request): list(id, request)
      case .stat(let id): if let frame = session.answer(id, .status(desk.facts())) { send(frame) }
      case .close(let reason):
        desk.log("connection \(self.id) (\(connection.peer)\(client.isEmpty ? "" : ", \(client)")) ends: \(reason)")
        closeLingering()
      }
    }
  }

  private func send(_ frame: OutgoingFrame?) {
    guard let frame else { return }
    connection.send(frame.head, sharing: frame.batches)
    // Batches stop at the watermark; answers do not, so a peer that asks and never reads would fill the memory.
    let limit = desk.settings.outputByteCountMax + Limits.batchStoredByteCountMax + Self.unreadByteCountMax
    if connection.pendingByteCount > limit, connection.isOpen {
      desk.log("connection \(id) (\(connection.peer)) ends: \(Self.unreadByteCountMax) bytes of answers wait unread")
      connection.close()
    }
  }

  /// Answers that a peer may leave unread.
  private static let unreadByteCountMax = 8 << 20

  private func closeLingering() { connection.closeLingering(for: .seconds(2)) }
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
    let handles = blocked
    blocked.removeAll(keepingCapacity: true)
    for id in handles { subscriptions[id]?.pump() }
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    session.close()
    for subscription in subscriptions.values { desk.hub.forget(subscription) }
    desk.counters.subscriptions.add(-subscriptions.count)
    subscriptions.removeAll()
    desk.forget(self)
  }

  /// Looks at the deadlines.
  func tick() {
    let now = connection.loop.now
    let stall = desk.settings.outputStallDurationMax
    if connection.pendingByteCount > 0, now >= connection.lastProgress + stall {
      desk.log("connection \(id) (\(connection.peer)) ends: it took no output for \(TimeSpan.format(stall))")
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

  private func closeIfDone() {
    if isLeaving, session.appendCount == 0 { closeLingering() }
  }
}

// MARK: - Appending

extension ServerConnection {
  private func submit(_ id: UInt32, _ append: Append) {
    submit(
      id, stream: append.stream, producer: append.producer, number: append.number, floor: append.floor,
      content(of: append.batch))
  }

  /// What a batch part holds: a checked batch, or what is wrong with it.
  ///
  /// A fault travels through the writer's queue all the same: whether the batch is a duplicate or out of order is decided first.
  private func content(of bytes: Bytes) -> WriteRequest.Content {
    guard Batch.isIntact(appended: bytes) else {
      return .refused(
        Refusal(
          .badBatch, "the batch was damaged on the way, its check does not fit; send the same bytes again",
          isRetryable: true))
    }
    do throws(DecodingError) {
      let batch = try Batch(startOf: bytes)
      if batch.bytes.count != bytes.count { throw DecodingError("APPEND carries one batch", at: batch.bytes.count) }
      try desk.hub.checker.check(appended: batch)
      return .batch(batch)
    } catch {
      return .refused(Refusal(.badBatch, "the batch breaks the format: \(error)"))
    }
  }

  private func submit(_ id: UInt32, _ complete: Complete) {
    // The same request makes the same bytes, so that its repetition is recognized by its check.
    var builder = BatchBuilder()
    let content: WriteRequest.Content
    do throws(InvalidEntry) {
      _ = try builder.append(Entry(message: Bytes(complete.text), kind: .complete))
      content = .complete(builder.finish(compressor: Compressor()))
    } catch { content = .refused(Refusal(.badRequest, error.description)) }
    submit(
      id, stream: complete.stream, producer: complete.producer, number: complete.number, floor: complete.floor, content)
  }

  private func submit(
    _ id: UInt32, stream: StreamName, producer: ProducerID, number: UInt64, floor: UInt64,
    _ content: WriteRequest.Content
  ) {
    let request = WriteRequest(
      stream: stream, producer: producer, number: number, floor: floor, content: content,
      token: WriteToken(shard: desk.index, connection: self.id, request: id))
    if let refusal = desk.store.submit(request) { send(session.refuse(id, refusal)) }
  }

  /// The writer has decided.
  func settle(_ id: UInt32, _ outcome: WriteOutcome) {
    switch outcome {
    case .stored(let incarnation, let first, let count, let isDuplicate):
      send(
        session.acknowledge(
          id, Ack(isDuplicate: isDuplicate, incarnation: incarnation, firstSequence: first, count: UInt64(count))))
    case .refused(let refusal): send(session.refuse(id, refusal))
    }
    closeIfDone()
  }
}

// MARK: - Following

extension ServerConnection {
  /// Whether a batch may be sent on a subscription now. If the socket is what is full, the subscription is resumed when it
  /// has room; credit resumes it by itself.
  func canDeliver(_ id: UInt32) -> Bool {
    session.creditLeft(id) > 0 && hasRoom(for: id)
  }

  /// Whether the socket has room. If not, the subscription is resumed when it has.
  func hasRoom(for id: UInt32) -> Bool {
    guard connection.isAboveHighWatermark else { return true }
    if !blocked.contains(id) { blocked.append(id) }
    return false
  }

  /// Stored bytes that may still be sent on a subscription.
  func creditLeft(_ id: UInt32) -> Int { session.creditLeft(id) }

  func deliver(_ id: UInt32, _ range: BatchRange, batches: Bytes) {
    desk.counters.deliveredEntries.add(Int(range.to - range.from) + 1)
    desk.counters.deliveredBytes.add(batches.count)
    send(session.deliver(id, range, batches: batches))
  }

  func tell(_ id: UInt32, _ message: Message) { send(session.tell(id, message)) }

  func endSubscription(_ subscription: Subscription, _ reason: EndReason) {
    forget(subscription)
    send(session.end(subscription.id, reason))
  }

  func refuseSubscription(_ subscription: Subscription, _ refusal: Refusal) {
    forget(subscription)
    send(session.refuse(subscription.id, refusal))
  }

  private func forget(_ subscription: Subscription) {
    guard subscriptions.removeValue(forKey: subscription.id) != nil else { return }
    desk.counters.subscriptions.add(-1)
    desk.hub.forget(subscription)
  }

  /// Reads on a reader thread; the answer comes back to the subscription, if it still is there.
  func read(_ request: ReadRequest, subscription: UInt32, handle: UInt32) {
    let place = Place(connection: id, subscription: subscription, handle: handle)
    desk.store.read(request) { [shard = desk.shard] result in
      shard.execute { $0.readFinished(place, result) }
    }
  }

  func findSequence(stream: Int64, atOrAfter time: Int64, subscription: UInt32, handle: UInt32) {
    let place = Place(connection: id, subscription: subscription, handle: handle)
    desk.store.findSequence(stream: stream, atOrAfter: time) { [shard = desk.shard] result in
      shard.execute { $0.startFound(place, result) }
    }
  }

  /// Lets the other connections of the shard take their turns first.
  func resumeLater(_ subscription: UInt32) {
    let place = Place(connection: id, subscription: subscription, handle: 0)
    desk.shard.execute { $0.resume(place) }
  }

  func resume(_ place: Place) { subscriptions[place.subscription]?.pump() }

  func readFinished(_ place: Place, _ result: Result<ReadResult, StoreError>) {
    subscriptions[place.subscription]?.readFinished(place.handle, result)
  }

  func startFound(_ place: Place, _ result: Result<UInt64, StoreError>) {
    subscriptions[place.subscription]?.startFound(place.handle, result)
  }
}

/// Where the answer of a reader thread belongs. Names, not references: what they name may be gone by then.
struct Place: Sendable {
  let connection: UInt64
  let subscription: UInt32
  let handle: UInt32
}

// MARK: - Asking

extension ServerConnection {
  private func list(_ id: UInt32, _ request: ListRequest) {
    let pattern = request.pattern ?? .all
    let limit = Int(request.limit)
    // One more than asked for tells whether a further page exists.
    let found = desk.store.streams(after: request.after, limit: limit + 1, where: { pattern.matches($0) })
    let page = found.prefix(limit).map { info in
      StreamSummary(
        stream: info.name, incarnation: info.incarnation, first: info.first, head: info.head,
        entryCount: info.entryCount, byteCount: info.storedByteCount, lastReceived: info.lastReceived,
        isSealed: info.isSealed)
    }
    send(session.answer(id, .listing(Listing(streams: page, hasMore: found.count > limit))))
  }
}
