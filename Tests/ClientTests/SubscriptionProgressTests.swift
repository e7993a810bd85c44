import LogsWire
import Testing

@testable import LogsClient

@Suite struct SubscriptionProgressTests {
  private let db = StreamName(checked: "db")
  private let first = Incarnation(1)

  private func state(
    _ selectors: [StreamSelector] = [.pattern(.all)], start: FollowStart = .first, end: FollowEnd = FollowEnd(),
    isReverse: Bool = false,
    cursor: LogCursor = LogCursor()
  ) -> SubscriptionProgress {
    SubscriptionProgress(
      SubscriptionTerms(selectors: selectors, start: start, end: end, isReverse: isReverse, cursor: cursor))
  }

  private func announcement(
    _ stream: StreamName = web, handle: UInt32 = 0, at position: UInt64, head: UInt64, incarnation: UInt64 = 1
  ) -> Announcement {
    Announcement(
      handle: handle, isSealed: false, incarnation: Incarnation(incarnation), position: position, head: head,
      stream: stream)
  }

  private func skip(_ range: ClosedRange<UInt64>, handle: UInt32 = 0) -> Skip {
    Skip(handle: handle, reason: .trimmed, from: range.lowerBound, to: range.upperBound)
  }

  @Test func `announced streams are kept at once, and requested from there`() throws {
    var state = state(start: .now)
    #expect(state.asked().start == .now)
    _ = try state.announced(announcement(at: 41, head: 41))
    var again = state.asked()
    #expect(again.start == .now)
    #expect(again.cursor == [CursorPosition(stream: web, incarnation: first, sequence: 41)])
    #expect(try state.announced(announcement(at: 41, head: 50)) == nil)
    #expect(state.skipped(skip(42...45))?.range == 42...45)
    _ = state.resolved()
    again = state.asked()
    #expect(again.start == .first)
    #expect(again.cursor.map(\.sequence) == [45])
  }

  @Test func `heads say how much is still to come`() throws {
    var state = state()
    _ = state.asked()
    _ = try state.announced(announcement(at: 10, head: 45))
    _ = try state.announced(announcement(db, handle: 1, at: 0, head: 5))
    _ = state.resolved()
    #expect(state.headsMoved([StreamHead(handle: 0, head: 50)]) == 45)
    _ = state.skipped(skip(11...45))
    #expect(state.headsMoved([StreamHead(handle: 0, head: 50), StreamHead(handle: 1, head: 7)]) == 12)
    _ = state.skipped(skip(46...50))
    _ = state.skipped(skip(1...8, handle: 1))
    #expect(state.headsMoved([StreamHead(handle: 1, head: 8)]) == 0)
  }

  @Test func `what lies beyond the end is not still to come`() throws {
    let end = FollowEnd(sequence: 30, limit: 15)
    var state = state(end: end)
    _ = state.asked()
    _ = try state.announced(announcement(at: 10, head: 20))
    _ = state.resolved()
    #expect(state.headsMoved([StreamHead(handle: 0, head: 50)]) == 15)
    var bounded = self.state(end: FollowEnd(atHead: true))
    _ = bounded.asked()
    _ = try bounded.announced(announcement(at: 10, head: 20))
    _ = bounded.resolved()
    #expect(bounded.headsMoved([StreamHead(handle: 0, head: 50)]) == 10)
  }

  @Test func `a server that continues elsewhere is detected`() throws {
    for wrong in [UInt64(0), 44, 46, 100] {
      var state = state()
      _ = state.asked()
      _ = try state.announced(announcement(at: 0, head: 45))
      _ = state.skipped(skip(1...45))
      _ = state.asked()
      let error = #expect(throws: LogError.self) { try state.announced(announcement(at: wrong, head: 100)) }
      #expect(error?.code == .protocolViolation)
    }
    var state = state(cursor: LogCursor([CursorPosition(stream: web, incarnation: .any, sequence: 7)]))
    _ = state.asked()
    #expect(throws: LogError.self) { try state.announced(announcement(at: 8, head: 10)) }
  }

  @Test func `another incarnation is detected, whether the server says so or not`() throws {
    var state = state()
    _ = state.asked()
    _ = try state.announced(announcement(at: 0, head: 5))
    _ = state.asked()
    let error = #expect(throws: LogError.self) { try state.announced(announcement(at: 0, head: 5, incarnation: 2)) }
    #expect(error?.code == .refused(.streamReplaced))
    #expect(error?.isRetryable == false)
  }

  @Test func `positions of streams that are not selected are not sent`() throws {
    let cursor = LogCursor([web, db].map { CursorPosition(stream: $0, incarnation: first, sequence: 3) })
    var state = state([.stream(web)], cursor: cursor)
    #expect(state.asked().cursor.map(\.stream) == [web])
  }

  private func positions(_ count: Int, at sequence: UInt64 = 1) -> LogCursor {
    LogCursor(
      (0..<count).map {
        CursorPosition(
          stream: StreamName(checked: "a-name-that-is-rather-long/\($0)"), incarnation: first, sequence: sequence)
      })
  }

  private func next(_ state: inout SubscriptionProgress) throws -> (part: Int, follow: Follow) {
    guard let next = state.nextPart() else { throw TestFailure("nothing to ask for") }
    return next
  }

  @Test func `positions that fit one frame are sent in one`() {
    // At most 32 bytes of name, and 17 more.
    var state = state(cursor: positions(21_000))
    let follow = state.asked()
    #expect(follow.cursor.count == 21_000)
    #expect(follow.controlByteCount <= Limits.controlByteCountMax)
    #expect(throws: TestFailure.self) { try next(&state) }
  }

  @Test func `positions that exceed a frame are divided among requests by name, after a watch for the names`() throws {
    let cursor = positions(30_000)
    var state = state(start: .now, cursor: cursor)
    state.begin()
    let (watch, all) = try next(&state)
    #expect(all.selectors == [.pattern(.all)] && all.start == .now && all.cursor.isEmpty && all.credit == 0)
    #expect(throws: TestFailure.self) { try next(&state) }
    // One has disappeared meanwhile, one is new.
    let gone = try #require(cursor.sorted.first?.stream)
    let names = Array(cursor.positions.keys.sorted().dropFirst()) + [web]
    for (index, name) in names.enumerated() {
      #expect(try state.announced(announcement(name, handle: UInt32(index), at: 9, head: 9), part: watch) == nil)
    }
    let resolution = state.resolved(part: watch)
    #expect(resolution == nil)
    var asked: [StreamName] = []
    var told: [StreamName] = []
    var resolutions: [SubscriptionProgress.Resolution] = []
    while let (part, follow) = state.nextPart() {
      #expect(follow.selectors.count <= Limits.selectorCountMax && follow.start == .now)
      #expect(follow.controlByteCount <= Limits.controlByteCountMax)
      let positions = LogCursor(follow.cursor)
      for case .stream(let name) in follow.selectors {
        asked.append(name)
        let position = positions[name]?.sequence ?? 9
        #expect(position == (name == web ? 9 : 1))
        let handle = UInt32(asked.count)
        if let stream = try state.announced(announcement(name, handle: handle, at: position, head: 9), part: part) {
          told.append(stream.stream)
        }
      }
      if let resolution = state.resolved(part: part) { resolutions.append(resolution) }
    }
    #expect(resolutions == [.first])
    #expect(asked == names && told == names)
    #expect(!asked.contains(gone))
    // Streams created from now on are read from their first entry.
    #expect(try state.announced(announcement(db, handle: 99_999, at: 0, head: 0), part: watch) == nil)
    let (_, born) = try next(&state)
    #expect(born.selectors == [.stream(db)] && born.start == .first && born.cursor.isEmpty)
  }

  @Test func `with an end at the head, only streams that have not reached theirs are requested again`() throws {
    var state = state(end: FollowEnd(atHead: true))
    _ = state.asked()
    _ = try state.announced(announcement(web, handle: 0, at: 0, head: 10))
    _ = try state.announced(announcement(db, handle: 1, at: 0, head: 4))
    _ = state.resolved()
    #expect(state.skipped(skip(1...4, handle: 1)) != nil)
    #expect(state.endReason == nil)
    let again = state.asked()
    #expect(again.selectors == [.stream(web)])
    #expect(try state.announced(announcement(web, handle: 0, at: 0, head: 99)) == nil)
    #expect(try state.announced(announcement(StreamName(checked: "new"), handle: 1, at: 0, head: 5)) == nil)
    #expect(state.skipped(skip(1...5, handle: 1)) == nil)
    #expect(state.skipped(skip(1...99))?.range == 1...10)
    #expect(state.skipped(skip(100...120)) == nil)
    #expect(state.endsHere == .until)
  }

  @Test func `nothing stored is an end at the head, even if the connection is lost before the server says so`() throws {
    var state = state(end: FollowEnd(atHead: true))
    _ = state.asked()
    #expect(state.endReason == nil)
    _ = state.resolved()
    #expect(state.endReason == .until)
  }

  @Test func `in reverse the lower bounds are kept, and the part above is cut off`() throws {
    var state = state(start: .last(20), isReverse: true)
    _ = state.asked()
    _ = try state.announced(announcement(web, handle: 0, at: 101, head: 100))
    _ = try state.announced(announcement(db, handle: 1, at: 51, head: 50))
    _ = state.resolved()
    #expect(state.skipped(skip(95...100))?.range == 95...100)
    let again = state.asked()
    #expect(again.end.sequence == 94)
    #expect(again.cursor.map(\.sequence) == [30, 80])
    #expect(again.start == .last(20))
    _ = try state.announced(announcement(web, handle: 0, at: 95, head: 130))
    _ = try state.announced(announcement(db, handle: 1, at: 95, head: 130))
    #expect(state.skipped(skip(40...94, handle: 1))?.range == 40...50)
    #expect(state.skipped(skip(31...39, handle: 1))?.range == 31...39)
    #expect(state.endsHere == nil)
    #expect(state.skipped(skip(81...94))?.range == 81...94)
    #expect(state.endsHere == .start)
  }

  @Test func `in reverse from a time it continues below what came, whatever that time finds by then`() throws {
    var state = state(end: FollowEnd(time: 7), isReverse: true)
    _ = state.asked()
    _ = try state.announced(announcement(at: 61, head: 100))
    _ = state.resolved()
    #expect(state.skipped(skip(55...60))?.range == 55...60)
    let again = state.asked()
    #expect(again.end == FollowEnd(sequence: 54, time: 7) && again.isReverse)
    // A new entry is not later than that time, but the number is lower.
    _ = try state.announced(announcement(at: 55, head: 130))
    #expect(state.skipped(skip(1...54))?.range == 1...54)
    #expect(state.endsHere == .start)
  }
}

extension SubscriptionProgress {
  /// Begins on a connection for which one request is enough.
  fileprivate mutating func asked() -> Follow {
    begin()
    guard let (part, follow) = nextPart() else { fatalError("a connection is asked for something") }
    precondition(part == 0)
    return follow
  }
}
