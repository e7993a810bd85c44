import Foundation
import Testing

/// Tickets: what stands for a token in an address, once.
@Suite(.ownThread) struct HTTPTicketTests {
  /// A server with a token that may append and read `web/*`, and read nothing else.
  private static func play(_ body: (TestServer, _ token: String) throws -> Void) throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      let token = try scene.makeToken("web", ["append:web/*", "read:web/*"], data: data)
      try body(try TestServer(scene, TestServer.listensForHTTP + ["--heartbeat", "400ms"]), token)
    }
  }

  private static func ticket(_ server: TestServer, _ token: String) throws -> String {
    let answer = try HTTPPeer(server).ask("POST", "/api/v1/ticket", ["Authorization: Bearer \(token)"])
    guard answer.status == 200,
      let object = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any],
      let ticket = object["ticket"] as? String, object["expires_in"] as? Int == 30
    else { throw Failure("no ticket: \(answer.status) \(answer.text)") }
    return ticket
  }

  @Test func `a ticket opens one stream of events, on whichever shard, with the rights of who asked`() throws {
    try Self.play { server, token in
      let appended = try HTTPPeer(server).ask(
        "POST", "/api/v1/streams/web/a/entries", ["Authorization: Bearer \(token)", "Content-Type: text/plain"],
        body: "one")
      #expect(appended.status == 200)
      // Connections go to the shards in turn, so one of three comes to another shard than its ticket.
      for _ in 0..<3 {
        let ticket = try Self.ticket(server, token)
        #expect(ticket.hasPrefix("lgt_") && ticket.count == 47)
        let address = "/api/v1/streams/web/a/follow?limit=1&ticket=\(ticket)"
        let first = try HTTPPeer(server).get(address)
        #expect(first.status == 200 && first.text.contains("event: log"))
        let again = try HTTPPeer(server).get(address)
        #expect(again.status == 401 && again.text.contains("the ticket has been used"))
        #expect(try HTTPPeer(server).get(address).status == 401)
      }
      let other = try HTTPPeer(server).get("/api/v1/streams/other/follow?ticket=\(Self.ticket(server, token))")
      #expect(other.status == 403 && other.text.contains("token 'web' has no right to read 'other'"))
    }
  }

  @Test func `a ticket opens one WebSocket`() throws {
    try Self.play { server, token in
      for target in ["/api/v1/ws", "/api/v1/streams/web/a/follow", "/"] {
        let address = "\(target)?ticket=\(try Self.ticket(server, token))"
        #expect(try WebSocketPeer(server, address).head.status == 101, "\(target)")
        #expect(try WebSocketPeer(server, address).head.status == 401, "\(target)")
      }
      #expect(try WebSocketPeer(server, "/api/v1/ws").head.status == 401)
    }
  }

  @Test func `a ticket is no token, and is asked for with one`() throws {
    try Self.play { server, token in
      let ticket = try Self.ticket(server, token)
      let peer = try HTTPPeer(server)
      #expect(try peer.ask("POST", "/api/v1/ticket").status == 401)
      #expect(try peer.get("/api/v1/ticket", ["Authorization: Bearer \(token)"]).status == 405)
      #expect(try peer.get("/metrics", ["Authorization: Bearer \(ticket)"]).status == 401)
      // Pages are asked for with headers.
      for target in ["/api/v1/streams/web/a/entries", "/api/v1/streams", "/metrics"] {
        #expect(try peer.get("\(target)?ticket=\(ticket)").status == 400, "\(target)")
      }
      // None of that has used it.
      #expect(try WebSocketPeer(server, "/api/v1/ws?ticket=\(ticket)").head.status == 101)
    }
  }

  @Test func `a ticket ends with its token, and so does what it has opened`() throws {
    try Self.play { server, token in
      let ticket = try Self.ticket(server, token)
      let socket = try WebSocketPeer(server, "/api/v1/ws?ticket=\(Self.ticket(server, token))")
      #expect(socket.head.status == 101)
      let revoked = try server.scene.run(Binaries.logsd, ["token", "revoke", "web", "--data", server.data])
      #expect(revoked.exit == .code(0))
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("tokens were read again: 0 tokens")
      let late = try HTTPPeer(server).get("/api/v1/streams/web/a/follow?ticket=\(ticket)")
      #expect(late.status == 401 && late.text.contains("token 'web' was revoked"))
      #expect(try socket.object()["type"] as? String == "error")
      #expect(try socket.next() == .closed(1008))
    }
  }
}
