import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct ReadTests {
  private let db = StreamName(checked: "db")

  @Test(arguments: [false, true]) func `pages end to end make up the streams, while links are cut and entries appended`(
    isDivided: Bool
  ) async throws {
    let seed = testSeed()
    var generator = SeededGenerator(seed: seed)
    let db = db
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 20, entryCount: 7)
      try! server.fill(db, batches: 3, entryCount: 40)
      var generator = SeededGenerator(seed: seed &+ 1)
      server.faults.cuts = (0..<20).map { _ in Int.random(in: 1...25, using: &generator) }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    var cursor = LogCursor()
    var numbers: [StreamName: [UInt64]] = [:]
    var heads: [StreamName: UInt64] = [:]
    var pageCount = 0
    while true {
      let limit = Int.random(in: 1...30, using: &generator)
      let page = try await client.read([.pattern(.all)], after: cursor, limit: limit)
      pageCount += 1
      #expect(page.entries.count <= limit)
      #expect(page.entries.count == limit || page.isAtHead)
      for entry in page.entries {
        #expect(entry.entry.number == entry.entry.sequence)
        numbers[entry.stream, default: []].append(entry.entry.sequence)
      }
      for (stream, head) in page.heads {
        #expect(page.cursor[stream]?.sequence == numbers[stream]?.last ?? 0)
        #expect(head >= heads[stream] ?? 0)
      }
      heads = page.heads
      cursor = page.cursor
      if page.isAtHead, pageCount > 20 { break }
      if pageCount <= 20 { try await server.onLoop { try $0.fill(web, batches: 1, entryCount: 3) } }
    }
    #expect(numbers[web] == Array(1...200))
    #expect(numbers[db] == Array(1...120))
    await client.shutdown()
  }

  @Test func `a page is cut exactly at its limit, and says whether it is the last one`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 2, entryCount: 50) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var page = try await client.read(web, limit: 99)
    #expect(page.entries.map(\.entry.sequence) == Array(1...99))
    #expect(!page.isAtHead && page.heads == [web: 100])
    page = try await client.read(web, after: 99, of: page.entries[0].incarnation, limit: 1)
    #expect(page.entries.map(\.entry.sequence) == [100])
    #expect(page.isAtHead && page.completed.isEmpty)
    page = try await client.read([.stream(web)], after: page.cursor)
    #expect(page.entries.isEmpty && page.isAtHead && page.cursor[web]?.sequence == 100)
    _ = try await client.complete(web, text: "done")
    page = try await client.read([.stream(web)], after: page.cursor)
    #expect(page.entries.map(\.entry.kind) == [.complete] && page.completed == [web])
    page = try await client.read([.stream(web)], after: page.cursor)
    #expect(page.entries.isEmpty && page.completed == [web])
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `a limit that ends with one stream does not hide the others`(isDivided: Bool)
    async throws
  {
    let db = db
    let server = try await FakeServer.start { server in
      try! server.fill(db, batches: 1, entryCount: 5)
      try! server.fill(web, batches: 1, entryCount: 5)
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    let page = try await client.read([.pattern(.all)], limit: 5)
    #expect(page.entries.count == 5 && !page.isAtHead)
    let rest = try await client.read([.pattern(.all)], after: page.cursor, limit: 5)
    #expect(rest.entries.count == 5)
    #expect(Set((page.entries + rest.entries).map(\.stream)) == [db, web])
    let last = try await client.read([.pattern(.all)], after: rest.cursor, limit: 5)
    #expect(last.entries.isEmpty && last.isAtHead)
    await client.shutdown()
  }

  @Test func `a missing stream is an empty page with head 0, and others keep their positions`() async throws {
    let db = db
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var page = try await client.read(db)
    #expect(page.entries.isEmpty && page.heads == [db: 0] && page.isAtHead)
    page = try await client.read(web)
    let read = page.cursor
    page = try await client.read([.stream(db)], after: read)
    #expect(page.cursor[web] == read[web])
    try await server.onLoop { try $0.fill(db, batches: 1, entryCount: 2) }
    page = try await client.read([.stream(db), .stream(web)], after: page.cursor)
    #expect(page.entries.map(\.stream) == [db, db] && page.heads == [db: 2, web: 5])
    await client.shutdown()
  }

  @Test func `the server's refusals are passed on, and invalid calls fail without a server`()
    async throws
  {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var error = await #expect(throws: LogError.self) { try await client.read(web, after: 6) }
    #expect(error?.code == .refused(.cursorAhead))
    error = await #expect(throws: LogError.self) { try await client.read(web, after: 2, of: Incarnation(77)) }
    #expect(error?.code == .refused(.streamReplaced))
    let followCount = try await server.onLoop { $0.record.follows.count }
    for limit in [0, -1, LogClient.pageEntryCountMax + 1] {
      error = await #expect(throws: LogError.self) { try await client.read(web, limit: limit) }
      #expect(error?.code == .invalidRequest)
      #expect(error?.message.contains("10000") == true)
    }
    error = await #expect(throws: LogError.self) { try await client.read([]) }
    #expect(error?.code == .invalidRequest)
    #expect(try await server.onLoop { $0.record.follows.count } == followCount)
    await client.shutdown()
    error = await #expect(throws: LogError.self) { try await client.read(web) }
    #expect(error?.code == .closed)
  }

  @Test func `a page of very large entries ends before its limit`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let large = LogEntry(message: ByteString([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)))
    for _ in 0..<24 { _ = try await client.append([large, large, large], to: web) }
    let page = try await client.read(web)
    #expect((64..<72).contains(page.entries.count) && !page.isAtHead)
    let rest = try await client.read([.stream(web)], after: page.cursor)
    #expect(rest.entries.first?.entry.sequence == UInt64(page.entries.count) + 1)
    #expect(rest.entries.count == 72 - page.entries.count && rest.isAtHead)
    await client.shutdown()
  }

  @Test func `a waiting reader gets the next entry as it comes, or an empty page after its time`() async throws {
    let db = db
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    // There is an entry, so it does not wait.
    var page = try await client.read([.pattern(.all)], wait: .seconds(3600))
    #expect(page.entries.count == 5)
    let cursor = page.cursor
    var waiting = Task { try await client.read([.pattern(.all)], after: cursor, wait: .seconds(3600)) }
    await server.until { $0.record.follows.count >= 3 }
    try await server.onLoop { try $0.fill(db, batches: 1, entryCount: 2) }
    page = try await waiting.value
    #expect(page.entries.map(\.stream) == [db, db] && page.heads == [db: 2, web: 5])

    page = try await client.read([.pattern(.all)], after: page.cursor, wait: .milliseconds(1))
    #expect(page.entries.isEmpty && page.isAtHead)
    let last = page.cursor

    // A complete stream is not waited for.
    _ = try await client.complete(web)
    page = try await client.read(web, after: 6, wait: .seconds(3600))
    #expect(page.entries.isEmpty && page.completed == [web])

    let followCount = try await server.onLoop { $0.record.follows.count }
    waiting = Task { try await client.read([.stream(db)], after: last, wait: .seconds(3600)) }
    await server.until { $0.record.follows.count >= followCount + 2 }
    waiting.cancel()
    var error = await #expect(throws: LogError.self) { try await waiting.value }
    #expect(error?.code == .cancelled)
    let idle = Task { try await client.read([.pattern(StreamPattern("nothing/*"))], wait: .seconds(3600)) }
    await server.until { $0.record.follows.count >= followCount + 3 }
    await client.shutdown()
    error = await #expect(throws: LogError.self) { try await idle.value }
    #expect(error?.code == .closed)
  }
}
