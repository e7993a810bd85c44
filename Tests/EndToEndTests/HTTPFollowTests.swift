import Foundation
import Glibc
import Testing

/// Followed streams over HTTP: server-sent events and JSON lines.
@Suite(.ownThread) struct HTTPFollowTests {
  private static func play(_ flags: [String] = [], _ body: (TestServer) throws -> Void) throws {
    try Scene.play { scene in try body(try TestServer(scene, TestServer.listensForHTTP + flags)) }
  }

  private static func append(_ server: TestServer, _ stream: String, _ lines: [String]) throws {
    let answer = try HTTPPeer(server).ask(
      "POST", "/api/v1/streams/\(stream)/entries", ["Content-Type: text/plain"],
      body: lines.joined(separator: "\n"))
    #expect(answer.status == 200, "\(answer.text)")
  }

  @Test func `quiet times are filled with heartbeats, and a timeout ends the follow`() throws {
    try Self.play(["--heartbeat", "400ms"]) { server in
      let reader = try EventReader(server, "/api/v1/streams/web/follow?last_event_id=0")
      #expect(try reader.next(3).map(\.name) == ["live", "heartbeat", "heartbeat"])
      try Self.append(server, "web", ["one"])
      let entry = try reader.nextAfterHeartbeats()
      #expect(entry.message == "one")
      let beat = try reader.next()
      #expect(beat.name == "heartbeat" && beat.id == entry.id && beat.object["timestamp"] is String)
      let socket = try WebSocketPeer(server, "/api/v1/ws")
      #expect(socket.peer.bytes()?.prefix(2) == [0x89, 0])
      let peer = try HTTPPeer(server)
      for odd in ["29", "1801", "x"] { #expect(try peer.get("/api/v1/follow?stream=web&timeout=\(odd)").status == 400) }
    }
  }

  @Test(arguments: ["identity", "gzip"])
  func `quiet times of lines of JSON are filled with empty lines`(coding: String) throws {
    try Self.play(["--heartbeat", "400ms"]) { server in
      try Self.append(server, "web", ["one"])
      let peer = try HTTPPeer(server)
      try peer.send(
        "GET /api/v1/streams/web/follow?format=ndjson HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: \(coding)\r\n\r\n"
      )
      #expect(try peer.head().headers["content-encoding"] == (coding == "gzip" ? coding : nil))
      guard coding == "identity" else {
        // Whatever it is compressed to, something comes.
        for _ in 0..<3 { #expect(try peer.chunk()?.isEmpty == false) }
        return
      }
      func next() throws -> String { String(decoding: try peer.chunk() ?? [], as: UTF8.self) }
      func nextEntry() throws -> String {
        var text = try next()
        while text == "\n" { text = try next() }
        return text
      }
      #expect(try nextEntry().contains(#""message":"one""#))
      for _ in 0..<2 { #expect(try next() == "\n") }
      try Self.append(server, "web", ["two"])
      let text = try nextEntry()
      #expect(text.contains(#""message":"two""#) && text.hasSuffix("}\n"))
      #expect(try next() == "\n")
    }
  }

  @Test func `history turns into live, and an id continues where it was cut`() throws {
    try Self.play { server in
      try Self.append(server, "web", ["one", "two"])
      let reader = try EventReader(server, "/api/v1/streams/web/follow")
      #expect(reader.head.headers["content-type"] == "text/event-stream")
      #expect(reader.head.headers["cache-control"] == "no-cache, no-transform")
      #expect(reader.head.headers["x-accel-buffering"] == "no")
      let events = try reader.next(3)
      #expect(events.map(\.name) == ["log", "log", "live"])
      #expect(events.map(\.message) == ["one", "two", ""])
      try Self.append(server, "web", ["three \u{1f600}", "four"])
      #expect(try reader.next().message == "three \u{1f600}")
      // What the reader has not seen comes again, what it has seen does not.
      let rest = try EventReader(server, "/api/v1/streams/web/follow?last=0", ["Last-Event-ID: \(reader.lastID)"])
      #expect(try rest.next(2).map(\.message) == ["four", ""])
      let asked = try EventReader(server, "/api/v1/streams/web/follow?after=\(reader.lastID)")
      #expect(try asked.next().message == "four")
      let numbered = try EventReader(server, "/api/v1/streams/web/follow?after=1")
      #expect(try numbered.next(4).map(\.message) == ["two", "three \u{1f600}", "four", ""])
    }
  }

  @Test func `without a start the last thousand come first, and a start can be chosen`() throws {
    try Self.play { server in
      try Self.append(server, "web", (1...1_200).map { "\($0)" })
      #expect(try EventReader(server, "/api/v1/streams/web/follow").next().message == "201")
      #expect(try EventReader(server, "/api/v1/streams/web/follow?last=3").next().message == "1198")
      #expect(try EventReader(server, "/api/v1/streams/web/follow?since=1h").next().message == "1")
      #expect(try EventReader(server, "/api/v1/streams/web/follow?last=0").next().name == "live")
      #expect(try EventReader(server, "/api/v1/streams/web/follow?filter=777").next().message == "777")
      let limited = try EventReader(server, "/api/v1/streams/web/follow?last=5&limit=2")
      #expect(try limited.next(3).map(\.name) == ["log", "log", "complete"])
      #expect(try limited.hasEnded())
      // The connection is free for the next request.
      #expect(try limited.peer.get("/healthz").status == 200)
    }
  }

  @Test func `a stream that does not exist yet is waited for, and one that is completed ends`() throws {
    try Self.play { server in
      let reader = try EventReader(server, "/api/v1/streams/later/follow")
      #expect(try reader.head.status == 200 && reader.next().name == "live")
      let start = reader.lastID
      try Self.append(server, "later", ["first"])
      #expect(try reader.next().message == "first")
      // What was created meanwhile is not passed over.
      for target in ["/api/v1/streams/later/follow?last=0", "/api/v1/follow?stream=lat*&last=0"] {
        #expect(try EventReader(server, target, ["Last-Event-ID: \(start)"]).next().message == "first")
      }
      try expectSuccess(server.run(["complete", "later"]))
      #expect(try reader.next().object["kind"] as? String == "complete")
      #expect(try reader.next().name == "complete")
      #expect(try reader.hasEnded())
    }
  }

  @Test func `several streams share one answer, whose ids hold the place in each`() throws {
    try Self.play { server in
      try Self.append(server, "a", ["a1"])
      try Self.append(server, "b/1", ["b1"])
      let target = "/api/v1/follow?stream=a&stream=b/*"
      let reader = try EventReader(server, target)
      #expect(Set(try reader.next(3).map(\.message)) == ["a1", "b1", ""])
      try Self.append(server, "b/2:x", ["new"])
      let new = try reader.next()
      #expect(new.message == "new" && new.id.contains("b/2%3ax:"))
      // What is created while nobody follows is delivered from its start.
      try Self.append(server, "b/3", ["later"])
      try Self.append(server, "a", ["a2"])
      let rest = try EventReader(server, target, ["Last-Event-ID: \(new.id)"])
      #expect(Set(try rest.next(3).map(\.message)) == ["a2", "later", ""])
      for (target, status) in [
        ("/api/v1/follow", 400), ("/api/v1/follow?stream=b/*&after=1", 400),
        ("/api/v1/streams/a/follow?after=x", 400), ("/api/v1/streams/a/follow?after=99", 409),
        ("/api/v1/streams/a/follow?after=77.1", 409), ("/api/v1/streams/a/follow?format=xml", 400),
      ] {
        #expect(try HTTPPeer(server).get(target).status == status, "\(target)")
      }
    }
  }

  @Test func `JSON lines are for programs, also without chunks`() throws {
    try Self.play { server in
      try Self.append(server, "web", ["one", "two"])
      let target = "/api/v1/streams/web/follow?limit=2"
      let lines = try server.run(["query", "web", "-o", "json"]).lines
      let named = try HTTPPeer(server).get("\(target)&format=ndjson")
      #expect(named.headers["content-type"] == "application/x-ndjson" && named.lines == lines)
      #expect(try HTTPPeer(server).get(target, ["Accept: application/x-ndjson"]).lines == lines)
      let old = try HTTPPeer(server)
      try old.send("GET \(target)&format=ndjson HTTP/1.0\r\n\r\n")
      let answer = try old.answer()
      #expect(answer.headers["transfer-encoding"] == nil && answer.lines == lines)
    }
  }

  @Test func `what was deleted is named`() throws {
    try Self.play { server in
      try Self.append(server, "web", ["one", "two", "three"])
      try expectSuccess(server.run(["delete", "web", "--from-seq", "2", "--to-seq", "2", "--yes"]))
      let reader = try EventReader(server, "/api/v1/streams/web/follow?after=0")
      let events = try reader.next(4)
      #expect(events.map(\.name) == ["log", "skipped", "log", "live"])
      #expect(events[1].object["from"] as? Int == 2 && events[1].object["reason"] as? String == "deleted")
      let page = try HTTPPeer(server).get("/api/v1/streams/web/entries")
      #expect(page.lines.count == 4, "\(page.text)")
    }
  }

  @Test func `a slow reader is read from the store, and gets everything`() throws {
    // Each line fills a good part of what may be queued.
    try Self.play(["--output-bytes", "64K", "--tail-bytes", "0"]) { server in
      let reader = try EventReader(server, "/api/v1/streams/web/follow")
      #expect(try reader.next().name == "live")
      let filler = String(repeating: "x", count: 10_000)
      for round in 0..<40 {
        try Self.append(server, "web", (0..<50).map { "\(round * 50 + $0) \(filler)" })
      }
      // Nobody has read so far: 20 MB do not fit the queue and the socket.
      #expect(try server.fact("output_bytes") < 4 << 20)
      for number in 0..<2_000 {
        let message = try reader.next().message
        #expect(message.prefix { $0 != " " } == "\(number)")
        if message.prefix(while: { $0 != " " }) != "\(number)" { break }
      }
    }
  }

  @Test func `the event of a stop says when to come back`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      let peer = try HTTPPeer(server)
      try peer.send("GET /api/v1/streams/web/follow HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try peer.head().status == 200)
      #expect(try server.stop() == .code(0))
      var text = ""
      while let bytes = try peer.chunk() { text += String(decoding: bytes, as: UTF8.self) }
      #expect(text.contains("retry: 1000\nid: 0\nevent: error\n"), "\(text)")
      #expect(text.contains(#""retryable":true"#), "\(text)")
    }
  }

  @Test func `a stop ends followers with an event, and they continue with the next server`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      try Self.append(server, "web", ["one"])
      let reader = try EventReader(server, "/api/v1/streams/web/follow")
      _ = try reader.next(2)
      #expect(try server.stop() == .code(0))
      let last = try reader.next()
      #expect(last.name == "error" && last.object["code"] as? String == "going_away")
      #expect(try reader.hasEnded() && reader.peer.hasEnded())
      try server.restart()
      try Self.append(server, "web", ["two"])
      let next = try EventReader(server, "/api/v1/streams/web/follow", ["Last-Event-ID: \(last.id)"])
      #expect(try next.next().message == "two")
    }
  }

  @Test func `followers of a token end with it`() throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
      func token(_ words: [String]) throws -> Finished {
        try scene.run(Binaries.logsd, ["token"] + words + ["--data", data])
      }
      let secret = try token(["create", "--name", "t", "--allow", "read:**"]).lines.first ?? ""
      let server = try TestServer(scene, TestServer.listensForHTTP + ["--heartbeat", "200ms"])
      let reader = try EventReader(server, "/api/v1/streams/web/follow", ["Authorization: Bearer \(secret)"])
      #expect(try reader.next().name == "live")
      try expectSuccess(token(["revoke", "t"]))
      let last = try reader.nextAfterHeartbeats()
      #expect(last.name == "error" && last.object["code"] as? String == "unauthorized")
      #expect(try reader.hasEnded() && reader.peer.hasEnded())
    }
  }

  @Test func `a browser that goes away is forgotten`() throws {
    try Self.play { server in
      var reader: EventReader? = try EventReader(server, "/api/v1/streams/web/follow")
      #expect(try reader?.next().name == "live")
      try server.wait(for: "subscriptions") { $0 == 1 }
      reader = nil
      try server.wait(for: "subscriptions") { $0 == 0 }
    }
  }
}
