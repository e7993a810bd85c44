import Glibc
import LogsWire
import Testing

/// Servers that are reachable and accept nothing.
@Suite(.ownThread) struct PatienceTests {
  private func refusal(_ code: RefusalCode) -> Refusal {
    Refusal(code, "nothing is taken here", isRetryable: true, retryAfterMilliseconds: 20)
  }

  @Test(arguments: [RefusalCode.diskFull, .overloaded, .storageFailed, .internalError, .badBatch])
  func `a push that is refused repeatedly says so once, and gives up when its time is up`(code: RefusalCode)
    throws
  {
    try Scene.play { scene in
      let server = try RefusingServer(scene, refusal(code))
      let file = try scene.file("f", LogLines.file(LogLines.plain(5)))
      let push = try scene.run(Binaries.logs, ["push", "web", file, "--server", server.url, "--retry-for", "3"])
      #expect(push.exit == .code(1), "\(push.errors)")
      #expect(push.errorLines.count == 2, "\(push.errors)")
      #expect(push.errorLines.first?.contains("nothing is taken here") == true, "\(push.errors)")
      #expect(push.errorLines.last?.contains("no progress for 3.0 seconds") == true, "\(push.errors)")
      #expect(push.errorLines.last?.contains("0 entries of web are acknowledged") == true, "\(push.errors)")
    }
  }

  @Test func `a push that keeps trying says at once why it waits`() throws {
    try Scene.play { scene in
      let server = try RefusingServer(scene, refusal(.diskFull))
      let file = try scene.file("f", LogLines.file(LogLines.plain(5)))
      let push = try scene.start(Binaries.logs, ["push", "web", file, "--server", server.url])
      try push.errors.waitForText("trying again")
      push.signal(SIGTERM)
      #expect(try push.wait() == .code(143), "\(push.errors.text)")
    }
  }

  @Test func `being connected and dropped repeatedly is no progress`() throws {
    try Scene.play { scene in
      let server = try RefusingServer(scene, nil)
      let file = try scene.file("f", LogLines.file(LogLines.plain(5)))
      let push = try scene.run(Binaries.logs, ["push", "web", file, "--server", server.url, "--retry-for", "1"])
      #expect(push.exit == .code(3), "\(push.errors)")
    }
  }

  @Test func `a single request takes the first refusal as its answer, as does a command with retries off`() throws {
    try Scene.play { scene in
      let server = try RefusingServer(scene, refusal(.diskFull))
      let file = try scene.file("f", LogLines.file(LogLines.plain(5)))
      let spool = scene.path("spool")
      for words in [
        ["complete", "web", "--create"], ["push", "web", file, "--retry-for", "0"],
        ["push", "web", file, "--retry-for", "0", "--spool", spool], ["spool", "drain", spool, "--retry-for", "0"],
      ] {
        let finished = try scene.run(Binaries.logs, words + ["--server", server.url])
        #expect(finished.exit == .code(1), "\(words): \(finished.errors)")
        #expect(finished.errors.contains("nothing is taken here"), "\(words): \(finished.errors)")
      }
      #expect(try scene.run(Binaries.logs, ["spool", "inspect", spool]).errors.contains("with 5 entries"))
    }
  }
}
