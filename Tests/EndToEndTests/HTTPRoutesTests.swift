import Foundation
import Testing

/// What is asked over HTTP besides pages in the order of numbers: sorted pages, counts, one stream, deletion, tasks.
@Suite(.ownThread) struct HTTPRoutesTests {
  private struct Door {
    let peer: HTTPPeer

    func get(_ target: String, status: Int = 200) throws -> Any {
      let answer = try peer.get(target)
      #expect(answer.status == status, "\(target): \(answer.text)")
      return try JSONSerialization.jsonObject(with: Data(answer.body))
    }

    func object(_ target: String, status: Int = 200) throws -> [String: Any] {
      try #require(try get(target, status: status) as? [String: Any])
    }

    /// The messages of a page.
    func messages(_ target: String) throws -> [String] {
      (try get(target) as? [[String: Any]] ?? []).map { $0["message"] as? String ?? "" }
    }

    func append(_ stream: String, _ lines: String) throws {
      let answer = try peer.ask(
        "POST", "/api/v1/streams/\(stream)/entries", ["Content-Type: application/x-ndjson"], body: lines)
      #expect(answer.status == 200, "\(answer.text)")
    }
  }

  private static func play(_ flags: [String] = [], _ body: (TestServer, Door) throws -> Void) throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP + flags)
      let door = Door(peer: try HTTPPeer(server))
      try door.append(
        "a",
        """
        {"level":"error","source":"db","message":"disk \\"full\\"","time":"2026-11-29T10:00:01Z"}
        {"level":"info","source":"api","message":"ok","time":"2026-11-29T10:00:03Z"}
        {"level":"warn","source":"Api-2","message":"slow","time":"2026-11-29T11:00:02Z"}
        """)
      try door.append("b/x", #"{"level":"info","source":"web","message":"hello","time":"2026-11-29T10:00:02Z"}"#)
      try body(server, door)
    }
  }

  @Test func `pages of several streams are merged by time, and sorted and turned as asked for`() throws {
    try Self.play { (_, door) throws in
      let all = "/api/v1/entries?stream=a&stream=b/*"
      #expect(try door.messages(all) == ["slow", "ok", "hello", #"disk "full""#])
      #expect(try door.messages("\(all)&sort_order=asc") == [#"disk "full""#, "hello", "ok", "slow"])
      #expect(try door.messages("\(all)&limit=2&offset=1") == ["ok", "hello"])
      #expect(try door.messages("\(all)&sort_by=level") == [#"disk "full""#, "slow", "hello", "ok"])
      #expect(try door.messages("\(all)&sort_by=source") == ["slow", "ok", #"disk "full""#, "hello"])
      #expect(try door.messages("\(all)&since=2026-11-29T10:00:02Z&until=2026-11-29T10:30:00Z") == ["ok", "hello"])
      #expect(try door.messages("/api/v1/entries?stream=none/*") == [])
      // An earlier page of the last ones, in the order in which the last one is.
      #expect(try door.messages("/api/v1/streams/a/entries?limit=2&offset=1") == [#"disk "full""#, "ok"])
      #expect(try door.messages("/api/v1/streams/a/entries?sort_by=time&limit=1") == ["slow"])
      for odd in ["sort_by=size", "sort_order=up", "offset=100001", "offset=1&after=1", "limit=501"] {
        #expect(try door.object("/api/v1/streams/a/entries?\(odd)", status: 400)["code"] as? String == "bad_request")
      }
    }
  }

  @Test func `level, source and search are short for filters, whatever they hold`() throws {
    try Self.play { (_, door) throws in
      let page = "/api/v1/streams/a/entries"
      #expect(try door.messages("\(page)?level=warn") == [#"disk "full""#, "slow"])
      #expect(try door.messages("\(page)?source=API") == ["ok", "slow"])
      #expect(try door.messages("\(page)?source=i-2&level=info") == ["slow"])
      #expect(try door.messages("\(page)?search=disk%20%22full%22") == [#"disk "full""#])
      #expect(try door.messages("\(page)?search=ok%20OR%20slow") == [])
      #expect(try door.messages("\(page)?source=.*") == [])
      #expect(try door.messages("\(page)?filter=ok%20OR%20slow&level=warn") == ["slow"])
      #expect(try door.object("\(page)?level=loud", status: 400)["detail"] as? String != nil)
      #expect(try door.messages("\(page)?search=%5C%22%0A") == [])
    }
  }

  @Test func `counts, histograms and fields are those of the protocol`() throws {
    try Self.play { (_, door) throws in
      #expect(try door.object("/api/v1/count?stream=a&level=warn")["count"] as? Int == 2)
      #expect(try door.object("/api/v1/count?stream=**&since=2026-11-29T10:30:00Z")["count"] as? Int == 1)
      let histogram = try door.object("/api/v1/histogram?stream=**&span=1h")
      let spans = try #require(histogram["spans"] as? [[String: Any]])
      #expect(spans.map { $0["count"] as? Int } == [3, 1])
      #expect((spans[0]["levels"] as? [String: Int])?["error"] == 1)
      let fields = try #require(try door.object("/api/v1/fields?stream=a&values=1")["fields"] as? [[String: Any]])
      #expect(fields.map { $0["field"] as? String } == ["source", "level"])
      #expect((fields[0]["values"] as? [Any])?.count == 1)
      #expect(try door.peer.ask("TRACE", "/api/v1/histogram?span=x").status == 405)
      for odd in ["count", "count?stream=a&x=1", "histogram?stream=a&span=x", "fields?stream=a&values=0"] {
        _ = try door.object("/api/v1/\(odd)", status: 400)
      }
    }
  }

  @Test func `one stream, what is around an entry, and the server's state`() throws {
    try Self.play { (_, door) throws in
      #expect(try door.object("/api/v1/streams/b/x")["entries"] as? Int == 1)
      #expect(try door.object("/api/v1/streams/nowhere", status: 404)["code"] as? String == "unknown_stream")
      #expect(try door.messages("/api/v1/streams/a/context?seq=2&before=1&after=0") == [#"disk "full""#, "ok"])
      #expect(try door.messages("/api/v1/streams/a/context?seq=3") == [#"disk "full""#, "ok", "slow"])
      _ = try door.object("/api/v1/streams/a/context", status: 400)
      #expect(try door.object("/api/v1/status")["appended_entries_total"] as? Int == 4)
      // A name that ends like a route.
      try door.append("web/entries", #"{"message":"x"}"#)
      #expect(try door.object("/api/v1/streams/web%2Fentries")["name"] as? String == "web/entries")
    }
  }

  @Test func `a stream is completed once, and deleted by those who may`() throws {
    try Self.play { (server, door) throws in
      let peer = door.peer
      let done = try peer.ask("POST", "/api/v1/streams/a/complete", body: "bye")
      #expect(done.status == 200 && done.text.contains(#""first":4,"last":4"#))
      #expect(try peer.ask("POST", "/api/v1/streams/a/complete", body: "").status == 409)
      #expect(try door.messages("/api/v1/streams/a/entries?after=3") == ["bye"])
      let long = String(repeating: "x", count: 1 << 20)
      #expect(try peer.ask("POST", "/api/v1/streams/b/x/complete", body: long).status == 400)

      let refused = try peer.ask("DELETE", "/api/v1/streams/a")
      #expect(refused.status == 403 && refused.text.contains("not allowed to delete: use a token with delete:a"))
      let token = try server.scene.run(
        Binaries.logsd,
        ["token", "create", "--data", server.data, "--name", "x", "--allow", "delete:a", "--allow", "read:*"])
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("tokens were read again: 1 token")
      let secret = ["Authorization: Bearer \(try #require(token.lines.first))"]
      let dry = try peer.ask("DELETE", "/api/v1/streams/a?before_seq=3&dry_run=true", secret)
      #expect(dry.status == 200 && dry.text.contains(#""first":1,"last":2,"entries":2"#), "\(dry.text)")
      #expect(dry.text.contains(#""dry_run":true"#))
      #expect(try peer.ask("DELETE", "/api/v1/streams/a?before_seq=3", secret).status == 200)
      #expect(try peer.get("/api/v1/streams/a", secret).text.contains(#""first":3,"last":4"#))
      #expect(try peer.ask("DELETE", "/api/v1/streams/a?from_seq=3&to_seq=2", secret).status == 400)
      #expect(try peer.ask("DELETE", "/api/v1/streams/b/x", secret).status == 403)
      #expect(try peer.ask("DELETE", "/api/v1/streams/a", secret).status == 200)
      #expect(try peer.get("/api/v1/streams/a", secret).status == 404)
      #expect(try peer.ask("DELETE", "/api/v1/streams/a", secret).status == 404)
    }
  }

  @Test func `tasks have the words of their own guide`() throws {
    try Self.play { (server, door) throws in
      try door.append(
        "task/t1",
        """
        {"source":"plan","message":"thinking hard","log_type":"thinking","progress_percentage":10,"k":1}
        {"source":"build","message":"it failed","level":"error"}
        {"source":"build","message":"it works","log_type":"success","progress_percentage":100}
        """)
      let path = "/codespace/task/t1/logs"
      let all = try door.object(path)
      let logs = try #require(all["logs"] as? [[String: Any]])
      #expect(logs.map { $0["message"] as? String } == ["it works", "it failed", "thinking hard"])
      #expect(logs.map { $0["log_type"] as? String } == ["success", "error", "thinking"])
      #expect(all["total"] as? Int == 3 && all["capped"] as? Bool == false)
      #expect(logs[2]["progress_percentage"] as? Int == 10 && (logs[2]["metadata"] as? [String: Int]) == ["k": 1])
      #expect(UUID(uuidString: logs[0]["id"] as? String ?? "") != nil)
      #expect(Set(logs.map { $0["id"] as? String }).count == 3)
      func messages(_ query: String) throws -> [String?] {
        (try door.object("\(path)?\(query)")["logs"] as? [[String: Any]] ?? []).map { $0["message"] as? String }
      }
      #expect(try messages("log_type=error") == ["it failed"])
      #expect(try messages("log_type=info") == [])
      #expect(try messages("step_name=UIL&search=works") == ["it works"])
      #expect(try messages("sort_by=step_name&limit=1&offset=2") == ["thinking hard"])
      #expect(try messages("sort_by=log_type&sort_order=desc") == ["thinking hard", "it works", "it failed"])
      _ = try door.object("/codespace/task/none/logs", status: 404)
      _ = try door.object("\(path)?sort_by=id", status: 400)

      let reader = try EventReader(server, "\(path)/stream?timeout=30")
      let events = try reader.next(4)
      #expect(events.map(\.name) == ["log", "log", "log", "live"])
      #expect(events[0].object["step_name"] as? String == "plan")
      #expect(try door.peer.ask("POST", "/api/v1/streams/task/t1/complete").status == 200)
      #expect(try reader.next().name == "log")
      let end = try reader.next()
      #expect(end.name == "complete" && end.object["message"] as? String == "Task completed")
      #expect(try reader.hasEnded())
    }
  }

  @Test func `the description for programs names what there is`() throws {
    try Self.play { (_, door) throws in
      let document = try door.object("/api/v1/openapi.json")
      let paths = try #require(document["paths"] as? [String: [String: Any]])
      #expect(paths.count > 15)
      for (path, methods) in paths where methods["get"] != nil {
        // Nothing is missing but a stream, or a parameter that is required, or the change to a WebSocket.
        let answer = try door.peer.ask("HEAD", path.replacingOccurrences(of: "{name}", with: "a"))
        #expect([200, 400, 405, 426].contains(answer.status), "\(path): \(answer.status)")
      }
      // What pages and queries take is what they are said to take.
      let page = try #require(paths["/api/v1/entries"]?["get"] as? [String: Any])
      let names = try #require(page["parameters"] as? [[String: String]]).compactMap {
        $0["$ref"]?.split(separator: "/").last
      }
      for name in names where name != "stream" {
        let values = [
          "view": "log", "level": "info", "sort_by": "time", "sort_order": "asc", "since": "1h", "until": "now",
        ]
        let value = values[String(name)] ?? (["limit", "offset"].contains(name) ? "1" : "x")
        _ = try door.get("/api/v1/entries?stream=a&\(name)=\(value)")
      }
    }
  }

  @Test func `a page that is sorted looks at the last 100,000 matches, and says when there are more`() throws {
    try Self.play { (server, door) throws in
      let file = try server.scene.file("lines", LogLines.file((1...100_001).map { Array("line \($0)".utf8) }))
      try expectSuccess(server.run(["push", "big", file]))
      let path = "/api/v1/streams/big/entries?sort_by=time&sort_order=asc&limit=1"
      let capped = try door.peer.get(path)
      #expect(capped.headers["logs-capped"] == "true" && capped.text.contains(#""seq":2,"#), "\(capped.text)")
      let few = try door.peer.get("\(path)&search=line%20100000")
      #expect(few.headers["logs-capped"] == nil && few.text.contains(#""seq":100000,"#), "\(few.text)")
    }
  }

  @Test func `the old path of a followed stream gives lines`() throws {
    try Self.play { (server, door) throws in
      let peer = try HTTPPeer(server)
      try peer.send("GET /api/logs/stream?stream=a&limit=3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
      let answer = try peer.answer()
      #expect(answer.headers["content-type"] == "application/x-ndjson" && answer.lines.count == 3)
    }
  }

  @Test func `rights hold for every route, and patterns are narrowed`() throws {
    try Self.play { (server, door) throws in
      let token = try server.scene.run(
        Binaries.logsd, ["token", "create", "--data", server.data, "--name", "x", "--allow", "read:b/*"])
      server.process.signal(SIGHUP)
      try server.process.errors.waitForText("tokens were read again: 1 token")
      let secret = ["Authorization: Bearer \(try #require(token.lines.first))"]
      let forbidden = [
        "streams/a", "streams/none", "streams/a/entries?sort_by=time", "streams/a/context?seq=1", "entries?stream=a",
        "count?stream=a", "fields?stream=a", "histogram?stream=a",
      ]
      for target in forbidden { #expect(try door.peer.get("/api/v1/\(target)", secret).status == 403, "\(target)") }
      #expect(try door.peer.get("/codespace/task/t/logs", secret).status == 403)
      #expect(try door.peer.get("/api/v1/count?stream=**", secret).text.hasPrefix(#"{"count":1,"#))
      #expect(try door.peer.get("/api/v1/entries?stream=**", secret).text.contains("hello"))
      #expect(try door.peer.ask("POST", "/api/v1/streams/b/x/complete", secret, body: "").status == 403)
    }
  }
}
