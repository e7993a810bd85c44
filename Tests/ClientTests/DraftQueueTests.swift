import LogsWire
import Testing

@testable import LogsClient

@Suite struct DraftQueueTests {
  @Test func `of entries that are dropped one after the other, the first alone is news`() throws {
    let stream = try StreamName("web")
    var queue = DraftQueue(batchEntryCountMax: 10, batchByteCountMax: 1 << 20)
    for _ in 1...2 {
      queue.dropped(stream)
      #expect(queue.hasNews)
      // There is still no room: nothing is taken.
      _ = queue.take(byteCountMax: 0, .all)
      queue.dropped(stream)
      #expect(!queue.hasNews && queue.hasUntold)
      // Now there is, and the stream is told of both.
      queue.tellAll()
      let drafts = queue.take(byteCountMax: .max, .all)
      #expect(drafts.map(\.toldCount) == [2] && !queue.hasUntold)
    }
  }
}
