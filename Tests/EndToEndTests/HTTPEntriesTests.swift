import Foundation
import Testing

/// Streams, pages and appends over HTTP.
@Suite(.ownThread) struct HTTPEntriesTests {
  private static func play(_ flags: [String] = [], _ body: (TestServer, HTTPPeer) throws -> Void) throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP + flags)
      try body(server, try HTTPPeer(server))
    }
  }

  private static let text = ["Content-Type: text/plain"]
  private static let base = "/api/v1/streams"

  private static func object(_ answer: HTTPPeer.Answer) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any] ?? [:]
  }

  /// The numbers of a page's entries.
  private static func numbers(_ answer: HTTPPeer.Answer) throws -> [Int] {
    #expect(answer.status == 200 && answer.headers["content-type"] == "application/json", "\(answer.text)")
    let entries = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [[String: Any]] ?? []
    return entries.compactMap { $0["seq"] as? Int }
  }

  @Test func `lines are appended, and come back as a page`() throws {
    try Self.play { server, peer in
      let stored = try peer.ask("POST", "\(Self.base)/web/entries", Self.text, body: "one\r\ntwo \u{1f600}\n\nfour")
      #expect(stored.status == 200, "\(stored.text)")
      let answer = try Self.object(stored)
      #expect(answer["stream"] as? String == "web" && answer["duplicate"] as? Bool == false)
      #expect(answer["first"] as? Int == 1 && answer["last"] as? Int == 4)
      let page = try peer.get("\(Self.base)/web/entries")
      #expect(try Self.numbers(page) == [1, 2, 3, 4])
      // The same form as that of the command.
      let lines = try server.run(["query", "web", "-o", "json"]).lines
      #expect(page.text == "[\n\(lines.joined(separator: ",\n"))\n]\n")
      #expect(try server.stored("web") == Array("one\ntwo \u{1f600}\n\nfour\n".utf8))
    }
  }

  @Test func `JSON is appended with its fields, as lines or as an array`() throws {
    try Self.play { server, peer in
      let lines =
        #"{"time":"2026-01-10T12:00:00Z","level":"warn","msg":"a","n":1}"# + "\n\n" + #"{"message":"b"}"# + "\n"
      let ndjson = ["Content-Type: application/x-ndjson"]
      #expect(try peer.ask("POST", "\(Self.base)/a/entries", ndjson, body: lines).status == 200)
      let array = #" [ {"message":"c,]}\"", "list":[1,{"x":[2]}]} ,{"message":"d"}] "#
      let json = ["Content-Type: application/json; charset=utf-8"]
      #expect(try peer.ask("POST", "\(Self.base)/a/entries", json, body: array).status == 200)
      #expect(try peer.ask("POST", "\(Self.base)/a/entries", json, body: #"{"message":"e"}"#).status == 200)
      #expect(try server.stored("a") == Array("a\nb\nc,]}\"\nd\ne\n".utf8))
      let first = try server.run(["query", "a", "-o", "json", "level>=warn"]).lines
      #expect(first.count == 1 && first[0].contains(#""time":"2026-01-10T12:00:00.000000000Z""#))
      for (headers, body, status, part) in [
        (json, "[{}", 400, "no JSON array"), (json, "[{}]]", 400, "no JSON array"), (json, "[{},]", 400, "entry 2"),
        (json, "[1]", 400, "entry 1"), (json, "[]", 400, "no entry"), (json, "x", 400, "entry 1"),
        (ndjson, "{}\n{", 400, "entry 2"), (Self.text, "", 400, "no entry"), ([], "x", 415, "Content-Type"),
        (Self.text + ["Content-Encoding: gzip"], "x", 415, "content-encoding"),
      ] {
        let refused = try HTTPPeer(server).ask("POST", "\(Self.base)/a/entries", headers, body: body)
        #expect(refused.status == status && refused.text.contains(part), "\(body): \(refused.text)")
      }
      #expect(try server.run(["query", "a", "--count"]).text.contains("5"))
    }
  }

  @Test func `a number makes a repeated append one`() throws {
    try Self.play { server, peer in
      func append(_ batch: Int, _ body: String) throws -> HTTPPeer.Answer {
        let headers = ["Logs-Producer: 0123456789abcdef0123456789abcdef", "Logs-Batch: \(batch)"]
        return try peer.ask("POST", "\(Self.base)/web/entries", Self.text + headers, body: body)
      }
      #expect(try Self.object(append(1, "a\nb"))["duplicate"] as? Bool == false)
      let again = try Self.object(append(1, "a\nb"))
      #expect(again["duplicate"] as? Bool == true && again["first"] as? Int == 1 && again["last"] as? Int == 2)
      let other = try append(1, "c")
      #expect(other.status == 409 && other.text.contains("producer_conflict"))
      #expect(try append(2, "c").status == 200)
      #expect(try server.stored("web") == Array("a\nb\nc\n".utf8))
    }
    try Self.play { _, peer in
      let half = try peer.ask("POST", "\(Self.base)/web/entries", Self.text + ["Logs-Batch: 1"], body: "x")
      #expect(half.status == 400 && half.text.contains("come together"))
    }
  }

  @Test func `a key makes a repeated append one`() throws {
    try Self.play { server, peer in
      func append(_ key: String, _ body: String, _ peer: HTTPPeer) throws -> HTTPPeer.Answer {
        let headers = Self.text + ["Idempotency-Key: \(key)"]
        return try peer.ask("POST", "\(Self.base)/web/entries", headers, body: body)
      }
      #expect(try Self.object(append("k", "a\nb", peer))["duplicate"] as? Bool == false)
      // Connections come to several shards.
      for _ in 1...4 {
        let again = try Self.object(append("k", "a\nb", try HTTPPeer(server)))
        #expect(again["duplicate"] as? Bool == true && again["first"] as? Int == 1 && again["last"] as? Int == 2)
      }
      let other = try append("k", "c", peer)
      #expect(other.status == 409 && other.text.contains("producer_conflict"))
      #expect(try append("l", "c", peer).status == 200)
      #expect(try append(String(repeating: "k", count: 256), "c", peer).status == 400)
      #expect(try server.stored("web") == Array("a\nb\nc\n".utf8))
    }
  }

  @Test func `a body waits for leave, and comes in chunks`() throws {
    try Self.play { server, peer in
      try peer.send(
        "POST \(Self.base)/web/entries HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
          + "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
      #expect(try peer.head().status == 100)
      try peer.send("3\r\none\r\n4\r\n\ntwo\r\n0\r\n\r\n")
      #expect(try peer.answer().status == 200)
      #expect(try server.stored("web") == Array("one\ntwo\n".utf8))
      // Too large: refused before it is sent.
      try peer.send(
        "POST \(Self.base)/web/entries HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
          + "Expect: 100-continue\r\nContent-Length: 8388609\r\n\r\n")
      #expect(try peer.answer().status == 413)
    }
  }

  @Test func `pages go up and down, by number, time and filter`() throws {
    try Self.play { server, peer in
      let lines = (1...200).map { "line \($0)" }.joined(separator: "\n")
      _ = try peer.ask("POST", "\(Self.base)/a%2Fb/entries", Self.text, body: lines)
      func page(_ query: String) throws -> [Int] {
        try Self.numbers(try peer.get("\(Self.base)/a/b/entries?\(query)"))
      }
      #expect(try page("") == Array(151...200))
      #expect(try page("limit=3") == [198, 199, 200])
      #expect(try page("after=0&limit=3") == [1, 2, 3])
      #expect(try page("after=198") == [199, 200])
      #expect(try page("after=200") == [])
      #expect(try page("before=4") == [3, 2, 1])
      #expect(try page("before=100&limit=2") == [99, 98])
      #expect(try page("before=1") == [])
      #expect(try page("after=95&before=100") == [99, 98, 97, 96])
      #expect(try page("filter=line&limit=2&after=10") == [11, 12])
      #expect(try page("filter=%22line+199%22") == [199])
      #expect(try page("since=1h&limit=2") == [1, 2])
      #expect(try page("until=2020-01-01T00:00:00Z") == [])
      #expect(try page("until=now&limit=2").count <= 2)
      for (query, status) in [
        ("limit=0", 400), ("limit=501", 400), ("after=x", 400), ("after=1&since=1h", 400), ("filter=level%3E%3E", 400),
        ("since=soon", 400), ("limt=1", 400), ("limit=1&limit=2", 400), ("after=201", 409),
      ] {
        #expect(try peer.get("\(Self.base)/a/b/entries?\(query)").status == status, "\(query)")
      }
      let missing = try peer.get("\(Self.base)/none/entries")
      #expect(missing.status == 404 && missing.text.contains("unknown_stream"))
      #expect(try peer.get("\(Self.base)/a%0ab/entries").status == 400)
      #expect(try peer.get("\(Self.base)/a/b/other").status == 404)
    }
  }

  /// The place in a stream that has to be searched is known after that of the stream behind it.
  @Test(arguments: ["entries?limit=9&", "entries?limit=9&sort_order=asc&", "follow?last=9&limit=2&format=ndjson&"])
  func `entries stand under their own stream, however long their place is looked for`(path: String) throws {
    try Self.play { server, peer in
      let many = String(repeating: "a line of many\n", count: 10_000)
      let bodies = [("x/a", "wanted a")] + Array(repeating: ("x/a", many), count: 10) + [("x/b", "wanted b")]
      for (stream, body) in bodies {
        let answer = try peer.ask("POST", "\(Self.base)/\(stream)/entries", Self.text, body: body)
        #expect(answer.status == 200, "\(answer.text)")
      }
      let answer = try peer.ask(
        "GET", "/api/v1/\(path)stream=x/*&filter=wanted")
      let entries = answer.text.components(separatedBy: "{\"stream\":\"x/").dropFirst().sorted()
      #expect(entries.count == 2, "\(answer.text)")
      for (name, entry) in zip(["a", "b"], entries) {
        #expect(entry.hasPrefix(name) && entry.contains("wanted \(name)"), "\(answer.text)")
      }
    }
  }

  @Test func `streams are listed in pages`() throws {
    try Self.play { _, peer in
      for name in ["a", "b/1", "b/2"] { _ = try peer.ask("POST", "\(Self.base)/\(name)/entries", Self.text, body: "x") }
      func names(_ query: String) throws -> [String] {
        let streams = try Self.object(peer.get("\(Self.base)?\(query)"))["streams"] as? [[String: Any]] ?? []
        return streams.compactMap { $0["name"] as? String }
      }
      #expect(try names("") == ["a", "b/1", "b/2"])
      #expect(try names("pattern=b/*") == ["b/1", "b/2"])
      #expect(try names("limit=1&after=a") == ["b/1"])
      let all = try Self.object(peer.get(Self.base))
      #expect(all["more"] as? Bool == false)
      #expect(try Self.object(peer.get("\(Self.base)?limit=1"))["more"] as? Bool == true)
      let first = (all["streams"] as? [[String: Any]])?.first ?? [:]
      #expect(first["last"] as? Int == 1 && first["entries"] as? Int == 1 && first["state"] as? String == "open")
    }
  }

  @Test func `pages of other sites may neither append nor read`() throws {
    try Self.play { _, peer in
      let path = "\(Self.base)/web/entries"
      let own = try peer.ask("POST", path, Self.text + ["Origin: http://localhost"], body: "x")
      #expect(own.status == 200)
      #expect(try peer.get(path, ["Origin: http://evil.example"]).status == 200)
      #expect(try peer.ask("GET", path, host: "evil.example").status == 403)
      #expect(try peer.ask("POST", path, Self.text + ["Origin: http://evil.example"], body: "x").status == 403)
    }
    try Self.play { _, peer in
      let path = "\(Self.base)/web/entries"
      let unnamed = try peer.ask("POST", path, Self.text + ["Origin: null"], body: "x")
      #expect(unnamed.status == 403)
    }
  }

  @Test func `rights are those of the token of each request`() throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
      func make(_ name: String, _ right: String) throws -> [String] {
        let words = ["token", "create", "--data", data, "--name", name, "--allow", right]
        return ["Authorization: Bearer \(try scene.run(Binaries.logsd, words).lines.first ?? "")"]
      }
      let (writer, reader) = (try make("writer", "append:ci/*"), try make("reader", "read:ci/*"))
      let peer = try HTTPPeer(try TestServer(scene, TestServer.listensForHTTP))
      #expect(try peer.ask("POST", "\(Self.base)/ci/1/entries", writer + Self.text, body: "x").status == 200)
      #expect(try Self.numbers(peer.get("\(Self.base)/ci/1/entries", reader)) == [1])
      let unread = try peer.get("\(Self.base)/ci/1/entries", writer)
      #expect(unread.status == 403 && unread.text.contains("has no right to read 'ci/1'"))
      #expect(try peer.get("\(Self.base)/web/entries", reader).status == 403)
      #expect(try Self.object(peer.get(Self.base, writer))["streams"] as? [String] == [])
      #expect(try peer.ask("POST", "\(Self.base)/ci/1/entries", reader + Self.text, body: "x").status == 403)
    }
  }
}
