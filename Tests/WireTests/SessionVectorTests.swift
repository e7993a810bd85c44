import Testing

@testable import LogsSimulation
@testable import LogsWire

/// The transcript of a whole connection, replayed at each of the two ends.
@Suite struct `A session as a vector` {
  private static let asked = [
    "append-and-follow": [
      "authorize reference 1 s3cret", "append 1 web #1", "append 2 web #2", "follow 3", "append 4 web #2",
      "append 5 web #3", "resume 3", "follow 6", "cancel 6", "complete 7 web #3", "list 8", "stat 9",
    ],
    "queries": [
      "authorize reference 1 s3cret", "append 1 web #1", "query 2", "query 3", "query 4", "query 5", "query 6",
      "cancelQuery 5", "follow 7", "query 8",
    ],
    "renewals": [
      "authorize reference 1 s3cret", "append 1 web #1", "renew 2 wrong", "renew 3 n3w", "append 4 web #2",
    ],
    "dictionaries": ["authorize reference 1 s3cret", "follow 1"],
    "deletions": [
      "authorize reference 1 s3cret", "append 1 web #1", "delete 2 web dry", "delete 3 web", "delete 4 web",
      "delete 5 web", "delete 6 web", "append 7 web #2", "delete 8 web", "delete 9 $audit",
    ],
  ]

  private static let told = [
    "append-and-follow": [
      "welcomed", "acknowledged 1 1+2", "acknowledged 2 3+1", "announced 3 web 1", "resolved 3", "delivered 3 2-3",
      "live 3", "acknowledged 4 3+1 duplicate", "refused 5 bad_batch", "announced 6 web 3", "resolved 6", "live 6",
      "ended 6 cancelled", "acknowledged 7 4+1", "delivered 3 4-4", "ended 3 complete", "listed 8 1", "answered 9 2",
      "goingAway",
    ],
    "queries": [
      "welcomed", "acknowledged 1 1+2", "counted 2 1", "progressed 3 0/2", "progressed 3 2/2", "counted 3 2",
      "counted 4 0", "progressed 5 0/2", "counted 6 2", "announced 7 web 0", "resolved 7", "delivered 7 1-2",
      "ended 7 until", "refused 8 filter_too_costly", "goingAway",
    ],
    "renewals": [
      "welcomed", "acknowledged 1 1+2", "challenged 60000", "refused 2 unauthorized", "authorized 3",
      "acknowledged 4 3+1", "goingAway",
    ],
    "dictionaries": [
      "welcomed", "announced 1 web 0", "resolved 1", "delivered 1 1-1", "delivered 1 2-2", "delivered 1 3-4",
      "ended 1 until", "goingAway",
    ],
    "deletions": [
      "welcomed", "acknowledged 1 1+2", "deleted 2 1", "deleted 3 1", "deleted 4 0", "deleted 5 1",
      "refused 6 unknown_stream", "acknowledged 7 1+1", "refused 8 stream_replaced", "refused 9 forbidden", "goingAway",
    ],
    "wrong-answer": ["welcomed", "challenged 60000", "failed protocol_violation"],
  ]

  @Test(arguments: ["append-and-follow", "queries", "deletions", "renewals", "dictionaries"])
  func `a server accepts the client's frames, and answers as in the transcript`(_ name: String) throws {
    let lines = try SessionVector(name).lines
    guard case .welcome(let welcome) = lines[1].message else { throw InvalidEntry("WELCOME is the second frame") }
    var server = ServerSession(configuration: .init(welcome: welcome, handshakeMillisecondsMax: 500), now: .zero)
    var asked: [String] = []
    var sent: [[UInt8]] = []
    for line in lines {
      switch line.side {
      case .client:
        for action in server.receive(line.bytes, at: 0) {
          if case .send(let frame) = action { sent.append(Frames.bytes(frame)) } else { asked.append(action.shown) }
        }
      case .server:
        if case .ping = line.message {
          // It checks once to see that it has sent, and again a heartbeat later.
          for time in [0, 10_000] as [UInt64] {
            for case .send(let frame) in server.tick(now: .milliseconds(time)) { sent.append(Frames.bytes(frame)) }
          }
        } else if let frame = Self.answer(line, &server) {
          sent.append(Frames.bytes(frame))
        }
        let first = try #require(sent.first, "\(line.message.type) \(line.id)")
        #expect(first == line.bytes, "\(line.message.type) \(line.id)")
        sent.removeFirst()
      }
    }
    #expect(sent.isEmpty)
    #expect(asked == Self.asked[name])
    let isClosed = server.isClosed
    #expect(!isClosed && server.appendCount == 0 && server.subscriptionCount == 0)
  }

  /// The decisions of the server's user.
  private static func answer(_ line: SessionVector.Line, _ server: inout ServerSession) -> OutgoingFrame? {
    switch line.message {
    case .welcome, .pong: return nil
    case .ack(let ack): return server.acknowledge(line.id, ack)
    case .error(let refusal): return server.refuse(line.id, refusal)
    case .stream, .resolved, .skip, .live, .heads, .progress: return server.tell(line.id, line.message)
    case .batch(let range, let batches):
      guard server.creditLeft(line.id) > 0 else { return nil }
      return server.deliver(line.id, range, batches: batches)
    case .end(let reason): return server.end(line.id, reason)
    case .challenge(let challenge): return server.challenge(challenge)
    case .dictionary(let dictionary): return server.introduce(dictionary)
    case .listing, .status, .result, .deleted, .authorized: return server.answer(line.id, line.message)
    case .goAway(let goAway):
      for case .send(let frame) in server.drain(goAway) { return frame }
      return nil
    case .hello, .ping, .append, .complete, .follow, .credit, .cancel, .list, .stat, .query, .auth, .delete:
      return nil
    }
  }

  @Test func `an unwelcome client gets an ERROR, and no answer to its requests`() throws {
    let lines = try SessionVector("turned-away").lines
    let configuration = ServerSession.Configuration(welcome: Sample.welcome(), handshakeMillisecondsMax: 500)
    var server = ServerSession(configuration: configuration, now: .zero)
    let asked = lines.filter { $0.side == .client }.flatMap { server.receive(ByteString($0.bytes).span, now: .zero) }
    #expect(asked.map(\.shown) == ["authorize reference 1 s3cret"])
    guard case .error(let refusal) = lines[2].message else { throw InvalidEntry("ERROR is the third frame") }
    let actions = server.decide(.refused(refusal), now: .zero)
    guard case .send(let frame)? = actions.first else { throw InvalidEntry("nothing is sent") }
    #expect(Frames.bytes(frame) == lines[2].bytes)
    #expect(actions.map(\.shown).last == "close")
  }

  @Test(arguments: ["append-and-follow", "queries", "deletions", "renewals", "dictionaries", "wrong-answer"])
  func `a client with the same requests sends the same bytes, and accepts the server's frames`(_ name: String) throws {
    var client = ClientSession(handshakeMillisecondsMax: 1000, now: .zero)
    var sent: [[UInt8]] = []
    var told: [String] = []
    for line in try SessionVector(name).lines {
      switch line.side {
      case .client:
        if let frame = try Self.ask(line, &client) { sent.append(Frames.bytes(frame)) }
        let first = try #require(sent.first, "\(line.message.type) \(line.id)")
        #expect(first == line.bytes, "\(line.message.type) \(line.id)")
        sent.removeFirst()
      case .server:
        for event in client.receive(line.bytes) {
          if case .send(let frame) = event { sent.append(Frames.bytes(frame)) } else { told.append(event.shown) }
        }
      }
    }
    #expect(sent.isEmpty)
    #expect(told == Self.told[name])
    let isClosed = client.isClosed
    #expect(isClosed == (name == "wrong-answer"))
  }

  /// The requests of the client's user.
  private static func ask(_ line: SessionVector.Line, _ client: inout ClientSession) throws -> OutgoingFrame? {
    switch line.message {
    case .hello(let hello):
      return ClientSession.hello(client: hello.client, token: hello.token, features: hello.features)
    case .append(let append):
      // Not all of them are intact.
      let count = Frames.load(append.batch.array, 44, UInt32.self)
      return client.append(append, entryCount: Int(count)).frame
    case .complete(let complete): return client.complete(complete).frame
    case .follow(let follow): return client.follow(follow).frame
    case .credit(let total): return client.credit(line.id, total: total)
    case .cancel: return client.cancel(line.id)
    case .list(let request): return client.list(request).frame
    case .stat: return client.stat().frame
    case .query(let query): return client.query(query).frame
    case .delete(let request): return client.delete(request).frame
    case .auth(let token): return client.renew(token: token).frame
    case .welcome, .error, .ping, .pong, .goAway, .ack, .stream, .resolved, .batch, .skip, .live, .end, .listing,
      .status, .heads, .result, .progress, .challenge, .authorized, .deleted, .dictionary:
      return nil
    }
  }
}
