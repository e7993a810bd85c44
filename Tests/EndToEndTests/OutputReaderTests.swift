import Foundation
import Glibc
import LogsClient
import Testing

/// Readers of stdout: pipes whose reader goes away, and terminals.
@Suite(.ownThread) struct OutputReaderTests {
  /// Runs `logs follow ... | READER` in a shell; the words end with the follow's exit code.
  private func pipe(_ server: TestServer, _ follow: String, into reader: String) throws -> Finished {
    try server.scene.run(
      "/bin/bash",
      ["-c", "\"$0\" follow \(follow) --server \"$1\" | \(reader); echo ${PIPESTATUS[0]}", Binaries.logs, server.url])
  }

  @Test func `a follow of an idle stream ends when the reader of its pipe closes`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(1)))]))
      let one = try pipe(server, "web -o raw", into: "head -1")
      #expect(one.lines.count == 2 && one.lines.last == "0" && one.errors.isEmpty, "\(one.errors)")
      // Nothing has been read yet.
      let none = try pipe(server, "nothing -o raw -q", into: "true")
      #expect(none.lines == ["0"] && none.errors.isEmpty, "\(none.errors)")
    }
  }

  @Test(arguments: ["", "--until-head"])
  func `the cursor points to the last line that the reader has taken from the pipe`(end: String) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = LogLines.plain(5_000)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      let cursor = scene.path("cursor")
      // 1,000 bytes end inside a line, and 100 entries after it are in the pipe already.
      let read = try pipe(
        server, "web -n all -o raw --cursor-file \(cursor) \(end)", into: "dd bs=1 count=1000 status=none")
      let taken = LogLines.file(lines).prefix(1_000)
      #expect(read.output.starts(with: taken))
      let wholeCount = taken.count { $0 == UInt8(ascii: "\n") }
      let kept = try #require(try LogCursor(contentsOfFile: cursor))
      #expect(kept[StreamName("web")]?.sequence == UInt64(wholeCount))
      let rest = try server.run(["follow", "web", "-o", "raw", "--cursor-file", cursor, "--until-head"])
      expectSame(rest.output, LogLines.file(Array(lines.dropFirst(wholeCount))))
    }
  }

  @Test func `a reader that takes everything and closes has seen everything`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(50)))]))
      let cursor = try scene.file("cursor", [])
      let read = try pipe(server, "web -n all -o raw --cursor-file \(cursor)", into: "head -50")
      #expect(read.lines.count == 51 && read.lines.last == "0", "\(read.errors)")
      #expect(try LogCursor(contentsOfFile: cursor)?[StreamName("web")]?.sequence == 50)
    }
  }

  @Test func `an empty cursor file counts as a missing one`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(30)))]))
      let follow = ["follow", "web", "-o", "raw", "--cursor-file", try scene.file("cursor", [])]
      #expect(try server.run(follow + ["--until-head"]).lines.count == 30)
      #expect(try server.run(follow + ["--until-head"]).lines.isEmpty)
    }
  }

  private let hostile: [UInt8] =
    Array("\u{1b}[2J\u{1b}[1;1H \u{9b}31m bidi \u{202e} txt.exe sep\u{2028} \u{1b}]0;title\u{7} del\u{7f} cr\r ".utf8)
    + [0x9b, 0x33, 0x31, 0x6d] + Array(" end".utf8)

  @Test func `no log entry moves a terminal's cursor, in short and json, with colours or without`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let forged = #"{"msg":"in: x\n2026-11-28 09:00:00.000 ERROR forged"}"#
      let file = try scene.file("f", hostile + [10] + Array(forged.utf8))
      try expectSuccess(server.run(["push", "web", file, "--format", "json"]))
      for words in [["-o", "short"], ["-o", "short", "--color", "always"], ["-o", "json"]] {
        for columnCount in [80, nil] {
          let follow = try server.start(
            ["follow", "web", "-n", "all", "--until-head"] + words, environment: ["TERM": "xterm"],
            columnCount: columnCount)
          #expect(try follow.wait() == .code(0), "\(follow.errors.text)")
          let text = follow.output.text.replacing(/\u{1b}\[[0-9;]*m/, with: "")
          let lines = text.split(separator: "\n")
          // A terminal shows the second line of a message as such, indented.
          let isIndented = columnCount != nil && words != ["-o", "json"]
          #expect(lines.count == (isIndented ? 3 : 2), "\(text)")
          if isIndented { #expect(lines.last?.hasPrefix("    ") == true) }
          for scalar in lines.joined().unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            let isHarmless = !isControl && ![0x202e, 0x2028].contains(scalar.value)
            #expect(isHarmless, "\(words): \(scalar.escaped(asASCII: true))")
          }
          // As bytes, too: an 8-bit terminal takes a lone 9B for an escape.
          #expect(String(validating: follow.output.bytes, as: UTF8.self) != nil)
          if words == ["-o", "short"], columnCount == nil { #expect(text.contains(#"in: x\n2026-11-28"#)) }
        }
      }
    }
  }

  @Test func `SIGTERM ends a follow with 143, its cursor saved`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(20)))]))
      let cursor = scene.path("cursor")
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw", "--cursor-file", cursor])
      try follow.output.waitForLines(20)
      follow.signal(SIGTERM)
      #expect(try follow.wait() == .code(143), "\(follow.errors.text)")
      #expect(try LogCursor(contentsOfFile: cursor)?[StreamName("web")]?.sequence == 20)
    }
  }
}
