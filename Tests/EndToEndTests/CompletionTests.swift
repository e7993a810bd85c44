import Testing

/// Sealed streams.
@Suite(.ownThread) struct CompletionTests {
  @Test func `sealing a stream ends its followers with 0 and a notice, and later pushes are refused`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(100)))
      let early = try server.start(["follow", "task/1", "-n", "all", "-o", "raw"])
      let pushed = try server.run(["push", "task/1", file, "--complete"])
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      #expect(pushed.errors.contains("complete"))
      #expect(try early.wait() == .code(0))
      #expect(early.errors.text.contains("complete"), "\(early.errors.text)")
      #expect(early.output.lines.prefix(100) == LogLines.plain(100).map { String(decoding: $0, as: UTF8.self) }[...])
      let late = try server.run(["follow", "task/1", "-n", "all", "-o", "raw"])
      #expect(late.exit == .code(0) && late.output == early.output.bytes)

      let refused = try server.run(["push", "task/1", file])
      #expect(refused.exit == .code(1))
      #expect(refused.output.isEmpty && refused.errors.contains("sealed"), "\(refused.errors)")
      #expect(try server.run(["streams", "task/*"]).text.contains("sealed"))
      // Even after a restart.
      try server.kill()
      try server.restart()
      #expect(try server.run(["push", "task/1", file]).exit == .code(1))
    }
  }

  @Test func `a stream sealed by another client cannot be sealed again, and a missing one only with --create`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let misspelled = try server.run(["complete", "task/2", "--text", "all done"])
      #expect(misspelled.exit == .code(1) && misspelled.output.isEmpty && misspelled.errorLines.count == 1)
      #expect(misspelled.errors.contains("there is no stream 'task/2'") && misspelled.errors.contains("--create"))
      #expect(try server.run(["streams", "-o", "json"]).output.isEmpty)
      let first = try server.run(["complete", "task/2", "--text", "all done", "--create"])
      #expect(first.exit == .code(0), "\(first.errors)")
      #expect(first.output.isEmpty && first.errors.contains("complete at sequence number 1, its only entry"))
      let near = try server.run(["complete", "tsak/2"])
      #expect(near.exit == .code(1) && near.errors.contains("did you mean 'task/2'?"), "\(near.errors)")
      let second = try server.run(["complete", "task/2"])
      #expect(second.exit == .code(1) && second.errors.contains("sealed"), "\(second.errors)")
      // The seal is not a pushed line.
      let raw = try server.run(["follow", "task/2", "-n", "all", "-o", "raw"])
      #expect(raw.exit == .code(0) && !raw.text.contains("all done"))
      let json = try server.run(["follow", "task/2", "-n", "all", "-o", "json"])
      #expect(json.exit == .code(0))
      #expect(json.text.contains(#""message":"all done""#) && json.text.contains(#""kind":"complete""#), "\(json.text)")
    }
  }

  @Test func `a follow of two streams ends when both are sealed, a pattern never`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let both = try server.start(["follow", "a", "b", "-n", "all", "-o", "short"])
      let pattern = try server.start(["follow", "*", "-n", "all", "-o", "json"])
      try expectSuccess(server.run(["complete", "a", "--create", "--text", "end of a"]))
      try both.output.waitForText("end of a")
      #expect(!both.hasEnded)
      try expectSuccess(server.run(["complete", "b", "--create", "--text", "end of b"]))
      #expect(try both.wait() == .code(0))
      try pattern.output.waitForText("end of b")
      let file = try scene.file("f", LogLines.file(LogLines.plain(1)))
      try expectSuccess(server.run(["push", "c", file]))
      try pattern.output.waitForText(#""stream":"c""#)
      #expect(!pattern.hasEnded)
    }
  }
}
