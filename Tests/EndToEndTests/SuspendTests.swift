import LogsClient
import Testing

/// A client of the real server that is suspended and resumed, while the server is killed.
@Suite(.ownThread) struct SuspendTests {
  @Test func `a client suspended and resumed between kills stores and reads everything once`() async throws {
    let seeded = Seeded.forTest()
    let count = Environment.lines(3_000)
    try await Scene.play { scene in
      var random = seeded
      let server = try TestServer(scene)
      // The first address is a dead one.
      let client = try LogClient(
        LogClientConfiguration(
          servers: ["logs+unix://\(scene.path("nothing")).sock", server.url], name: "test",
          backoff: Backoff(base: .milliseconds(5), cap: .milliseconds(50))))
      let web = StreamName("web")
      let following = Task {
        var texts: [String] = []
        for try await entry in client.follow([.stream(web)]).entries {
          texts.append(entry.entry.text)
          if texts.count == count { break }
        }
        return texts
      }
      let step = count / Environment.rounds(12) + 1
      var pending: [PendingAppend] = []
      for start in stride(from: 1, through: count, by: step) {
        let isSuspendedFirst = Bool.random(using: &random)
        let kills = Int.random(in: 0..<3, using: &random) == 0
        if isSuspendedFirst { await client.suspend() }
        for number in start...min(count, start + step - 1) {
          pending.append(try await client.submit([LogEntry(message: ByteString("\(number)"))], to: web))
        }
        // Some of them may be stored but not acknowledged.
        for _ in 0..<Int.random(in: 0...200, using: &random) { await Task.yield() }
        await client.suspend()
        #expect(try server.fact("connections") == 1)
        if kills {
          try server.kill()
          try server.restart()
        }
        await client.resume()
      }
      for (index, append) in pending.enumerated() {
        #expect(try await append.receipt.sequences == UInt64(index + 1)...UInt64(index + 1))
      }
      let texts = try await following.value
      #expect(texts.count == count)
      #expect(zip(texts, 1...).allSatisfy { $0 == "\($1)" })
      await client.shutdown()
    }
  }
}
