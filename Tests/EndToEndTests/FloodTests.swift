import Glibc
import LogsWire
import Testing

/// Thousands of connections.
@Suite(.ownThread) struct FloodTests {
  /// Memory that a server may take permanently while it serves any number of connections one after the other.
  static let residentByteCountMax = 6 << 20

  @Test func `connections that end after the handshake, one after the other, do not use up memory`() throws {
    let count = Environment.number("LOGS_TEST_CONNECTIONS", default: 5_000)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let hello = RawClient.bytes(RawClient.hello)
      func flood(_ count: Int) throws {
        for index in 0..<count {
          let client = try RawClient(server.url)
          defer { client.close() }
          try client.send(bytes: hello)
          // Most wait for their WELCOME; some do not, and some send nonsense after it.
          if index % 10 == 0 { continue }
          if index % 10 == 1 { try client.send(bytes: [UInt8](repeating: 7, count: 64)) }
          guard case .welcome = try client.receive().message else { throw Failure("no WELCOME for \(index)") }
        }
      }
      try flood(count / 10)
      let before = try server.fact("resident_bytes")
      try flood(count)
      let after = try server.fact("resident_bytes")
      print("flood: \(count) connections, resident \(before >> 10) KiB before and \(after >> 10) KiB after")
      #expect(after < before + Self.residentByteCountMax)
      #expect(try server.fact("accepted_connections_total") >= count + count / 10)
      try expectSuccess(server.run(["status"]))
    }
  }

  @Test(
    arguments: [Message.ping(7), .stat, .list(ListRequest())].map { RawClient.bytes($0, id: $0.type == .ping ? 0 : 5) })
  func `a peer that sends requests and never reads costs bounded memory`(request: [UInt8]) throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--output-timeout", "60s"])
      let before = try server.fact("resident_bytes")
      let client = try RawClient(server.url)
      try client.handshake()
      let requests = Array(repeatElement(request, count: 1_000).joined())
      // Until the server closes, or has answered all of it.
      var sent = 0
      let flags = fcntl(client.descriptor, F_GETFL)
      _ = fcntl(client.descriptor, F_SETFL, flags | O_NONBLOCK)
      loop: while sent < 64 << 20 {
        let count = requests.withUnsafeBytes { send(client.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count > 0 {
          sent += count
        } else if errno == EAGAIN {
          var polled = pollfd(fd: client.descriptor, events: Int16(POLLOUT), revents: 0)
          guard poll(&polled, 1, Int32(Environment.patience / .milliseconds(1))) > 0 else {
            throw Failure("the server neither reads nor closes")
          }
        } else if errno != EINTR {
          break loop
        }
      }
      let after = try server.fact("resident_bytes")
      print(
        "unread answers: \(sent >> 20) MiB asked, resident \(before >> 20) MiB before, \(after >> 20) MiB after"
      )
      #expect(after < before + (40 << 20))
    }
  }
}
