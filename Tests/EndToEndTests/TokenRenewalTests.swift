import Foundation
import LogsWire
import Testing

/// Tokens that are renewed inside a connection: CHALLENGE and AUTH between real programs.
@Suite(.ownThread) struct TokenRenewalTests {
  /// A server with tokens, over TCP: over the Unix socket the server's own user needs none.
  private struct Site {
    let scene: Scene
    let server: TestServer

    init(_ scene: Scene, _ tokens: [(name: String, rights: [String])]) throws {
      self.scene = scene
      let data = scene.path("server.data")
      var secrets: [String: String] = [:]
      for token in tokens { secrets[token.name] = try scene.makeToken(token.name, token.rights, data: data) }
      server = try TestServer(scene, ["--heartbeat", "400ms"], data: data, transport: .tcp)
      self.secrets = secrets
    }

    let secrets: [String: String]

    func secret(_ name: String) throws -> String { try #require(secrets[name]) }

    func rotate(_ name: String, overlap: String) throws -> String {
      let words = ["token", "rotate", name, "--overlap", overlap, "--data", scene.path("server.data")]
      let rotated = try scene.run(Binaries.logsd, words)
      guard rotated.exit == .code(0), let secret = rotated.lines.first else { throw Failure(rotated.errors) }
      return secret
    }

    /// A file that only its owner can read, replaced as a whole.
    func file(_ secret: String) throws -> String {
      let path = scene.path("token")
      try Data("\(secret)\n".utf8).write(to: URL(filePath: "\(path).new"))
      guard chmod("\(path).new", 0o600) == 0, rename("\(path).new", path) == 0 else { throw Failure.errno("rename") }
      return path
    }

    func client(_ secret: String, takesChallenges: Bool) throws -> RawClient {
      let client = try RawClient(server.url)
      let features: Hello.Features = takesChallenges ? [.challenges] : []
      try client.send(.hello(Hello(features: features, frameByteCountMax: 4 << 20, client: "raw", token: secret)))
      guard case .welcome(let welcome) = try client.receive().message else { throw Failure("no WELCOME came") }
      #expect(welcome.takesRenewals && welcome.checksTokens)
      return client
    }

    /// What the server says until it ends the connection.
    func words(_ client: RawClient) throws -> [String] {
      var words: [String] = []
      while let received = try client.receiveOrEnd() {
        switch received.message {
        case .challenge: words.append("challenge")
        case .error(let refusal) where refusal.isRetryable: words.append("\(refusal.code), retryable")
        default: words.append("\(received.message.type)")
        }
      }
      return words
    }

    /// Through a connection of its own.
    func fact(_ name: String, _ secret: String) throws -> Int {
      try client(secret, takesChallenges: false).fact(name)
    }
  }

  @Test func `a rotation cuts off nobody who reads the token's file again, and nothing is lost or doubled`() throws {
    try Scene.play { scene in
      let site = try Site(scene, [("ci", ["append:**", "read:**"])])
      let server = site.server
      var secret = try site.secret("ci")
      let file = try site.file(secret)
      let lines = (1...600).map { "line \($0)" }
      let push = try server.start(["push", "web", "--token-file", file], input: .pipe)
      let follower = try server.start(
        ["follow", "web", "-n", "all", "-o", "raw", "--limit", "600", "--token-file", file])
      let reference = try scene.start(
        Binaries.python, [Binaries.referenceClient, "follow", server.url, "web"],
        environment: ["LOGS_TOKEN_FILE": file])
      for round in 0..<2 {
        for line in lines[round * 200..<round * 200 + 200] { try push.write(Array("\(line)\n".utf8)) }
        try follower.output.waitForLines(round * 200 + 200)
        try reference.output.waitForLines(round * 200 + 200)
        // One that never shows the new token, and one that knows nothing of that.
        let deaf = try site.client(secret, takesChallenges: true)
        let plain = try site.client(secret, takesChallenges: false)
        secret = try site.rotate("ci", overlap: "1s")
        _ = try site.file(secret)
        #expect(try site.words(plain) == ["unauthorized, retryable"])
        // When this one has ended, everybody has who did not renew.
        #expect(try site.words(deaf) == ["challenge", "unauthorized, retryable"])
      }
      for line in lines[400...] { try push.write(Array("\(line)\n".utf8)) }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      #expect(try follower.wait() == .code(0), "\(follower.errors.text)")
      #expect(follower.output.lines == lines)
      try reference.output.waitForLines(600)
      #expect(reference.output.lines == lines)
      // The three, two a round, and the one that asks.
      #expect(try site.fact("accepted_connections_total", secret) == 3 + 4 + 1)
      #expect(try site.fact("duplicate_batches_total", secret) == 0)
    }
  }

  @Test func `a revoked token leaves the time to show another one, and no more`() throws {
    try Scene.play { scene in
      let site = try Site(scene, [("a", ["read:**"]), ("b", ["read:**"])])
      let (staying, leaving) = (
        try site.client(site.secret("a"), takesChallenges: true),
        try site.client(site.secret("a"), takesChallenges: true)
      )
      let revoked = try scene.run(Binaries.logsd, ["token", "revoke", "a", "--data", scene.path("server.data")])
      #expect(revoked.exit == .code(0))
      guard case .challenge(let challenge) = try staying.receive().message else { throw Failure("no CHALLENGE came") }
      #expect(challenge.graceMilliseconds == 400 && challenge.text.contains("'a' was revoked"), "\(challenge)")
      try staying.send(.auth(token: site.secret("b")), id: 5)
      #expect(try staying.receive().message.type == .authorized)
      #expect(try site.words(leaving) == ["challenge", "unauthorized, retryable"])
      #expect(try staying.fact("accepted_connections_total") == 2)
    }
  }

  @Test func `a wrong token leaves a connection as it was, is slow, counted, and logged`() throws {
    try Scene.play { scene in
      let site = try Site(scene, [("a", ["append:**", "read:**"])])
      let client = try site.client(site.secret("a"), takesChallenges: false)
      try client.send(.auth(token: "lgs_wrong"), id: 5)
      // It is answered at once: AUTH waits.
      try client.send(.list(ListRequest()), id: 6)
      #expect(try client.receive().message.type == .listing)
      let refused = try client.receiveError()
      #expect(refused.id == 5 && refused.refusal.code == .unauthorized && !refused.refusal.isRetryable)
      #expect(try client.fact("refused_tokens_total") == 1)
      try site.server.process.errors.waitForText("shows a token that does not count: this is no token")
      try client.send(.auth(token: site.secret("a")), id: 7)
      #expect(try client.receive().message.type == .authorized)
    }
  }

  @Test func `what another token does not allow ends at once, and what it allows goes on`() throws {
    try Scene.play { scene in
      let site = try Site(
        scene, [("wide", ["append:**", "read:**"]), ("narrow", ["append:own/*", "read:own/*"])])
      let client = try site.client(site.secret("wide"), takesChallenges: false)
      func append(_ stream: String, _ number: UInt64, id: UInt32) throws {
        try client.send(
          .complete(
            Complete(
              producer: ProducerID(high: 1, low: number), number: 1, floor: 1, stream: StreamName(stream), text: "")),
          id: id)
      }
      try append("own/sealed", 1, id: 1)
      #expect(try client.receive().message.type == .ack)
      try append("other/sealed", 2, id: 1)
      #expect(try client.receive().message.type == .ack)
      let selectors: [StreamSelector] = [
        .stream(StreamName("own/new")), .stream(StreamName("other/new")), .pattern(StreamPattern("own/*")),
        .pattern(StreamPattern("**")),
      ]
      for (index, selector) in selectors.enumerated() {
        try client.send(
          .follow(Follow(credit: 1 << 20, selectors: [selector], start: .now)), id: UInt32(index) + 1)
        while try client.receive().message.type != .live {}
      }
      // The sealed streams are over for the subscription to all of them: only what it may yet deliver counts.
      try client.send(.auth(token: site.secret("narrow")), id: 9)
      let ended = try client.receiveError()
      #expect(ended.id == 2 && ended.refusal.code == .unauthorized && ended.refusal.isRetryable, "\(ended)")
      #expect(ended.refusal.text.contains("token 'narrow' has no right to read 'other/new'"), "\(ended)")
      #expect(try client.receive().message.type == .authorized)
      try append("other/late", 3, id: 9)
      let refused = try client.receiveError()
      #expect(refused.id == 9 && refused.refusal.code == .forbidden)
      try append("own/new", 4, id: 9)
      var told: Set<UInt32> = []
      while told.count < 4 {
        let received = try client.receive()
        if received.message.type == .stream || received.message.type == .ack { told.insert(received.id) }
      }
      #expect(told == [1, 3, 4, 9])

      // The one before allows more again: patterns are asked for anew, or they would lack what they passed over.
      try client.send(.auth(token: site.secret("wide")), id: 10)
      var ends: [UInt32] = []
      while true {
        let received = try client.receive()
        if received.message.type == .authorized { break }
        guard case .error(let refusal) = received.message else { continue }
        ends.append(received.id)
        #expect(refusal.code == .unauthorized && refusal.isRetryable)
        #expect(refusal.text == "the token 'wide' may read other streams; ask again")
      }
      #expect(ends == [3, 4])
    }
  }

  @Test func `a token with other rights to append ends neither queries nor subscriptions`() throws {
    try Scene.play { scene in
      let site = try Site(scene, [("a", ["append:a", "read:**"]), ("b", ["append:b", "read:**"])])
      let client = try site.client(site.secret("a"), takesChallenges: false)
      func append(to stream: String, _ number: UInt64) throws -> Message {
        try RawClient.append(["line"], to: stream, producer: ProducerID(high: 1, low: 1), number: number)
      }
      try client.send(append(to: "a", 1), id: 1)
      #expect(try client.receive().message.type == .ack)
      let all = StreamSelector.pattern(.all)
      try client.send(.follow(Follow(credit: 1 << 20, selectors: [all], start: .now)), id: 1)
      while try client.receive().message.type != .live {}
      // In one piece: the query cannot be over when the token is shown.
      try client.send(
        bytes: RawClient.bytes(.query(Query(.count, [all])), id: 2)
          + RawClient.bytes(.auth(token: site.secret("b")), id: 3) + RawClient.bytes(append(to: "b", 1), id: 4)
          + RawClient.bytes(append(to: "a", 2), id: 5))
      var answers: [UInt32: [FrameType]] = [:]
      while answers.values.joined().count(where: { $0 != .progress && $0 != .heads }) < 6 {
        let received = try client.receive()
        answers[received.id, default: []].append(received.message.type)
        guard case .result(let result) = received.message else { continue }
        #expect(result.entryCount == 1)
      }
      #expect(answers[1]?.filter { $0 != .heads } == [.stream, .batch] && answers[2]?.last == .result, "\(answers)")
      #expect(answers[3] == [.authorized] && answers[4] == [.ack] && answers[5] == [.error], "\(answers)")
    }
  }

  @Test func `the reference client goes on while its token's file is away or empty, and shows the new one then`() throws
  {
    try Scene.play { scene in
      let site = try Site(scene, [("ci", ["append:**", "read:**"])])
      let secret = try site.secret("ci")
      let file = try site.file(secret)
      let producer = ProducerID(high: 1, low: 1)
      var lines: [String] = []
      // Over a connection of its own: one that does not listen in between would seem dead.
      func add(_ secret: String) throws {
        let client = try site.client(secret, takesChallenges: false)
        lines.append("line \(lines.count + 1)")
        let append = try RawClient.append(
          [lines[lines.count - 1]], to: "web", producer: producer, number: UInt64(lines.count))
        try client.send(append, id: 1)
        #expect(try client.receive().message.type == .ack)
      }
      try add(secret)
      let reference = try scene.start(
        Binaries.python, [Binaries.referenceClient, "follow", site.server.url, "web"],
        environment: ["LOGS_TOKEN_FILE": file])
      try reference.output.waitForLines(1)
      // It has come later, so it is asked later.
      let deaf = try site.client(secret, takesChallenges: true)
      try FileManager.default.removeItem(atPath: file)
      let new = try site.rotate("ci", overlap: "6s")
      guard case .challenge = try deaf.receive().message else { throw Failure("no CHALLENGE came") }
      for content in [nil, "", new] {
        if let content { _ = try site.file(content) }
        // It looks for a token between two entries.
        for _ in 1...2 {
          try add(new)
          try reference.output.waitForLines(lines.count)
        }
      }
      let last = try site.client(secret, takesChallenges: true)
      #expect(try site.words(last) == ["challenge", "unauthorized, retryable"])
      try add(new)
      try reference.output.waitForLines(lines.count)
      #expect(reference.output.lines == lines)
    }
  }
}
