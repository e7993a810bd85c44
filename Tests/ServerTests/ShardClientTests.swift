import Foundation
import LogsStore
import LogsSystem
import LogsTransport
import LogsWire
import Testing

@testable import LogsServer

/// Clients of several kinds on one shard.
@Suite struct ShardClientTests {
  /// A shard with a store, which listens for lines and for frames.
  private struct Scene {
    let directory = NSTemporaryDirectory() + "shard-\(UInt64.random(in: 0 ... .max))"
    let store: Store
    let shard: Shard
    let lines: Endpoint
    let frames: Endpoint

    /// - Parameter doorman: decides about the clients that speak frames; without one all are accepted.
    init(connectionCountMax: Int = 10, doorman: Doorman? = nil) async throws {
      let router = CommitRouter()
      store = try Store.open(StoreConfiguration(directory: directory), sink: router)
      var configuration = ServerConfiguration()
      configuration.connectionCountMax = connectionCountMax
      let log: @Sendable (String) -> Void = { _ in }
      var context = ServerContext(
        configuration: configuration, store: store, counters: Counters(), connectionEnds: ConnectionEnds(log: log),
        server: .random(), started: .now(), log: log)
      if let doorman { context.authorize = { doorman.ask($1, $2) } }
      let shard = Shard(loop: try EventLoop.start(name: "shard"))
      self.shard = shard
      await shard.open(index: 0, context: context)
      router.open([shard])
      lines = try await shard.listen(on: .tcp(host: "127.0.0.1", port: 0)) { socket in
        shard.execute { $0.adopt(socket, as: LineDoor.self) }
      }
      frames = try await shard.listen(on: .tcp(host: "127.0.0.1", port: 0)) { socket in
        shard.execute { $0.adopt(socket, as: ServerConnection.self) }
      }
    }

    func end() {
      shard.loop.stop()
      store.close()
      do { try FileManager.default.removeItem(atPath: directory) } catch { Issue.record(error) }
    }
  }

  /// Decides about one client, when told to.
  ///
  /// Invariant behind `@unchecked Sendable`: `decide` is touched on the shard's loop alone.
  private final class Doorman: @unchecked Sendable {
    let token = Monitor<String?>(nil)
    private var decide: ((ServerSession.Decision) -> Void)?

    func ask(_ token: String, _ decide: @escaping (ServerSession.Decision) -> Void) {
      self.decide = decide
      self.token.withLock { $0 = token }
      self.token.signal()
    }

    func answer(_ decision: ServerSession.Decision) { decide?(decision) }
  }

  @Test func `a client without producer numbers appends beside one that speaks frames`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let (first, second) = (Peer(scene.lines), Peer(scene.lines))
    #expect(first.say("a") == "1 stored as 1")
    #expect(second.say("b") == "1 stored as 2")
    #expect(first.say("damage") == "2 bad_batch")
    // No client misses a number that was refused.
    #expect(first.say("c") == "3 stored as 3")
    #expect(second.say("d") == "2 stored as 4")
    #expect(scene.store.stream(named: try StreamName(LineDoor.stream))?.head == 4)

    let peer = Peer(scene.frames)
    let hello = ClientSession.hello(client: "c", token: "")
    peer.send(hello.head.array)
    #expect(peer.read(count: 5).last == 2, "WELCOME")
  }

  @Test func `each kind rejects clients in its own format, and a stop waits for those it has until it is cut off`()
    async throws
  {
    let scene = try await Scene(connectionCountMax: 2)
    defer { scene.end() }
    let (door, peer) = (Peer(scene.lines), Peer(scene.frames))
    #expect(door.say("a") == "1 stored as 1")
    peer.send(ClientSession.hello(client: "c", token: "").head.array)
    #expect(peer.read(count: 5).last == 2, "WELCOME")
    #expect(Peer(scene.lines).line() == "too_many_connections")
    #expect(Peer(scene.frames).read(count: 5).last == 3, "ERROR")
    let isDrained = Monitor(false)
    scene.shard.execute { core in
      core.drain(GoAway(retryAfterMilliseconds: 0, text: "stopping"), within: .seconds(3600)) {
        isDrained.withLock { $0 = true }
        isDrained.signal()
      }
    }
    #expect(door.line() == "stopping")
    // Nothing else ends the wait in time: the door's peer does not close.
    scene.shard.execute { $0.cutOff() }
    #expect(isDrained.wait(timeout: .seconds(30)) { $0 ? true : nil } == true)
  }

  @Test(
    arguments: [
      (.accepted, [.welcome, .status]), (.refused(Refusal(.unauthorized, "a test")), [.error]),
    ] as [(ServerSession.Decision, [FrameType])])
  func `a client that has closed its side waits for the decision about it, and gets its answers`(
    decision: ServerSession.Decision, expected: [FrameType]
  ) async throws {
    let doorman = Doorman()
    let scene = try await Scene(doorman: doorman)
    defer { scene.end() }
    let peer = Peer(scene.frames)
    peer.send(ClientSession.hello(client: "c", token: "t").head.array + Message.stat.frame(id: 1).head.array)
    peer.endOutput()
    #expect(doorman.token.wait(timeout: .seconds(30)) { $0 } == "t")
    // The shard has noticed the end of the input after a turn that began behind it.
    for _ in 1...2 { await withCheckedContinuation { turn in scene.shard.execute { _ in turn.resume() } } }
    scene.shard.execute { _ in doorman.answer(decision) }
    #expect(try peer.frameTypes() == expected)
  }
}
