import Glibc
import LogsSystem
import Testing

/// What people who know other tools expect of every command.
@Suite(.ownThread) struct CommandMannerTests {
  /// Answers each connection with `answer`, and ends it.
  private static func foreignServer(_ scene: Scene, _ answer: String) throws -> String {
    let (listener, port) = try Sockets.listen()
    scene.atEnd {
      shutdown(listener, Int32(SHUT_RDWR))
      close(listener)
    }
    Threads.start {
      while true {
        let peer = accept(listener, nil, nil)
        guard peer >= 0 else { return }
        let bytes = Array(answer.utf8)
        _ = bytes.withUnsafeBytes { send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        shutdown(peer, Int32(SHUT_WR))
        var byte: UInt8 = 0
        while recv(peer, &byte, 1, 0) > 0 {}
        close(peer)
      }
    }
    return "logs://127.0.0.1:\(port)"
  }

  @Test func `what answers and is no logsd is named, at once`() throws {
    try Scene.play { scene in
      let url = try Self.foreignServer(scene, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
      for words in [["status"], ["streams"], ["complete", "web"], ["query", "web"], ["delete", "web", "--yes"]] {
        let run = try scene.run(Binaries.logs, words + ["--server", url])
        #expect(run.exit == .code(3) && run.output.isEmpty && run.errorLines.count == 1, "\(words): \(run.errors)")
        #expect(run.errors.contains("an HTTP server answers there, and no logsd"), "\(run.errors)")
      }
      let empty = try scene.run(Binaries.logs, ["status", "--server", ""])
      #expect(empty.exit == .code(2) && empty.errors.contains("--server is empty"))
    }
  }

  @Test func `an attempt to connect that takes long is spoken of`() throws {
    try Scene.play { scene in
      // The system takes connections, and nobody answers.
      let (listener, port) = try Sockets.listen()
      scene.atEnd { close(listener) }
      for words in [["status"], ["follow", "web"]] {
        let run = try scene.start(Binaries.logs, words + ["--server", "logs://127.0.0.1:\(port)"])
        try run.errors.waitForLines(1)
        #expect(run.errors.text.hasPrefix("logs: no answer from logs://127.0.0.1:\(port) yet; "), "\(run.errors.text)")
        run.signal(SIGTERM)
        #expect(try run.wait() == .code(143), "\(run.errors.text)")
      }
    }
  }

  @Test func `--retry-for takes a span, and flags about the server may come first`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(3)))
      try expectSuccess(server.run(["push", "web", file, "--retry-for", "1m"]))
      for words in [["--server", server.url, "streams"], ["--server=\(server.url)", "streams"]] {
        let run = try scene.run(Binaries.logs, words + ["-o", "json"])
        #expect(run.exit == .code(0) && run.text.contains(#""name":"web""#), "\(run.errors)")
      }
      let wrong = try server.run(["status", "--retry-for", "1 m"])
      #expect(wrong.exit == .code(2) && wrong.errors.contains("30s, 5m or 1h"))
      #expect(try scene.run(Binaries.logs, ["--server"]).exit == .code(2))
      let version = try scene.run(Binaries.logs, ["version"])
      #expect(version.exit == .code(0) && version.text.hasPrefix("logs ") && version.errors.isEmpty)
    }
  }

  @Test func `-n with --since means the last of those, and a filter may stand behind the streams`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for name in ["a", "b"] {
        let lines = (0..<10).map { number in
          #"{"time":"2026-01-10T12:00:0\#(number)Z","message":"\#(name) \#(number)"}"# + "\n"
        }
        let path = try scene.file(name, lines.joined().utf8)
        try expectSuccess(server.run(["push", "app/\(name)", path, "--format", "json"]))
      }
      func follow(_ words: String...) throws -> [String] {
        let run = try server.run(["follow", "-o", "raw", "--until-head", "-f"] + words)
        #expect(run.exit == .code(0), "\(run.errors)")
        return run.lines.sorted()
      }
      let since = "2026-01-10T12:00:07Z"
      #expect(try follow("app/*", "--since", since, "-n", "2") == ["a 8", "a 9", "b 8", "b 9"])
      #expect(try follow("app/a", "--since", since, "-n", "5") == ["a 7", "a 8", "a 9"])
      #expect(try follow("app/a", "--since", since, "-n", "all") == ["a 7", "a 8", "a 9"])
      #expect(try follow("app/a", "--since", since, "-n", "0").isEmpty)
      #expect(try follow("app/a", "--since", since, "-n", "1", "--filter", "-9") == ["a 8"])
      #expect(try follow("app/*", "level>=trace OR /[ab] 3/") == ["a 3", "b 3"])
      #expect(try follow("app/a", "--", "3") == ["a 3"])
    }
  }

  @Test func `several streams are merged by time, stored or catching up, forward and in reverse`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      // Odd seconds in one stream, even ones in the other.
      for (offset, name) in ["a", "b"].enumerated() {
        let lines = (0..<20).map { number in
          let second = 10 + number * 2 + offset
          return #"{"time":"2026-01-10T12:00:\#(second)Z","message":"\#(second)"}"# + "\n"
        }
        let path = try scene.file(name, lines.joined().utf8)
        try expectSuccess(server.run(["push", "app/\(name)", path, "--format", "json"]))
      }
      func follow(_ words: String..., exit: ChildProcess.Exit = .code(0)) throws -> [String] {
        let run = try server.run(["follow", "app/*", "-o", "raw"] + words)
        #expect(run.exit == exit, "\(run.errors)")
        return run.lines
      }
      let all = (10..<50).map(String.init)
      #expect(try follow("--until-head") == all)
      #expect(try follow("--reverse") == all.reversed())
      #expect(try follow("--until-head", "--limit", "5") == Array(all.prefix(5)))
      #expect(try follow("--reverse", "--limit", "5") == all.suffix(5).reversed())
      #expect(try follow("--until-head", "-n", "3") == Array(all.suffix(6)))
      #expect(try follow("--until-head", "--until-seq", "2") == Array(all.prefix(4)))
      #expect(try follow("--until-head", "--from-seq", "19") == Array(all.suffix(4)))
      #expect(try follow("--until-head", "--since", "2026-01-10T12:00:40Z", "-n", "2") == Array(all.suffix(4)))
      #expect(try follow("--until-head", "--since", "2026-01-10T12:00:40Z") == Array(all.suffix(10)))
      #expect(try follow("--until-head", "--until", "2026-01-10T12:00:19Z") == Array(all.prefix(10)))
      #expect(try follow("--until-head", "--no-merge").sorted() == all)
      // Live: the last ones come in order, too.
      let live = try server.start(["follow", "app/*", "-o", "raw", "-n", "10"])
      try live.output.waitForLines(20)
      #expect(live.output.lines == Array(all.suffix(20)))
    }
  }

  @Test func `every form of output is known to follow and query, and mistakes name the right ones`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let line = #"{"time":"2026-01-10T12:00:00Z","level":"error","message":"it broke","ms":12}"# + "\n"
      #expect(
        try server.run(["push", "web", try scene.file("f", line.utf8), "--format", "json"]).exit == .code(0))
      let forms: [([String], String)] = [
        ([], "2026-01-10 12:00:00.000 ERROR it broke ms=12"), (["-o", "cat"], "it broke"),
        (["-o", "cat", "-t"], "2026-01-10 12:00:00.000 it broke"), (["-o", "raw"], "it broke"),
        (["-Z", "+02:00"], "2026-01-10 14:00:00.000 ERROR it broke ms=12"),
        (["-Z", "+02:00", "--until", "2026-01-10 12:00"], "2026-01-10 14:00:00.000 ERROR it broke ms=12"),
        (["-Z", "Asia/Kolkata", "-o", "cat", "-t"], "2026-01-10 17:30:00.000 it broke"),
        (["--template", "{level}: {message} ({attr.ms} ms)"], "error: it broke (12 ms)"),
        (["--columns", "seq,message"], "1\tit broke"),
        (["-o", "csv", "--columns", "seq,message"], "seq,message\n1,it broke"),
        (["-o", "logfmt"], #"time=2026-01-10T12:00:00.000000000Z level=error stream=web seq=1 msg="it broke" ms=12"#),
      ]
      for (words, expected) in forms {
        for command in [["query", "web"], ["follow", "web", "--until-head"]] {
          let run = try server.run(command + words, environment: ["TZ": "UTC"])
          #expect(run.exit == .code(0) && run.errors.isEmpty && run.text == expected + "\n", "\(words): \(run.text)")
        }
      }
      for (words, reason) in [
        (["-o", "jsn"], "did you mean json?"), (["--template", "{foo}"], "there is no field 'foo'"),
        (["--columns", "seq,,x"], "there is no field ''"), (["-Z", "Mars"], "-Z takes a name"),
        (["--columns", "seq", "-o", "json"], "-o csv"), (["--template", "x", "-o", "json"], "leave out -o"),
      ] {
        let run = try server.run(["query", "web"] + words)
        #expect(run.exit == .code(2) && run.output.isEmpty && run.errors.contains(reason), "\(words): \(run.errors)")
      }
      let quiet = try server.run(["push", "web", try scene.file("g", line.utf8), "-q"])
      #expect(quiet.exit == .code(0) && quiet.errors.isEmpty)
      #expect(try server.run(["query", "nowhere", "-q"]).errorLines.count == 1)
      let forced = try server.run(["query", "web"], environment: ["LOGS_COLOR": "always", "NO_COLOR": "1"])
      #expect(forced.text.contains("\u{1b}["))
    }
  }

  @Test func `a time that comes twice means the first, and says so; one that never comes is refused`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let line = #"{"time":"2026-10-25T00:45:00Z","message":"first"}"# + "\n"
      let next = #"{"time":"2026-10-25T01:45:00Z","message":"second"}"# + "\n"
      let file = try scene.file("f", (line + next).utf8)
      try expectSuccess(server.run(["push", "web", file, "--format", "json"]))
      let zone = ["TZ": "Europe/Berlin"]
      func query(_ since: String) throws -> Finished {
        try server.run(["query", "web", "-o", "raw", "--since", since], environment: zone)
      }
      let both = try query("2026-10-25 02:30")
      #expect(both.lines == ["first", "second"] && both.errorLines.count == 1)
      let meant = "2026-10-25 02:30:00 +02:00 is meant, not 2026-10-25 02:30:00 +01:00"
      #expect(both.errors.contains(meant), "\(both.errors)")
      #expect(try query("2026-10-25 02:30 +01").lines == ["second"])
      for (missing, reason) in [
        ("2026-03-29 02:30", "there is no 02:30 on 2026-03-29 here: the clocks are set forward then"),
        ("2026-02-29", "there is no such day"), ("24:30", "there is no such time of day"),
      ] {
        let refused = try query(missing)
        #expect(refused.exit == .code(2))
        #expect(refused.errors == "logs: --since '\(missing)': \(reason)\n")
        let filter = try server.run(["query", "web", "--filter", "time>=\"\(missing)\""], environment: zone)
        #expect(filter.exit == .code(2) && filter.errorLines.first?.hasSuffix("'\(missing)': \(reason)") == true)
      }
      let empty = try server.run(
        ["query", "web", "--since", "2026-10-25 02:30 +01", "--until", "2026-10-24"], environment: zone)
      #expect(empty.exit == .code(2))
      #expect(
        empty.errors == "logs: --since, 2026-10-25 02:30:00 +01:00, is later than --until, 2026-10-24 00:00:00 +02:00\n"
      )
    }
  }
}
