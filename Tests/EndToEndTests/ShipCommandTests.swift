import Foundation
import Glibc
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

  @Test func `a key of the terminal reaches the command once, and a signal to ship alone is passed on`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      // Each Ctrl-C is a word of the command, which never ends by itself.
      let command = """
        import signal, sys, time
        signal.signal(signal.SIGINT, lambda *_: print('key', flush=True))
        print('ready', flush=True)
        while True: time.sleep(0.01)
        """
      // A shell with a terminal, which presses Ctrl-C when it reads so, or signals ship alone.
      let terminal = """
        import os, pty, signal, sys
        child, screen = pty.fork()
        if child == 0: os.execv('/bin/sh', ['sh', '-c', 'exec "$@"' + sys.argv[1], 'sh'] + sys.argv[2:])
        for line in sys.stdin:
            if line == 'key\\n': os.write(screen, b'\\x03')
            else: os.kill(child, getattr(signal, line.strip()))
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
      for (number, redirection) in ["", " </dev/null"].enumerated() {
        let stream = "job\(number)"
        let words = [
          "ship", "--server", server.url, "--stream", stream, "--format", "raw", "--state", scene.path(stream), "--",
          Binaries.python, "-c", command,
        ]
        let screen = try scene.start(
          Binaries.python, ["-c", terminal, redirection, Binaries.logs] + words, input: .pipe)
        func keys() throws -> Int { try server.run(["query", stream, "-o", "raw"]).lines.count { $0 == "key" } }
        try Polling.wait(for: "its first line") { try server.run(["query", stream, "-o", "raw"]).lines == ["ready"] }
        try screen.write(Array("key\n".utf8))
        try Polling.wait(for: "the key") { try keys() >= 1 }
        try screen.write(Array("SIGINT\n".utf8))
        try Polling.wait(for: "the signal") { try keys() >= 2 }
        try screen.write(Array("SIGTERM\n".utf8))
        screen.closeInput()
        try screen.wait()
        #expect(try keys() == 2, "\(redirection)")
      }
    }
  }

  @Test func `a command whose state is removed is read to its end, and ship fails if something is lost`() throws {
    try Scene.play { scene in
      let (go, state) = (scene.path("go"), scene.path("state"))
      func run(_ server: String) throws -> (ship: ChildProcess, exit: ChildProcess.Exit) {
        let script = "echo up; while ! [ -e \(go) ]; do sleep 0.01; done; seq 100"
        let ship = try scene.start(
          Binaries.logs,
          ["ship", "--server", server, "--stream", "job", "--state", state, "--", "/bin/sh", "-c", script])
        try Polling.wait(for: "its first line") {
          try scene.run(Binaries.logs, ["ship", "status", "--state", state]).text.contains("2 entries read")
        }
        try FileManager.default.removeItem(atPath: state)
        try scene.file("go", [])
        let exit = try ship.wait()
        try FileManager.default.removeItem(atPath: go)
        return (ship, exit)
      }
      let server = try TestServer(scene)
      let whole = try run(server.url)
      #expect(whole.exit == .code(0), "\(whole.ship.errors.text)")
      #expect(whole.ship.errors.text.contains("was removed or replaced while it is in use"))
      #expect(try server.run(["query", "job"]).lines.count == 101)
      let lost = try run("logs://127.0.0.1:1")
      #expect(lost.exit == .code(1), "\(lost.ship.errors.text)")
      #expect(lost.ship.errors.text.contains("entries are lost that were read and not acknowledged"))
    }
  }

  @Test func `what an earlier run could not send is sent by the next one, whatever its arguments`() throws {
    try Scene.play { scene in
      let home = ["XDG_STATE_HOME": scene.path("home")]
      let states = scene.path("home/logs/ship/commands")
      let script = try scene.file("script", "#!/bin/sh\necho $1\nif [ $1 = wait ]; then read line; fi\n".utf8)
      chmod(script, 0o755)
      let job = try scene.program("job", copyOf: script)
      func words(_ server: String, _ stream: String, _ argument: String) -> [String] {
        ["ship", "--server", server, "--retry-for", "300ms", "--stream", stream, "--", job, argument]
      }
      func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: states)
      }
      let nowhere = "logs://127.0.0.1:1"
      let away = try scene.run(Binaries.logs, words(nowhere, "one", "x"), environment: home)
      #expect(away.exit == .code(3), "\(away.errors)")
      let first = try names()
      #expect(first.count == 1)
      // One that is killed closes nothing.
      let killed = try scene.start(Binaries.logs, words(nowhere, "two", "wait"), environment: home, input: .pipe)
      try Polling.wait(for: "its line on disk") {
        guard let name = try? names().first(where: { !first.contains($0) }) else { return false }
        let inspect = try scene.run(Binaries.logs, ["spool", "inspect", "\(states)/\(name)/spool", "-o", "json"])
        return inspect.text.contains("\"name\":\"two\"")
      }
      killed.destroy()
      let server = try TestServer(scene)
      let ship = try scene.run(Binaries.logs, words(server.url, "three", "y"), environment: home)
      #expect(ship.exit == .code(0), "\(ship.errors)")
      for stream in ["one", "two", "three"] {
        #expect(try server.run(["query", stream]).lines.count == 1, "\(stream): \(ship.errors)")
      }
      // What is empty is gone.
      let left = try names()
      #expect(left.isEmpty, "\(left)")
    }
  }

  @Test func `the state of a run that has not ended is left to it`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let home = ["XDG_STATE_HOME": scene.path("home")]
      let first = try scene.start(
        Binaries.logs,
        ["ship", "--server", server.url, "--stream", "one", "--", "/bin/sh", "-c", "echo up; read line; echo $line"],
        environment: home, input: .pipe)
      try Polling.wait(for: "the first") { try server.run(["query", "one"]).lines.count == 1 }
      let second = try scene.run(
        Binaries.logs, ["ship", "--server", server.url, "--stream", "two", "--", "/bin/sh", "-c", "echo x"],
        environment: home)
      #expect(second.exit == .code(0), "\(second.errors)")
      try first.write(Array("last\n".utf8))
      #expect(try first.wait() == .code(0), "\(first.errors.text)")
      #expect(try server.run(["query", "one"]).lines.count == 2)
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
