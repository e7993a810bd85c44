import Foundation
import Glibc
import LogsStore
import LogsSystem
import LogsTransport
import LogsWire
import Testing

@testable import LogsServer

/// Who may delete, and how many deletions a server takes.
@Suite struct DeletingTests {
  /// A shard with a store, which listens on TCP and on a Unix socket.
  private struct Scene {
    let directory = NSTemporaryDirectory() + "deleting-\(UInt64.random(in: 0 ... .max))"
    let counters = Counters()
    let store: Store
    let shard: Shard
    let tcp: Endpoint
    let unix: Endpoint

    init() async throws {
      let router = CommitRouter()
      store = try Store.open(StoreConfiguration(directory: directory), sink: router)
      let log: @Sendable (LogLine) -> Void = { _ in }
      let access = try AccessControl(
        directory: directory, unixAllow: NamedRights(), certificateAllow: NamedRights(), log: log)
      let context = ServerContext(
        configuration: ServerConfiguration(), access: access, store: store, counters: counters,
        connectionEnds: ConnectionEnds(log: log), server: .random(), started: .now(), log: log)
      let shard = Shard(loop: try EventLoop.start(name: "shard"))
      self.shard = shard
      await shard.open(index: 0, context: context)
      router.open([shard])
      let accept: @Sendable (AcceptedSocket) -> Void = { socket in
        shard.execute { $0.adopt(socket, as: ServerConnection.self) }
      }
      tcp = try await shard.listen(on: .tcp(host: "127.0.0.1", port: 0), accept: accept)
      unix = try await shard.listen(
        on: .unix(path: "/tmp/deleting-\(UInt32.random(in: 0 ... .max)).sock"), accept: accept)
    }

    func end() {
      shard.loop.stop()
      store.close()
      do { try FileManager.default.removeItem(atPath: directory) } catch { Issue.record(error) }
    }

    /// The answer to a DELETE over a connection of its own.
    func answer(_ request: DeleteRequest, over endpoint: Endpoint) throws -> Refusal? {
      let peer = Peer(endpoint)
      peer.send(ClientSession.hello(client: "c", token: "").head.array)
      peer.send(Message.delete(request).frame(id: 1).head.array)
      peer.endOutput()
      return try peer.messages().compactMap { if case .error(let refusal) = $0 { refusal } else { nil } }.first
    }
  }

  private static func request(_ name: String = "web", isDryRun: Bool = false) throws -> DeleteRequest {
    DeleteRequest(
      stream: try name.hasPrefix("$") ? StreamName(server: name) : StreamName(name), isDryRun: isDryRun)
  }

  /// Whether the store has refused, which has no such stream, or does not delete yet.
  private static func isTheStores(_ refusal: Refusal?) -> Bool {
    refusal?.code == .unknownStream || refusal?.code == .unsupported
  }

  @Test func `over TCP nobody may delete, not even ask what would go`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    for isDryRun in [false, true] {
      let refusal = try scene.answer(Self.request(isDryRun: isDryRun), over: scene.tcp)
      #expect(refusal?.code == .forbidden && refusal?.isRetryable == false)
      #expect(refusal?.text.contains("Unix socket") == true && refusal?.text.contains("root") == true)
    }
  }

  @Test func `the server's own streams cannot be deleted, others by its own user can`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    for isDryRun in [false, true] {
      let own = try scene.answer(Self.request("$audit", isDryRun: isDryRun), over: scene.unix)
      #expect(own?.code == .forbidden && own?.text.contains("$audit") == true)
      #expect(Self.isTheStores(try scene.answer(Self.request(isDryRun: isDryRun), over: scene.unix)))
    }
    #expect(scene.counters.deletions.current == 0)
  }

  @Test func `a server has a limit for the deletions under way, which dry runs do not count for`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    scene.counters.deletions.add(Limits.deletionCountMax)
    let refusal = try scene.answer(Self.request(), over: scene.unix)
    #expect(refusal?.code == .overloaded && refusal?.isRetryable == true)
    #expect(refusal?.limit == Refusal.Limit("deletions", 64))
    #expect(Self.isTheStores(try scene.answer(Self.request(isDryRun: true), over: scene.unix)))
    scene.counters.deletions.add(-1)
    #expect(Self.isTheStores(try scene.answer(Self.request(), over: scene.unix)))
    #expect(scene.counters.deletions.current == Limits.deletionCountMax - 1)
  }

  @Test func `the process at the other end of a Unix socket is known, and of TCP none`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let found = Monitor<[(process: Int32, user: UInt32)?]>([])
    let accept: @Sendable (AcceptedSocket) -> Void = { socket in
      found.withLock { $0.append(socket.process.map { ($0.number, $0.user) }) }
      found.signal()
    }
    let path = "/tmp/deleting-\(UInt32.random(in: 0 ... .max)).sock"
    let unix = try await scene.shard.listen(on: .unix(path: path), accept: accept)
    let tcp = try await scene.shard.listen(on: .tcp(host: "127.0.0.1", port: 0), accept: accept)
    _ = Peer(unix)
    let first = found.wait(timeout: .seconds(30)) { $0.first }
    #expect(first??.process == getpid() && first??.user == geteuid())
    _ = Peer(tcp)
    let second = found.wait(timeout: .seconds(30)) { $0.dropFirst().first }
    #expect(second != nil && second! == nil)
  }
}
