internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

extension Listener.Notice {
  fileprivate var line: LogLine {
    switch self {
    case .failing, .stillFailing: .error(description)
    case .recovered: .notice(description)
    }
  }
}

/// The state that a shard owns: its clients, what they share (appender, hub, turns), its listeners and its clock.
final class ShardCore {
  let index: Int
  let shard: Shard
  let hub: Hub
  private(set) lazy var appender = Appender(shard: index, store: store) { [unowned self] in commitAtEnd() }
  private var baseConfiguration: ServerSession.Configuration
  private var context: ServerContext
  private var clients: [UInt64: any ShardClient] = [:]
  /// Of those clients whose address has a limit.
  private var addresses: [UInt64: String] = [:]
  private var lastClientID: UInt64 = 0
  /// What gets the answers to the deletions under way.
  private var deletions: [UInt64: (Result<DeletionSummary, Refusal>) -> Void] = [:]
  private var lastDeletionID: UInt64 = 0
  private var listeners: [Listener] = []
  private var clock: LoopTimer?
  private var spareMemory = SpareMemory()
  private var whenEmpty: (() -> Void)?
  private let turnQueue = TurnQueue()
  private var httpDateNow = HTTPDate()
  /// The `Date` of an answer of HTTP.
  var httpDate: String { httpDateNow.text(now: SystemClock.wall()) }
  /// For those who are sent entries as JSON.
  let entryEncoder = EntryEncoder()
  /// For WebSockets that want compressed messages.
  private(set) lazy var deflater = MessageDeflater()
  // Asked for each delivery.
  private let output: OutputMeter
  private var outputByteCountTotalMax: Int
  /// Whether the server is stopping.
  private(set) var isDraining = false
  /// Whether the end of this turn commits.
  private var isCommitDue = false
  /// Whether this is called at the end of the turn.
  private var isEndAwaited = false

  /// How often per heartbeat the deadlines are checked.
  private static let ticksPerHeartbeat = 4

  init(index: Int, shard: Shard, context: ServerContext) {
    self.index = index
    self.shard = shard
    self.context = context
    output = context.output
    outputByteCountTotalMax = context.configuration.outputByteCountTotalMax
    let configuration = context.configuration
    hub = Hub(
      source: context.store, thread: shard, counters: context.counters, subscriptionCount: shard.subscriptionCount,
      followedStreamCountMax: configuration.followedStreamCountMax)
    baseConfiguration = Self.baseConfiguration(context)
    startClock()
  }

  private static func baseConfiguration(_ context: ServerContext) -> ServerSession.Configuration {
    let configuration = context.configuration
    return ServerSession.Configuration(
      welcome: Welcome(
        frameByteCountMax: UInt32(Limits.frameByteCountMax), server: context.server, store: context.store.id,
        heartbeatMilliseconds: UInt32(clamping: configuration.heartbeat.nanoseconds / 1_000_000),
        appendByteCountMax: UInt32(clamping: configuration.appendByteCountMax),
        appendBatchCountMax: UInt32(clamping: configuration.appendBatchCountMax),
        subscriptionCountMax: UInt16(clamping: configuration.subscriptionCountMax), name: Version.server),
      handshakeMillisecondsMax: UInt64(clamping: configuration.handshakeDurationMax.nanoseconds / 1_000_000))
  }

  private func startClock() {
    clock?.cancel()
    let interval = min(configuration.heartbeat, configuration.handshakeDurationMax) / Self.ticksPerHeartbeat
    clock = shard.loop.every(interval) { [weak self] in self?.tick() }
  }

  /// Other settings count from now on. What connections were promised when they came stays as it is.
  func apply(_ configuration: ServerConfiguration) {
    context.configuration = configuration
    outputByteCountTotalMax = configuration.outputByteCountTotalMax
    hub.followedStreamCountMax = configuration.followedStreamCountMax
    baseConfiguration = Self.baseConfiguration(context)
    startClock()
  }

  /// The last call: on the loop's thread, like all others.
  func close() {
    clock?.cancel()
    hub.close()
    deletions = [:]
  }

  var configuration: ServerConfiguration { context.configuration }
  var store: Store { context.store }
  var counters: Counters { context.counters }
  var connectionEnds: ConnectionEnds { context.connectionEnds }
  /// Whether the output of all connections takes more than its budget.
  var isOutputShort: Bool { output.byteCount >= outputByteCountTotalMax }
  var access: AccessControl { context.access }
  var idempotencyKeys: IdempotencyKeys { context.idempotencyKeys }
  var appendRates: AppendRates { context.appendRates }
  func facts(for rights: Rights) -> [ServerFact] { context.facts(for: rights) }
  /// The answer to `/metrics`.
  func metrics(for rights: Rights) -> String {
    MetricsText.text(facts(for: rights)) + (rights.readsAll ? context.metricFamilies : "")
  }

  /// For the next connection.
  var sessionConfiguration: ServerSession.Configuration {
    var configuration = baseConfiguration
    configuration.welcome.features = Welcome.renewalFeature | (access.checksTokens ? Welcome.tokenCheckFeature : 0)
    return configuration
  }

  private func tick() {
    if index == 0 { access.refresh() }
    for client in inOrder() { client.tick() }
    if !configuration.httpEndpoints.isEmpty {
      context.lag.set(counters.followedStreams.current <= FollowerLag.streamCountMax ? hub.lag : nil, of: index)
    }
    guard index == 0 else { return }
    connectionEnds.tick(now: shard.loop.now)
    let byteCount = output.byteCount + counters.followedStreams.current * Track.byteCount
    if spareMemory.isDue(inUse: byteCount) { SpareMemory.giveBack() }
  }

  /// Oldest first, so that what clients see does not depend on a hash.
  private func inOrder() -> [any ShardClient] { clients.sorted { $0.key < $1.key }.map(\.value) }
}

// MARK: - Clients

extension ShardCore {
  func listen(
    on endpoint: Endpoint, handed: HandedSocket?, loop: EventLoop, accept: @escaping @Sendable (AcceptedSocket) -> Void
  ) throws(TransportError) -> Endpoint {
    let log = context.log
    let listener = try Listener.listen(
      on: endpoint, handed: handed, loop: loop, notice: { log($0.line) }, accept: accept)
    listeners.append(listener)
    return listener.endpoint
  }

  func stopListening() {
    for listener in listeners { listener.close() }
    listeners.removeAll()
  }

  /// Adopts a client, of the kind that its listener is for.
  ///
  /// - Parameter tls: nil for plain text.
  func adopt(_ socket: AcceptedSocket, as kind: any SocketClient.Type, tls: TLSContext? = nil) {
    let connection = Connection(adopting: socket, on: shard.loop, meter: output, tls: tls)
    counters.acceptedConnections.add(1)
    let count = counters.connections.current
    guard count < configuration.connectionCountMax || mayUseReserve(connection, count) else {
      return turnAway(connection, kind, hasTooMany)
    }
    let address = limitedAddress(connection.peer)
    let limit = configuration.addressConnectionCountMax
    guard address.map({ context.addresses.add($0, limit: limit) }) ?? true else {
      return turnAway(connection, kind, Self.hasTooMany(limit))
    }
    counters.connections.add(1)
    lastClientID += 1
    addresses[lastClientID] = address
    clients[lastClientID] = kind.init(id: lastClientID, connection: connection, core: self)
  }

  /// Connections beyond `connections` that are kept for the operator, who has to get in when others have taken all.
  static let reserveCountMax = 8

  private func mayUseReserve(_ connection: Connection, _ count: Int) -> Bool {
    guard let user = connection.peerProcess?.user, user == geteuid() || user == 0 else { return false }
    return count < configuration.connectionCountMax + Self.reserveCountMax
  }

  private func turnAway(_ connection: Connection, _ kind: any SocketClient.Type, _ refusal: Refusal) {
    counters.refusedConnections.add(1)
    connectionEnds.note(
      .refused(refusal.code), peer: connection.peer, "a connection is turned away: \(refusal.text)", now: shard.loop.now
    )
    kind.turnAway(connection, refusal)
  }

  /// The address whose connections are counted; nil on the same machine, and for proxies, which many are behind.
  private func limitedAddress(_ peer: String) -> String? {
    let address = ConnectionEnds.address(of: peer)
    let isHere = address.hasPrefix("127.") || address == "[::1]" || address.hasPrefix("unix socket")
    return isHere || configuration.httpProxies.contains { $0.contains(address) } ? nil : address
  }

  private static func hasTooMany(_ limit: Int) -> Refusal {
    Refusal(
      .tooManyConnections,
      """
      this address has \(Figures.count(limit, "connection", "connections")), which is its limit; close some, or raise \
      --connections-per-address
      """,
      isRetryable: true, retryAfterMilliseconds: 1_000, limit: .init("connections-per-address", UInt64(limit)))
  }

  private var hasTooMany: Refusal {
    let limit = configuration.connectionCountMax
    return Refusal(
      .tooManyConnections,
      """
      the server has \(Figures.count(limit, "connection", "connections")), which is its limit; try later, or raise \
      --connections
      """,
      isRetryable: true, retryAfterMilliseconds: 1_000, limit: .init("connections", UInt64(limit)))
  }

  /// `client` is gone.
  func forget(_ client: any ShardClient) {
    guard clients.removeValue(forKey: client.id) != nil else { return }
    counters.connections.add(-1)
    if let address = addresses.removeValue(forKey: client.id) { context.addresses.remove(address) }
    if clients.isEmpty { emptied() }
  }

  /// `client` goes on as another kind of client.
  func replace(_ client: any SocketClient, with other: any ShardClient) { clients[client.id] = other }

  private func emptied() {
    whenEmpty?()
    whenEmpty = nil
  }
}

// MARK: - Appends and turns

extension ShardCore {
  /// The appends of a turn are committed together at its end.
  private func commitAtEnd() {
    isCommitDue = true
    awaitEnd()
  }

  /// `client` has work to do that may take long.
  func awaitTurn(_ client: any ShardClient) {
    turnQueue.append(client.id)
    awaitEnd()
  }

  private func awaitEnd() {
    guard !isEndAwaited else { return }
    isEndAwaited = true
    shard.loop.executeAtEndOfTurn { [self] in
      isEndAwaited = false
      turnQueue.run { clients[$0]?.takeTurn() ?? false }
      if isCommitDue {
        isCommitDue = false
        store.commitQueued()
      }
      if !turnQueue.isEmpty { awaitEnd() }
    }
  }
}

// MARK: - What other threads bring

extension ShardCore {
  /// Has the store delete, and calls `then` on this thread, unless the shard has closed by then.
  func delete(_ deletion: Deletion, then: @escaping (Result<DeletionSummary, Refusal>) -> Void) {
    lastDeletionID += 1
    // By a number: a reference would cross threads.
    let id = lastDeletionID
    deletions[id] = then
    counters.deletions.add(1)
    store.delete(deletion) { [shard, counters] result in
      counters.deletions.add(-1)
      shard.execute { $0.deletions.removeValue(forKey: id)?(result) }
    }
  }

  /// What one commit means for this shard: answers to its clients' appends, and what its followers wait for.
  func take(replies: [Reply], runs: [CommittedRun], deleted: [StreamInfo]) {
    for reply in replies { clients[reply.token.client]?.settle(reply.token.request, reply.outcome) }
    hub.take(runs, deleted: deleted)
  }

  /// Calls `done` once, when all clients are gone, whether they finished or `duration` has passed.
  func drain(_ goAway: GoAway, within duration: Duration, done: @escaping () -> Void) {
    stopListening()
    isDraining = true
    guard !clients.isEmpty else { return done() }
    let deadline = shard.loop.schedule(after: duration) { [unowned self] in cutOff() }
    whenEmpty = {
      deadline.cancel()
      done()
    }
    for client in inOrder() { client.drain(goAway) }
  }

  /// The time for draining is over.
  func cutOff() { for client in inOrder() { client.abandon() } }
}
