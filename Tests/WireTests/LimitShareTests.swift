import LogsWire
import Testing

struct LimitShareTests {
  @Test func `a share is the rest divided, but not so small that batches are sent for nothing`() {
    #expect(LimitShare.entryCount(of: 10_000, turnCount: 4) == 2_500)
    #expect(LimitShare.entryCount(of: 500, turnCount: 50) == 100)
    #expect(LimitShare.entryCount(of: 30, turnCount: 4) == 30)
    #expect(LimitShare.entryCount(of: 500, turnCount: 1) == 500)
    #expect(LimitShare.entryCount(of: .max, turnCount: 3) == UInt64.max / 3)
  }

  @Test func `over many pages each stream is first at some point`() throws {
    let stream = try StreamName("a")
    for turnCount in [2, 3, 8, 100] {
      var seen: Set<Int> = []
      for page in 0..<UInt64(20 * turnCount) {
        // Like those of a reader that gets one page after the other from the same stream.
        let cursor = [
          CursorPosition(stream: stream, incarnation: .any, sequence: page * 500),
          CursorPosition(stream: try StreamName("b"), incarnation: .any, sequence: 7),
        ]
        let first = LimitShare.firstTurn(of: turnCount, cursor: cursor)
        #expect(first == LimitShare.firstTurn(of: turnCount, cursor: cursor))
        #expect((0..<turnCount).contains(first))
        seen.insert(first)
      }
      #expect(seen.count == turnCount)
    }
  }

  @Test func `without cursors, or with one stream, the first stream goes first`() {
    #expect(LimitShare.firstTurn(of: 5, cursor: []) == 0)
    #expect(LimitShare.firstTurn(of: 1, cursor: []) == 0)
  }
}
