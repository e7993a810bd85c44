import Glibc
import Testing

/// The pager of `logs query` on a terminal, which script(1) makes.
@Suite(.ownThread) struct PagerTests {
  private static let script = "/usr/bin/script"

  /// What the terminal shows, and the exit code.
  private func query(
    _ server: TestServer, _ words: String, _ environment: [String: String] = [:]
  ) throws -> (exit: ChildProcess.Exit, lines: [String]) {
    let usual = ["TERM": "xterm", "LOGS_SERVER": server.url, "LOGS": Binaries.logs, "LESS": "", "SHELL": "/bin/sh"]
    let run = try server.scene.run(
      Self.script, ["-qec", "\"$LOGS\" \(words)", "/dev/null"], environment: usual.merging(environment) { $1 })
    return (run.exit, run.text.replacing("\r\n", with: "\n").split(separator: "\n").map(String.init))
  }

  @Test(.enabled(if: access(script, X_OK) == 0)) func `entries go through the pager, if there is one and it is wanted`()
    throws
  {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", scene.file("f", "one\ntwo\n".utf8)]))
      let numbered = ["LOGS_PAGER": "sed s/^/paged:/", "PAGER": "false"]
      let plain = ["one", "two"]
      let paged = plain.map { "paged:\($0)" }
      let raw = "query web -o raw"
      let rows: [(words: String, environment: [String: String], exit: Int32, lines: [String])] = [
        (raw, numbered, 0, paged), (raw, ["PAGER": "sed s/^/paged:/"], 0, paged),
        (raw, ["LOGS_PAGER": "", "PAGER": "sed s/^/paged:/"], 0, plain), (raw, ["PAGER": "cat"], 0, plain),
        ("\(raw) --no-pager", numbered, 0, plain), (raw, numbered.merging(["TERM": "dumb"]) { $1 }, 0, plain),
        ("\(raw) < /dev/null", numbered, 0, plain), ("\(raw) | cat", numbered, 0, plain),
        ("query web --count", numbered, 0, ["2"]), ("follow web --until-head -o raw", numbered, 0, plain),
        // It stops early, and it is not there.
        (raw, ["PAGER": "head -1"], 0, ["one"]), (raw, ["PAGER": "true"], 0, []),
      ]
      for (words, environment, exit, lines) in rows {
        let run = try query(server, words, environment)
        #expect(run.exit == .code(exit) && run.lines == lines, "\(words) \(environment): \(run.lines)")
      }
      let absent = try query(server, raw, ["PAGER": "no-such-pager"])
      #expect(absent.exit == .code(1) && absent.lines.count == 1, "\(absent.lines)")
      #expect(absent.lines.last?.contains("--no-pager") == true, "\(absent.lines)")
      let nothing = try query(server, "query nowhere", numbered)
      #expect(nothing.exit == .code(1) && nothing.lines.count == 1, "\(nothing.lines)")
      // The colours are those of the terminal.
      let colored = try query(server, "query web", numbered)
      #expect(colored.lines.count == 2 && colored.lines.allSatisfy { $0.contains("\u{1b}[") }, "\(colored.lines)")
    }
  }
}
