import Foundation
import Glibc
import LogsSystem
import LogsTransport
import LogsWire
import Synchronization
import Testing

@testable import LogsServer

/// Signals of the whole process, so each test has one of its own.
@Suite struct SignalDeskTests {
  @Test func `a second signal closes the clients, and a third ends the process`() async throws {
    let directory = NSTemporaryDirectory() + "signals-\(UInt64.random(in: 0 ... .max))"
    defer { do { try FileManager.default.removeItem(atPath: directory) } catch { Issue.record(error) } }
    let result = await #expect(
      processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
    ) { [directory = directory as String] in
      let seconds = Atomic<UInt64>(100)
      let signals = try SignalDesk(log: ServerLog()) {
        MonotonicTime(nanoseconds: seconds.load(ordering: .relaxed) * 1_000_000_000)
      }
      var configuration = ServerConfiguration()
      configuration.dataDirectory = directory
      configuration.endpoints = [.tcp(host: "127.0.0.1", port: 0)]
      let server = try await Server.start(configuration) { _ in }
      await signals.attend(server) { () throws(ConfigurationError) in ServerConfiguration() }
      let peer = Peer(server.doors[0].endpoint)
      peer.send(ClientSession.hello(client: "c", token: "").head.array)
      #expect(peer.read(count: 5).last == 2, "WELCOME")

      kill(getpid(), SIGTERM)
      guard case .signal("SIGTERM") = await server.untilStopped() else { fatalError("stopped for another reason") }
      // The server has not begun to stop: nothing but the second signal closes the connection.
      seconds.add(1, ordering: .relaxed)
      kill(getpid(), SIGINT)
      while !peer.read(count: 1 << 10).isEmpty {}
      seconds.add(1, ordering: .relaxed)
      kill(getpid(), SIGTERM)
      while true { pause() }
    }
    let errors = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(errors.contains("SIGINT again: clients are not waited for any more"), "\(errors)")
    #expect(errors.contains("SIGTERM again: it ends at once"), "\(errors)")
  }
}
