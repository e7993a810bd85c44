import Testing

/// Every form of output of the real program on a terminal, character for character.
@Suite(.ownThread) struct GoldenTests {
  @Test func `each form of output looks as it should on a terminal`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for (stream, entries) in Golden.entries {
        let file = try scene.file("entries", entries.utf8)
        try expectSuccess(server.run(["push", stream, file, "--format", "json"]))
      }
      for screen in Golden.screens {
        let query = try server.start(
          ["query", "--utc", "--color", "never"] + screen.words, environment: ["TERM": "xterm"],
          columnCount: screen.columnCount)
        #expect(try query.wait() == .code(0), "\(query.errors.text)")
        #expect(Self.shown(query.output.text) == screen.text, "\(screen.words)")
        #expect(query.errors.text == "")
      }
    }
  }

  /// With the characters that a source file should not contain spelled out, and without the time of the push.
  private static func shown(_ output: String) -> String {
    let spelled = output.unicodeScalars.map { scalar in
      switch scalar {
      case "\u{1b}": "␛"
      case "\u{202e}": "<RLO>"
      case "\u{2028}": "<LS>"
      default: String(scalar)
      }
    }.joined()
    return spelled.replacing(/(received"?:? *"?)20[-0-9T:.]*Z/) { "\($0.output.1)RECEIVED" }
  }

  @Test func `flags that cannot be meant are refused with the choices`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for (flags, words) in Self.mistakes {
        let query = try server.run(["query", "web"] + flags)
        #expect(query.exit == .code(2) && query.lines.isEmpty, "\(flags): \(query.errors)")
        #expect(query.errors.contains(words), "\(flags): \(query.errors)")
      }
    }
  }

  private static let mistakes: [(flags: [String], words: String)] = [
    (["-o", "jsno"], "csv, not 'jsno'; did you mean json?"),
    (["--template", "{leve}"], "did you mean level?"),
    (["--template", "{time"], "write {{ for a brace"),
    (["--template", "{time}", "--columns", "time"], "leave out --columns"),
    (["--columns", "time,foo"], "there is no field 'foo'; an attribute is written attr.foo; there are time, received"),
    (["-Z", "Mars/Base"], "not 'Mars/Base'"),
    (["-Z", "../zoneinfo/UTC"], "not '../zoneinfo/UTC'"),
    (["--color", "maybe"], "auto, always or never"),
  ]
}
