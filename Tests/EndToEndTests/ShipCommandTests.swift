import Foundation
import Testing

/// `logs ship -- COMMAND`: its output, its last words, its signals and its exit code.
@Suite(.ownThread) struct ShipCommandTests {
  @Test func `a command's output is shipped to its last word, and its exit code is ship's`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let ship = try server.run([
        "ship", "--stream", "job", "--format", "raw", "--state", scene.path("state"), "--", "/bin/sh", "-c",
        "seq 1 5000; echo problem >&2; printf end; exit 7",
      ])
      #expect(ship.exit == .code(7), "\(ship.errors)")
      let query = try server.run(["query", "job", "-o", "json"])
      #expect(query.lines.count == 5_002)
      #expect(query.lines.count { $0.contains(#""stream":"stderr""#) && $0.contains("problem") } == 1)
      #expect(query.text.contains(#""message":"end""#))
      let missing = try server.run(["ship", "--state", scene.path("state"), "--", "/nowhere/program"])
      #expect(missing.exit == .code(127), "\(missing.errors)")
    }
  }

  @Test func `a signal goes to the command, and what it says then is shipped`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
      let ship = try scene.start(
        Binaries.logs,
        [
          "ship", "--server", server.url, "--stream", "job", "--state", scene.path("state"), "--", "/bin/sh", "-c",
          script,
        ])
      try Polling.wait(for: "its first line") { try server.run(["query", "job"]).text.contains("ready") }
      ship.signal(SIGTERM)
      #expect(try ship.wait() == .code(3), "\(ship.errors.text)")
      #expect(try server.run(["query", "job"]).text.contains("caught"))
    }
  }
}
