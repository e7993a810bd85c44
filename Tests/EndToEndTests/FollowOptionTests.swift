import Glibc
import Testing

/// Where a follow starts and stops, and how it prints.
@Suite(.ownThread) struct FollowOptionTests {
  private func numbers(_ finished: Finished) -> [Int] {
    finished.lines.compactMap { Int($0.split(separator: " ").dropFirst().first ?? "") }
  }

  @Test func `a number beyond the end of a stream is answered with where it ends`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for (name, count) in [("app/a", 3), ("app/b", 9)] {
        let file = try scene.file("f", LogLines.file(LogLines.plain(count)))
        try expectSuccess(server.run(["push", name, file]))
      }
      let short = "--from-seq 7 is beyond the last number: that of app/a is 3"
      let both = "--from-seq 20 is beyond the last number: that of app/a is 3, that of app/b is 9"
      let follow = ["follow", "--until-head", "-o", "raw"]
      let rows: [(words: [String], exit: Int32, error: String?)] = [
        (follow + ["app/a", "--from-seq", "7"], 1, short), (follow + ["app/*", "--from-seq", "20"], 1, both),
        (["query", "app/a", "--from-seq", "7"], 1, short), (["query", "app/*", "--from-seq", "20"], 1, both),
        (["query", "app/*", "--from-seq", "20", "--count"], 1, both),
        // The next number, and one that another stream has.
        (follow + ["app/a", "--from-seq", "4"], 0, nil), (["query", "app/*", "--from-seq", "7"], 0, nil),
        (["query", "app/b", "=nowhere", "--from-seq", "7"], 1, nil),
      ]
      for (words, exit, error) in rows {
        let run = try server.run(words)
        #expect(run.exit == .code(exit) && run.errorLines.count == (error == nil ? 0 : 1), "\(words): \(run.errors)")
        if let error { #expect(run.errors.contains(error), "\(words): \(run.errors)") }
      }
    }
  }

  @Test func `braces name several streams, and brackets are refused with what to write`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for name in ["app/a", "app/b", "app/c"] {
        try expectSuccess(server.run(["push", name, scene.file("f", name.utf8)]))
      }
      for command in [["follow", "--until-head"], ["query"]] {
        let run = try server.run(command + ["app/{a,c}", "-o", "raw"])
        #expect(run.exit == .code(0) && run.lines.sorted() == ["app/a", "app/c"], "\(run.errors)")
      }
      let listed = try server.run(["streams", "app/{c,a,?}", "-o", "json"])
      #expect(listed.lines.count == 3 && listed.lines[0].contains("app/a"))
      for words in [["follow", "app/[ab]"], ["query", "app/[ab]"], ["streams", "app/[ab]"]] {
        let run = try server.run(words)
        #expect(run.exit == .code(2) && run.errors.contains("{a,b}") && run.output.isEmpty, "\(run.errors)")
      }
    }
  }

  @Test func `starts and ends are where the flags say`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      // In two pushes, so that starts and ends fall inside batches as well.
      for part in [LogLines.plain(2_500), LogLines.plain(500, from: 2_501)] {
        try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(part))]))
      }
      func follow(_ words: String...) throws -> [Int] {
        let finished = try server.run(["follow", "web", "-o", "raw"] + words)
        #expect(finished.exit == .code(0), "\(words): \(finished.errors)")
        return numbers(finished)
      }
      #expect(try follow("--until-head") == Array(1...3_000))
      #expect(try follow("--until-seq", "7") == Array(1...7))
      #expect(try follow("--until", "now", "--limit", "3") == Array(1...3))
      #expect(try follow("--limit", "4") == Array(2_991...2_994))
      #expect(try follow("--until-head", "-n", "3") == Array(2_998...3_000))
      #expect(try follow("--until-head", "-n", "0").isEmpty)
      #expect(try follow("--until-head", "-n", "all") == Array(1...3_000))
      #expect(try follow("--until-head", "-n", "99999") == Array(1...3_000))
      #expect(try follow("--until-head", "--from-seq", "2990") == Array(2_990...3_000))
      #expect(try follow("--until-seq", "7", "-n", "all") == Array(1...7))
      #expect(try follow("--until-seq", "2600", "--from-seq", "2400") == Array(2_400...2_600))
      #expect(try follow("--limit", "5", "-n", "all") == Array(1...5))
      #expect(try follow("--limit", "1500", "--from-seq", "1000") == Array(1_000...2_499))
      #expect(try follow("--limit", "5", "--until-seq", "3", "-n", "all") == Array(1...3))
      #expect(try follow("--reverse") == Array(1...3_000).reversed())
      #expect(try follow("--reverse", "--limit", "4") == [3_000, 2_999, 2_998, 2_997])
      #expect(try follow("--reverse", "-n", "3") == [3_000, 2_999, 2_998])
      #expect(try follow("--reverse", "--from-seq", "2995") == Array(2_995...3_000).reversed())
      #expect(try follow("--reverse", "--until", "now", "--limit", "2") == [3_000, 2_999])
      #expect(try follow("--reverse", "--until", "2001-01-01T00:00:00Z").isEmpty)
      #expect(try follow("--from-seq", "3001", "--until-head").isEmpty)
    }
  }

  @Test func `a start beyond the head is reported, and a stream that does not exist is waited for`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(3)))
      try expectSuccess(server.run(["push", "web", file]))
      let ahead = try server.run(["follow", "web", "--from-seq", "5"])
      #expect(ahead.exit == .code(1) && ahead.output.isEmpty && ahead.errors.contains("web"), "\(ahead.errors)")

      let waiting = try server.start(["follow", "later", "-n", "0", "-o", "raw"])
      try waiting.errors.waitForText("does not exist yet")
      let atOnce = try server.run(["follow", "wep", "--until-head"])
      #expect(atOnce.exit == .code(1) && atOnce.output.isEmpty)
      #expect(atOnce.errors == "logs: there is no stream 'wep'; did you mean 'web'?\n")
      let two = try server.run(["follow", "wep", "wbe", "--until-head"])
      #expect(two.errors == "logs: there are no streams 'wep', 'wbe'; did you mean 'web'?\n")
      #expect(try server.run(["follow", "wep", "--until-head", "--strict"]).exit == .code(5))
      try server.wait(for: "subscriptions") { $0 == 1 }
      try expectSuccess(server.run(["push", "later", file]))
      try waiting.output.waitForLines(3)
      #expect(waiting.errors.text == "logs: waiting for 'later': it does not exist yet\n")
    }
  }

  @Test func `a closed pipe ends a follow silently with 0`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(50_000)))
      try expectSuccess(server.run(["push", "web", file]))
      let finished = try scene.run(
        "/bin/bash",
        [
          "-c", "\"$0\" follow web -n all -o raw --server \"$1\" | head -1; echo ${PIPESTATUS[0]}", Binaries.logs,
          server.url,
        ])
      #expect(finished.lines.count == 2 && finished.lines[0].hasPrefix("line 1"))
      #expect(finished.lines.last == "0")
      #expect(finished.errors.isEmpty, "\(finished.errors)")
    }
  }

  @Test func `colours are used only when wanted`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(3)))
      try expectSuccess(server.run(["push", "web", file, "--level", "error"]))
      let follow = ["follow", "web", "--until-head"]
      let escape: Character = "\u{1b}"
      #expect(try !server.run(follow).text.contains(escape))
      #expect(try server.run(follow + ["--color", "always"]).text.contains(escape))
      #expect(try server.run(follow + ["--color", "always"], environment: ["NO_COLOR": "1"]).text.contains(escape))
      #expect(try !server.run(follow, environment: ["NO_COLOR": "1", "CLICOLOR_FORCE": "1"]).text.contains(escape))
      #expect(try server.run(follow, environment: ["CLICOLOR_FORCE": "1"]).text.contains(escape))
      #expect(try !server.run(follow + ["--no-color"], environment: ["CLICOLOR_FORCE": "1"]).text.contains(escape))
      #expect(try !server.run(follow + ["-o", "json", "--color", "always"]).text.contains(escape))
    }
  }

  @Test func `a follow writes to stderr only when something happens, and says what`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(3)))
      try expectSuccess(server.run(["push", "web", file]))
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      try follow.output.waitForLines(3)
      #expect(follow.errors.bytes.isEmpty, "\(follow.errors.text)")
      try server.kill()
      try server.restart()
      try follow.errors.waitForText("0 missing, 0 repeated")
      #expect(follow.errors.text.contains("at 3"), "\(follow.errors.text)")
    }
  }
}
