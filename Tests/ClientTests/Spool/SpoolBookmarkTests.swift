import LogsDisk
import LogsWire
import Testing

@testable import LogsClient

/// Groups of entries and the bookmarks of their sources: stored together or not at all.
@Suite(.endsHangs) struct SpoolBookmarkTests {
  private let db = StreamName(checked: "db")
  private static let nobody = "logs://127.0.0.1:1"

  @Test func `a group and its bookmarks outlive their producer, and are sent once`() async throws {
    let directory = try TestDirectory()
    let away = try LogClient(.test(Self.nobody))
    let first = try testProducer(away, spool: directory) { $0.batchEntryCountMax = 7 }
    var group = first.group()
    for entry in entries(1...100) {
      group.add(entry, to: web)
      group.add(entry, to: db)
    }
    group.set(SourceBookmark(key: "file a", value: "100"))
    group.set(SourceBookmark(key: "file b", value: "200"))
    #expect(group.entryCount == 200)
    try await first.accept(group)
    var next = first.group()
    next.add(LogEntry(message: "101"), to: web)
    next.set(SourceBookmark(key: "file a", value: "101"))
    next.set(SourceBookmark(key: "file b", value: nil))
    try await first.accept(next)
    #expect(try await first.bookmarks == ["file a": "101"])
    #expect(first.counts.accepted == 201)
    await first.shutdown(deadline: .zero)
    await away.shutdown(deadline: .zero)

    let server = try await FakeServer.start { $0.faults.lostAckCount = 3 }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let second = try testProducer(client, spool: directory)
    #expect(try await second.bookmarks == ["file a": "101"])
    #expect(await second.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...101).map(String.init))
    #expect(try await server.onLoop { $0.streams[db]?.messages } == (1...100).map(String.init))
    await second.shutdown()
    await client.shutdown()
  }

  @Test func `a group keeps its order with what was submitted and completed around it`() async throws {
    let directory = try TestDirectory()
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client, spool: directory) { $0.linger = .seconds(60) }
    producer.log(LogEntry(message: "1"))
    producer.log(LogEntry(message: "2"))
    var group = producer.group()
    group.add(LogEntry(message: "3"), to: web)
    group.complete(web, text: "over")
    try await producer.accept(group)
    #expect(await producer.flush(timeout: .seconds(300)))
    #expect(try await server.onLoop { $0.streams[web]?.messages.prefix(3) } == ["1", "2", "3"])
    #expect(try await server.onLoop { $0.streams[web]?.isSealed } == true)
    await producer.shutdown()
    await client.shutdown()
  }

  @Test func `a group needs entries and a spool, and bounded bookmarks`() async throws {
    let client = try LogClient(.test(Self.nobody))
    let memory = try testProducer(client)
    var group = memory.group()
    group.add(LogEntry(message: "1"), to: web)
    #expect(await refusal(of: group, by: memory)?.code == .invalidRequest)
    let directory = try TestDirectory()
    let producer = try testProducer(client, spool: directory)
    #expect(await refusal(of: producer.group(), by: producer)?.code == .invalidRequest)
    for bookmark in [
      SourceBookmark(key: "", value: "1"), SourceBookmark(key: String(repeating: "k", count: 1_025), value: "1"),
      SourceBookmark(key: "k", value: ByteString([UInt8](repeating: 1, count: 65 << 10))),
    ] {
      var group = producer.group()
      group.add(LogEntry(message: "1"), to: web)
      group.set(bookmark)
      #expect(await refusal(of: group, by: producer)?.code == .invalidRequest)
    }
    #expect(producer.counts.accepted == 0)
    await producer.shutdown(deadline: .zero)
    await memory.shutdown(deadline: .zero)
    await client.shutdown(deadline: .zero)
  }

  @Test func `a group that finds no room is not stored, nor is its bookmark`() async throws {
    let directory = try TestDirectory()
    let client = try LogClient(.test(Self.nobody))
    let producer = try testProducer(client, spool: directory) { $0.spool?.byteCountMax = 1 << 20 }
    var generator = SeededGenerator(seed: 7)
    var acceptedCount = 0
    do {
      while true {
        var group = producer.group()
        for _ in 0..<3 {
          let bytes = (0..<(32 << 10)).map { _ in UInt8.random(in: 0...255, using: &generator) }
          group.add(LogEntry(message: ByteString(bytes)), to: web)
        }
        group.set(SourceBookmark(key: "file", value: ByteString("\(acceptedCount + 1)")))
        try await producer.accept(group)
        acceptedCount += 1
      }
    } catch { #expect(error.code == .queueFull) }
    #expect(acceptedCount >= 10)
    #expect(try await producer.bookmarks == ["file": ByteString("\(acceptedCount)")])
    // Where a source begins is small, and is stored.
    try await producer.note([SourceBookmark(key: "file", value: "0"), SourceBookmark(key: "new", value: "0")])
    #expect(try await producer.bookmarks == ["file": ByteString("\(acceptedCount)"), "new": "0"])
    #expect(producer.counts.waiting == UInt64(3 * acceptedCount))
    await producer.shutdown(deadline: .zero)
    await client.shutdown(deadline: .zero)
  }

  @Test func `a spool made before there were bookmarks takes them, and a salvaged one keeps them`() throws {
    let directory = try TestDirectory()
    try TestSpool(directory.path).spool.close()
    try change(directory, "DROP TABLE bookmarks")
    let old = try TestSpool(directory.path)
    #expect(try old.spool.bookmarks() == [:])
    var batch = EncodedBatch.test("1")
    batch.bookmarks = [SourceBookmark(key: "file", value: "12"), SourceBookmark(key: "gone", value: nil)]
    _ = try old.spool.store([batch], removing: [])
    #expect(try old.spool.bookmarks() == ["file": "12"])
    old.spool.close()
    try change(directory, "UPDATE spool SET checksum = checksum + 1")
    let salvaged = try TestSpool(directory.path)
    #expect(salvaged.damages.count == 1)
    #expect(try salvaged.spool.bookmarks() == ["file": "12"])
    #expect(try salvaged.texts() == ["1"])
    salvaged.spool.close()
    try change(directory, "UPDATE bookmarks SET value = x'3133'")
    let damaged = try TestSpool(directory.path)
    #expect(try damaged.spool.bookmarks() == [:])
    #expect(damaged.damages.count == 1)
    damaged.spool.close()
  }

  private func refusal(of group: consuming AppendGroup, by producer: LogProducer) async -> LogError? {
    do throws(LogError) {
      try await producer.accept(group)
      return nil
    } catch { return error }
  }

  private func change(_ directory: TestDirectory, _ sql: String) throws {
    let database = try Database("\(directory.path)/spool.db", mode: .readWrite, vfs: nil)
    try database.execute(sql)
    _ = try database.integer("PRAGMA wal_checkpoint(TRUNCATE)")
  }
}
