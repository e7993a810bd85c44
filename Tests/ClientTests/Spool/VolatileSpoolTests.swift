import LogsSystem
import LogsWire
import Testing

@testable import LogsClient

/// Batches in memory, and bookmarks that follow the server's answers.
@Suite(.endsHangs) struct VolatileSpoolTests {
  private let db = StreamName(checked: "db")

  private func bookmarked(_ text: String, _ bookmarks: [String: String], to stream: StreamName = web) -> EncodedBatch {
    var batch = EncodedBatch.test(text, to: stream)
    batch.bookmarks = bookmarks.map { SourceBookmark(key: $0, value: ByteString($1)) }
    return batch
  }

  /// What a later process finds.
  private func onDisk(_ directory: TestDirectory, _ spool: VolatileSpool) throws -> [String: ByteString] {
    spool.close()
    let later = try TestSpool(directory.path)
    defer { later.spool.close() }
    #expect(later.spool.totals == BacklogTotals())
    return try later.spool.bookmarks()
  }

  private func spool(
    _ directory: TestDirectory, vfs: String? = nil, now: @escaping () -> MonotonicTime = MonotonicTime.now,
    report: @escaping (LogError) -> Void = { _ in }
  ) throws -> VolatileSpool {
    VolatileSpool(try Spool(directory.path, vfs: vfs) { _ in }, time: { 1 }, now: now, report: report)
  }

  @Test func `a bookmark goes to disk when everything before it is answered, and not sooner`() throws {
    let directory = try TestDirectory()
    let spool = try spool(directory)
    let first = try spool.store([bookmarked("1", ["a": "1"])], removing: [])
    // A group of two batches: its bookmarks are with the last.
    var (early, last) = (EncodedBatch.test("2", to: db), bookmarked("3", ["a": "3", "b": "3"]))
    early.isFollowed = true
    last.beginnings = [SourceBookmark(key: "c", value: "0"), SourceBookmark(key: "a", value: "0")]
    let group = try spool.store([early, last], removing: [])
    #expect(try spool.bookmarks() == ["a": "0", "c": "0"], "where sources begin does not wait")
    _ = try spool.store([], removing: [group[1]])
    #expect(try spool.bookmarks() == ["a": "0", "c": "0"])
    _ = try spool.store([], removing: first)
    #expect(try spool.bookmarks() == ["a": "1", "c": "0"])
    #expect(spool.totals.byteCount > 0)
    _ = try spool.store([bookmarked("4", ["a": "4"])], removing: [group[0]])
    #expect(try spool.bookmarks() == ["a": "3", "b": "3", "c": "0"])
    #expect(try onDisk(directory, spool) == ["a": "3", "b": "3", "c": "0"])
  }

  @Test func `a bookmark counts in the size of what waits`() throws {
    let directory = try TestDirectory()
    let spool = try spool(directory)
    let plain = EncodedBatch.test("1")
    _ = try spool.store([plain], removing: [])
    let byteCount = spool.totals.byteCount
    let ids = try spool.store([bookmarked("1", ["key": String(repeating: "v", count: 1_000)])], removing: [])
    #expect(spool.totals == BacklogTotals(batchCount: 2, entryCount: 2, byteCount: 2 * byteCount + 1_003))
    _ = try spool.store([], removing: ids)
    #expect(spool.totals.byteCount == byteCount + 1_003, "the batch before it has no answer")
    spool.close()
  }

  @Test func `a disk that fails holds up no batch, is reported once, and gets the bookmarks later`() throws {
    let directory = try TestDirectory()
    let disk = SpoolDisk()
    let (time, errors) = (Shared(MonotonicTime(nanoseconds: 1)), Shared([LogError]()))
    let spool = try spool(
      directory, vfs: disk.name, now: { time.value }, report: { error in errors.change { $0.append(error) } })
    disk.inject(SpoolDisk.Fault(code: SpoolDisk.failedSync))
    for number in 1...3 {
      let ids = try spool.store([bookmarked("\(number)", ["a": "\(number)"])], removing: [])
      _ = try spool.store([], removing: ids)
      time.change { $0 = $0 + .milliseconds(1_001) }
    }
    #expect(errors.value.map(\.code) == [.spoolFailed])
    #expect(spool.totals == BacklogTotals())
    disk.heal()
    time.change { $0 = $0 + .milliseconds(1_001) }
    _ = try spool.store([bookmarked("4", ["b": "4"])], removing: [])
    #expect(try spool.bookmarks() == ["a": "3"])
    #expect(try onDisk(directory, spool) == ["a": "3"])
  }

  @Test func `what a spool still has is sent first, and removed as it is answered`() throws {
    let directory = try TestDirectory()
    let before = try TestSpool(directory.path)
    try before.store("1", "2")
    _ = try before.spool.store([bookmarked("3", ["a": "3"])], removing: [])
    before.spool.close()
    let spool = try spool(directory)
    let own = try spool.store([bookmarked("4", ["a": "4"]), .test("5", to: db)], removing: [])
    #expect(try spool.window(of: web, after: 0).map(\.text) == ["1", "2", "3"])
    #expect(try spool.window(of: db, after: 0).map(\.text) == ["5"])
    #expect(spool.streams == [db, web])
    let restored = try spool.window(of: web, after: 0).map(\.id)
    #expect(spool.oldestID == restored[0])
    _ = try spool.store([], removing: Array(restored.prefix(2)))
    #expect(try spool.window(of: web, after: restored[1]).map(\.text) == ["3"])
    _ = try spool.store([], removing: [restored[2]])
    #expect(try spool.window(of: web, after: restored[2]).map(\.text) == ["4"])
    #expect(try spool.bookmarks() == ["a": "3"])
    _ = try spool.store([], removing: own)
    #expect(spool.totals == BacklogTotals() && spool.oldestID == nil)
    #expect(try onDisk(directory, spool) == ["a": "4"])
  }

  @Test func `a producer that commits with the server keeps nothing that is not acknowledged`() async throws {
    let directory = try TestDirectory()
    let away = try LogClient(.test("logs://127.0.0.1:1"))
    let first = try testProducer(away, spool: directory) { $0.spool?.commit = .server }
    var group = first.group()
    for entry in entries(1...10) { group.add(entry, to: web) }
    group.begin(SourceBookmark(key: "file", value: "0"))
    group.set(SourceBookmark(key: "file", value: "10"))
    try await first.accept(group)
    #expect(try await first.bookmarks == ["file": "0"])
    #expect(await !first.shutdown(deadline: .zero))
    #expect(first.counts.waiting == 10 && first.counts.dropped == 0)
    await away.shutdown(deadline: .zero)

    let server = try await FakeServer.start { $0.faults.lostAckCount = 3 }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let second = try testProducer(client, spool: directory) {
      $0.spool?.commit = .server
      $0.batchEntryCountMax = 3
    }
    #expect(second.counts.restored == 0)
    #expect(try await second.bookmarks == ["file": "0"])
    var again = second.group()
    for entry in entries(1...10) { again.add(entry, to: web) }
    again.set(SourceBookmark(key: "file", value: "10"))
    try await second.accept(again)
    #expect(await second.flush(timeout: .seconds(300)))
    #expect(try await second.bookmarks == ["file": "10"])
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...10).map(String.init))
    await second.shutdown()
    await client.shutdown()
  }

  @Test func `what the server refuses for good is behind the bookmark`() async throws {
    let directory = try TestDirectory()
    let server = try await FakeServer.start {
      $0.faults.onAppend = { $0.stream == web ? Refusal(.badBatch, "a test") : nil }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client, spool: directory) { $0.spool?.commit = .server }
    var group = producer.group()
    group.add(LogEntry(message: "1"), to: web)
    group.add(LogEntry(message: "2"), to: db)
    group.set(SourceBookmark(key: "file", value: "2"))
    try await producer.accept(group)
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(producer.counts.refused == 1 && producer.counts.acknowledged == 1)
    #expect(try await producer.bookmarks == ["file": "2"])
    await producer.shutdown()
    await client.shutdown()
  }
}
