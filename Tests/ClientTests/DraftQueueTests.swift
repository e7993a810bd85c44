import LogsSystem
import LogsTransport
import LogsWire
import Testing

@testable import LogsClient

@Suite struct DraftQueueTests {
  @Test func `of entries dropped one after the other, only the first is news`() throws {
    let stream = StreamName("web")
    var queue = DraftQueue(batchEntryCountMax: 10, batchByteCountMax: 1 << 20)
    for _ in 1...2 {
      queue.dropped(stream)
      #expect(queue.hasNews)
      // There is still no room, so nothing is accepted.
      _ = queue.take(byteCountMax: 0, .all)
      queue.dropped(stream)
      #expect(!queue.hasNews && queue.hasUntold)
      // Now there is, and the stream gets a notice of both.
      queue.tell(byteCountMax: 1)
      let drafts = queue.take(byteCountMax: .max, .all)
      #expect(drafts.map(\.toldCount) == [2] && !queue.hasUntold)
    }
  }

  @Test func `a draft that waits for its window is checked only when that moves`() throws {
    let (web, db) = (StreamName("web"), StreamName("db"))
    var queue = DraftQueue(batchEntryCountMax: 10, batchByteCountMax: 1 << 20)
    queue.add(LogEntry(message: "1"), to: web)
    let content = TestBatches.content("0")
    var window = SendWindow()
    let key = AppendQueue.Key(producer: .random(), stream: web)
    let batch = BacklogBatch(id: 1, key: key, number: 1, content: content, entryCount: 1)
    window.hand(HandedBatch(batch, shares: [], answers: AnswerBox(wake: ProducerWake()), waitsForPermission: false))
    let due = DueDrafts.begun(before: .now(), windows: [web: window], full: 1, isBusy: false)
    #expect(queue.take(byteCountMax: .max, due).isEmpty)
    #expect(queue.begunFirst(due) == nil)
    queue.add(LogEntry(message: "2"), to: db)
    #expect(queue.begunFirst(due) != nil)
    #expect(queue.take(byteCountMax: .max, due).map(\.stream) == [db])
  }

  @Test func `streams not known before get their notices as far as there is room`() throws {
    var queue = DraftQueue(batchEntryCountMax: 10, batchByteCountMax: 1 << 20)
    for number in 0..<1_000 { queue.dropped(try StreamName("stream/\(number)")) }
    queue.tell(byteCountMax: 64 << 10)
    #expect(queue.byteCount < (64 << 10) + (2 << 10))
    var told: UInt64 = 0
    while true {
      let drafts = queue.take(byteCountMax: .max, .all)
      if drafts.isEmpty { break }
      told += drafts.reduce(0) { $0 + $1.toldCount }
      #expect(queue.byteCount == 0)
      queue.tell(byteCountMax: 64 << 10)
    }
    #expect(told == 1_000)
  }

  @Test func `a draft counts for the memory that it takes`() throws {
    var queue = DraftQueue(batchEntryCountMax: 10, batchByteCountMax: 1 << 20)
    for number in 0..<1_000 { queue.add(LogEntry(message: "1"), to: try StreamName("stream/\(number)")) }
    #expect(queue.byteCount > 1_000 << 10)
  }
}
