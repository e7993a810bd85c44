import Foundation
import Glibc
import Testing

/// Searching with the command line.
@Suite(.ownThread) struct SearchTests {
  /// Three streams whose entries alternate. In `app/b` one entry is from 2099, and the clock steps back once.
  private func fill(_ server: TestServer) throws {
    var files: [String: String] = [:]
    for (offset, name) in ["a", "b", "c"].enumerated() {
      for number in 0..<10 {
        var time = String(format: "2026-01-10T12:00:%02dZ", number * 3 + offset)
        if name == "b", number == 4 { time = "2099-01-01T00:00:00Z" }
        if name == "b", number == 6 { time = "2026-01-10T11:00:00Z" }
        let level = number % 3 == 0 ? "warn" : number == 5 ? "error" : "info"
        let message = "\(name) \(number) \(number % 2 == 0 ? "Timeout" : "ok")"
        let status = number % 4 == 0 ? 500 : 200
        files[name, default: ""] +=
          #"{"time":"\#(time)","level":"\#(level)","message":"\#(message)","#
          + #""logger":"src\#(number % 2)","status":\#(status)}"# + "\n"
      }
    }
    for (name, text) in files.sorted(by: { $0.key < $1.key }) {
      let path = try server.scene.file(name, text.utf8)
      let pushed = try server.run(["push", "app/\(name)", path, "--format", "json"])
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
    }
  }

  /// What `logs query` prints of messages, without the last word.
  private func found(_ server: TestServer, _ words: String..., exit: Int32 = 0) throws -> [String] {
    let finished = try server.run(["query", "-o", "raw"] + words)
    #expect(finished.exit == .code(exit), "\(words): \(finished.exit) \(finished.errors)")
    return finished.lines.map { $0.split(separator: " ").prefix(2).joined() }
  }

  @Test func `streams are merged by time, in each by number, and no wrong clock hides anything`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try fill(server)
      let all = try found(server, "app/*")
      // What is behind the entry from 2099 in its stream comes behind it.
      let merged = (0..<10).flatMap { number in ["a", "b", "c"].map { "\($0)\(number)" } }
      let isHeldUp = { (name: String) in name.hasPrefix("b") && name >= "b4" }
      #expect(all == merged.filter { !isHeldUp($0) } + merged.filter(isHeldUp))
      #expect(try found(server, "app/a", "app/c", "-r") == merged.filter { !$0.hasPrefix("b") }.reversed())
      #expect(try found(server, "app/*", "-n", "4") == ["a0", "b0", "c0", "a1"])
      #expect(try found(server, "app/*", "-r", "-n", "2") == ["c9", "b9"])

      // By time: neither 2099 nor the step back decides about others.
      #expect(
        try found(server, "app/b", "--since", "2026-01-10T12:00:10Z", "--until", "2026-01-10T12:00:25Z")
          == ["b3", "b5", "b7", "b8"])
      #expect(try found(server, "app/b", "--until", "2026-01-10T11:30:00Z") == ["b6"])
      #expect(try found(server, "app/b", "--since", "2099-01-01T00:00:00Z") == ["b4"])
      #expect(
        try found(server, "app/b", "--filter", "time:2026-01-10T12:00:00Z..2026-01-10T12:00:05Z") == ["b0", "b1"])
      #expect(try found(server, "app/b", "--from-seq", "3", "--until-seq", "5") == ["b2", "b3", "b4"])
    }
  }

  @Test func `filters are flags, operands, or behind two dashes`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try fill(server)
      #expect(try found(server, "app/a", "--", "timeout", "status:500") == ["a0", "a4", "a8"])
      #expect(try found(server, "app/a", "status>=500") == ["a0", "a4", "a8"])
      #expect(try found(server, "app/a", "level:error") == ["a5"])
      #expect(try found(server, "app/a", "-l", "warn") == ["a0", "a3", "a5", "a6", "a9"])
      #expect(try found(server, "app/a", "-l", "warn..warn") == ["a0", "a3", "a6", "a9"])
      #expect(try found(server, "app/a", "-g", "a [12]", "-g", "a 7") == ["a1", "a2", "a7"])
      #expect(try found(server, "app/a", "-g", "timeout", "-v", "[0-6]") == ["a8"])
      #expect(try found(server, "app/a", "-g", "TIMEOUT", exit: 1).isEmpty)
      #expect(try found(server, "app/a", "-ig", "TIMEOUT", "-n", "1") == ["a0"])
      #expect(try found(server, "app/a", "--source", "src1", "-l", "error") == ["a5"])
      #expect(try found(server, "app/a", "--source", "src*", "-l", "error") == ["a5"])
      #expect(try found(server, "app/a", "-l", "warn", "--filter", "=ok OR 0") == ["a0", "a3", "a5", "a9"])
    }
  }

  @Test func `nothing found is 1, and what cannot be asked is one line on stderr`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try fill(server)
      let nothing = try server.run(["query", "app/a", "--", "nowhere"])
      #expect(nothing.exit == .code(1) && nothing.output.isEmpty && nothing.errors.isEmpty)
      #expect(try server.run(["query", "other/*"]).exit == .code(1))

      let word = try server.run(["query", "app/a", "timeout"])
      #expect(word.exit == .code(1) && word.output.isEmpty)
      #expect(word.errorLines.count == 1 && word.errors.contains("query app/a -- timeout"), "\(word.errors)")

      for words in [["query", "app/a", "level>=wran"], ["follow", "app/a", "--filter", "level>=wran"]] {
        let wrong = try server.run(words)
        #expect(wrong.exit == .code(2) && wrong.output.isEmpty)
        #expect(wrong.errorLines.count == 1 && wrong.errors.contains("column 8"), "\(wrong.errors)")
      }
      let pattern = try server.run(["query", "app/a", "-g", "a("])
      #expect(pattern.exit == .code(2) && pattern.errors.contains("-g: "), "\(pattern.errors)")
      let costly = try server.run(["query", "app/a", "-g", "(a+|b|ab|ba)*[^a-z0-9 ]{30}x$"])
      #expect(costly.output.isEmpty && costly.exit == .code(1), "\(costly.errors)")
    }
  }

  @Test func `what passes is counted, by time and level, and by what entries have`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try fill(server)
      #expect(try server.run(["query", "app/*", "--count"]).text == "30\n")
      let none = try server.run(["query", "app/*", "--count", "--", "nowhere"])
      #expect(none.text == "0\n" && none.exit == .code(1))
      let histogram = try server.run(["query", "app/b", "--histogram", "1h", "-o", "json"]).lines
      #expect(histogram.map { $0.contains(#""count":1,"#) } == [true, false, true], "\(histogram)")
      let fields = try server.run(["query", "app/a", "--fields", "-o", "json", "--", "timeout"]).lines
      #expect(fields.contains { $0.contains(#""status""#) && $0.contains("500") }, "\(fields)")
    }
  }

  @Test func `context is shown by number, and each entry once`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try fill(server)
      #expect(try found(server, "app/a", "-C", "1", "level:error") == ["a4", "a5", "a6"])
      #expect(try server.run(["query", "app/a", "--count", "level:error"]).text == "1\n")
      #expect(try found(server, "app/b", "-A", "2", "--", "=4") == ["b4", "b5", "b6"])
      #expect(try found(server, "app/b", "-r", "-B", "1", "--", "=4") == ["b4", "b3"])
      #expect(
        try found(server, "app/a", "-B", "1", "-l", "warn") == (0...9).filter { ![1, 7].contains($0) }.map { "a\($0)" })
      let lines = try server.run(["query", "app/a", "-C", "1", "--utc", "--", "=1 OR =8"]).lines
      #expect(lines.count == 7 && lines[3] == "--", "\(lines)")
      let json = try server.run(["query", "app/a", "-A", "1", "-o", "json", "level:error"]).lines
      #expect(json.count == 2 && !json[0].contains("context") && json[1].hasSuffix(#""context":true}"#), "\(json)")
    }
  }

  @Test func `what was searched for is marked when colors are shown, and only there`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try fill(server)
      let marked = try server.run(["query", "app/a", "--color", "always", "-n", "1", "--", "timeout"])
      #expect(marked.text.contains("a 0 \u{1b}[1;38;5;163mTimeout\u{1b}[0m"), "\(marked.text)")
      #expect(try !server.run(["query", "app/a", "--", "timeout"]).text.contains("\u{1b}"))
      let followed = try server.run(["follow", "app/a", "--until-head", "--color", "always", "-g", "a 5"])
      #expect(followed.text.contains("\u{1b}[1;38;5;163ma 5\u{1b}[0m"), "\(followed.text)")
    }
  }

  @Test func `a follow takes the short forms`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try fill(server)
      func followed(_ words: String...) throws -> [String] {
        let finished = try server.run(["follow", "app/a", "-o", "raw", "--until-head"] + words)
        #expect(finished.exit == .code(0), "\(words): \(finished.errors)")
        return finished.lines.map { $0.split(separator: " ").prefix(2).joined() }
      }
      #expect(try followed("-l", "error") == ["a5"])
      #expect(try followed("-g", "a [12]") == ["a1", "a2"])
      #expect(try followed("-g", "TIME", "-i", "-v", "[0-6]") == ["a8"])
      #expect(try followed("--source", "src0", "-n", "2") == ["a6", "a8"])
      #expect(try followed("--filter", "status:500", "--limit", "1") == ["a0"])
    }
  }

  @Test func `the cursor of a follow moves past what its filter leaves out, and a restart does not look again`() throws
  {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = LogLines.file(LogLines.plain(20_000))
      try expectSuccess(server.run(["push", "web", try scene.file("f", lines)]))
      let cursor = scene.path("cursor")
      let follow = ["follow", "web", "-n", "all", "-o", "raw", "--cursor-file", cursor, "-g", "nowhere"]
      let first = try server.run(follow + ["--until-head"])
      #expect(first.exit == .code(0) && first.output.isEmpty)
      let kept = String(decoding: try Data(contentsOf: URL(fileURLWithPath: cursor)), as: UTF8.self)
      #expect(kept.contains("web=20000."), "\(kept)")

      // What is stored later is looked at, what was looked at is not: a second run finds only the new line.
      try expectSuccess(server.run(["push", "web", try scene.file("g", "nowhere else\n".utf8)]))
      let second = try server.run(follow + ["--until-head"])
      #expect(second.lines == ["nowhere else"])
      #expect(try server.run(follow + ["--until-head"]).output.isEmpty)
      // With another filter as well: what is behind the cursor stays there.
      #expect(try server.run(follow + ["--until-head", "-g", "line"]).output.isEmpty)
    }
  }

  @Test func `a query of many streams finds all, and ends when its reader goes`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for number in 0..<40 {
        let file = try scene.file("f\(number)", LogLines.file(LogLines.plain(500)))
        try expectSuccess(server.run(["push", "many/\(number)", file]))
      }
      #expect(try server.run(["query", "many/*", "-o", "raw"]).lines.count == 20_000)
      #expect(try server.run(["query", "many/*", "-o", "raw", "--", "=499"]).lines.count == 40)
      let piped = try scene.run(
        "/bin/bash",
        [
          "-c", "\"$0\" query 'many/*' -o raw --server \"$1\" | head -1; echo ${PIPESTATUS[0]}", Binaries.logs,
          server.url,
        ])
      #expect(piped.lines.count == 2 && piped.lines.last == "0" && piped.errors.isEmpty, "\(piped.errors)")
      try Polling.wait(for: "the end of the query's subscriptions") { try server.fact("subscriptions") == 0 }
    }
  }
}
