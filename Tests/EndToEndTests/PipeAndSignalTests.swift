import Glibc
import Testing

/// Pipes, files and signals: the exit code that scripts rely on, and nothing that was not asked for.
@Suite(.ownThread) struct PipeAndSignalTests {
  private static let lineCount = 20_000

  private static func server(_ scene: Scene) throws -> TestServer {
    let server = try TestServer(scene)
    let file = try scene.file("f", LogLines.file(LogLines.plain(lineCount)))
    try expectSuccess(server.run(["push", "web", file]))
    return server
  }

  /// Runs a script in which `$0` is logs, `$LOGS_SERVER` is set, and `code` says how the first part of a pipe ended.
  private static func shell(_ server: TestServer, _ script: String) throws -> Finished {
    try server.scene.run(
      "/bin/bash", ["-c", "code() { echo ${PIPESTATUS[0]}; }; \(script)", Binaries.logs],
      environment: ["LOGS_SERVER": server.url])
  }

  @Test func `a reader may stop early, and only a place that takes nothing is a failure`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      let count = "\(Self.lineCount)"
      let full = "cannot write to stdout: No space left on device"
      let closed = "cannot write to stdout: Bad file descriptor"
      let rows: [(script: String, lines: [String], error: String?)] = [
        ("query web -o json | wc -l; code", [count, "0"], nil),
        ("query web -o json | head -1 | wc -l; code", ["1", "0"], nil),
        ("query web -o raw | true; code", ["0"], nil), ("query web --count | cat; code", [count, "0"], nil),
        ("query web --histogram 1h | true; code", ["0"], nil), ("streams | true; code", ["0"], nil),
        (
          "query web -o json | python3 -c 'import json, sys; print(len([json.loads(l) for l in sys.stdin]))'; code",
          [count, "0"], nil
        ),
        ("follow web -n all --until-head | wc -l; code", [count, "0"], nil),
        ("follow web -n all | head -1 | wc -l; code", ["1", "0"], nil),
        ("status | true; code", ["0"], nil), ("status -w | head -1 | wc -l; code", ["1", "0"], nil),
        ("help | true; code", ["0"], nil), ("query web > /dev/full; code", ["1"], full),
        ("follow web --until-head > /dev/full; code", ["1"], full), ("streams > /dev/full; code", ["1"], full),
        ("status > /dev/full; code", ["1"], full), ("help > /dev/full; code", ["1"], full),
        ("query web >&-; code", ["1"], closed), ("follow web --until-head >&-; code", ["1"], closed),
        ("streams >&-; code", ["1"], closed), ("query nowhere 2>/dev/full; code", ["1"], nil),
        ("query nowhere 2>&-; code", ["1"], nil), ("query web --count <&-; code", [count, "0"], nil),
        ("follow web --until-head -n 1 -o raw <&- | wc -l; code", ["1", "0"], nil),
        ("push pushed <&-; code", ["1"], "cannot read stdin: Bad file descriptor"),
        ("push pushed -q < /dev/null; code", ["0"], nil), ("push pushed -q < /dev/null >&-; code", ["0"], nil),
      ]
      for (script, lines, error) in rows {
        let words = script.replacing(
          script.prefix { $0 != " " }, with: "\"$0\" \(script.prefix { $0 != " " })", maxReplacements: 1)
        let run = try Self.shell(server, words)
        #expect(run.lines.map { $0.trimmingPrefix { $0 == " " } } == lines.map { $0[...] }, "\(script): \(run.text)")
        #expect(run.errorLines.count == (error == nil ? 0 : 1), "\(script): \(run.errors)")
        if let error { #expect(run.errors.contains(error), "\(script): \(run.errors)") }
      }
    }
  }

  /// Commands that are still at work when the signal comes, and the code it gives them.
  private static let atWork: [(words: [String], isRead: Bool)] = [
    (["follow", "web", "-n", "all", "-o", "raw"], true), (["follow", "web", "-n", "all", "-o", "raw"], false),
    (["follow", "web", "-n", "all", "--until-head", "-o", "json"], false), (["query", "web", "-o", "json"], false),
    (["query", "web", "-o", "json", "-C", "2"], false), (["status", "--watch"], true),
  ]

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
  func `a signal ends every command with its code and no word`(signal: Int32) throws {
    let code = 128 + signal
    try Scene.play { scene in
      let server = try Self.server(scene)
      for (words, isRead) in Self.atWork {
        let run = try server.start(words, readsOutput: isRead)
        if isRead {
          try run.output.waitForLines(1)
        } else {
          // The pipe is full: it waits for a reader that does not come.
          try Polling.wait(for: "a full pipe") { Self.unreadByteCount(run.outputDescriptor) >= 60_000 }
        }
        // Nobody dies of this one.
        run.signal(SIGPIPE)
        run.signal(signal)
        #expect(try run.wait() == .code(code), "\(words)")
        #expect(run.errors.bytes.isEmpty, "\(words): \(run.errors.text)")
      }
      // What a push has done is worth a word.
      let push = try server.start(["push", "pushed"], input: .pipe)
      try push.write("line\n".utf8)
      try Polling.wait(for: "the line") { try server.run(["query", "pushed", "-q"]).lines.count == 1 }
      push.signal(signal)
      #expect(try push.wait() == .code(code))
      // The line is stored, but the answer may not have come.
      let said = [
        "1 entry of pushed is acknowledged, sequence number 1", "1 entry of pushed is acknowledged",
        "0 entries of pushed are acknowledged",
      ]
      #expect(said.map { ["logs: interrupted; \($0)"] }.contains(push.errors.lines), "\(push.errors.text)")
      #expect(push.output.bytes.isEmpty)
    }
  }

  private static func unreadByteCount(_ descriptor: Int32) -> Int {
    var count: Int32 = 0
    return ioctl(descriptor, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
  }

  @Test func `a follow that ignores SIGHUP, as under nohup, goes on; else it saves its cursor`() throws {
    try Scene.play { scene in
      let server = try Self.server(scene)
      let follow = ["follow", "web", "-n", "5", "-o", "raw", "--server", server.url]
      let deaf = try scene.start("/bin/bash", ["-c", "trap '' HUP; exec \"$0\" \"$@\"", Binaries.logs] + follow)
      try deaf.output.waitForLines(5)
      deaf.signal(SIGHUP)
      deaf.signal(SIGTERM)
      #expect(try deaf.wait() == .code(143))
      let cursor = scene.path("cursor")
      let keeping = try scene.start(Binaries.logs, follow + ["--cursor-file", cursor])
      try keeping.output.waitForLines(5)
      keeping.signal(SIGHUP)
      #expect(try keeping.wait() == .code(129))
      #expect(try server.run(["follow", "web", "--until-head", "--cursor-file", cursor]).output.isEmpty)
    }
  }
}
