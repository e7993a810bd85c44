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

  @Test func `signals that end nothing are passed on, too`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let script = """
        for s in USR1 USR2 QUIT WINCH HUP; do trap "echo got $s" $s; done
        trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done
        """
      let ship = try scene.start(
        Binaries.logs,
        [
          "ship", "--server", server.url, "--stream", "job", "--format", "raw", "--state", scene.path("state"), "--",
          "/bin/sh", "-c", script,
        ])
      func text() throws -> String { try server.run(["query", "job", "-o", "raw"]).text }
      try Polling.wait(for: "its first line") { try text().contains("ready") }
      for (signal, name) in [
        (SIGUSR1, "USR1"), (SIGUSR2, "USR2"), (SIGQUIT, "QUIT"), (SIGWINCH, "WINCH"), (SIGHUP, "HUP"),
      ] {
        ship.signal(signal)
        try Polling.wait(for: name) { try text().contains("got \(name)") }
      }
      ship.signal(SIGTERM)
      #expect(try ship.wait() == .code(5), "\(ship.errors.text)")
    }
  }

  @Test func `the same command runs twice at the same time, each with a state of its own`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let home = ["XDG_STATE_HOME": scene.path("home")]
      let script = "echo up; while ! [ -e \(scene.path("go")) ]; do sleep 0.01; done; exit 6"
      let words = ["ship", "--server", server.url, "--stream", "job", "--", "/bin/sh", "-c", script]
      let ships = try (0..<2).map { _ in try scene.start(Binaries.logs, words, environment: home) }
      try Polling.wait(for: "both") { try server.run(["query", "job"]).lines.count == 2 }
      // A directory that was named belongs to one.
      let state = [
        "--state",
        try FileManager.default.contentsOfDirectory(atPath: scene.path("home/logs/ship/commands"))
          .sorted().first.map { scene.path("home/logs/ship/commands/\($0)") } ?? "",
      ]
      let third = try server.run(["ship"] + state + ["--", "/bin/true"])
      #expect(third.exit == .code(1) && third.errors.contains("--state DIR"), "\(third.errors)")
      try scene.file("go", [])
      for ship in ships { #expect(try ship.wait() == .code(6), "\(ship.errors.text)") }
    }
  }
}
