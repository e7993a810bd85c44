import Foundation
import LogsStore
import LogsSystem
import LogsTransport
import LogsWire
import Testing

@testable import LogsServer

/// Every message that names or returns streams, with every right, on streams that exist and that do not.
@Suite struct RightsOnTheWireTests {
  private static let own = StreamName(stored: "own/a")
  private static let ownMissing = StreamName(stored: "own/x")
  private static let other = StreamName(stored: "other/a")
  private static let otherMissing = StreamName(stored: "other/x")

  /// A shard with a token for each action on `own/**`, and a stream on both sides of that.
  private struct Scene {
    let directory = NSTemporaryDirectory() + "rights-\(UInt64.random(in: 0 ... .max))"
    let store: Store
    let shard: Shard
    let endpoint: Endpoint

    init() async throws {
      let router = CommitRouter()
      store = try Store.open(StoreConfiguration(directory: directory), sink: router)
      let log: @Sendable (LogLine) -> Void = { _ in }
      let pattern = try StreamPattern("own/**")
      try TokenFile(directory: directory).change { tokens in
        for action in Rights.Action.allCases {
          tokens.append(
            Token(
              name: action.rawValue, hash: TokenHash(of: action.rawValue), created: 0,
              grants: [.init(action, pattern)]))
        }
        tokens.append(Token(name: "wide", hash: TokenHash(of: "wide"), created: 0, grants: [.init(.admin)]))
        tokens.append(Token(name: "all", hash: TokenHash(of: "all"), created: 0, grants: [.init(.append)]))
        tokens.append(
          Token(
            name: "renewed", hash: TokenHash(of: "renewed"), created: 0,
            grants: [.init(.append), .init(.read, pattern), .init(.delete, pattern)]))
      }
      let access = try AccessControl(
        directory: directory, unixAllow: NamedRights(), certificateAllow: NamedRights(), log: log)
      let context = ServerContext(
        configuration: ServerConfiguration(), access: access, store: store, counters: Counters(),
        connectionEnds: ConnectionEnds(log: log), server: .random(), started: .now(), log: log)
      let shard = Shard(loop: try EventLoop.start(name: "shard"))
      self.shard = shard
      await shard.open(index: 0, context: context)
      router.open([shard])
      endpoint = try await shard.listen(on: .tcp(host: "127.0.0.1", port: 0)) { socket in
        shard.execute { $0.adopt(socket, as: ServerConnection.self) }
      }
      for stream in [RightsOnTheWireTests.own, RightsOnTheWireTests.other] {
        let complete = Complete(producer: .random(), number: 1, floor: 1, stream: stream, text: "")
        #expect(try answers(.complete(complete), token: "all").map(\.type) == [.welcome, .ack])
      }
    }

    func end() {
      shard.loop.stop()
      store.close()
      do { try FileManager.default.removeItem(atPath: directory) } catch { Issue.record(error) }
    }

    /// All that comes back for messages with the ids 1, 2, ..., which come at once over a connection of their own.
    func answers(_ messages: Message..., token: String) throws -> [Message] {
      let peer = Peer(endpoint)
      peer.send(ClientSession.hello(client: "c", token: token).head.array)
      let frames = messages.enumerated().map { $1.frame(id: UInt32($0) + 1) }
      peer.send(frames.flatMap { $0.head.array + $0.batches.array })
      peer.endOutput()
      return try peer.messages()
    }

    /// The answers to a query or subscription and to an AUTH right behind it, up to the last of both.
    func answer(_ message: Message, under token: String, then other: String) throws -> [Message] {
      let peer = Peer(endpoint)
      peer.send(ClientSession.hello(client: "c", token: token).head.array)
      #expect(try peer.message().type == .welcome)
      peer.send(message.frame(id: 1).head.array + Message.auth(token: other).frame(id: 2).head.array)
      var answers: [Message] = []
      var leftCount = 2
      while leftCount > 0 {
        let answer = try peer.message()
        if answer.type == .progress { continue }
        if [.authorized, .result, .end, .error].contains(answer.type) { leftCount -= 1 }
        answers.append(answer)
      }
      return answers
    }
  }

  /// The messages that name a stream, and the right that each needs.
  private static func requests(_ stream: StreamName) -> [(message: Message, action: Rights.Action)] {
    let producer = ProducerID.random()
    return [
      // An empty batch is refused, but not forbidden.
      (.append(Append(producer: producer, number: 1, floor: 1, stream: stream, batch: ByteString())), .append),
      (.complete(Complete(producer: producer, number: 2, floor: 2, stream: stream, text: "")), .append),
      (.follow(Follow(credit: 1 << 20, selectors: [.stream(stream)], start: .first)), .read),
      (.follow(Follow(credit: 1 << 20, selectors: [.stream(own), .stream(stream)], start: .now)), .read),
      (.query(Query(.count, [.stream(stream)])), .read),
      (.delete(DeleteRequest(stream: stream, isDryRun: true)), .delete),
    ]
  }

  @Test(arguments: Rights.Action.allCases) func `a message is forbidden without its right, or on other streams`(
    granted: Rights.Action
  ) async throws {
    let scene = try await Scene()
    defer { scene.end() }
    for stream in [Self.own, Self.ownMissing, Self.other, Self.otherMissing] {
      for (message, action) in Self.requests(stream) {
        let isOwn = stream == Self.own || stream == Self.ownMissing
        let isAllowed = isOwn && (granted == action || granted == .admin)
        let answers = try scene.answers(message, token: granted.rawValue)
        let isForbidden = answers.contains {
          if case .error(let refusal) = $0 { refusal.code == .forbidden } else { false }
        }
        #expect(isForbidden == !isAllowed, "\(granted) \(message.type) \(stream)")
        if isForbidden { #expect(answers.count == 2, "\(granted) \(message.type) \(stream)") }
      }
    }
  }

  @Test func `a stream that exists is forbidden in the same words as one that does not`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    for (there, missing) in zip(Self.requests(Self.other), Self.requests(Self.otherMissing)) {
      let texts = try [there.message, missing.message].map { message in
        try scene.answers(message, token: "append").compactMap { answer in
          if case .error(let refusal) = answer { "\(refusal)" } else { nil }
        }
      }
      #expect(texts[0].map { $0.replacingOccurrences(of: "other/a", with: "other/x") } == texts[1])
    }
  }

  @Test func `patterns and lists have what may be read, and nothing shows the rest`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let all = StreamSelector.pattern(.all)
    for (token, names) in [("read", [Self.own]), ("admin", [Self.own]), ("append", []), ("delete", [])] {
      let listed = try scene.answers(.list(ListRequest()), token: token).compactMap { answer in
        if case .listing(let listing) = answer { listing.streams.map(\.stream) } else { nil }
      }
      #expect(listed == [names], "\(token)")
      let page = Follow(credit: 1 << 20, selectors: [all], start: .first, end: FollowEnd(atHead: true))
      let followed = try scene.answers(.follow(page), token: token)
      let announced = followed.compactMap { if case .stream(let stream) = $0 { stream.stream } else { nil } }
      #expect(announced == names, "\(token)")
      #expect(followed.contains { if case .resolved(let count) = $0 { count == names.count } else { false } })
      let facts = try scene.answers(.stat, token: token).compactMap { answer in
        if case .status(let facts) = answer { facts.map(\.key) } else { nil }
      }
      #expect(facts == [["version", "uptime_seconds"]], "\(token)")
    }
  }

  // MARK: - Another token

  private static func names(_ answers: [Message]) -> [[StreamName]] {
    answers.compactMap { if case .listing(let listing) = $0 { listing.streams.map(\.stream) } else { nil } }
  }

  @Test func `LIST and STAT tell what may be read when they are answered`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let narrowed = try scene.answers(.list(ListRequest()), .stat, .auth(token: "read"), token: "wide")
    #expect(narrowed.map(\.type) == [.welcome, .authorized, .listing, .status])
    #expect(Self.names(narrowed) == [[Self.own]])
    #expect(narrowed.contains { if case .status(let facts) = $0 { facts.count == 2 } else { false } })
    let widened = try scene.answers(.list(ListRequest()), .stat, .auth(token: "wide"), token: "read")
    #expect(Self.names(widened) == [[Self.other, Self.own]])
    #expect(widened.contains { if case .status(let facts) = $0 { facts.count > 2 } else { false } })
  }

  @Test func `a query and a subscription go on while what they read may be read`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let all = StreamSelector.pattern(.all)
    let (ended, counted): ([FrameType], [FrameType]) = ([.error, .authorized], [.authorized, .result])
    for (selectors, before, after, expected) in [
      // Only what may be appended and deleted differs.
      ([all], "read", "renewed", counted), ([all], "renewed", "read", counted),
      ([all], "read", "admin", counted), ([all], "append", "all", counted),
      // Only what the query does not name differs.
      ([.stream(Self.own)], "read", "wide", counted), ([.stream(Self.own)], "wide", "renewed", counted),
      ([all], "wide", "read", ended), ([all], "read", "wide", ended), ([all], "read", "append", ended),
      ([.stream(Self.own)], "wide", "append", ended), ([.stream(Self.own), all], "wide", "read", ended),
    ] as [([StreamSelector], String, String, [FrameType])] {
      let answers = try scene.answer(.query(Query(.count, selectors)), under: before, then: after)
      #expect(answers.map(\.type) == expected, "\(selectors) \(before) \(after)")
      for case .error(let refusal) in answers {
        #expect(refusal.code == .unauthorized && refusal.isRetryable)
        #expect(refusal.text.contains("may read other streams than what was shown before"), "\(refusal.text)")
      }
    }
    let follow = Follow(credit: 1 << 20, selectors: [all], start: .first, end: FollowEnd(atHead: true))
    let followed = try scene.answer(.follow(follow), under: "read", then: "renewed").map(\.type)
    #expect(followed.first == .authorized && followed.contains(.batch) && followed.last == .end, "\(followed)")
  }

  @Test func `a list under way begins anew with other rights, wherever it is`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let (all, own) = (Rights([.init(.read)]), Rights([.init(.read, try StreamPattern("own/**"))]))
    for (before, after, names) in [(all, own, [Self.own]), (own, all, [Self.other, Self.own])] {
      var stepCount = 0
      var isOver = false
      while !isOver {
        var search = ListSearch(ListRequest(), source: scene.store, rights: before)
        for _ in 0..<stepCount where !isOver {
          var turn = Turn(stepCount: Turn.stepCountMax - 8)
          isOver = search.step(&turn) != nil
        }
        search.restart(after)
        var listing: Listing?
        while listing == nil {
          var turn = Turn()
          listing = search.step(&turn)
        }
        #expect(listing?.streams.map(\.stream) == names && listing?.hasMore == false, "after \(stepCount) steps")
        stepCount += 1
      }
      #expect(stepCount > 2)
    }
  }

  @Test func `AUTHORIZED comes once a second, and what the token allows counts before it`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let peer = Peer(scene.endpoint)
    let begun = MonotonicTime.now()
    peer.send(ClientSession.hello(client: "c", token: "wide").head.array)
    peer.send(Message.auth(token: "read").frame(id: 1).head.array)
    #expect(try peer.message().type == .welcome)
    #expect(try peer.message().type == .authorized)
    peer.send(
      Message.auth(token: "wide").frame(id: 2).head.array + Message.list(ListRequest()).frame(id: 3).head.array)
    let listing = try peer.message()
    #expect(Self.names([listing]) == [[Self.other, Self.own]])
    // Another one before the answer ends the connection, as always.
    #expect(try peer.message().type == .authorized)
    // Timers may fire a little early.
    #expect(MonotonicTime.now().milliseconds(since: begun) >= 950)
    peer.send(
      Message.auth(token: "read").frame(id: 4).head.array + Message.auth(token: "read").frame(id: 5).head.array)
    guard case .error(let refusal) = try peer.message() else { return #expect(Bool(false), "no ERROR") }
    #expect(refusal.code == .protocolViolation)
  }
}
