import LogsWire
import Testing

@testable import LogsClient

@Suite struct FollowStateTests {
  private let db = StreamName(checked: "db")
  private let first = Incarnation(1)

  private func state(
    _ selectors: [Selector] = [.pattern(.all)], start: Start = .first, end: End = End(), isReverse: Bool = false,
    cursor: Cursor = Cursor()
  ) -> FollowState {
    FollowState(FollowRequest(selectors: selectors, start: start, end: end, isReverse: isReverse, cursor: cursor))
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

  @Test func `what was told is kept at once, and asked for from there`() throws {
    var state = state(start: .now)
    #expect(try state.begin(credit: 5).start == .now)
    _ = try state.announced(announcement(at: 41, head: 41))
    var again = try state.begin(credit: 7)
    #expect(again.start == .now)
    #expect(again.credit == 7)
    #expect(again.cursor == [CursorPosition(stream: web, incarnation: first, sequence: 41)])
    #expect(try state.announced(announcement(at: 41, head: 50)) == nil)
    #expect(state.skipped(skip(42...45))?.range == 42...45)
    _ = state.resolved()
    again = try state.begin(credit: 7)
    #expect(again.start == .first)
    #expect(again.cursor.map(\.sequence) == [45])
  }

  @Test func `a server that goes on elsewhere is found out`() throws {
    for wrong in [UInt64(0), 44, 46, 100] {
      var state = state()
      _ = try state.begin(credit: 1)
      _ = try state.announced(announcement(at: 0, head: 45))
      _ = state.skipped(skip(1...45))
      _ = try state.begin(credit: 1)
      let error = #expect(throws: LogError.self) { try state.announced(announcement(at: wrong, head: 100)) }
      #expect(error?.code == .protocolViolation)
    }
    var state = state(cursor: Cursor([CursorPosition(stream: web, incarnation: .any, sequence: 7)]))
    _ = try state.begin(credit: 1)
    #expect(throws: LogError.self) { try state.announced(announcement(at: 8, head: 10)) }
  }

  @Test func `another incarnation is found out, whether the server says so or not`() throws {
    var state = state()
    _ = try state.begin(credit: 1)
    _ = try state.announced(announcement(at: 0, head: 5))
    _ = try state.begin(credit: 1)
    let error = #expect(throws: LogError.self) { try state.announced(announcement(at: 0, head: 5, incarnation: 2)) }
    #expect(error?.code == .refused(.streamReplaced))
    #expect(error?.isRetryable == false)
  }

  @Test func `positions of streams that are not selected are not sent`() throws {
    let cursor = Cursor([web, db].map { CursorPosition(stream: $0, incarnation: first, sequence: 3) })
    var state = state([.stream(web)], cursor: cursor)
    #expect(try state.begin(credit: 1).cursor.map(\.stream) == [web])
  }

  @Test func `a cursor that fits no frame is an error, not a crash`() throws {
    let cursor = Cursor(
      (0..<20_000).map {
        CursorPosition(stream: StreamName(checked: "a-name-that-is-rather-long/\($0)"), incarnation: first, sequence: 1)
      })
    var state = state(cursor: cursor)
    let error = #expect(throws: LogError.self) { try state.begin(credit: 1) }
    #expect(error?.code == .invalidRequest)
  }

  @Test func `with an end at the head, only what had a head and has not reached it is asked for again`() throws {
    var state = state(end: End(atHead: true))
    _ = try state.begin(credit: 1)
    _ = try state.announced(announcement(web, handle: 0, at: 0, head: 10))
    _ = try state.announced(announcement(db, handle: 1, at: 0, head: 4))
    _ = state.resolved()
    #expect(state.skipped(skip(1...4, handle: 1)) != nil)
    #expect(state.endReason == nil)
    let again = try state.begin(credit: 1)
    #expect(again.selectors == [.stream(web)])
    #expect(try state.announced(announcement(web, handle: 0, at: 0, head: 99)) == nil)
    #expect(try state.announced(announcement(StreamName(checked: "new"), handle: 1, at: 0, head: 5)) == nil)
    #expect(state.skipped(skip(1...5, handle: 1)) == nil)
    #expect(state.skipped(skip(1...99))?.range == 1...10)
    #expect(state.skipped(skip(100...120)) == nil)
    #expect(state.endsHere == .until)
  }

  @Test func `nothing stored is an end at the head, also when the connection goes before the server says so`() throws {
    var state = state(end: End(atHead: true))
    _ = try state.begin(credit: 1)
    #expect(state.endReason == nil)
    _ = state.resolved()
    #expect(state.endReason == .until)
  }

  @Test func `in reverse the bounds from below are kept, and what is above is cut off`() throws {
    var state = state(start: .last(20), isReverse: true)
    _ = try state.begin(credit: 1)
    _ = try state.announced(announcement(web, handle: 0, at: 101, head: 100))
    _ = try state.announced(announcement(db, handle: 1, at: 51, head: 50))
    _ = state.resolved()
    #expect(state.skipped(skip(95...100))?.range == 95...100)
    let again = try state.begin(credit: 1)
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
}
