import Foundation
import Testing

/// User mistakes: each yields one line that says what failed, why, and what to do, the exit code from cli.md, and an
/// empty stdout.
@Suite(.ownThread) struct BadInputTests {
  private func expect(
    _ finished: Finished, exit: Int32, says words: [String], location: SourceLocation = #_sourceLocation
  ) {
    #expect(finished.exit == .code(exit), "\(finished.errors)", sourceLocation: location)
    #expect(finished.output.isEmpty, sourceLocation: location)
    #expect(finished.errorLines.count == 1, "\(finished.errors)", sourceLocation: location)
    for word in words {
      #expect(finished.errors.localizedCaseInsensitiveContains(word), "\(finished.errors)", sourceLocation: location)
    }
  }

  @Test func `an invalid argument is a usage error`() throws {
    try Scene.play { scene in
      expect(try scene.run(Binaries.logs, ["push", "web", "--frob"]), exit: 2, says: ["--frob", "help"])
      expect(try scene.run(Binaries.logsd, ["--frob", "1"]), exit: 2, says: ["--frob", "help"])
    }
  }

  @Test func `unreadable files are reported before anything is sent`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let good = try scene.file("good", LogLines.file(LogLines.plain(5)))
      expect(
        try server.run(["push", "web", good, scene.path("missing")]), exit: 1, says: ["missing", "no such file"])
      expect(try server.run(["push", "web", good, scene.directory]), exit: 1, says: [scene.directory, "directory"])
      #expect(try server.fact("streams") == 0)
      let cursor = try scene.file("cursor", Array("what is this?\n".utf8))
      expect(try server.run(["follow", "web", "--cursor-file", cursor]), exit: 1, says: [cursor])
      expect(
        try server.run(["follow", "web", "--cursor-file", scene.path("no/such/cursor"), "--until-head"]), exit: 1,
        says: ["no/such/cursor"])
    }
  }

  @Test func `a request to a missing server is tried once, and answered in one line`() throws {
    try Scene.play { scene in
      let (closed, port) = try Sockets.listen()
      close(closed)
      for words in [["status"], ["streams"], ["complete", "web"], ["bench", "ack"]] {
        let url = "logs://127.0.0.1:\(port)"
        expect(try scene.run(Binaries.logs, words + ["--server", url]), exit: 3, says: ["no connection"])
      }
      // Unless retrying is requested.
      let patient = try scene.run(
        Binaries.logs, ["status", "--server", "logs://127.0.0.1:\(port)", "--retry-for", "3"])
      #expect(patient.exit == .code(3) && patient.errors.contains("trying again"), "\(patient.errors)")
    }
  }

  @Test func `a client whose token is not checked says so once`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(3)))
      for words in [["push", "web", file], ["follow", "web", "--until-head"], ["status"], ["streams"]] {
        let finished = try server.run(words, environment: ["LOGS_TOKEN": "secret"])
        #expect(finished.exit == .code(0))
        #expect(finished.errorLines.count { $0.contains("checks no tokens") } == 1, "\(words): \(finished.errors)")
        #expect(try !server.run(words).errors.contains("token"))
      }
    }
  }

  @Test func `with retries off everything works while the server is up`() throws {
    try Scene.play { scene in
      for transport in [TestServer.Transport.unix, .tcp] {
        let server = try TestServer(scene, transport: transport, name: "\(transport)")
        let file = try scene.file("f", LogLines.file(LogLines.plain(5)))
        try expectSuccess(server.run(["push", "web", file, "--retry-for", "0"]))
        let status = try server.run(["status", "--retry-for", "0"])
        #expect(status.exit == .code(0) && status.text.contains("resident"), "\(status.errors)")
        // And a follow ends when the server does.
        let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw", "--retry-for", "0"])
        try follow.output.waitForLines(5)
        try server.kill()
        #expect(try follow.wait() == .code(3), "\(follow.errors.text)")
      }
    }
  }

  @Test func `a server that is not a logs server is recognized`() throws {
    try Scene.play { scene in
      // An echo is enough: it sends HELLO back, which no server does.
      let (listener, port) = try Sockets.listen()
      Threads.start {
        while true {
          let client = accept(listener, nil, nil)
          if client < 0 { return }
          var buffer = [UInt8](repeating: 0, count: 4096)
          let count = recv(client, &buffer, buffer.count, 0)
          if count > 0 { _ = send(client, buffer, count, Int32(MSG_NOSIGNAL)) }
          close(client)
        }
      }
      defer {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
      }
      let finished = try scene.run(
        Binaries.logs, ["status", "--server", "logs://127.0.0.1:\(port)", "--retry-for", "0"])
      #expect(finished.exit == .code(1) || finished.exit == .code(3), "\(finished.errors)")
      #expect(finished.output.isEmpty && !finished.errors.isEmpty)
    }
  }

  @Test func `logsd refuses places that it cannot use, and harms nothing`() throws {
    try Scene.play { scene in
      func logsd(_ words: String...) throws -> Finished { try scene.run(Binaries.logsd, words) }
      let data = scene.path("fresh")
      let file = try scene.file("file", [])
      expect(try logsd("--data", file, "--listen", "127.0.0.1:0"), exit: 1, says: [file])
      expect(try logsd("--data", "/proc/nothing/here", "--listen", "127.0.0.1:0"), exit: 1, says: ["/proc/nothing"])
      let (taken, port) = try Sockets.listen()
      defer { close(taken) }
      expect(try logsd("--data", data, "--listen", "127.0.0.1:\(port)"), exit: 1, says: ["\(port)", "in use"])
      expect(
        try logsd("--data", data, "--listen", "none", "--listen-unix", scene.path("no/such/socket")), exit: 1,
        says: ["no/such/socket"])
      let long = scene.path(String(repeating: "x", count: 120))
      #expect(try logsd("--data", data, "--listen", "none", "--listen-unix", long).exit != .code(0))
    }
  }

  @Test func `a second server on the same data directory is refused, and the first goes on`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let second = try scene.run(Binaries.logsd, ["--data", server.data, "--listen", "127.0.0.1:0"])
      expect(second, exit: 1, says: [server.data, "in use by process \(server.process.pid);"])
      // Nor does one on the same socket take the socket away.
      let other = try scene.run(
        Binaries.logsd,
        ["--data", scene.path("other"), "--listen", "none", "--listen-unix", server.socketPath])
      expect(other, exit: 1, says: ["server.sock", "in use"])
      try expectSuccess(server.run(["push", "web", try scene.file("f", [65])]))
      #expect(try server.stored("web") == [65, 10])
    }
  }

  @Test func `a mistyped variable ends logsd, and so does a door that is open to other machines by mistake`() throws {
    try Scene.play { scene in
      let typo = try scene.run(
        Binaries.logsd, ["--data", scene.path("data")], environment: ["LOGSD_LISEN": "127.0.0.1:0"])
      expect(typo, exit: 2, says: ["LOGSD_LISEN", "LOGSD_LISTEN"])
      let words = ["--data", scene.path("data"), "--listen", "0.0.0.0:0"]
      expect(try scene.run(Binaries.logsd, words), exit: 1, says: ["without TLS", "--insecure-plain"])
      let plain = words + ["--insecure-plain"]
      expect(try scene.run(Binaries.logsd, plain), exit: 1, says: ["logsd token create", "--insecure-open"])
      let open = try scene.start(Binaries.logsd, plain + ["--insecure-open"])
      try open.output.waitForLines(1)
      try open.errors.waitForText("all that is sent can be read")
      try open.errors.waitForText("everybody may append and read")
      let closed = try scene.start(
        Binaries.logsd, ["--data", scene.path("other"), "--listen", "0", "--disk-min-free", "0"])
      try closed.output.waitForLines(1)
      #expect(closed.output.text.hasPrefix("ready logs://127.0.0.1:"))
      try closed.errors.waitForText("has started")
      #expect(closed.errors.lines.count == 1, "\(closed.errors.text)")
    }
  }

  @Test func `help and versions go to stdout with exit code 0`() throws {
    try Scene.play { scene in
      let asked = [
        (Binaries.logs, ["--version"], "logs "), (Binaries.logs, ["help"], "usage"),
        (Binaries.logs, ["help", "follow"], "--cursor-file"), (Binaries.logs, ["push", "--help"], "usage"),
        (Binaries.logsd, ["--version"], "logsd "), (Binaries.logsd, ["--help"], "--segment-bytes"),
        (Binaries.logsd, ["--print-config", "--heartbeat", "7s"], "heartbeat"),
      ]
      for (program, words, expected) in asked {
        let finished = try scene.run(program, words)
        #expect(finished.exit == .code(0), "\(words)")
        #expect(finished.errors.isEmpty && finished.text.contains(expected), "\(words)")
      }
    }
  }
}
