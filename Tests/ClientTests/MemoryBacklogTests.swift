import LogsWire
import Testing

@testable import LogsClient

@Suite struct MemoryBacklogTests {
  private let db = StreamName(checked: "db")

  private func draft(_ stream: StreamName = web, entryCount: Int = 10, accepted: Int64 = 1) -> EncodedBatch {
    EncodedBatch(
      stream: stream, content: .batch(ByteString([UInt8](repeating: 7, count: 744)), entryCount: entryCount),
      entryCount: entryCount, accepted: accepted)
  }

  @Test func `the window reaches 32 numbers from the first batch of a stream, and moves with it`() throws {
    let backlog = MemoryBacklog { 5 }
    let ids = try backlog.store((1...40).map { _ in draft() } + [draft(db)], removing: [])
    #expect(try backlog.window(of: web, after: 0).map(\.number) == Array(1...32))
    #expect(try backlog.window(of: db, after: 0).map(\.id) == [ids[40]])
    _ = try backlog.store([], removing: [ids[0], ids[3]])
    #expect(try backlog.window(of: web, after: ids[31]).map(\.number) == [33])
    #expect(backlog.oldestID == ids[1])
    #expect(backlog.totals == BacklogTotals(batchCount: 39, entryCount: 390, byteCount: 39_000))
    _ = try backlog.store([], removing: ids)
    #expect(backlog.totals == BacklogTotals())
    #expect(backlog.streams.isEmpty)
    // A number is never reused.
    _ = try backlog.store([draft()], removing: [])
    #expect(try backlog.window(of: web, after: 0).map(\.number) == [41])
  }

  @Test func `the oldest batches beyond the window are dropped, and one notice takes their place`() throws {
    let backlog = MemoryBacklog { 5 }
    let ids = try backlog.store((1...40).map { _ in draft() }, removing: [])
    let dropped = try backlog.dropOldest(keeping: 38_000)
    #expect(dropped.map(\.entryCount).reduce(0, +) == 30)
    #expect(dropped.map(\.idLast) == Array(ids[32...34]))
    #expect(backlog.totals.entryCount == 370)
    #expect(backlog.totals.batchCount == 38)
    // The window is full; after it comes the notice, then what is left.
    _ = try backlog.store([], removing: Array(ids[..<32]))
    // Nothing beyond a gap is sent before everything ahead of it is answered: the server tells batches apart by their
    // numbers modulo 32.
    let left = try backlog.window(of: web, after: 0)
    #expect(left.map(\.number) == [33, 36, 37, 38, 39, 40])
    #expect(left.map(\.entryCount) == [0, 10, 10, 10, 10, 10])
    guard case .batch(let bytes, entryCount: 1) = left[0].content else { throw TestFailure("the notice is no batch") }
    var decoder = BatchDecoder()
    #expect(try decoder.entries(of: Batch(wholeOf: bytes)).map(\.text) == ["30 entries dropped: queue full"])
  }

  @Test func `batches that may have been sent are never dropped, nor are seals`() throws {
    let backlog = MemoryBacklog { 5 }
    _ = try backlog.store((1...32).map { _ in draft() }, removing: [])
    #expect(try backlog.dropOldest(keeping: 0).isEmpty)
    _ = try backlog.store(
      [EncodedBatch(stream: web, content: .completion(text: ""), entryCount: 0, accepted: 1)], removing: [])
    #expect(try backlog.dropOldest(keeping: 0).isEmpty)
    #expect(backlog.totals.batchCount == 33)
  }

  @Test func `the oldest batch of all streams is dropped first`() throws {
    let backlog = MemoryBacklog { 5 }
    _ = try backlog.store((1...32).flatMap { _ in [draft(), draft(db)] }, removing: [])
    let ids = try backlog.store([draft(db), draft(), draft(db)], removing: [])
    #expect(try backlog.dropOldest(keeping: backlog.totals.byteCount - 1).map(\.idLast) == [ids[0]])
    #expect(try backlog.dropOldest(keeping: backlog.totals.byteCount - 1).map(\.idLast) == [ids[1]])
  }

  @Test func `batches that are too old are dropped, and counted apart from those for which there was no room`() throws {
    let backlog = MemoryBacklog { 5 }
    _ = try backlog.store((1...40).map { draft(accepted: $0) }, removing: [])
    _ = try backlog.dropOldest(keeping: 39_900)
    let dropped = try backlog.drop(acceptedBefore: 37)
    #expect(dropped.map(\.reason).allSatisfy { $0 == .tooOld })
    #expect(dropped.map(\.entryCount).reduce(0, +) == 30)
    // 32 of the window, two notices, and 37 to 40.
    #expect(backlog.totals.batchCount == 38)
  }
}
