import Glibc
import LogsTransport
import LogsWire
import Testing

@Suite struct ListenerTests {
  private func failure(on endpoint: Endpoint) async throws -> TransportError? {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    return await loop.run {
      do throws(TransportError) {
        _ = try Listener.listen(on: endpoint, loop: loop) { _ in }
        return nil
      } catch {
        return error
      }
    }
  }

  @Test func `the error for a port in use names the port and says what to do`() async throws {
    let server = try await TestServer(on: localhost4) { _, _ in }
    let error = try await failure(on: server.endpoint)
    #expect(error?.code == .addressInUse)
    #expect(
      error?.message
        == "cannot listen on logs://127.0.0.1:\(server.port): address already in use; "
        + "another process listens on port \(server.port): stop it, or choose another port"
    )
  }

  @Test func `an address of another machine and an unknown host are named`() async throws {
    let foreign = try await failure(on: .tcp(host: "192.0.2.1", port: 0))
    #expect(foreign?.code == .addressNotAvailable)
    let unknown = try await failure(on: .tcp(host: "does-not-exist.invalid", port: 0))
    #expect(unknown?.code == .nameNotFound)
    #expect(unknown?.message.contains("does-not-exist.invalid") == true)
  }

  @Test func `a path that is too long is refused with its limit`() async throws {
    let error = try await failure(on: .unix(path: "/tmp/" + String(repeating: "x", count: 103)))
    #expect(error?.code == .pathTooLong)
    #expect(error?.message.contains("at most 107 bytes, this one has 108") == true)
    #expect(
      try await failure(on: .unix(path: "/proc/none/" + String(repeating: "x", count: 96)))?.code
        == .addressNotAvailable
    )
  }

  @Test func `the socket file of a dead server is replaced, one in use is not`() async throws {
    let directory = try TemporaryDirectory()
    let path = "\(directory.path)/socket"
    // A socket bound and closed leaves its file.
    let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    withUnsafePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    close(stale)
    #expect(access(path, F_OK) == 0)

    let server = try await TestServer(on: .unix(path: path)) { connection, _ in connection.send("hello") }
    let error = try await failure(on: server.endpoint)
    #expect(error?.code == .addressInUse)
    #expect(error?.message.contains("another process listens there") == true)
    #expect(String(decoding: try RawPeer(unix: path).read(5), as: UTF8.self) == "hello")
    await server.closeListener()
    #expect(access(path, F_OK) != 0)
  }

  @Test func `a file that is not a socket is left alone`() async throws {
    let directory = try TemporaryDirectory()
    let path = "\(directory.path)/precious"
    close(open(path, O_CREAT | O_WRONLY, 0o600))
    let error = try await failure(on: .unix(path: path))
    #expect(error?.message.contains("is no socket, so it is left alone") == true)
    #expect(access(path, F_OK) == 0)
  }

  @Test func `accepted sockets can live on another loop, and are closed if nobody takes them`() async throws {
    let listening = try EventLoop.start(name: "listener")
    let shard = try EventLoop.start(name: "shard")
    defer {
      listening.stop()
      shard.stop()
    }
    let count = Counter()
    let endpoint = try await listening.run {
      try Listener.listen(on: localhost4, loop: listening) { socket in
        count.add(1)
        guard count.value == 1 else { return }
        shard.execute {
          let connection = Connection(adopting: socket, on: shard)
          connection.send(ByteString(connection.loop.name))
          connection.closeLingering()
        }
      }.endpoint
    }
    guard case .tcp(_, let port) = endpoint else { return }
    #expect(String(decoding: try RawPeer(port: port).readToEnd().bytes, as: UTF8.self) == "shard")
    #expect(try RawPeer(port: port).readToEnd().bytes.isEmpty)
  }
}
