import Glibc
import LogsClient
import LogsWire
import Testing

/// What one client may take of a server, over the protocol and over HTTP: new streams, queries, appends
/// (`spec/limits.md`).
@Suite(.ownThread) struct ClientLimitTests {
  private static func append(
    _ client: RawClient, _ stream: String, _ producer: ProducerID, number: UInt64 = 1
  ) throws -> Refusal? {
    try client.send(try RawClient.append(["x"], to: stream, producer: producer, number: number), id: 1)
    switch try client.receive().message {
    case .ack: return nil
    case .error(let refusal): return refusal
    case let other: throw Failure("\(other.type) in place of an answer")
    }
  }

  private static func client(_ server: TestServer, token: String = "") throws -> RawClient {
    let client = try RawClient(server.url)
    try client.send(.hello(Hello(frameByteCountMax: 4 << 20, client: "test", token: token)))
    guard case .welcome = try client.receive().message else { throw Failure("no WELCOME came") }
    return client
  }

  private static func post(_ peer: HTTPPeer, _ stream: String, token: String, lineCount: Int = 1) throws
    -> HTTPPeer.Answer
  {
    try peer.ask(
      "POST", "/api/v1/streams/\(stream)/entries", ["Content-Type: text/plain", "Authorization: Bearer \(token)"],
      body: String(repeating: "x\n", count: lineCount))
  }

  @Test func `a push that is interrupted while it waits counts what is stored`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--append-rate-entries", "100"])
      let lines = try scene.file("lines", LogLines.file((1...900).map { Array("line \($0)".utf8) }))
      let push = try server.start(["push", "web", lines, "--batch", "100"])
      func last() throws -> Int {
        let streams = try server.run(["streams", "-o", "json"]).text
        return streams.firstMatch(of: /"last":(\d+)/).flatMap { Int($0.1) } ?? 0
      }
      // Two batches are taken at once. They are acknowledged long before the third one, which had to wait, is stored.
      try Polling.wait(for: "the third batch") { try last() >= 300 }
      push.signal(SIGINT)
      #expect(try push.wait() == .code(130))
      let told = push.errors.text.firstMatch(of: /interrupted; (\d+) entries of web are acknowledged/)
      let count = try #require(told.flatMap { Int($0.1) }, "\(push.errors.text)")
      // The answer to the last batch may have been under way.
      #expect(try [last(), last() - 100].contains(count) && count > 0, "\(push.errors.text)")
    }
  }

  @Test func `a client that creates streams too fast has to wait, and others have not`() throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      let (one, other) = (
        try scene.makeToken("one", ["append:**"], data: data), try scene.makeToken("other", ["append:**"], data: data)
      )
      let server = try TestServer(
        scene, ["--new-streams", "2"] + TestServer.listensForHTTP, data: data, transport: .tcp)
      let client = try Self.client(server, token: one)
      let producer = ProducerID.random()
      #expect(try Self.append(client, "a", producer) == nil)
      #expect(try Self.append(client, "b", producer) == nil)
      let refusal = try #require(try Self.append(client, "c", producer))
      #expect(refusal.code == .overloaded && refusal.isRetryable && !refusal.mayHaveTakenEffect)
      #expect(refusal.limit?.name == "new-streams" && refusal.limit?.value == 2)
      #expect((1...30_001).contains(refusal.retryAfterMilliseconds), "\(refusal.retryAfterMilliseconds)")
      #expect(refusal.text.contains("token 'one' creates more than 2 streams a minute"), "\(refusal.text)")
      // On another connection, too; and a COMPLETE would create it as well.
      let again = try Self.client(server, token: one)
      try again.send(
        .complete(Complete(producer: producer, number: 1, floor: 1, stream: StreamName("d"), text: "")), id: 1)
      #expect(try again.receiveError().refusal.limit?.name == "new-streams")
      // Streams that exist take more, and a batch that is stored is acknowledged again.
      #expect(try Self.append(client, "a", producer, number: 2) == nil)
      #expect(try Self.append(client, "b", producer) == nil)
      let peer = try HTTPPeer(server)
      let answer = try Self.post(peer, "c", token: one)
      #expect(answer.status == 429 && answer.text.contains(#""limit":{"new-streams":2}"#), "\(answer.text)")
      let seconds = try #require(Int(answer.headers["retry-after"] ?? ""))
      #expect((1...30).contains(seconds), "\(seconds)")
      #expect(try Self.append(try Self.client(server, token: other), "c", producer) == nil)
      #expect(try Self.post(peer, "c", token: one).status == 200)
    }
  }

  @Test func `a producer that creates streams too fast waits, and loses and doubles nothing`() async throws {
    try await Scene.play { scene in
      let server = try TestServer(scene, ["--new-streams", "20"], transport: .tcp)
      let client = try LogClient(LogClientConfiguration(servers: [server.url], name: "test"))
      let producer = try LogProducer(client, stream: "s/0")
      let names = (0..<22).map { "s/\($0)" }
      for name in names {
        for text in ["1", "2", "3"] {
          _ = try await producer.submit([LogEntry(message: ByteString(text))], to: StreamName(name))
        }
      }
      #expect(await producer.flush(timeout: .seconds(300)))
      for name in names {
        #expect(try await client.read(StreamName(name)).entries.map(\.entry.text) == ["1", "2", "3"], "\(name)")
      }
      let counts = producer.counts
      #expect(counts.acknowledged == 22 * 3 && counts.refused == 0)
      await producer.shutdown()
      await client.shutdown()
      #expect(try server.fact("refused_batches_total") > 0)
    }
  }

  @Test func `push waits until it may create its stream, and says why`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--new-streams", "10"], transport: .tcp)
      let client = try Self.client(server)
      for number in 1...10 { #expect(try Self.append(client, "s/\(number)", .random()) == nil) }
      let pushed = try server.run(["push", "web"], input: .file(try scene.file("f", "one\ntwo\n".utf8)))
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      let calm = "the server takes 10 new streams a minute from a client (new-streams): the rest waits"
      #expect(pushed.errorLines.filter { $0.contains(calm) }.count == 1, "\(pushed.errors)")
      #expect(try server.stored("web") == Array("one\ntwo\n".utf8))
    }
  }

  @Test func `a client has its number of queries, over the protocol and HTTP together`() throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      let (one, other) = (
        try scene.makeToken("one", ["admin:**"], data: data), try scene.makeToken("other", ["admin:**"], data: data)
      )
      let server = try TestServer(
        scene, ["--queries-per-client", "2"] + TestServer.listensForHTTP, data: data, transport: .tcp)
      let file = try scene.file("f", LogLines.file(LogLines.plain(100_000)))
      try expectSuccess(server.run(["push", "web", file], environment: ["LOGS_TOKEN": one]))
      // They go on until they are cancelled, and come at once: however slow this test is, the third finds the others.
      let slow = try SlowQuery.count(of: "web")
      let client = try Self.client(server, token: one)
      try client.send(bytes: (1...3 as ClosedRange<UInt32>).flatMap { RawClient.bytes(.query(slow), id: $0) })
      var received = try client.receive()
      while case .progress = received.message { received = try client.receive() }
      guard case .error(let refusal) = received.message else { throw Failure("\(received.message.type), no ERROR") }
      #expect(received.id == 3 && refusal.code == .overloaded && refusal.isRetryable)
      #expect(refusal.limit?.name == "queries-per-client" && refusal.limit?.value == 2)
      #expect(refusal.retryAfterMilliseconds > 0)
      let peer = try HTTPPeer(server)
      let refused = try peer.get("/api/v1/count?stream=web", ["Authorization: Bearer \(one)"])
      #expect(refused.status == 429 && refused.headers["retry-after"] == "1", "\(refused.status)")
      #expect(refused.text.contains(#""limit":{"queries-per-client":2}"#), "\(refused.text)")
      #expect(try peer.get("/api/v1/count?stream=web", ["Authorization: Bearer \(other)"]).status == 200)
      // Each one that ends makes room.
      client.close()
      try Polling.wait(for: "room for a query") {
        try peer.get("/api/v1/count?stream=web", ["Authorization: Bearer \(one)"]).status == 200
      }
      for _ in 1...5 {
        #expect(try peer.get("/api/v1/count?stream=web", ["Authorization: Bearer \(one)"]).status == 200)
      }
    }
  }

  @Test func `an append over HTTP beyond the rate gets 429, and is taken after Retry-After`() throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      let token = try scene.makeToken("one", ["admin:**"], data: data)
      let server = try TestServer(
        scene, ["--append-rate-entries", "10"] + TestServer.listensForHTTP, data: data, transport: .tcp)
      let peer = try HTTPPeer(server)
      let begun = ContinuousClock.now
      // Five seconds' worth: all but the last of these have to be waited for.
      #expect(try Self.post(peer, "web", token: token, lineCount: 50).status == 200)
      let refused = try Self.post(peer, "web", token: token)
      #expect(refused.status == 429, "\(refused.status)")
      #expect((1...4).contains(Int(refused.headers["retry-after"] ?? "") ?? 0), "\(refused.headers)")
      #expect(refused.headers["content-type"] == "application/problem+json")
      #expect(refused.text.contains(#""code":"overloaded""#) && refused.text.contains(#""retryable":true"#))
      #expect(refused.text.contains(#""limit":{"append-rate-entries":10}"#), "\(refused.text)")
      var refusedCount = 0
      try Polling.wait(for: "an append that is taken") {
        let status = try Self.post(peer, "web", token: token).status
        if status == 429 { refusedCount += 1 }
        return status == 200
      }
      print("\(refusedCount) refused, taken after \(ContinuousClock.now - begun)")
      #expect(ContinuousClock.now - begun >= .seconds(3))
      #expect(try server.run(["query", "web", "--count"], environment: ["LOGS_TOKEN": token]).lines == ["51"])
    }
  }
}
