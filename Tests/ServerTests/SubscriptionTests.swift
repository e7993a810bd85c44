import LogsWire
import Testing

@testable import LogsServer
@testable import LogsSimulation

/// Following without a socket: which streams are announced, what is delivered of them, and how it ends.
@Suite struct SubscriptionTests {
  private static func stream(_ name: String) throws -> StreamSelector { .stream(try StreamName(name)) }

  // MARK: - Catching up and being live

  @Test func `stored entries are read, and new ones are taken from the commits`() throws {
    let scene = FollowScene()
    try scene.append("web", 3)
    scene.follow([try Self.stream("web")])
    #expect(scene.run() == ["stream web 0/3", "resolved 1", "batch web 1-3", "live"])
    try scene.append("web", 2)
    #expect(scene.lines[1]?.last == "batch web 4-5")
  }

  @Test(arguments: [(FollowStart.now, 3), (.last(2), 1), (.from(3), 2), (.last(9), 0)] as [(FollowStart, Int)])
  func `delivery starts at the requested position`(_ start: FollowStart, _ position: Int) throws {
    let scene = FollowScene()
    try scene.append("web", 3)
    scene.follow([try Self.stream("web")], start: start)
    let range = position == 3 ? [] : ["batch web \(position + 1)-3"]
    #expect(scene.run() == ["stream web \(position)/3", "resolved 1"] + range + ["live"])
  }

  @Test func `an end has no LIVE before it, though a stream that was created meanwhile is looked at first`() throws {
    let scene = FollowScene()
    try scene.append("web/1", 3)
    scene.follow([.pattern(try StreamPattern("web/*"))], end: FollowEnd(sequence: 2))
    scene.giveTurns()
    // It is there, but nothing has said so when the read ends.
    try scene.append("other", isLate: true)
    #expect(scene.run() == ["batch web/1 1-2", "end until"])
  }

  @Test func `a stream that is deleted ends its subscription, after what was missed of it`() throws {
    let scene = FollowScene()
    try scene.append("web")
    try scene.append("other")
    scene.follow([try Self.stream("web")])
    scene.follow([try Self.stream("other")], id: 2)
    scene.run()
    scene.credit = 0
    try scene.append("web", 2)
    try scene.delete("web")
    #expect(scene.lines[1]?.suffix(2) == ["skip web 2-3", "refused stream_replaced"])
    #expect(scene.refusals.map(\.isRetryable) == [false])
    #expect(scene.lines[2]?.last == "live")
  }

  @Test func `a complete stream that was delivered and is deleted ends its subscription, but no page`() throws {
    let scene = FollowScene()
    try scene.append("web", isSealing: true)
    try scene.append("other")
    let both = [try Self.stream("web"), try Self.stream("other")]
    scene.follow(both)
    scene.follow(both, id: 2, end: FollowEnd(atHead: true))
    scene.run()
    try scene.delete("web")
    #expect(scene.lines[1]?.suffix(2) == ["live", "refused stream_replaced"])
    #expect(scene.lines[2]?.last == "end until")
  }

  @Test func `a read that finds the stream gone waits for the deletion, which says what was missed`() throws {
    let scene = FollowScene()
    try scene.append("web", 3)
    scene.follow([try Self.stream("web")])
    scene.giveTurns()
    // Longer than a read takes.
    try scene.delete("web", lateMilliseconds: 20)
    #expect(scene.run() == ["skip web 1-3", "refused stream_replaced"])
  }

  @Test func `a stream that is deleted between being found and announced is asked for again`() throws {
    let scene = FollowScene()
    try scene.append("web")
    scene.follow([try Self.stream("web")])
    try scene.delete("web")
    #expect(scene.run() == ["refused stream_replaced"])
    #expect(scene.refusals.map(\.isRetryable) == [true])
  }

  @Test func `a commit reaches all live subscriptions, even if it ends one of them`() throws {
    let scene = FollowScene()
    for id in 1...5 as ClosedRange<UInt32> {
      var end = FollowEnd()
      if id % 2 == 0 { end.limit = 1 }
      scene.follow([try Self.stream("web")], id: id, end: end)
    }
    try scene.append("web")
    scene.run()
    try scene.append("web")
    for id in 1...5 as ClosedRange<UInt32> {
      let rest = id % 2 == 0 ? ["end limit"] : ["batch web 2-2"]
      #expect(scene.lines[id]?.suffix(2) == ["batch web 1-1"] + rest)
    }
  }

  @Test func `without credit it falls behind, and reads when there is some`() throws {
    let scene = FollowScene()
    try scene.append("web")
    let subscription = scene.follow([try Self.stream("web")])
    scene.run()
    scene.credit = 0
    for _ in 0..<3 { try scene.append("web") }
    #expect(scene.run() == [])
    scene.credit = .max
    subscription.pump()
    #expect(scene.run() == ["batch web 2-4"])
    try scene.append("web")
    #expect(scene.lines[1]?.last == "batch web 5-5")
  }

  @Test func `while streams are behind, their heads are sent`() throws {
    let scene = FollowScene()
    for name in ["db", "web"] { try scene.append(name) }
    let subscription = scene.follow([.pattern(.all)])
    scene.run()
    subscription.tick()
    #expect(scene.lines[1]?.last == "live")
    scene.credit = 0
    for name in ["web", "web", "db"] { try scene.append(name) }
    scene.run()
    subscription.tick()
    #expect(scene.lines[1]?.last == "heads web 3, db 2")
    try scene.append("web")
    scene.isFull = true
    subscription.tick()
    #expect(scene.lines[1]?.last == "heads web 3, db 2")
    scene.isFull = false
    subscription.tick()
    #expect(scene.lines[1]?.last == "heads web 4, db 2")
    scene.credit = .max
    subscription.pump()
    scene.run()
    subscription.tick()
    #expect(scene.lines[1]?.last?.hasPrefix("batch") == true)
  }

  @Test func `a reverse subscription sends no heads`() throws {
    let scene = FollowScene()
    for _ in 1...3 { try scene.append("web") }
    scene.credit = 0
    let subscription = scene.follow([try Self.stream("web")], isReverse: true)
    scene.run()
    subscription.tick()
    #expect(scene.lines[1] == ["stream web 4/3", "resolved 1"])
  }

  @Test func `one batch overdraws the credit, a second one is not sent`() throws {
    let scene = FollowScene()
    for _ in 0..<3 { try scene.append("web") }
    scene.credit = 1
    scene.follow([try Self.stream("web")])
    #expect(scene.run() == ["stream web 0/3", "resolved 1", "batch web 1-1"])
  }

  @Test func `while the socket is full nothing is announced or delivered`() throws {
    let scene = FollowScene()
    try scene.append("web")
    scene.isFull = true
    scene.follow([try Self.stream("web")])
    #expect(scene.run() == [])
    scene.isFull = false
    #expect(scene.run() == ["stream web 0/1", "resolved 1", "batch web 1-1", "live"])
    scene.isFull = true
    try scene.append("web")
    #expect(scene.run() == [])
    scene.isFull = false
    #expect(scene.run() == ["batch web 2-2"])
  }

  @Test func `entries in memory are not read, and lost ones are skipped`() throws {
    let scene = FollowScene()
    for count in 1...3 { try scene.append("web", count) }
    scene.store.isLost = { $0.header.count == 2 }
    scene.store.isCached = { true }
    scene.follow([try Self.stream("web")])
    scene.giveTurns()
    #expect(
      scene.lines[1] == [
        "stream web 0/6", "resolved 1", "batch web 1-1", "skip web 2-3", "batch web 4-6", "live",
      ])
  }

  @Test func `streams that are behind take turns`() throws {
    let scene = FollowScene()
    for name in ["a", "b"] { for _ in 0..<2 { try scene.append(name) } }
    // One batch fills a frame.
    scene.windowByteCount = 1
    scene.store.isCached = { true }
    scene.follow([.pattern(.all)])
    #expect(scene.run().suffix(5) == ["batch a 1-1", "batch b 1-1", "batch a 2-2", "batch b 2-2", "live"])
  }

  @Test func `of many subscriptions four read at once, and each gets its turn`() throws {
    let scene = FollowScene()
    try scene.append("web")
    let ids = 1...9 as ClosedRange<UInt32>
    for id in ids { scene.follow([try Self.stream("web")], id: id) }
    scene.giveTurns()
    #expect(ids.allSatisfy { scene.lines[$0]?.last == "resolved 1" })
    // One that ends while it waits for a reader leaves it to the next.
    scene.run()
    #expect(ids.allSatisfy { scene.lines[$0]?.last == "live" })
  }

  @Test func `the answer to a read is ignored by a subscription that has ended`() throws {
    let scene = FollowScene()
    try scene.append("web")
    let ids = 1...9 as ClosedRange<UInt32>
    let subscriptions = try ids.map { scene.follow([try Self.stream("web")], id: $0) }
    scene.giveTurns()
    for subscription in subscriptions.dropLast() { subscription.cancel() }
    scene.run()
    #expect(ids.dropLast().allSatisfy { scene.lines[$0]?.last == "end cancelled" })
    #expect(scene.lines[9]?.suffix(2) == ["batch web 1-1", "live"])
    subscriptions[8].abandon()
    #expect(scene.counters.subscriptions.current == 0)
    #expect(scene.counters.followedStreams.current == 0)
  }

  // MARK: - Streams

  @Test func `streams that are created later are announced from their first entry`() throws {
    let scene = FollowScene()
    scene.follow([.pattern(try StreamPattern("web/*")), try Self.stream("db")], start: .now)
    #expect(scene.run() == ["resolved 0", "live"])
    for name in ["web/1", "other", "db"] { try scene.append(name) }
    #expect(scene.run() == ["stream web/1 0/1", "stream db 0/1", "batch web/1 1-1", "batch db 1-1"])
    try scene.append("db")
    #expect(scene.lines[1]?.last == "batch db 2-2")
  }

  @Test func `a stream that is created while others are looked for is announced once`() throws {
    let scene = FollowScene()
    for number in 0..<200 { try scene.append("s/\(number)") }
    scene.turnStepCount = 2_000
    scene.follow([.pattern(.all)], start: .now)
    // The catalog has it at once, the hub hears of it later.
    try scene.append("s/late", isLate: true)
    let lines = scene.run()
    #expect(scene.turnCount > 10)
    #expect(lines.contains("resolved 200"))
    #expect(lines.filter { $0.hasPrefix("stream s/late") } == ["stream s/late 0/1"])
    #expect(lines.filter { $0.hasPrefix("batch") } == ["batch s/late 1-1"])
  }

  @Test func `a commit that the catalog was ahead of delivers nothing twice`() throws {
    let scene = FollowScene()
    try scene.append("web", isLate: true)
    scene.store.isCached = { true }
    scene.follow([try Self.stream("web")])
    scene.giveTurns()
    try scene.append("web", isLate: true)
    scene.run()
    #expect(scene.lines[1]?.filter { $0.hasPrefix("batch") } == ["batch web 1-1", "batch web 2-2"])
  }

  @Test func `a cursor must match its stream`() throws {
    let web = try StreamName("web")
    let scene = FollowScene()
    try scene.append("web", 3)
    let cursors: [(CursorPosition, String)] = [
      (CursorPosition(stream: web, incarnation: .any, sequence: 4), "refused cursor_ahead"),
      (CursorPosition(stream: web, incarnation: Incarnation(7), sequence: 1), "refused stream_replaced"),
      (CursorPosition(stream: try StreamName("none"), incarnation: .any, sequence: 1), "refused cursor_ahead"),
      (CursorPosition(stream: web, incarnation: Incarnation(1), sequence: 3), "live"),
    ]
    for (cursor, line) in cursors {
      let subscription = scene.follow([.stream(cursor.stream)], cursor: [cursor])
      scene.run()
      #expect(scene.lines[1]?.last == line)
      subscription.cancel()
    }
  }

  @Test func `a subscription above the limit of followed streams is refused and no longer counted`() throws {
    let scene = FollowScene(followedStreamCountMax: 2)
    for name in ["a", "b", "c"] { try scene.append(name) }
    scene.follow([.pattern(.all)])
    #expect(scene.run() == ["stream a 0/1", "stream b 0/1", "refused too_many_subscriptions"])
    #expect(scene.counters.followedStreams.current == 0)
  }

  // MARK: - Times

  @Test func `a start by time is looked up, four streams at once`() throws {
    let scene = FollowScene()
    for name in ["a", "b", "c", "d", "e"] { try scene.append(name, times: [10, 20, 30]) }
    scene.follow([.pattern(.all)], start: .since(20))
    scene.giveTurns()
    #expect(scene.lines[1] == nil)
    let lines = scene.run()
    #expect(Set(lines.prefix(5)) == Set(["a", "b", "c", "d", "e"].map { "stream \($0) 1/3" }))
    #expect(lines.filter { $0.hasPrefix("batch") }.count == 5)
    #expect(lines.last == "live")
  }

  @Test(arguments: ["web", "none", "web none", "*", "none/*", "* none"])
  func `a subscription until a time ends when the clock has passed it, without any commit`(selectors: String) throws {
    let scene = FollowScene()
    try scene.append("web", times: [1, 2])
    let selectors = try selectors.split(separator: " ").map(String.init).map { text in
      text.contains("*") ? StreamSelector.pattern(try StreamPattern(text)) : try Self.stream(text)
    }
    scene.follow(selectors, end: FollowEnd(time: 50_000_000))
    #expect(scene.run().last == "live")
    #expect(scene.run(milliseconds: 200) == ["end until"])
    // The first millisecond that is later; 100 are allowed (`end-time-delay`).
    #expect(scene.simulation.milliseconds == 51)
  }

  @Test func `an entry of a later time is not delivered, and ends its stream`() throws {
    let scene = FollowScene()
    try scene.append("web", times: [1, 2])
    var end = FollowEnd()
    end.time = 50_000_000
    scene.follow([try Self.stream("web")], end: end)
    scene.run()
    try scene.append("web", times: [3, 50_000_001, 4])
    #expect(scene.lines[1]?.suffix(2) == ["batch web 3-3", "end until"])
  }

  // MARK: - The end

  /// Ends for a subscription to a stream that has 5 entries.
  static let ends: [(end: FollowEnd, isSealed: Bool, lines: [String])] = [
    (FollowEnd(), true, ["batch web 1-2", "batch web 3-5", "end complete"]),
    (end { $0.atHead = true }, false, ["batch web 1-2", "batch web 3-5", "end until"]),
    (end { $0.sequence = 4 }, false, ["batch web 1-2", "batch web 3-4", "end until"]),
    (end { $0.limit = 3 }, false, ["batch web 1-2", "batch web 3-3", "end limit"]),
    (end { $0.limit = 5 }, true, ["batch web 1-2", "batch web 3-5", "end limit"]),
  ]

  private static func end(_ change: (inout FollowEnd) -> Void) -> FollowEnd {
    var end = FollowEnd()
    change(&end)
    return end
  }

  @Test(arguments: ends.indices, [false, true])
  func `it ends where it was asked to, caught up or live`(_ index: Int, _ isLive: Bool) throws {
    let (end, isSealed, expected) = Self.ends[index]
    // A live subscription has no head to reach.
    if isLive, end.atHead { return }
    let scene = FollowScene()
    // One batch fills a frame.
    scene.windowByteCount = 1
    scene.store.isCached = { true }
    if isLive { scene.follow([try Self.stream("web")], end: end) }
    scene.run()
    try scene.append("web", 2)
    if isLive { scene.run() }
    try scene.append("web", 3, isSealing: isSealed)
    if !isLive { scene.follow([try Self.stream("web")], end: end) }
    scene.run()
    #expect(scene.lines[1]?.suffix(3) == expected)
    #expect(scene.counters.subscriptions.current == 0)
  }

  @Test func `reverse delivery goes down from the head, one stream after the other, and ends at the start`() throws {
    let scene = FollowScene()
    for name in ["a", "b"] { for _ in 0..<2 { try scene.append(name, 2) } }
    scene.follow([.pattern(.all)], start: .last(3), isReverse: true)
    #expect(
      scene.run() == [
        "stream a 5/4", "stream b 5/4", "resolved 2", "batch a 3-4", "batch a 2-2", "batch b 3-4", "batch b 2-2",
        "end start",
      ])
  }

  @Test func `a missing stream is waited for, and does not end the subscription`() throws {
    let scene = FollowScene()
    try scene.append("a", isSealing: true)
    scene.follow([try Self.stream("a"), try Self.stream("b")])
    #expect(scene.run().last == "live")
    try scene.append("b", isSealing: true)
    #expect(scene.run() == ["stream b 0/1", "batch b 1-1", "end complete"])
  }
}
