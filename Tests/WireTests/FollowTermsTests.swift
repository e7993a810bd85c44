import Testing

@testable import LogsSimulation
@testable import LogsWire

/// A client accepts no STREAM and no END that its FOLLOW did not ask for.
@Suite struct `Follow terms` {
  private static let other = Sample.name("other")
  private static let all = [StreamSelector.pattern(try! StreamPattern("w*"))]

  private static func cursor(_ sequence: UInt64, _ incarnation: Incarnation = Sample.incarnation) -> [CursorPosition] {
    [CursorPosition(stream: Sample.web, incarnation: incarnation, sequence: sequence)]
  }

  /// The events of a session for messages about the subscription that `follow` asks for.
  private static func events(_ follow: Follow, _ messages: [Message]) -> [String] {
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    session.receive(Sample.welcome())
    _ = session.follow(follow)
    return session.receive(messages.map { $0.frame(id: 1) }).map(\.shown)
  }

  private static let violation = [
    "refused 1 protocol_violation", "send error protocol_violation", "failed protocol_violation",
  ]

  /// A request, a position with a head of 10, and whether it is a valid answer.
  private static let positions: [(Follow, UInt64, Bool)] = [
    (Sample.follow(), 0, true), (Sample.follow(), 3, false), (Sample.follow(), 10, false),
    (Sample.follow(start: .now), 10, true), (Sample.follow(start: .now), 9, false),
    // It may have been created later.
    (Sample.follow(start: .now), 0, true), (Sample.follow(start: .now, end: FollowEnd(atHead: true)), 0, false),
    (Sample.follow(start: .last(4)), 6, true), (Sample.follow(start: .last(4)), 5, false),
    (Sample.follow(start: .last(.max), end: FollowEnd(atHead: true)), 0, true),
    (Sample.follow(start: .from(4)), 3, true), (Sample.follow(start: .from(4)), 4, false),
    (Sample.follow(start: .since(7)), 4, true), (Sample.follow(start: .since(7)), 10, true),
    (Sample.follow(cursor: cursor(4)), 4, true), (Sample.follow(cursor: cursor(4)), 5, false),
    (Sample.follow(cursor: cursor(4)), 0, false), (Sample.follow(cursor: cursor(4, .any)), 4, true),
    (Sample.follow(cursor: cursor(4, .any)), 3, false),
    (Sample.follow(all, start: .now), 10, true), (Sample.follow([.stream(other)]), 0, false),
    (Sample.follow([.pattern(try! StreamPattern("x*"))]), 0, false),
    (Sample.follow(isReverse: true), 11, true), (Sample.follow(isReverse: true), 7, false),
    (Sample.follow(isReverse: true), 0, false),
    (Sample.follow(end: FollowEnd(sequence: 6), isReverse: true), 7, true),
    (Sample.follow(end: FollowEnd(sequence: 6), isReverse: true), 11, false),
    (Sample.follow(end: FollowEnd(time: 6), isReverse: true), 4, true),
    (Sample.follow(start: .now, end: FollowEnd(sequence: 6), isReverse: true), 11, true),
  ]

  @Test(arguments: positions.indices) func `a stream starts where it was asked for`(_ index: Int) {
    let (follow, position, isAnswer) = Self.positions[index]
    let told = Self.events(follow, [.stream(Sample.announcement(position: position, head: 10))])
    #expect(told == (isAnswer ? ["announced 1 web \(position)"] : Self.violation), "\(follow) at \(position)")
  }

  @Test func `a stream that comes later starts at its first entry, and only where one is waited for`() {
    func late(_ follow: Follow, at position: UInt64) -> [String] {
      Array(
        Self.events(follow, [.resolved(streamCount: 0), .stream(Sample.announcement(position: position, head: 10))])
          .dropFirst())
    }
    #expect(late(Sample.follow(start: .now), at: 0) == ["announced 1 web 0"])
    #expect(late(Sample.follow(start: .now), at: 10) == Self.violation)
    #expect(late(Sample.follow(end: FollowEnd(atHead: true)), at: 0) == Self.violation)
    #expect(late(Sample.follow(isReverse: true), at: 11) == Self.violation)
  }

  /// A request, how far its stream with a head of 10 was delivered, an end, and whether it is valid.
  private static let ends: [(Follow, UInt64, EndReason, Bool)] = [
    (Sample.follow(end: FollowEnd(atHead: true)), 10, .until, true),
    (Sample.follow(end: FollowEnd(atHead: true)), 9, .until, false),
    (Sample.follow(end: FollowEnd(atHead: true)), 0, .until, false),
    (Sample.follow(end: FollowEnd(sequence: 4)), 4, .until, true),
    (Sample.follow(end: FollowEnd(sequence: 4)), 3, .until, false),
    (Sample.follow(end: FollowEnd(sequence: 20)), 10, .until, true),
    (Sample.follow(end: FollowEnd(time: 4)), 3, .until, true),
    (Sample.follow(), 10, .until, false), (Sample.follow(isReverse: true), 0, .until, false),
    (Sample.follow(end: FollowEnd(limit: 3)), 3, .limit, true),
    (Sample.follow(end: FollowEnd(limit: 4)), 3, .limit, false),
    (Sample.follow(), 10, .limit, false),
    (Sample.follow(), 10, .complete, true), (Sample.follow(), 9, .complete, false),
    (Sample.follow(all), 10, .complete, false),
    (Sample.follow([.stream(Sample.web), .stream(other)]), 10, .complete, false),
    (Sample.follow(), 10, .cancelled, false), (Sample.follow(), 10, .start, false),
    (Sample.follow(isReverse: true), 10, .start, true), (Sample.follow(isReverse: true), 9, .start, false),
    (Sample.follow(start: .last(4), isReverse: true), 4, .start, true),
    (Sample.follow(start: .last(4), isReverse: true), 3, .start, false),
    (Sample.follow(start: .since(1), isReverse: true), 3, .start, true),
    // An unknown reason ends it, whatever it means.
    (Sample.follow(), 3, EndReason(rawValue: 9), true),
  ]

  @Test(arguments: ends.indices) func `an end must be one that was asked for, with everything before it covered`(
    _ index: Int
  ) throws {
    let (follow, count, reason, isEnd) = Self.ends[index]
    var messages: [Message] = [
      .stream(Sample.announcement(position: follow.isReverse ? 11 : 0, head: 10)), .resolved(streamCount: 1),
    ]
    if count > 0 {
      let (from, to) = follow.isReverse ? (11 - count, 10) : (1, count)
      messages.append(.batch(BatchRange(handle: 1, from: from, to: to), batches: try Sample.run(from, to)))
    }
    messages.append(.end(reason))
    let events = Self.events(follow, messages)
    #expect(
      events.suffix(isEnd ? 1 : 3) == (isEnd ? ["ended 1 \(reason)"] : Self.violation[...]),
      "\(follow) covered \(count), \(reason)")
  }

  @Test func `no end comes before RESOLVED, but any after CANCEL`() {
    #expect(Self.events(Sample.follow(end: FollowEnd(atHead: true)), [.end(.until)]) == Self.violation)
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    session.receive(Sample.welcome())
    _ = session.follow(Sample.follow())
    _ = session.cancel(1)
    #expect(session.receive([Message.end(.complete).frame(id: 1)]).map(\.shown) == ["ended 1 complete"])
  }
}
