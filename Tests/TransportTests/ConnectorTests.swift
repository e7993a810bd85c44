import Glibc
import LogsWire
import Testing

@testable import LogsTransport

@Suite struct ConnectorTests {
  private func failure(
    to endpoint: Endpoint, timeout: Duration = .seconds(300)
  ) async throws -> TransportError? {
    let loop = try EventLoop.start(name: "client")
    defer { loop.stop() }
    do throws(any Error) {
      try await loop.connect(to: endpoint, timeout: timeout) { _, _ in }
      return nil
    } catch {
      return error as? TransportError
    }
  }

  /// A port that nobody listens on, reserved while `body` runs.
  private func withClosedPort<Result>(_ body: (UInt16) async throws -> Result) async throws -> Result {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(number, $0, size)
        getsockname(number, $0, &size)
      }
    }
    return try await body(UInt16(bigEndian: address.sin_port))
  }

  @Test func `a closed port is refused with advice`() async throws {
    try await withClosedPort { port in
      let error = try await failure(to: .tcp(host: "127.0.0.1", port: port))
      #expect(error?.code == .refused)
      #expect(error?.cause?.number == ECONNREFUSED)
      #expect(
        error?.message
          == "connecting to logs://127.0.0.1:\(port) failed: connection refused; check that a server listens there")
    }
  }

  @Test func `a Unix socket that does not exist is refused`() async throws {
    let error = try await failure(to: .unix(path: "/tmp/no-such-directory/socket"))
    #expect(error?.code == .refused)
    #expect(error?.isRetryable == true)
    #expect(error?.message.contains("no such file or directory") == true)
  }

  @Test func `an unknown host is named`() async throws {
    let error = try await failure(to: .tcp(host: "does-not-exist.invalid", port: 1))
    #expect(error?.code == .nameNotFound || error?.code == .timedOut)
    #expect(error?.message.contains("does-not-exist.invalid") == true)
  }

  @Test func `a name is looked up`() async throws {
    let server = try await TestServer(on: localhost4) { connection, _ in connection.send("hi") }
    #expect(try await failure(to: .tcp(host: "localhost", port: server.port)) == nil)
  }

  /// Connects to a host that has `addresses`; the peer that was reached, or the failure.
  private func connect(toOneOf addresses: [(host: String, port: UInt16)]) async throws -> Result<String, TransportError>
  {
    let loop = try EventLoop.start(name: "client")
    defer { loop.stop() }
    return await withCheckedContinuation { continuation in
      loop.execute {
        _ = ConnectAttempt(
          endpoint: .tcp(host: "many", port: 1), loop: loop, timeout: .seconds(300),
          resolve: { _, _ throws(TransportError) in
            var all: [SocketAddress] = []
            for (host, port) in addresses { all += try SocketAddress.resolve(host: host, port: port) }
            return all
          },
          completion: { continuation.resume(returning: $0.map(\.peer)) })
      }
    }
  }

  @Test func `if the first address fails the next one is tried at once`() async throws {
    let server = try await TestServer(on: .tcp(host: "::1", port: 0)) { _, _ in }
    try await withClosedPort { closed in
      let peer = try await connect(toOneOf: [("127.0.0.1", closed), ("::1", server.port)])
      #expect(peer == .success("[::1]:\(server.port)"))
    }
  }

  @Test func `if the first address is silent the next one is tried in parallel`() async throws {
    let server = try await TestServer(on: localhost4) { _, _ in }
    try await withSilentPort { silent in
      let peer = try await connect(toOneOf: [("127.0.0.1", silent), ("127.0.0.1", server.port)])
      #expect(peer == .success("127.0.0.1:\(server.port)"))
    }
  }

  @Test func `if all addresses fail each is reported with its reason`() async throws {
    try await withClosedPort { closed in
      let result = try await connect(toOneOf: [("127.0.0.1", closed), ("::1", closed)])
      guard case .failure(let error) = result else {
        Issue.record("nobody listens there")
        return
      }
      #expect(error.code == .refused)
      #expect(
        error.message
          == "connecting to logs://many:1 failed: connection refused ([::1]:\(closed): connection refused); "
          + "check that a server listens there"
      )
    }
  }

  /// A port whose queue is full; the system silently drops further attempts.
  private func withSilentPort<Result>(_ body: (UInt16) async throws -> Result) async throws -> Result {
    let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listening) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(listening, $0, size)
        getsockname(listening, $0, &size)
      }
    }
    listen(listening, 0)
    let port = UInt16(bigEndian: address.sin_port)
    let first = try RawPeer(port: port)
    let result = try await body(port)
    _ = first.number
    return result
  }

  @Test func `an attempt without an answer ends at the deadline`() async throws {
    try await withSilentPort { port in
      let error = try await failure(to: .tcp(host: "127.0.0.1", port: port), timeout: .milliseconds(50))
      #expect(error?.code == .timedOut)
      #expect(error?.message.contains("no answer within 0.05 seconds") == true)
    }
  }

  @Test func `a Unix socket with a full queue is tried until there is room`() async throws {
    let directory = try TemporaryDirectory()
    let path = "\(directory.path)/socket"
    let listening = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listening) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    withUnsafePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listening, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    listen(listening, 0)
    let first = try RawPeer(unix: path)
    #expect(try await failure(to: .unix(path: path), timeout: .milliseconds(50))?.code == .timedOut)
    close(accept(listening, nil, nil))
    #expect(try await failure(to: .unix(path: path)) == nil)
    _ = first.number
  }

  @Test func `a cancelled attempt reports nothing, a stopped loop is reported`() async throws {
    let loop = try EventLoop.start(name: "client")
    let cancelled = LoopBox<Bool>(true)
    let outcome = LoopBox<TransportError?>(nil)
    await loop.run {
      let attempt = Connector.connect(
        to: .tcp(host: "localhost", port: 1), on: loop, timeout: .seconds(300)
      ) { _ in cancelled.value = false }
      attempt.cancel()
      attempt.cancel()
      Connector.connect(to: .tcp(host: "does-not-exist.invalid", port: 1), on: loop, timeout: .seconds(300)) {
        if case .failure(let error) = $0 { outcome.value = error }
      }
    }
    loop.stop()
    #expect(cancelled.value)
    #expect(outcome.value?.code == .loopStopped || outcome.value?.code == .nameNotFound)
  }

  @Test func `connecting on a stopped loop fails`() async throws {
    let loop = try EventLoop.start(name: "client")
    loop.stop()
    let error = await #expect(throws: TransportError.self) {
      try await loop.connect(to: .tcp(host: "127.0.0.1", port: 1)) { _, _ in }
    }
    #expect(error?.code == .loopStopped)
  }
}
