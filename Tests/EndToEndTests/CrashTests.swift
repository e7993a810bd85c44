import Glibc
import LogsWire
import Testing

/// The output of a process that crashes.
@Suite(.ownThread) struct CrashTests {
  @Test(arguments: [SIGILL, SIGSEGV, SIGBUS, SIGABRT])
  func `a server that crashes says so in one line, and dies from the signal`(_ signal: Int32) throws {
    try Scene.play { scene in
      // If Swift writes a backtrace instead, as under swift test, that is left alone.
      let server = try TestServer(scene, environment: ["SWIFT_BACKTRACE": "enable=no"])
      let lines = LogLines.plain(100)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      #expect(try server.stop(signal) == .signal(signal))
      let told = server.process.errors.text.split(separator: "\n").filter { $0.hasPrefix("logsd: ended by SIG") }
      #expect(told.count == 1, "\(server.process.errors.text)")
      try server.restart()
      try expectSame(server.stored("web"), LogLines.file(lines))
    }
  }

  @Test func `a process that runs out of memory says how much it needed for what`() async throws {
    let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      outOfMemory(3 << 20, for: "a test")
    }
    let errors = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(errors.contains("logs: out of memory: the system gives no 3145728 bytes for a test. "))
  }
}
