import Foundation
import LogsWire
import Testing

/// The view `container`, whose entries belong to the container that the stream's status entries name.
@Suite(.ownThread) struct HTTPContainerTests {
  /// A server, and who appends to it what HTTP cannot: entries of kind status.
  private final class Door {
    let server: TestServer
    private let client: RawClient

    init(_ scene: Scene) throws {
      server = try TestServer(scene, TestServer.listensForHTTP)
      client = try RawClient(server.url)
      try client.handshake()
    }

    func append(_ entries: [LogEntry], to stream: String) throws {
      var builder = BatchBuilder(seed: 1)
      for entry in entries { _ = try builder.append(entry) }
      let batch = builder.finish(compressor: Compressor()).bytes
      try client.send(
        .append(
          Append(producer: .random(), number: 1, floor: 1, stream: try StreamName(stream), batch: batch)), id: 1)
      guard case .ack = try client.receive().message else { throw Failure("no ACK") }
    }

    /// The containers of a page's entries.
    func containers(_ target: String) throws -> [String] {
      let answer = try HTTPPeer(server).get(target)
      #expect(answer.status == 200, "\(answer.text)")
      let entries = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [[String: Any]] ?? []
      return entries.compactMap { $0["container_id"] as? String }
    }
  }

  private static func status(_ container: String) -> LogEntry {
    LogEntry(
      message: "started",
      attributes: [LogAttribute("container.id", .string(container)), LogAttribute("status", .string("running"))],
      kind: .status)
  }

  private static func lines(_ count: Int) -> [LogEntry] { (1...count).map { LogEntry(message: ByteString("\($0)")) } }

  @Test func `a page looks back for the last status entry of each stream`() throws {
    try Scene.play { scene in
      let door = try Door(scene)
      let page = "/api/v1/streams/docker/web/entries?view=container"
      try door.append([Self.status("first")] + Self.lines(600), to: "docker/web")
      try door.append(
        [LogEntry(message: "x", attributes: [LogAttribute("container.id", .string("own"))])] + Self.lines(1),
        to: "docker/web")
      try door.append(Self.lines(2), to: "docker/bare")
      #expect(try door.containers("\(page)&limit=3") == ["first", "own", "first"])
      #expect(try door.containers("/api/v1/streams/docker/bare/entries?view=container") == ["bare", "bare"])
      // The latest one counts for what is older, too, whichever way the page goes.
      try door.append([Self.status("second"), LogEntry(message: "status of nobody", kind: .status)], to: "docker/web")
      #expect(try door.containers("\(page)&after=100&limit=2") == ["second", "second"])
      #expect(try door.containers("\(page)&before=100&limit=2") == ["second", "second"])
      #expect(try door.containers("\(page)&before=3") == ["second", "first"])
      let several = try door.containers("/api/v1/entries?stream=docker/*&view=container&limit=4")
      #expect(several.sorted() == ["bare", "bare", "second", "second"])
      #expect(try door.containers("/api/v1/entries?stream=docker/bare&stream=docker/none&view=container").count == 2)
      let none = try HTTPPeer(door.server).get("/api/v1/streams/none/entries?view=container")
      #expect(none.status == 404)
    }
  }

  @Test func `subscriptions of a WebSocket look back, each for itself`() throws {
    try Scene.play { scene in
      let door = try Door(scene)
      try door.append([Self.status("first")] + Self.lines(600), to: "docker/web")
      try door.append(Self.lines(1), to: "docker/bare")
      let own = try WebSocketPeer(door.server, "/api/v1/streams/docker/web/follow?last=1&limit=1&view=container")
      #expect(try own.object()["container_id"] as? String == "first")
      let socket = try WebSocketPeer(door.server, "/api/v1/ws")
      func subscribe(_ id: String, _ streams: String, _ rest: String = "") throws {
        let members = #""id":"\#(id)","streams":\#(streams),"last":1,"view":"container"\#(rest)"#
        try socket.send(#"{"type":"subscribe",\#(members)}"#)
      }
      /// The next message about a subscription, but those that say where it is.
      func next(_ id: String) throws -> [String: Any] {
        while true {
          let message = try socket.object()
          guard message["id"] as? String == id else { continue }
          if !["subscribed", "live"].contains(message["type"] as? String) { return message }
        }
      }
      func container(_ message: [String: Any]) -> String? {
        (message["log"] as? [String: Any])?["container_id"] as? String
      }
      try subscribe("a", #"["docker/web"]"#)
      #expect(try container(next("a")) == "first")
      try subscribe("b", #"["docker/*"]"#)
      #expect(try [container(next("b")), container(next("b"))].compactMap(\.self).sorted() == ["bare", "first"])
      // What is asked of it while it looks counts.
      try subscribe("c", #"["docker/web"]"#, #","credit":0"#)
      try socket.send(#"{"type":"pause","id":"c"}"#)
      try socket.send(#"{"type":"credit","id":"c","entries":1}"#)
      try socket.send(#"{"type":"resume","id":"c"}"#)
      #expect(try container(next("c")) == "first")
      try subscribe("d", #"["docker/web"]"#)
      try socket.send(#"{"type":"unsubscribe","id":"d"}"#)
      var last = try next("d")
      while last["type"] as? String == "log" { last = try next("d") }
      #expect(last["type"] as? String == "complete", "\(last)")
      // Then its name is free again, and the socket goes on.
      try subscribe("d", #"["docker/bare"]"#)
      #expect(try container(next("d")) == "bare")
      try door.append([Self.status("second")] + Self.lines(1), to: "docker/web")
      var seen: [String] = []
      while seen.count < 2 {
        let message = try next("a")
        if let found = container(message) { seen.append(found) }
      }
      #expect(seen == ["second", "second"])
    }
  }

  @Test(arguments: ["ndjson", "sse"])
  func `a follow learns from the status entries that pass`(format: String) throws {
    try Scene.play { scene in
      let door = try Door(scene)
      try door.append([Self.status("first")] + Self.lines(20), to: "docker/web")
      // Two that share what is written, and one that follows a pattern.
      let targets = [
        "/api/v1/streams/docker/web/follow?last=1&limit=5", "/api/v1/streams/docker/web/follow?last=1&limit=5",
        "/api/v1/follow?stream=docker/*&last=1&limit=5",
      ]
      let peers = try targets.map { target in
        let peer = try HTTPPeer(door.server)
        try peer.send("GET \(target)&view=container&format=\(format) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _ = try peer.head()
        return peer
      }
      try door.append(Self.lines(1), to: "docker/web")
      try door.append([Self.status("second")] + Self.lines(1), to: "docker/web")
      try door.append(Self.lines(1), to: "docker/web")
      for peer in peers {
        var text = ""
        while let chunk = try peer.chunk() { text += String(decoding: chunk, as: UTF8.self) }
        let containers = text.split(separator: #""container_id":""#).dropFirst().map {
          String($0.prefix { $0 != "\"" })
        }
        #expect(containers == ["first", "first", "second", "second", "second"], "\(text)")
      }
    }
  }
}
