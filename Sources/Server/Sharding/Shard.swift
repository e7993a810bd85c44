internal import LogsStore
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// One event loop and the connections on it: the door through which other threads reach them.
///
/// Everything behind the door (`ShardDesk`) is plain objects that belong to the loop's thread, which the compiler knows as
/// this actor's isolation.
actor Shard {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  /// The shard's subscriptions; with none it need not hear of commits that answer nobody here.
  ///
  /// A subscription is counted before it looks at the catalog, which is published before a commit looks at this: a commit that
  /// passes the shard by is one whose head the subscription has seen. That takes sequential consistency: each side writes,
  /// then reads what the other has written.
  nonisolated let subscriptionCount = Atomic<Int>(0)

  private var desk: ShardDesk?

  init(loop: EventLoop) { self.loop = loop }

  /// Runs `body` on the loop, after everything handed over before. From any thread; nothing waits.
  nonisolated func execute(_ body: @escaping @Sendable (ShardDesk) -> Void) {
    loop.execute { self.assumeIsolated { shard in if let desk = shard.desk { body(desk) } } }
  }

  func open(index: Int, context: ServerContext) { desk = ShardDesk(index: index, shard: self, context: context) }

  /// Listens on `endpoint`; accepted sockets go to `accept`.
  ///
  /// - Returns: where it really listens.
  func listen(
    on endpoint: Endpoint, accept: @escaping @Sendable (AcceptedSocket) -> Void
  ) throws(TransportError) -> Endpoint {
    guard let desk else { preconditionFailure("a shard listens after it has been opened") }
    return try desk.listen(on: endpoint, loop: loop, accept: accept)
  }

  func stopListening() { desk?.stopListening() }

  /// Tells all clients that the server stops, and returns when they are gone or `deadline` has passed.
  func drain(_ goAway: GoAway, within duration: Duration) async {
    guard let desk else { return }
    await withCheckedContinuation { continuation in
      desk.drain(goAway, within: duration) { continuation.resume() }
    }
    close()
  }

  /// Nothing reaches its connections any more.
  func close() {
    desk?.close()
    desk = nil
  }
}

/// What all shards share.
struct ServerContext: Sendable {
  let settings: ServerSettings
  let store: Store
  let counters: Counters
  /// The memory of all output that waits.
  let output = OutputMeter()
  let connectionEnds: ConnectionEnds
  let server: InstanceID
  let started: MonotonicTime
  let log: @Sendable (String) -> Void
}
