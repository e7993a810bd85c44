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
      #expect(try server.run(["push", "web"], input: .file(scene.file("text", text))).exit == .code(0))
      #expect(try follower.wait() == .code(0))
      #expect(follower.output.bytes == text)
      #expect(try server.run(["query", "web", "--count", "--", "line"]).lines.first?.contains("20000") == true)
      // Its whole address does as well.
      #expect(try server.run(["streams"], via: server.url + "/api/v1/wire").exit == .code(0))
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
      try server.process.errors.waitForText("tokens were read again: there are 1")
      let url = try server.httpURL().replacingOccurrences(of: "https", with: "logs+wss")
      let secret = try #require(token.lines.first)
      let line = try scene.file("line", "a line\n".utf8)
      func run(_ words: [String], _ token: String) throws -> Finished {
        try server.run(
          words, via: url, environment: ["LOGS_CA_CERT": certificates.authority, "LOGS_TOKEN": token],
          input: .file(line))
      }
      #expect(try run(["push", "web"], secret).exit == .code(0))
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
}
