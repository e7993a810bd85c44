internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// One event loop and the clients on it: the door through which other threads reach them.
///
/// Everything behind the door (`ShardCore`) is plain objects that belong to the loop's thread, which the compiler knows
/// as this actor's isolation.
actor Shard {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  /// Without any the shard need not hear of commits that answer no client here.
  nonisolated let subscriptionCount = SubscriptionCount()

  private var core: ShardCore?

  init(loop: EventLoop) { self.loop = loop }

  /// Runs `body` on the loop, after everything handed over before. From any thread; nothing waits.
  nonisolated func execute(_ body: @escaping @Sendable (ShardCore) -> Void) {
    loop.execute { self.assumeIsolated { shard in if let core = shard.core { body(core) } } }
  }

  func open(index: Int, context: ServerContext) { core = ShardCore(index: index, shard: self, context: context) }

  /// Listens on `endpoint`, with a socket that was handed over or a new one. Accepted sockets go to `accept`, which has
  /// shards adopt them as clients of some kind.
  ///
  /// - Returns: where it really listens.
  func listen(
    on endpoint: Endpoint, handed: HandedSocket? = nil, accept: @escaping @Sendable (AcceptedSocket) -> Void
  ) throws(TransportError) -> Endpoint {
    guard let core else { preconditionFailure("a shard listens after it has been opened") }
    return try core.listen(on: endpoint, handed: handed, loop: loop, accept: accept)
  }

  func stopListening() { core?.stopListening() }

  /// Notifies all clients that the server is stopping, and returns when they are gone or `deadline` has passed.
  func drain(_ goAway: GoAway, within duration: Duration) async {
    guard let core else { return }
    await withCheckedContinuation { continuation in
      core.drain(goAway, within: duration) { continuation.resume() }
    }
    close()
  }

  /// Nothing reaches its clients anymore.
  func close() {
    core?.close()
    core = nil
  }
}

extension Shard: HubThread {
  nonisolated var wallTime: Int64 { SystemClock.wall() }

  nonisolated var monotonicTime: Int64 { SystemClock.monotonic() }

  nonisolated func call(after delay: Duration, _ body: @escaping () -> Void) -> any DelayedCall {
    loop.schedule(after: delay, body)
  }

  nonisolated func reach(_ body: @escaping @Sendable (Hub) -> Void) { execute { body($0.hub) } }
}

extension LoopTimer: DelayedCall {}

/// What all shards share.
struct ServerContext: Sendable {
  var configuration: ServerConfiguration
  /// nil without TLS.
  var certificates: Certificates?
  let access: AccessControl
  let addresses = HolderCounts()
  let idempotencyKeys = IdempotencyKeys()
  var appendRates = AppendRates(perClient: .init(), perStream: .init())
  let store: Store
  let counters: Counters
  /// The memory of all waiting output.
  let output = OutputMeter()
  let lag = FollowerLag()
  let connectionEnds: ConnectionEnds
  let server: InstanceID
  let started: MonotonicTime
  let log: @Sendable (LogLine) -> Void
}
