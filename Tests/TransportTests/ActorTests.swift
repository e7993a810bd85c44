import LogsTransport
import LogsWire
import Testing

/// The structure of a server shard: an actor on a loop, and sessions that belong to it.
private actor EchoShard {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private var sessions: [ObjectIdentifier: Session] = [:]
  private var listener: Listener?
  private var connection: Connection?
  nonisolated let closedCount = Counter()

  init(loop: EventLoop) { self.loop = loop }

  func listen(on endpoint: Endpoint) throws -> Endpoint {
    let listener = try Listener.listen(on: endpoint, loop: loop) { socket in
      // Formed inside the actor and called on its loop, so it is isolated to the actor implicitly.
      self.adopt(socket)
    }
    self.listener = listener
    return listener.endpoint
  }

  func adopt(_ socket: AcceptedSocket) {
    let connection = Connection(adopting: socket, on: loop)
    let session = Session(shard: self)
    sessions[ObjectIdentifier(connection)] = session
    connection.handler = session
  }

  func connect(to endpoint: Endpoint) async throws -> String {
    // A connection cannot leave its isolation through a continuation, so it is kept before the task goes on.
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      Connector.connect(to: endpoint, on: loop, timeout: .seconds(300)) { result in
        continuation.resume(with: result.map { self.connection = $0 }.mapError { $0 })
      }
    }
    let text = await withCheckedContinuation { continuation in
      connection?.handler = FirstInput { continuation.resume(returning: $0) }
      connection?.send("through an actor")
    }
    connection?.close()
    return text
  }

  fileprivate func forget(_ connection: ObjectIdentifier) {
    sessions[connection] = nil
    closedCount.add(1)
  }

  var sessionCount: Int { sessions.count }
}

/// Belongs to a shard, so it needs no lock and is not Sendable.
private final class Session: ConnectionHandler {
  private let shard: EchoShard

  init(shard: EchoShard) { self.shard = shard }

  func received(_ bytes: RawSpan, on connection: Connection) { connection.send(ByteString(copying: bytes)) }

  func closed(_ connection: Connection, reason: CloseReason) {
    let id = ObjectIdentifier(connection)
    shard.assumeIsolated { $0.forget(id) }
  }
}

private final class FirstInput: ConnectionHandler {
  private var then: ((String) -> Void)?

  init(_ then: @escaping (String) -> Void) { self.then = then }

  func received(_ bytes: RawSpan, on connection: Connection) {
    then?(ByteString(copying: bytes).text)
    then = nil
  }

  func closed(_ connection: Connection, reason: CloseReason) {}
}

/// An actor can also be the handler itself.
private actor CountingHandler: ConnectionHandler {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private var byteCount = 0
  private var waiter: CheckedContinuation<Int, Never>?

  init(loop: EventLoop) { self.loop = loop }

  nonisolated func received(_ bytes: RawSpan, on connection: Connection) {
    let count = bytes.byteCount
    assumeIsolated { $0.byteCount += count }
  }

  nonisolated func closed(_ connection: Connection, reason: CloseReason) {
    assumeIsolated { handler in
      handler.waiter?.resume(returning: handler.byteCount)
      handler.waiter = nil
    }
  }

  func count(from endpoint: Endpoint) async -> Int {
    await withCheckedContinuation { continuation in
      waiter = continuation
      Connector.connect(to: endpoint, on: loop, timeout: .seconds(300)) { result in
        if case .success(let connection) = result { connection.handler = self }
      }
    }
  }
}

@Suite struct ActorTests {
  @Test func `an actor on a loop serves and connects without leaving its isolation`() async throws {
    let server = try EventLoop.start(name: "server")
    let client = try EventLoop.start(name: "client")
    defer {
      client.stop()
      server.stop()
    }
    let shard = EchoShard(loop: server)
    let endpoint = try await shard.listen(on: localhost4)
    let other = EchoShard(loop: client)
    #expect(try await other.connect(to: endpoint) == "through an actor")
    #expect(try await shard.connect(to: endpoint) == "through an actor")
    await shard.closedCount.until { $0 >= 2 }
    #expect(await shard.sessionCount == 0)
  }

  @Test func `an actor is a handler itself`() async throws {
    let server = try await TestServer { connection, _ in
      connection.send(ByteString([UInt8](repeating: 1, count: 100_000)))
      connection.closeLingering()
    }
    let loop = try EventLoop.start(name: "client")
    defer { loop.stop() }
    #expect(await CountingHandler(loop: loop).count(from: server.endpoint) == 100_000)
  }
}
