import LogsClient
import Testing

/// Reading page by page from the real server.
@Suite(.ownThread) struct PageTests {
  private func entries(_ count: Int) -> [LogEntry] { (1...count).map { LogEntry(message: ByteString("\($0)")) } }

  /// Runs `body` with a client of a new server.
  private func withClient(_ flags: [String] = [], _ body: (LogClient) async throws -> Void) async throws {
    try await Scene.play { scene in
      let server = try TestServer(scene, flags)
      let client = try LogClient(LogClientConfiguration(servers: [server.url], name: "test"))
      try await body(client)
      await client.shutdown()
    }
  }

  @Test(arguments: [[], ["--tail-bytes", "0"]])
  func `a stream that is always ahead of its reader does not starve the others`(flags: [String]) async throws {
    try await withClient(flags) { client in
      let busy = StreamName("a-busy")
      let quiet = try (0..<20).map { try StreamName("quiet/\($0)") }
      _ = try await client.append(entries(5_000), to: busy)
      for stream in quiet { _ = try await client.append(entries(3), to: stream) }
      var cursor = LogCursor()
      var read: [StreamName: [UInt64]] = [:]
      for _ in 1...6 {
        let page = try await client.read([.pattern(.all)], after: cursor, limit: 500)
        #expect(page.entries.count == 500 && !page.isAtHead)
        for entry in page.entries { read[entry.stream, default: []].append(entry.entry.sequence) }
        cursor = page.cursor
        _ = try await client.append(entries(600), to: busy)
      }
      for stream in quiet { #expect(read[stream] == [1, 2, 3], "\(stream)") }
      let count = read[busy]?.count ?? 0
      #expect(count == 6 * 500 - 60)
      #expect(read[busy] == Array(1...UInt64(count)))
    }
  }

  @Test(arguments: [[], ["--tail-bytes", "0"]])
  func `of more busy streams than fit a page, each is eventually read`(flags: [String]) async throws {
    try await withClient(flags) { client in
      let streams = try (0..<40).map { try StreamName("busy/\($0)") }
      for stream in streams { _ = try await client.append(entries(300), to: stream) }
      var cursor = LogCursor()
      var pages = 0
      // No stream is ever at its head: entries that were read are replaced by new ones.
      while streams.contains(where: { cursor[$0]?.sequence ?? 0 == 0 }), pages < 400 {
        let page = try await client.read([.pattern(.all)], after: cursor, limit: 200)
        #expect(page.entries.count == 200)
        for stream in Set(page.entries.map(\.stream)).sorted() { _ = try await client.append(entries(300), to: stream) }
        cursor = page.cursor
        pages += 1
      }
      print("40 streams in \(pages) pages of which each holds 2")
      #expect(pages < 400)
    }
  }

  @Test func `pages are the stream while others append, and a position that does not exist is refused`() async throws {
    try await withClient { client in
      let web = StreamName("web")
      let appending = Task {
        for count in 1...60 {
          _ = try await client.append((1...count).map { LogEntry(message: ByteString("\($0)")) }, to: web)
        }
      }
      var numbers: [UInt64] = []
      var cursor = LogCursor()
      while numbers.count < 60 * 61 / 2 {
        let page = try await client.read([.stream(web)], after: cursor, limit: 37, wait: .seconds(10))
        #expect(page.entries.count <= 37)
        numbers += page.entries.map(\.entry.sequence)
        cursor = page.cursor
      }
      try await appending.value
      #expect(numbers.count == 60 * 61 / 2)
      #expect(zip(numbers, 1...).allSatisfy { $0 == $1 })
      for name in ["web", "nothing"] {
        let error = await #expect(throws: LogError.self) { try await client.read(StreamName(name), after: 100_000) }
        #expect(error?.code == .refused(.cursorAhead))
      }
      let empty = try await client.read(StreamName("nothing"))
      #expect(empty.entries.isEmpty && empty.isAtHead && empty.heads.values.first == 0)
    }
  }
}
