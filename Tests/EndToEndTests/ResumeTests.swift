import Glibc
import Testing

/// Commands with a start or an end of their own, while servers, links and the commands themselves fail.
@Suite(.ownThread) struct ResumeTests {
  @Test func `limits, heads and directions hold when links are cut`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(3_000, &random)
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      let wanted: [([String], [[UInt8]])] = [
        (["-n", "all", "--limit", "2500"], Array(lines.prefix(2_500))),
        (["-n", "all", "--until-head"], lines),
        (["-n", "2900", "--until-head"], Array(lines.suffix(2_900))),
        (["--from-seq", "10", "--until-seq", "2990"], Array(lines[9..<2_990])),
        (["--reverse"], lines.reversed()),
        (["--reverse", "--limit", "2000"], Array(lines.reversed().prefix(2_000))),
      ]
      for (words, expected) in wanted {
        let faults = (0..<Environment.rounds(3)).map { _ in
          FaultyProxy.Fault.cut(.toClient, after: Int.random(in: 0...200_000, using: &random))
        }
        let link = try FaultyProxy.start(server, faults)
        let followed = try server.run(["follow", "web", "-o", "raw"] + words, via: link.url)
        #expect(followed.exit == .code(0), "\(words): \(followed.errors)")
        expectSame(followed.output, LogLines.file(expected), "\(words) over \(faults): \(followed.errors)")
      }
    }
  }

  @Test func `streams created while the server is away are followed from their first entry`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene)
      let first = try scene.file("f0", LogLines.file(LogLines.plain(1)))
      try expectSuccess(server.run(["push", "task/0", first]))
      let follow = try server.start(["follow", "task/*", "-n", "1", "-o", "json"])
      // From here on it knows which streams there were at its beginning.
      try follow.output.waitForLines(1)
      var pushes: [ChildProcess] = []
      var count = 1
      for round in 1...Environment.rounds(4) {
        let lines = Int.random(in: 1...2_000, using: &random)
        try server.kill()
        // Waits for the server with lines of a stream that the follower cannot know yet.
        pushes.append(
          try server.start(["push", "task/\(round)", try scene.file("f\(round)", LogLines.file(LogLines.plain(lines)))])
        )
        try server.restart()
        count += lines
      }
      for push in pushes { #expect(try push.wait() == .code(0), "\(push.errors.text)") }
      try follow.output.waitForLines(count)
      for round in 0...pushes.count {
        let own = follow.output.lines.filter { $0.contains("\"task/\(round)\"") }
        let numbers = own.compactMap { $0.firstMatch(of: /"seq":(\d+)/).flatMap { Int($0.1) } }
        #expect(numbers == Array(1...max(1, own.count)), "task/\(round)")
      }
      #expect(follow.output.lineCount == count)
    }
  }

  @Test func `an interrupted push has stored a prefix of its input, and says how much`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      let push = try server.start(["push", "web"], input: .pipe)
      let lines = LogLines.plain(3_000)
      try push.write(LogLines.file(lines))
      try follow.output.waitForLines(1)
      push.signal(SIGINT)
      #expect(try push.wait() == .code(130), "\(push.errors.text)")
      #expect(push.errors.text.contains("acknowledged"), "\(push.errors.text)")
      let stored = try server.stored("web")
      #expect(LogLines.file(lines).starts(with: stored))
      let told = try #require(push.errors.text.firstMatch(of: /(\d+) entries/).flatMap { Int($0.1) })
      #expect(stored.count { $0 == UInt8(ascii: "\n") } >= told)
    }
  }

  @Test func `a signal ends a follow at any time`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene)
      for round in 0..<Environment.rounds(25) {
        let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
        // From before its first instruction to after its first answer.
        for _ in 0..<Int.random(in: 0...30_000, using: &random) where follow.hasEnded { break }
        let number = round % 2 == 0 ? SIGINT : SIGTERM
        follow.signal(number)
        let exit = try follow.wait()
        #expect(exit == .code(128 + number) || exit == .signal(number))
      }
    }
  }

  @Test func `sealing survives kills of the server`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for round in 1...Environment.rounds(4) {
        let stream = "task/\(round)"
        let file = try scene.file("f", LogLines.file(LogLines.plain(1_500)))
        let follow = try server.start(["follow", stream, "-n", "all", "-o", "raw"])
        let push = try server.start(["push", stream, file, "--complete"])
        try follow.output.waitForLines(1)
        try server.kill()
        try server.restart()
        #expect(try push.wait() == .code(0), "\(push.errors.text)")
        #expect(try follow.wait() == .code(0), "\(follow.errors.text)")
        #expect(follow.output.lines.filter { $0.hasPrefix("line ") }.count == 1_500)
      }
    }
  }

  @Test func `a follow that is killed continues after its cursor, with nothing lost`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.plain(6_000)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let push = try server.start(["push", "web"], input: .pipe)
      let follow = ["follow", "web", "-n", "all", "-o", "raw", "--cursor-file", scene.path("cursor")]
      var seen = 0
      for piece in lines.chunks(of: 600) {
        try push.write(LogLines.file(piece))
        let follower = try server.start(follow)
        try follower.output.waitForLines(Int.random(in: 1...300, using: &random))
        follower.signal(SIGKILL)
        try follower.wait()
        // It may repeat what it could no longer record, but never leaves anything out.
        let numbers = follower.output.lines.compactMap { Int($0.split(separator: " ")[1]) }
        #expect(numbers[0] <= seen + 1 && numbers == Array(numbers[0]..<numbers[0] + numbers.count))
        seen = max(seen, numbers.last!)
      }
      push.closeInput()
      #expect(try push.wait() == .code(0))
      let rest = try server.run(follow + ["--until-head"])
      #expect(rest.exit == .code(0))
      #expect(rest.lines.last?.hasPrefix("line 6000 ") ?? (seen == 6_000))
    }
  }

  @Test func `of several servers the one that is up is used`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let servers = "logs+unix://\(scene.path("none.sock")),\(server.url)"
      let pushed = try server.run(["push", "web", try scene.file("f", [65])], via: servers)
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      let status = try server.run(["status", "--retry-for", "0"], via: servers)
      #expect(status.exit == .code(0), "\(status.errors)")
    }
  }
}
