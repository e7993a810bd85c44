import LogsWire
import Testing

/// How many queries a server answers at once, and of how many streams (`spec/limits.md`).
@Suite(.ownThread) struct QueryLimitTests {
  /// What a query is answered, after any PROGRESS.
  private func answer(_ client: RawClient) throws -> RawClient.Received {
    while true {
      let received = try client.receive()
      guard case .progress = received.message else { return received }
    }
  }

  private func refusal(_ client: RawClient) throws -> Refusal {
    let received = try answer(client)
    guard case .error(let refusal) = received.message else { throw Failure("\(received.message.type), no ERROR") }
    return refusal
  }

  private func result(_ client: RawClient) throws -> QueryResult {
    let received = try answer(client)
    guard case .result(let result) = received.message else { throw Failure("\(received.message), no RESULT") }
    return result
  }

  @Test func `a server answers 64 queries at once, and the next one may be asked again`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--queries-per-client", "64"])
      let lineCount = 100_000
      let file = try scene.file("f", LogLines.file(LogLines.plain(lineCount)))
      try expectSuccess(server.run(["push", "web", file]))
      // All entries have to be looked at: they take longer than asking 64 times.
      let slow = try SlowQuery.count(of: "web")
      let clients = try (0..<16).map { _ in try RawClient(server.url) }
      let last = try RawClient(server.url)
      for client in clients + [last] { try client.handshake() }
      for client in clients { for id in 1...4 as ClosedRange<UInt32> { try client.send(.query(slow), id: id) } }
      // They have arrived once a PING behind them is answered.
      for client in clients {
        try client.send(.ping(1))
        while case .progress = try client.receive().message {}
      }
      try last.send(.query(slow), id: 1)
      let refusal = try refusal(last)
      #expect(refusal.code == .overloaded && refusal.isRetryable)
      #expect(refusal.limit?.name == "queries-total" && refusal.limit?.value == 64)

      // Each one that ends makes room: by a CANCEL, or with its connection.
      for client in clients[..<8] { client.close() }
      for client in clients[8...] { for id in 1...4 as ClosedRange<UInt32> { try client.send(.cancel, id: id) } }
      for client in clients[8...] {
        for _ in 1...4 {
          guard case .end(.cancelled) = try answer(client).message else { throw Failure("no END cancelled") }
        }
      }
      let all = Query(.count, [.stream(StreamName("web"))])
      // The server may learn later that a connection has ended.
      try Polling.wait(for: "room for a query") {
        try last.send(.query(all), id: 1)
        switch try answer(last).message {
        case .result(let result):
          #expect(result.entryCount == UInt64(lineCount))
          return true
        case .error(let refusal):
          #expect(refusal.code == .overloaded)
          return false
        case let other: throw Failure("\(other.type)")
        }
      }
    }
  }

  @Test func `queries end without an answer when their client sends no more`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(100_000)))
      try expectSuccess(server.run(["push", "web", file]))
      let slow = try SlowQuery.count(of: "web")
      // However fast the queries are, one time they are still under way.
      try Polling.wait(for: "a query that ends without an answer") {
        let client = try RawClient(server.url)
        try client.handshake()
        for id in 1...4 as ClosedRange<UInt32> { try client.send(.query(slow), id: id) }
        client.endOutput()
        var resultCount = 0
        while let received = try client.receiveOrEnd() { if case .result = received.message { resultCount += 1 } }
        return resultCount < 4
      }
    }
  }

  @Test func `a query is of 1,024 streams, and one of more is refused`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let client = try RawClient(server.url)
      try client.handshake()
      let producer = ProducerID.random()
      let names = (1...Limits.queryStreamCountMax).map { "a/\($0)" } + ["b"]
      for (index, name) in names.enumerated() {
        try client.send(try RawClient.append(["x"], to: name, producer: producer, number: 1), id: UInt32(index) + 1)
        if index % 32 == 31 || index == names.count - 1 {
          var missing = UInt32(index % 32 + 1)
          while missing > 0 {
            guard case .ack(let ack) = try client.receive().message else { throw Failure("no ACK") }
            missing -= ack.appendCount
          }
        }
      }
      func ask(_ patterns: String..., filter: String? = nil) throws {
        let selectors = try patterns.map { StreamSelector.pattern(try StreamPattern($0)) }
        try client.send(.query(Query(.count, selectors, filter: try filter.map { try Filter($0) })), id: 9_999)
      }
      try ask("a/*")
      #expect(try result(client).entryCount == UInt64(Limits.queryStreamCountMax))
      try ask("a/*", "b")
      let refused = try refusal(client)
      #expect(refused.code == .badRequest && !refused.isRetryable)
      #expect(refused.limit?.name == "query-streams" && refused.limit?.value == UInt64(Limits.queryStreamCountMax))
      // Those that the filter rules out do not count.
      try ask("**", filter: "stream:a/*")
      #expect(try result(client).entryCount == UInt64(Limits.queryStreamCountMax))
      let several = try server.run(["query", "**", "--count"])
      #expect(several.exit == .code(1) && several.errors.contains("more than 1024 streams"), "\(several.errors)")
      #expect(try server.run(["query", "**", "--count", "--", "stream:a/*"]).lines == ["1024"])
      #expect(try server.run(["query", "**", "-o", "raw", "--", "stream:b"]).lines == ["x"])
      // A stream that several selectors choose counts once.
      try ask("a/*", "a/1*")
      #expect(try result(client).entryCount == UInt64(Limits.queryStreamCountMax))
    }
  }
}
