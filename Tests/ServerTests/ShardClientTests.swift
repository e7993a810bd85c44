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

    /// - Parameter token: the only one that there is; without one none is needed.
    init(connectionCountMax: Int = 10, token: String? = nil) async throws {
      let router = CommitRouter()
      store = try Store.open(StoreConfiguration(directory: directory), sink: router)
      var configuration = ServerConfiguration()
      configuration.connectionCountMax = connectionCountMax
      let log: @Sendable (LogLine) -> Void = { _ in }
      if let token {
        try TokenFile(directory: directory).change { tokens in
          tokens.append(
            Token(name: "t", hash: TokenHash(of: token), created: 0, grants: [.init(.admin)]))
        }
      }
      let access = try AccessControl(
        directory: directory, unixAllow: NamedRights(), certificateAllow: NamedRights(), log: log)
      let context = ServerContext(
        configuration: configuration, access: access, store: store, counters: Counters(),
        connectionEnds: ConnectionEnds(log: log),
        server: .random(), started: .now(), log: log)
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
    arguments: [(true, [.welcome, .status]), (false, [.error])] as [(Bool, [FrameType])])
  func `a client that has closed its side waits for the decision about it, and gets its answers`(
    isTokenRight: Bool, expected: [FrameType]
  ) async throws {
    let scene = try await Scene(token: "right")
    defer { scene.end() }
    let peer = Peer(scene.frames)
    let hello = ClientSession.hello(client: "c", token: isTokenRight ? "right" : "wrong")
    peer.send(hello.head.array + Message.stat.frame(id: 1).head.array)
    // The answer to a wrong token comes later than this.
    peer.endOutput()
    #expect(try peer.frameTypes() == expected)
  }
}
