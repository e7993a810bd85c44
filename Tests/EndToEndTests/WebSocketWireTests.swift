import Foundation
import Testing

/// The protocol's frames in a WebSocket: `logs+ws://` and `logs+wss://`.
@Suite(.ownThread) struct WebSocketWireTests {
  @Test func `push, follow and query work through the door for the web`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .web)
      let follower = try server.start(["follow", "web", "-n", "all", "-o", "raw", "--limit", "20000"])
      let lines = (1...20_000).map { "line \($0) \(String(repeating: "x", count: $0 % 300))" }
      let text = Array((lines.joined(separator: "\n") + "\n").utf8)
      try expectSuccess(server.run(["push", "web"], input: .file(scene.file("text", text))))
      #expect(try follower.wait() == .code(0))
      #expect(follower.output.bytes == text)
      #expect(try server.run(["query", "web", "--count", "--", "line"]).lines.first?.contains("20000") == true)
      // Its whole address does as well.
      try expectSuccess(server.run(["streams"], via: server.url + "/api/v1/wire"))
    }
  }

  @Test func `with TLS and tokens, HELLO says who the client is`() throws {
    try Scene.play { scene in
      let certificates = try TestCertificates(scene)
      let flags = try certificates.serverFlags("localhost", "DNS:localhost,IP:127.0.0.1")
      let server = try TestServer(scene, flags + ["--listen-https", "127.0.0.1:0"])
      let token = try scene.run(
        Binaries.logsd,
        ["token", "create", "--data", server.data, "--name", "w", "--allow", "append:web", "--allow", "read:web"])
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("tokens were read again: 1 token")
      let url = try server.httpURL().replacingOccurrences(of: "https", with: "logs+wss")
      let secret = try #require(token.lines.first)
      let line = try scene.file("line", "a line\n".utf8)
      func run(_ words: [String], _ token: String) throws -> Finished {
        try server.run(
          words, via: url, environment: ["LOGS_CA_CERT": certificates.authority, "LOGS_TOKEN": token],
          input: .file(line))
      }
      try expectSuccess(run(["push", "web"], secret))
      #expect(try run(["push", "other"], secret).exit == .code(4))
      #expect(try run(["query", "web", "-o", "raw"], secret).text == "a line\n")
      #expect(try run(["query", "web"], secret + "x").exit == .code(4))
    }
  }

  @Test func `pages of other sites, and hosts that are not known, get no WebSocket`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      let foreign = try WebSocketPeer(server, "/api/v1/wire", ["Origin: http://evil.example"])
      #expect(foreign.head.status == 403)
      let ours = try WebSocketPeer(server, "/api/v1/wire", ["Origin: http://localhost"])
      #expect(ours.head.status == 101)
      // Text is none of the protocol.
      try ours.send("hello")
      #expect(try ours.next() == .closed(1003))
    }
  }

  @Test func `what is no WebSocket is named, with what it answered`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .web)
      let below = try server.run(["streams"], via: server.url + "/below")
      #expect(below.exit == .code(3))
      #expect(below.errors.contains("/below/api/v1/wire: it answered 'HTTP/1.1 404 Not Found'; check the address"))
      #expect(below.errorLines.count == 1)
    }
  }

  /// A message of the size that its head says, as far as it goes. The mask is 0, which changes nothing.
  private static func message(_ byteCount: Int, _ content: [UInt8]) -> [UInt8] {
    let length = (0..<8).reversed().map { UInt8(truncatingIfNeeded: byteCount >> (8 * $0)) }
    return [0x82, 0x80 | 127] + length + [0, 0, 0, 0] + content
  }

  @Test func `a message has at most 16 MiB, and a larger one is closed with 1009`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      let limit = 16 << 20
      let hello = RawClient.bytes(RawClient.hello)
      let allowed = try WebSocketPeer(server, "/api/v1/wire")
      try allowed.peer.send(Self.message(limit, hello + [UInt8](repeating: 0, count: limit - hello.count)))
      // It is read: HELLO is answered, and what stands behind it is no frame.
      guard case .binary = try allowed.next() else { throw Failure("no WELCOME") }
      let larger = try WebSocketPeer(server, "/api/v1/wire")
      try larger.peer.send(Self.message(limit + 1, hello))
      #expect(try larger.next() == .closed(1009))
    }
  }

  @Test func `TLS where there is none, and the reverse, say what to write`() throws {
    try Scene.play { scene in
      let certificates = try TestCertificates(scene)
      let flags = try certificates.serverFlags("localhost", "DNS:localhost,IP:127.0.0.1")
      let tls = try TestServer(
        scene, flags + ["--listen-https", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"], name: "tls")
      let plain = try TestServer(scene, TestServer.listensForHTTP, name: "plain")
      func refusal(_ url: String) throws -> String {
        // It would have no effect without TLS, which a client says.
        let environment = url.hasPrefix("logs+wss") ? ["LOGS_CA_CERT": certificates.authority] : [:]
        let asked = try plain.run(["streams"], via: url, environment: environment)
        #expect(asked.exit == .code(3))
        #expect(asked.errorLines.count == 1, "\(asked.errors)")
        return asked.errors
      }
      let secure = try tls.httpURL().replacing("https://", with: "")
      #expect(try refusal("logs+ws://\(secure)").contains("it speaks TLS; write logs+wss://\(secure)"))
      try tls.process.output.waitForText("ready logs+tls")
      let frames = tls.process.output.lines.first { $0.contains("logs+tls://") } ?? ""
      let address = String(frames.dropFirst("ready logs+tls://".count))
      #expect(try refusal("logs+ws://\(address)").contains("it speaks TLS; write logs+tls://\(address)"))
      let open = try plain.httpURL().replacing("http://", with: "")
      #expect(try refusal("logs+wss://\(open)/logs").contains("does not speak TLS there; write logs+ws://\(open)/logs"))
    }
  }
}
