import Testing

/// `logs follow` with what stands around what it finds, and with expressions that take too long.
@Suite(.ownThread) struct FollowContextTests {
  private func push(
    _ scene: Scene, _ server: TestServer, _ stream: String, _ numbers: ClosedRange<Int>, found: Set<Int>
  ) throws {
    let lines = numbers.map { "n\($0) \(found.contains($0) ? "x" : "-")" }
    let run = try server.run(["push", stream, scene.file("lines", LogLines.file(lines.map { Array($0.utf8) }))])
    #expect(run.exit == .code(0), "\(run.errors)")
  }

  /// The first word of each message, and the lines between groups.
  private func shown(_ lines: [String]) -> [String] {
    lines.map { $0 == "--" ? $0 : String($0.split(separator: " ").dropLast().last ?? "") }
  }

  @Test func `what is around comes with what is stored, and as it comes`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(scene, server, "web", 1...10, found: [3, 9])
      let follow = try server.start(["follow", "web", "-n", "all", "-C", "2", "-g", "x"])
      try follow.output.waitForLines(10)
      try push(scene, server, "web", 11...20, found: [15, 17])
      try expectSuccess(server.run(["complete", "web"]))
      #expect(try follow.wait() == .code(0), "\(follow.errors.text)")
      let lines = follow.output.text.split(separator: "\n").map(String.init)
      let expected =
        (1...5).map { "n\($0)" } + ["--"] + (7...11).map { "n\($0)" } + ["--"] + (13...19).map { "n\($0)" }
      #expect(shown(lines) == expected)
      // The same from what is stored, in either order.
      let stored = try server.run(["follow", "web", "--until-head", "-C", "2", "-g", "x"])
      #expect(shown(stored.lines) == expected)
      let last = try server.run(["follow", "web", "-r", "--limit", "1", "-B", "1", "-o", "json", "-g", "x"])
      #expect(
        last.lines.count == 2 && last.lines[1].contains("\"n16 -\"") && last.lines[1].contains("\"context\":true"))
    }
  }

  @Test func `a group that a restart of the server cuts goes on behind it`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(scene, server, "web", 1...4, found: [3])
      let follow = try server.start(["follow", "web", "-n", "all", "-C", "3", "-g", "x"])
      try follow.output.waitForLines(4)
      for first in stride(from: 5, through: 17, by: 4) {
        // In the middle of a group, between groups, right before and right behind what is found.
        try server.kill()
        try server.restart()
        try push(scene, server, "web", first...(first + 3), found: [8, 17])
      }
      try expectSuccess(server.run(["complete", "web"]))
      #expect(try follow.wait() == .code(0), "\(follow.errors.text)")
      let expected = (1...11).map { "n\($0)" } + ["--"] + (14...20).map { "n\($0)" }
      #expect(shown(follow.output.text.split(separator: "\n").map(String.init)) == expected, "\(follow.errors.text)")
      let resumed = follow.errors.text.split(separator: "\n").first { $0.hasPrefix("logs: resumed at ") }
      let place = resumed.flatMap { Int($0.dropFirst("logs: resumed at ".count).prefix { $0 != ":" }) }
      #expect(place ?? 0 >= 4, "\(follow.errors.text)")
      #expect(shown(try server.run(["query", "web", "-C", "3", "-g", "x"]).lines) == expected)
    }
  }

  @Test func `entries before the first new one, new streams, and a limit`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try push(scene, server, "app/a", 1...5, found: [2])
      let follow = try server.start(
        ["follow", "app/*", "-n", "1", "-B", "1", "--limit", "4", "-o", "json", "-g", "x"])
      try follow.output.waitForLines(2)
      try push(scene, server, "app/a", 6...7, found: [6])
      try follow.output.waitForLines(4)
      try push(scene, server, "app/b", 1...2, found: [2])
      try follow.output.waitForLines(6)
      try push(scene, server, "app/a", 8...9, found: [8])
      #expect(try follow.wait() == .code(0), "\(follow.errors.text)")
      let lines = follow.output.text.split(separator: "\n").map(String.init)
      let expected = ["n1 -", "n2 x", "n5 -", "n6 x", "n1 -", "n2 x", "n7 -", "n8 x"]
      #expect(lines.count == expected.count, "\(lines)")
      for (line, message) in zip(lines, expected) {
        #expect(
          line.contains("\"\(message)\"") && line.contains("\"context\":true") == message.hasSuffix("-"), "\(line)")
      }
    }
  }

  @Test func `context does not go with a cursor, without a merge, or with an end in time`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for flags in [["--cursor-file", scene.path("cursor")], ["--no-merge"], ["--until", "now"]] {
        let run = try server.run(["follow", "web", "-C", "1", "-g", "x"] + flags)
        #expect(run.exit == .code(2) && run.errors.contains("do not go with \(flags[0])"), "\(run.errors)")
      }
    }
  }

  @Test func `an expression that takes too long on an entry hides that one alone, and says so`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let costly = String(repeating: "a", count: 64) + "!"
      let file = try scene.file("lines", LogLines.file(["one a", costly, "three a", "four b"].map { Array($0.utf8) }))
      try expectSuccess(server.run(["push", "web", file]))
      let pattern = ["-g", "(a|aa)+$"]
      let plain = try server.start(["follow", "web", "-n", "all", "-o", "raw"] + pattern)
      let around = try server.start(["follow", "web", "-n", "all", "-o", "raw", "-A", "1"] + pattern)
      try plain.output.waitForLines(2)
      try around.output.waitForLines(4)
      try expectSuccess(server.run(["push", "web", file]))
      try expectSuccess(server.run(["complete", "web"]))
      for (follow, lines) in [(plain, ["one a", "three a"]), (around, ["one a", costly, "three a", "four b"])] {
        #expect(try follow.wait() == .code(0), "\(follow.errors.text)")
        #expect(follow.output.text.split(separator: "\n").map(String.init) == lines + lines)
        for number in [2, 6] {
          #expect(follow.errors.text.contains("numbers \(number) to \(number)"), "\(follow.errors.text)")
        }
        #expect(follow.errors.text.contains("takes too long"))
      }
      let query = try server.run(["query", "web", "-r", "-o", "raw", "--strict"] + pattern)
      #expect(query.exit == .code(5) && query.lines == ["three a", "one a", "three a", "one a"], "\(query.errors)")
      #expect(query.errorLines.count == 2 && query.errors.contains("numbers 6 to 6"), "\(query.errors)")
      let count = try server.run(["query", "web", "--count"] + pattern)
      #expect(count.exit == .code(1) && count.output.isEmpty && count.errors.contains("entry 2 of"), "\(count.errors)")
    }
  }
}
