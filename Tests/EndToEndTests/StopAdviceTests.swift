import Glibc
import LogsClient
import Testing

/// Where a server that stops sends its clients.
@Suite(.ownThread) struct StopAdviceTests {
  @Test(arguments: ["come-back", "go-elsewhere", "none"])
  func `a client of two servers goes where the one that stops advises`(advice: String) async throws {
    try await Scene.play { scene in
      let first = try TestServer(scene, ["--stop-advice", advice], name: "first")
      let other = try TestServer(scene, name: "other")
      let client = try LogClient(
        LogClientConfiguration(
          servers: [first.url, other.url], name: "test",
          backoff: Backoff(base: .milliseconds(1), cap: .milliseconds(5))))
      let web = StreamName("web")
      #expect(try await client.append([LogEntry(message: "1")], to: web).sequences == 1...1)
      // When it stops, its successor already listens in its place: a client that comes back finds it, however soon.
      unlink(first.socketPath)
      let successor = try TestServer(scene, data: scene.path("successor.data"), name: "first")
      #expect(try first.stop() == .code(0))
      #expect(try await client.append([LogEntry(message: "2")], to: web).sequences == 1...1)
      await client.shutdown()
      let (place, away) = advice == "come-back" ? (successor, other) : (other, successor)
      expectSame(try place.stored("web"), Array("2\n".utf8))
      #expect(try away.fact("streams") == 0)
    }
  }
}
