import Testing

@testable import LogsClient
@testable import LogsWire

@Suite struct SubscriptionTableTests {
  private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

  /// A table, what it has requested and reported, and the numbers of its requests.
  private final class Host {
    var table = SubscriptionTable(
      backoff: Backoff(base: .seconds(1), cap: .seconds(8), healthyDuration: .seconds(5)), random: { $0 })
    var idLast: UInt32 = 0
    var asked: [Follow] = []
    var shown: [String] = []

    func begin(
      _ key: UInt64, _ selectors: [StreamSelector] = [.stream(web)], end: FollowEnd = FollowEnd(), window: Int = 1000,
      limits: FollowLimits = FollowLimits(), cursor: LogCursor = LogCursor()
    ) {
      let request = SubscriptionTerms(
        selectors: selectors, start: .first, end: end, isReverse: false, cursor: cursor)
      table.begin(key, request, limits: limits, window: window)
    }

    /// What has been done since the last call.
    func done() -> [String] {
      while let action = table.nextAction() {
        switch action {
        case .ask(let follow, let place):
          idLast += 1
          table.asked(place, id: idLast)
          asked.append(follow)
          shown.append("ask \(place.key) credit \(follow.credit)")
        case .credit(let id, let total): shown.append("credit \(id) \(total)")
        case .cancel(let id): shown.append("cancel \(id)")
        case .tell(let key, let event): shown.append("tell \(key) \(Self.name(event))")
        case .finish(let key, let error): shown.append("finish \(key)\(error.map { " \($0.code)" } ?? "")")
        }
      }
      defer { shown = [] }
      return shown
    }

    private static func name(_ event: FollowEvent) -> String {
      switch event {
      case .batch(let batch): "batch \(batch.range)"
      case .behind(let count): "behind \(count)"
      case .announced: "announced"
      case .resolved: "resolved"
      case .skipped(let skip): "skipped \(skip.range)"
      case .deleted(let stream): "deleted \(stream)"
      case .live: "live"
      case .interrupted: "interrupted"
      case .resumed: "resumed"
      case .ended(let reason): "ended \(reason)"
      }
    }

    var isEmpty: Bool { table.isEmpty }

    func resume(now: MonotonicTime) -> MonotonicTime? { table.resume(now: now) }

    func announce(_ id: UInt32, at position: UInt64 = 0, head: UInt64 = 9) {
      table.announced(
        id,
        Announcement(
          handle: 0, isSealed: false, incarnation: Incarnation(1), position: position, head: head, stream: web))
      table.resolved(id, now: start)
    }

    func deliver(_ id: UInt32, _ range: ClosedRange<UInt64>, byteCount: Int) {
      table.delivered(
        id,
        ClientSession.Delivery(
          handle: 0, from: range.lowerBound, to: range.upperBound, batches: [], byteCount: byteCount))
    }
  }

  private static func announcement(_ incarnation: UInt64 = 1) -> Announcement {
    Announcement(
      handle: 0, isSealed: false, incarnation: Incarnation(incarnation), position: 0, head: 9, stream: web)
  }

  private static let gone = Refusal(
    .streamReplaced, "deleted", stream: .init(name: "web", incarnation: .any, head: 0))
  private let overloaded = Refusal(.overloaded, "too much", isRetryable: true)
  private let lost = LogError(.connectionLost, "cut", isRetryable: true)

  @Test func `it sends a request once there is a connection, and again on the next one from its position`() {
    let host = Host()
    host.begin(7)
    #expect(host.done() == [])
    host.table.connected()
    #expect(host.done() == ["ask 7 credit 1000"])
    host.announce(1)
    host.deliver(1, 1...4, byteCount: 10)
    #expect(host.done() == ["tell 7 announced", "tell 7 resolved", "tell 7 batch 1...4"])
    host.table.disconnected(lost)
    // Later messages of the old connection are ignored.
    host.deliver(1, 5...6, byteCount: 10)
    #expect(host.done() == ["tell 7 interrupted"])
    host.table.connected()
    #expect(host.done() == ["ask 7 credit 990"])
    #expect(host.asked[1].cursor.map(\.sequence) == [4])
    host.announce(2, at: 4)
    host.table.live(2, now: Self.start)
    #expect(host.done() == ["tell 7 resumed", "tell 7 live"])
  }

  @Test func `events that the application takes become credit`() {
    let host = Host()
    host.table.connected()
    host.begin(7)
    #expect(host.done() == ["ask 7 credit 1000"])
    host.announce(1)
    host.deliver(1, 1...1, byteCount: 600)
    host.table.taken(600, key: 7)
    #expect(host.done().last == "credit 1 1600")
  }

  @Test func `it ends with its reason, and is forgotten`() {
    let host = Host()
    host.table.connected()
    host.begin(7)
    host.begin(8)
    _ = host.done()
    host.table.ended(1, .complete, now: Self.start)
    #expect(host.done() == ["tell 7 ended complete", "finish 7"])
    host.table.end(8)
    #expect(host.done() == ["cancel 2", "finish 8"])
    #expect(host.isEmpty)
    host.table.end(8)
    #expect(host.done() == [])
  }

  @Test func `a refusal that a retry can help is retried after growing waits, others are final`() {
    let host = Host()
    host.table.connected()
    host.begin(7)
    _ = host.done()
    var now = Self.start
    for (id, seconds) in [(UInt32(1), 1), (2, 2), (3, 4)] {
      host.table.refused(id, overloaded, now: now)
      #expect(host.done() == ["tell 7 interrupted"])
      #expect(host.resume(now: now) == now + .seconds(seconds))
      now = now + .seconds(seconds)
      #expect(host.resume(now: now) == nil)
      #expect(host.done() == ["ask 7 credit 1000"])
    }
    host.table.refused(4, Refusal(.forbidden, "not you"), now: now)
    #expect(host.done() == ["finish 7 refused(forbidden)"])
  }

  @Test func `a new connection sends requests that waited after a refusal at once`() {
    let host = Host()
    host.table.connected()
    host.begin(7)
    _ = host.done()
    host.table.refused(1, overloaded, now: Self.start)
    host.table.disconnected(lost)
    #expect(host.resume(now: Self.start) == nil)
    host.table.connected()
    #expect(host.done() == ["tell 7 interrupted", "ask 7 credit 1000"])
    #expect(host.resume(now: Self.start + .seconds(60)) == nil)
    #expect(host.done() == [])
  }

  @Test func `a server that goes away gets no more requests`() {
    let host = Host()
    host.table.connected()
    host.table.goingAway()
    host.begin(7)
    #expect(host.done() == [])
    host.table.disconnected(lost)
    host.table.connected()
    #expect(host.done() == ["ask 7 credit 1000"])
  }

  @Test func `a server that continues elsewhere ends only the subscription`() {
    let host = Host()
    host.table.connected()
    host.begin(7)
    host.begin(8)
    _ = host.done()
    host.announce(1)
    host.table.disconnected(lost)
    host.table.connected()
    _ = host.done()
    host.announce(3, at: 5)
    #expect(host.done() == ["cancel 3", "finish 7 protocolViolation"])
    host.announce(4)
    #expect(host.done() == ["tell 8 announced", "tell 8 resumed", "tell 8 resolved"])
  }

  @Test func `a stream that is deleted before all are announced is forgotten if a pattern found it`() throws {
    let host = Host()
    host.table.connected()
    host.begin(1, [.pattern(StreamPattern("*"))])
    _ = host.done()
    host.table.announced(1, Self.announcement())
    host.table.refused(1, Self.gone, now: Self.start)
    #expect(host.done() == ["tell 1 announced", "tell 1 deleted web", "ask 1 credit 1000"])
    #expect(host.asked.last?.cursor == [])
  }

  private static let renewed = Refusal(
    .streamReplaced, "renewed", stream: .init(name: "web", incarnation: Incarnation(2), head: 4))
  private static let absent = Refusal(
    .cursorAhead, "not there", stream: .init(name: "web", incarnation: .any, head: 0))
  private static let all = [StreamSelector.pattern(StreamPattern("*"))]
  private static let divided = {
    var limits = FollowLimits()
    limits.controlByteCountMax = 0
    return limits
  }()

  @Test func `a stream that was created anew while the link was down goes on as a new one, if a pattern found it`() {
    let host = Host()
    host.table.connected()
    host.begin(1, Self.all)
    _ = host.done()
    host.announce(1)
    host.deliver(1, 1...4, byteCount: 10)
    host.table.disconnected(lost)
    host.table.connected()
    _ = host.done()
    host.table.refused(2, Self.renewed, now: Self.start)
    #expect(host.done() == ["tell 1 deleted web", "ask 1 credit 990"])
    #expect(host.asked.last?.cursor == [])
    host.table.announced(3, Self.announcement(2))
    host.table.resolved(3, now: Self.start)
    #expect(host.done() == ["tell 1 announced", "tell 1 resumed"])
  }

  @Test func `so does one that comes only when the link is there again`() {
    let host = Host()
    host.table.connected()
    host.begin(1, Self.all)
    _ = host.done()
    host.announce(1)
    host.table.disconnected(lost)
    host.table.connected()
    host.table.resolved(2, now: Self.start)
    _ = host.done()
    host.table.announced(2, Self.announcement(2))
    #expect(host.done() == ["tell 1 deleted web", "tell 1 announced"])
  }

  @Test func `and one of which the application has kept a cursor`() {
    let cursor = LogCursor([CursorPosition(stream: web, incarnation: Incarnation(1), sequence: 4)])
    for refusal in [Self.renewed, nil] {
      let host = Host()
      host.table.connected()
      host.begin(1, Self.all, cursor: cursor)
      _ = host.done()
      if let refusal {
        host.table.refused(1, refusal, now: Self.start)
        #expect(host.done() == ["tell 1 deleted web", "ask 1 credit 1000"])
        #expect(host.asked.last?.cursor == [])
      } else {
        host.table.resolved(1, now: Self.start)
        host.table.announced(1, Self.announcement(2))
        #expect(host.done() == ["tell 1 resolved", "tell 1 deleted web", "tell 1 announced"])
      }
    }
  }

  @Test func `a page, and a stream that is named, end when the stream was created anew`() {
    let cursor = LogCursor([CursorPosition(stream: web, incarnation: Incarnation(1), sequence: 4)])
    for (selectors, end) in [
      (Self.all, FollowEnd(atHead: true)), ([.stream(web)], FollowEnd()), (Self.all + [.stream(web)], FollowEnd()),
    ] {
      let host = Host()
      host.table.connected()
      host.begin(1, selectors, end: end, cursor: cursor)
      _ = host.done()
      host.table.refused(1, Self.renewed, now: Self.start)
      #expect(host.done() == ["finish 1 refused(stream_replaced)"])
    }
  }

  @Test func `when the watch hears first of a deletion, the part that follows the stream says what was missed`() {
    for selectors in [Self.all, Self.all + [.stream(web)]] {
      let host = Host()
      host.table.connected()
      host.begin(1, selectors, limits: Self.divided)
      _ = host.done()
      host.announce(1)
      _ = host.resume(now: Self.start)
      _ = host.done()
      host.announce(2)
      _ = host.done()
      host.table.refused(1, Self.gone, now: Self.start)
      #expect(host.done() == [])
      host.table.skipped(2, Skip(handle: 0, reason: .deleted, from: 1, to: 9))
      host.table.refused(2, Self.gone, now: Self.start)
      let isNamed = selectors.count > 1
      #expect(
        host.done() == ["tell 1 skipped 1...9"]
          + (isNamed ? ["finish 1 refused(stream_replaced)"] : ["tell 1 deleted web", "ask 1 credit 0"]))
    }
  }

  @Test func `a stream that the watch found and that is gone before it is followed is of no consequence`() {
    for isAsked in [false, true] {
      let host = Host()
      host.table.connected()
      host.begin(1, Self.all, limits: Self.divided)
      _ = host.done()
      _ = host.done()
      host.announce(1)
      if isAsked { _ = host.resume(now: Self.start) }
      _ = host.done()
      host.table.refused(1, Self.gone, now: Self.start)
      #expect(host.done() == (isAsked ? ["cancel 2", "ask 1 credit 0"] : ["ask 1 credit 0"]))
    }
  }

  @Test func `a stream that is gone when a part asks for it with its position was deleted`() {
    let host = Host()
    host.table.connected()
    host.begin(1, Self.all, limits: Self.divided)
    _ = host.done()
    host.announce(1)
    _ = host.resume(now: Self.start)
    _ = host.done()
    host.announce(2)
    host.deliver(2, 1...4, byteCount: 10)
    host.table.disconnected(lost)
    host.table.connected()
    _ = host.done()
    host.announce(3)
    _ = host.resume(now: Self.start)
    _ = host.done()
    #expect(host.asked.last?.cursor.map(\.sequence) == [4])
    host.table.refused(4, Self.absent, now: Self.start)
    #expect(host.done() == ["cancel 3", "tell 1 deleted web", "ask 1 credit 0"])
  }

  @Test func `a stream created anew while its name is being asked for is not asked for twice`() throws {
    let host = Host()
    host.table.connected()
    var limits = FollowLimits()
    limits.controlByteCountMax = 0
    host.begin(1, [.pattern(StreamPattern("*"))], limits: limits)
    _ = host.done()
    // The watch finds it; it is deleted and created before the answer to the request for its name.
    host.announce(1)
    _ = host.resume(now: Self.start)
    #expect(host.done() == ["ask 1 credit 15"])
    host.table.announced(1, Self.announcement(2))
    _ = host.resume(now: Self.start)
    host.table.announced(2, Self.announcement(2))
    host.table.resolved(2, now: Self.start)
    _ = host.resume(now: Self.start)
    #expect(host.done() == ["tell 1 announced", "tell 1 resolved"])
  }
}
