import Foundation
import LogsTransport
import Testing

/// Following over WebSockets.
@Suite(.ownThread) struct WebSocketDoorTests {
  private static func play(_ flags: [String] = [], _ body: (TestServer) throws -> Void) throws {
    try Scene.play { scene in try body(try TestServer(scene, TestServer.listensForHTTP + flags)) }
  }

  private static func append(_ server: TestServer, _ stream: String, _ lines: [String]) throws {
    let answer = try HTTPPeer(server).ask(
      "POST", "/api/v1/streams/\(stream)/entries", ["Content-Type: text/plain"],
      body: lines.joined(separator: "\n"))
    #expect(answer.status == 200, "\(answer.text)")
  }

  @Test(arguments: [false, true])
  func `the address of a follow gives one object a frame`(isCompressed: Bool) throws {
    try Self.play { server in
      try Self.append(server, "web", ["one", "two"])
      let socket = try WebSocketPeer(server, "/api/v1/streams/web/follow", isCompressed: isCompressed)
      #expect(socket.head.status == 101)
      #expect(socket.head.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      #expect((socket.head.headers["sec-websocket-extensions"] != nil) == isCompressed)
      #expect(try [socket.object(), socket.object()].map { $0["message"] as? String } == ["one", "two"])
      try Self.append(server, "web", ["three \u{1f600}"])
      #expect(try socket.object()["message"] as? String == "three \u{1f600}")
      let bounded = try WebSocketPeer(server, "/api/v1/streams/web/follow?after=1&limit=2")
      #expect(try [bounded.object(), bounded.object()].map { $0["seq"] as? Int } == [2, 3])
      #expect(try bounded.next() == .closed(1000))
      #expect(bounded.peer.hasEnded())
    }
  }

  @Test func `subscriptions share a socket, are paused, and go on where they were`() throws {
    try Self.play { server in
      try Self.append(server, "web", ["one", "two"])
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["web"],"last":1}"#)
      #expect(try socket.object()["type"] as? String == "subscribed")
      let first = try socket.object()
      #expect(first["type"] as? String == "log" && first["id"] as? String == "a" && first["stream"] as? String == "web")
      let cursor = try #require(first["cursor"] as? String)
      #expect(try socket.object()["type"] as? String == "live")

      try socket.send(#"{"type":"pause","id":"a"}"#)
      try socket.send(#"{"type":"subscribe","id":"b","streams":["w*"],"last":0}"#)
      #expect(try [socket.object(), socket.object()].map { $0["type"] as? String } == ["subscribed", "live"])
      try Self.append(server, "web", ["three", "four"])
      #expect(try [socket.object(), socket.object()].map { $0["id"] as? String } == ["b", "b"])
      try socket.send(#"{"type":"unsubscribe","id":"b"}"#)
      let end = try socket.object()
      #expect(end["type"] as? String == "complete" && end["id"] as? String == "b")
      try socket.send(#"{"type":"resume","id":"a"}"#)
      #expect(try [socket.message(), socket.message()] == ["three", "four"])

      let other = try WebSocketPeer(server, "/api/v1/ws")
      try other.send(#"{"type":"subscribe","id":"x","streams":["web"],"after":{"web":"\#(cursor)"},"limit":2}"#)
      #expect(try other.object()["type"] as? String == "subscribed")
      #expect(try [other.message(), other.message()] == ["three", "four"])
      #expect(try other.object()["type"] as? String == "complete")
    }
  }

  @Test func `level, source and search are short for filters`() throws {
    try Self.play { server in
      try Self.append(server, "web", ["one", "two", "three"])
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["web"],"search":"two"}"#)
      _ = try socket.object()
      #expect(try socket.message() == "two")
      #expect(try socket.object()["type"] as? String == "live")
      let follow = try WebSocketPeer(server, "/api/v1/streams/web/follow?search=three&limit=1")
      #expect(try follow.object()["message"] as? String == "three")
    }
  }

  @Test func `credit bounds what is sent`() throws {
    try Self.play { server in
      for number in 1...6 { try Self.append(server, "web", ["\(number)"]) }
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["web"],"credit":2}"#)
      #expect(try socket.object()["type"] as? String == "subscribed")
      #expect(try [socket.message(), socket.message()] == ["1", "2"])
      try socket.send(#"{"type":"subscribe","id":"b","streams":["none"]}"#)
      // Nothing more of the first one comes before.
      #expect(try [socket.object(), socket.object()].map { $0["id"] as? String } == ["b", "b"])
      try socket.send(#"{"type":"credit","id":"a","entries":100}"#)
      let rest = try (0..<4).map { _ in try socket.message() }
      #expect(rest == ["3", "4", "5", "6"])
      #expect(try socket.object()["type"] as? String == "live")
    }
  }

  @Test func `the words of older designs are understood`() throws {
    try Self.play { server in
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(#"{"session_id":"s1","file_path":"/var/log/app.log"}"#)
      try socket.send(#"{"type":"log.stream.start","container_id":"c1"}"#)
      try socket.send(#"{"type":"log.subscribe","room":"container_logs_c2","view":"container"}"#)
      for _ in 0..<6 { _ = try socket.object() }
      try Self.append(server, "files/var/log/app.log", ["a line"])
      let file = try socket.object()
      #expect(file["id"] as? String == "s1" && file["type"] as? String == "log")
      try Self.append(server, "docker/c1", ["of one"])
      let one = try socket.object()
      #expect(one["id"] as? String == "c1" && one["type"] as? String == "log.stream")
      try Self.append(server, "docker/c2", ["of two"])
      let two = try #require(try socket.object()["log"] as? [String: Any])
      #expect(two["container_id"] as? String == "c2" && two["line"] as? String == "of two")
      try socket.send(#"{"type":"log.stream.stop","container_id":"c1"}"#)
      #expect(try socket.object()["type"] as? String == "complete")
    }
  }

  @Test func `a socket on the root has all streams as an app's log on a phone`() throws {
    try Self.play { server in
      let answer = try HTTPPeer(server).ask(
        "POST", "/api/v1/streams/app/entries", ["Content-Type: application/x-ndjson"],
        body: """
          {"level":"debug","message":"hidden"}
          {"level":"critical","logger":"billing","message":"no money","user":"bob"}
          """)
      #expect(answer.status == 200, "\(answer.text)")
      let object = try WebSocketPeer(server, "/").object()
      #expect(object["type"] as? String == "log" && object["level"] as? String == "ERROR")
      #expect(object["source"] as? String == "billing" && object["message"] as? String == "no money")
      #expect((object["context"] as? [String: Any])?["user"] as? String == "bob" && object["timestamp"] != nil)
    }
  }

  @Test(arguments: [
    ("nonsense", "a message is a JSON object"), (#"{"type":"nope"}"#, "no message of type 'nope'"),
    (#"{"type":"subscribe"}"#, "id takes a name"), (#"{"type":"subscribe","id":"a"}"#, "streams takes an array"),
    (#"{"type":"subscribe","id":"a","streams":[]}"#, "name the streams"),
    (#"{"type":"subscribe","id":"a","streams":["w"],"filtr":"x"}"#, "did you mean filter?"),
    (#"{"type":"subscribe","id":"a","streams":["w"],"filter":"a ("}"#, "filter, column 4"),
    (#"{"type":"subscribe","id":"a","streams":["w"],"after":"1"}"#, "after takes an object"),
    (#"{"type":"subscribe","id":"a","streams":["w"],"after":{"w":"x"}}"#, "'x' is no position"),
    (#"{"type":"pause","id":"q"}"#, "there is no subscription 'q'"),
    (#"{"session_id":"s"}"#, "the message has no type"),
    (#"{"type":"log.subscribe","room":"x"}"#, "name the container"),
  ])
  func `a wrong message is answered, and harms nothing`(message: String, text: String) throws {
    try Self.play { server in
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(message)
      let answer = try socket.object()
      #expect(answer["type"] as? String == "error")
      let detail = try #require((answer["error"] as? [String: Any])?["detail"] as? String)
      #expect(detail.contains(text), "\(detail)")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["w"]}"#)
      #expect(try socket.object()["type"] as? String == "subscribed")
      try socket.send(#"{"type":"subscribe","id":"a","streams":["w"]}"#)
      #expect(try socket.object()["type"] as? String == "live")
      #expect(try socket.object()["id"] as? String == "a")
    }
  }

  @Test func `handshakes that are none, and pages of other sites, are refused`() throws {
    try Self.play { server in
      let peer = try HTTPPeer(server)
      #expect(try peer.get("/api/v1/ws").status == 426)
      let upgrade = ["Connection: Upgrade", "Upgrade: websocket"]
      #expect(try peer.get("/api/v1/ws", upgrade).status == 426)
      let odd = upgrade + ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"]
      #expect(try peer.get("/api/v1/ws", odd).status == 400)
      for origin in ["http://evil.example", "null", "http://localhost.evil.example"] {
        let socket = try WebSocketPeer(server, "/", ["Origin: \(origin)"])
        #expect(socket.head.status == 403, "\(origin)")
      }
      let socket = try WebSocketPeer(server, "/", ["Origin: http://localhost"])
      #expect(socket.head.status == 101)
    }
  }

  @Test func `a stop closes with 1001`() throws {
    try Self.play { server in
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      try socket.send(#"{"type":"pause","id":"q"}"#)
      _ = try socket.object()
      server.process.signal(SIGTERM)
      #expect(try socket.next() == .closed(1001))
    }
  }
}
