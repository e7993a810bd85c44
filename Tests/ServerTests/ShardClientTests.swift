import Foundation
import Glibc
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

    init(connectionCountMax: Int) async throws {
      let router = CommitRouter()
      store = try Store.open(StoreConfiguration(directory: directory), sink: router)
      var configuration = ServerConfiguration()
      configuration.connectionCountMax = connectionCountMax
      let log: @Sendable (String) -> Void = { _ in }
      let context = ServerContext(
        configuration: configuration, store: store, counters: Counters(), connectionEnds: ConnectionEnds(log: log),
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

  /// A blocking socket.
  private final class Peer {
    private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

    init(_ endpoint: Endpoint) {
      guard case .tcp(_, let port) = endpoint else { preconditionFailure("the scene listens on TCP") }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      #expect(status == 0)
      var patience = timeval(tv_sec: 30, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
      #expect(Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    /// The next bytes up to a line's end, or as many as requested, or the rest when the other side closes.
    func read(count: Int = .max) -> [UInt8] {
      var bytes: [UInt8] = []
      var byte: UInt8 = 0
      while bytes.count < count, recv(descriptor, &byte, 1, 0) == 1 {
        if byte == UInt8(ascii: "\n"), count == .max { break }
        bytes.append(byte)
      }
      return bytes
    }

    func line() -> String { String(decoding: read(), as: UTF8.self) }

    func say(_ line: String) -> String {
      send(Array("\(line)\n".utf8))
      return self.line()
    }
  }

  @Test func `a client without producer numbers appends beside one that speaks frames`() async throws {
    let scene = try await Scene(connectionCountMax: 10)
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

  @Test func `each kind rejects clients in its own format, and ends when the server stops`() async throws {
    let scene = try await Scene(connectionCountMax: 2)
    defer { scene.end() }
    let (door, peer) = (Peer(scene.lines), Peer(scene.frames))
    #expect(door.say("a") == "1 stored as 1")
    peer.send(ClientSession.hello(client: "c", token: "").head.array)
    #expect(peer.read(count: 5).last == 2, "WELCOME")
    #expect(Peer(scene.lines).line() == "too_many_connections")
    #expect(Peer(scene.frames).read(count: 5).last == 3, "ERROR")
    await scene.shard.drain(GoAway(retryAfterMilliseconds: 0, text: "stopping"), within: .seconds(30))
    #expect(door.line() == "stopping")
  }
}
