import Foundation
import LogsClient
import Testing

/// kill -9 of the server while entries and streams are deleted, and segments compacted and rewritten without them.
@Suite(.ownThread) struct DeletionKillTests {
  private static let (rewritten, compacted) = (" is rewritten: ", " is compacted: ")

  @Test func `kills of the server bring back nothing that was deleted, and lose nothing else`() async throws {
    var random = Seeded.forTest()
    try await Scene.play { scene in
      // Segments end, and are rewritten, all the time.
      let server = try TestServer(
        scene, ["--segment-bytes", "1M", "--segment-age", "500ms", "--rewrite-delay", "10ms"])
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      var web = ThinnedStream()
      var app = RenewedStream()
      var auditCount = 0
      var rewriteCount = 0
      var compactionCount = 0
      var round = 0
      while round < Environment.rounds(8) || rewriteCount < 3 || compactionCount < 3 {
        round += 1
        try #require(round < 1_000)
        let pushes = try ["web", "app"].map { try server.start(["push", $0], input: .pipe) }
        let pieces = zip(web.add(300, &random).chunks(of: 20), app.add(300, &random).chunks(of: 20))
        let killedAt = Int.random(in: 1...15, using: &random)
        let deleter = try Deleter(server)
        let (lastNumber, seed) = (web.lines.count, random.next())
        async let made = deleter.run(upTo: lastNumber, Seeded(seed))
        for (index, piece) in pieces.enumerated() {
          for (push, lines) in zip(pushes, [piece.0, piece.1]) { try push.write(LogLines.file(lines)) }
          try Self.wait(milliseconds: Int.random(in: 0...50, using: &random))
          guard index + 1 == killedAt else { continue }
          if round > Environment.rounds(8) {
            // What is still to be seen gets time: beside a busy processor it may take seconds.
            try? Polling.wait(for: "a segment without what was deleted", within: .seconds(10)) {
              let log = server.process.errors.text
              return (rewriteCount >= 3 || log.contains(Self.rewritten))
                && (compactionCount >= 3 || log.contains(Self.compacted))
            }
          }
          if Bool.random(using: &random) { deleter.spinUntilNext() }
          deleter.end()
          try server.kill()
          let lines = server.process.errors.text.split(separator: "\n")
          rewriteCount += lines.count { $0.contains(Self.rewritten) }
          compactionCount += lines.count { $0.contains(Self.compacted) }
          try server.restart()
        }
        for push in pushes {
          push.closeInput()
          #expect(try push.wait() == .code(0), "\(push.errors.text)")
        }
        let attempts = try await made

        let audit = try AuditNote.all(of: server)
        var notes = audit.dropFirst(auditCount)
        auditCount = audit.count
        for attempt in attempts {
          guard let note = try attempt.take(from: &notes) else { continue }
          if attempt.numbers == nil { try app.apply(note) } else { try web.apply(note) }
        }
        try #require(notes.isEmpty, "nobody asked for \(notes) in round \(round)")
        try web.check(try await Self.read("web", server))
        try app.check(try await Self.read("app", server))
      }
      try Polling.wait(for: "the last number") { web.hasEnd(follow) }
      try web.check(follow)

      // A stop while a segment is rewritten leaves nothing of it.
      let client = try LogClient(LogClientConfiguration(servers: [server.url], name: "test"))
      #expect(try await client.delete(StreamName("web")).entryCount == web.keptCount)
      await client.shutdown()
      try Self.wait(milliseconds: Int.random(in: 0...100, using: &random))
      #expect(try server.stop() == .code(0))
      let files = try FileManager.default.subpathsOfDirectory(atPath: server.data)
      // The next segment may have been prepared.
      let rests = files.filter { $0.hasSuffix(".tmp") && files.contains(String($0.dropLast(4))) }
      #expect(files.contains("store") && rests.isEmpty, "\(files)")
    }
  }

  private static func wait(milliseconds: Int) throws {
    let moment = ContinuousClock.now + .milliseconds(milliseconds)
    try Polling.wait(for: "a random moment") { ContinuousClock.now >= moment }
  }

  /// All pages of a stream.
  private static func read(_ stream: String, _ server: TestServer) async throws -> [ReadPage] {
    let client = try LogClient(LogClientConfiguration(servers: [server.url], name: "reader"))
    let name = try StreamName(stream)
    var pages = [try await client.read(name, limit: 1_000)]
    while let page = pages.last, !page.isAtHead {
      pages.append(try await client.read([.stream(name)], after: page.cursor, limit: 1_000))
    }
    await client.shutdown()
    return pages
  }
}
