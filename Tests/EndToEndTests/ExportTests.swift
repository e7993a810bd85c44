import Foundation
import LogsClient
import Testing

/// Entries that leave a server with `logs export` and come to another one with `logs import`.
@Suite(.ownThread) struct ExportTests {
  /// The lines of an export without what a new place changes: numbers and when they were received.
  private func entries(_ finished: Finished) throws -> [String] {
    #expect(finished.exit == .code(0), "\(finished.errors)")
    return finished.lines.map { line in
      line.replacing(/"seq":\d+,/, with: "").replacing(/"received":"[^"]*",/, with: "")
    }
  }

  /// One number for all of them, in their order.
  private func hash(_ lines: [String]) -> Int {
    var hasher = Hasher()
    hasher.combine(lines)
    return hasher.finalize()
  }

  private func line(_ message: String, of stream: String = "web", _ more: String = "") -> String {
    #"{"stream":"\#(stream)","message":"\#(message)","time":"2026-01-10T12:00:00Z"\#(more)}"#
  }

  private func messages(_ server: TestServer, _ stream: String) throws -> [String] {
    String(decoding: try server.stored(stream), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private static let values: [AttributeValue] = [
    .empty, "", "text \u{202e}\u{0}", true, false, 0, .integer(.min), .integer(.max), .double(0.1), .double(-0.0),
    .double(.infinity), .double(-.infinity), .double(.nan), .double(Double(bitPattern: 0x7ff8_0000_dead_beef)),
    .double(.leastNonzeroMagnitude), .list([]), .list([1, "a", .empty, .list([.bytes(ByteString([0xff]))])]), .map([]),
    .map([LogAttribute("$bytes", "no"), LogAttribute("", 1)]), .map([LogAttribute("$map", .map([]))]),
    .bytes(ByteString()), .bytes(ByteString((0...255).map { UInt8($0) })),
  ]

  private static let messages: [ByteString] = [
    "", "plain", "two\nlines", "\0\u{1b}[31m", ByteString([0xff, 0xfe]), ByteString([0xc3]), #"{"json":true}"#,
    "\u{1f600} e\u{301} \u{e9}", "\u{feff}",
  ]

  /// Entries in which everything differs that can.
  private func strange(_ number: Int) -> LogEntry {
    var entry = LogEntry(
      message: Self.messages[number % Self.messages.count],
      time: number % 5 == 0 ? .max - Int64(number) : Int64(number),
      severity: LogSeverity(number: UInt8(number % 25)) ?? .info,
      source: number % 3 == 0 ? ByteString([0xc0, UInt8(number % 256)]) : ByteString("source \(number % 7)"))
    if number % 4 > 0 {
      entry.attributes = [
        LogAttribute("value", Self.values[number % Self.values.count]), LogAttribute("trace_id", "4bf92f3577b34da6"),
      ]
    }
    if number % 11 == 0 { entry.kind = .status }
    return entry
  }

  @Test func `10,000 strange entries are the same after export and import, sealed streams too`() async throws {
    try await Scene.play { scene in
      let first = try TestServer(scene)
      let client = try LogClient(LogClientConfiguration(servers: [first.url], name: "test"))
      let names = ["a/b", "a/c/d", "e"].map { StreamName(stored: $0) }
      for (index, name) in names.enumerated() {
        for part in 0..<4 {
          let numbers = (0..<834).map { 1 + index + 3 * (834 * part + $0) }
          _ = try await client.append(numbers.map(strange), to: name)
        }
      }
      let long = LogEntry(message: ByteString([UInt8](repeating: 0, count: 1 << 20)), time: 1)
      _ = try await client.append([long], to: names[2])
      _ = try await client.complete(names[1], text: "done \"so\"")
      await client.shutdown()

      let exported = try first.run(["export", "**"])
      #expect(exported.errors == "logs: 10010 entries of 3 streams exported\n")
      let before = try entries(exported)
      #expect(before.count == 10_010)
      let second = try TestServer(scene, name: "second")
      let imported = try second.run(["import", try scene.file("all.jsonl", exported.output)])
      #expect(imported.exit == .code(0), "\(imported.errors)")
      #expect(
        imported.errors.hasPrefix(
          "logs: 10009 entries of 3 streams acknowledged, with new sequence numbers; 1 stream is complete"),
        "\(imported.errors)")
      let again = try second.run(["export", "**", "--jsonl"])
      let after = try entries(again)
      expectSame(Array(after.joined(separator: "\n").utf8), Array(before.joined(separator: "\n").utf8))
      #expect(hash(after) == hash(before))
      #expect(again.text.contains(#""seq":3337,"#) && again.text.contains(#""kind":"complete"}"#))
      let states = try second.run(["streams", "-o", "json"]).text
      #expect(states.contains(#""name":"a/c/d""#) && states.count { $0 == "\n" } == 3, "\(states)")
      try expectSuccess(second.run(["push", "a/c/d"]))
      #expect(try second.run(["import", scene.path("all.jsonl"), "--retry-for", "0"]).exit == .code(1))
    }
  }

  @Test func `a filter, numbers and times choose what is exported`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = (1...9).map {
        line("m\($0)", of: $0 < 5 ? "a" : "b", #","level":"\#($0 % 2 == 0 ? "warn" : "info")""#)
      }
      try expectSuccess(server.run(["import", scene.file("f", lines.joined(separator: "\n").utf8)]))
      func exported(_ words: String...) throws -> [String] {
        try entries(server.run(["export"] + words)).map { String($0.split(separator: #""message":""#)[1].prefix(2)) }
      }
      #expect(try exported("a") == ["m1", "m2", "m3", "m4"])
      #expect(try exported("a", "b", "-l", "warn") == ["m2", "m4", "m6", "m8"])
      #expect(try exported("{b,a}", "--until-seq", "2") == ["m1", "m2", "m5", "m6"])
      #expect(try exported("*", "--from-seq", "3", "--", "m3 OR m9") == ["m3", "m9"])
      #expect(try exported("*", "--since", "2026-01-11T00:00:00Z") == [])
      let none = try server.run(["export", "nowhere"])
      #expect(none.exit == .code(1) && none.output.isEmpty && none.errors.contains("'nowhere'"), "\(none.errors)")
      let both = try server.run(["export", "a", "--csv", "--jsonl"])
      #expect(both.exit == .code(2) && both.errors.contains("exclude each other"), "\(both.errors)")
    }
  }

  @Test func `what was deleted is not exported, and the numbers of the rest stay`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", (1...100).map { "line \($0)\n" }.joined().utf8)
      try expectSuccess(server.run(["push", "web", file]))
      let range = ["--from-seq", "21", "--to-seq", "60"]
      try expectSuccess(server.run(["delete", "web", "--yes"] + range))
      let exported = try server.run(["export", "web", "--strict"])
      #expect(exported.exit == .code(0) && exported.errors.contains("60 entries of 1 stream"), "\(exported.errors)")
      #expect(exported.lines[20].contains(#""seq":61,"#))
      let imported = try server.run(
        ["import", "--rename", "web=copy"],
        input: .file(
          try scene.file("e", exported.output)))
      #expect(imported.exit == .code(0), "\(imported.errors)")
      #expect(try messages(server, "copy") == (1...20).map { "line \($0)" } + (61...100).map { "line \($0)" })
    }
  }

  @Test func `an entry without a time gets the one at which it was received, unless it is to stay without`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", scene.file("f", "one\n".utf8)]))
      let exported = try server.run(["export", "web"])
      let file = try scene.file("e", exported.output)
      let received = try #require(exported.text.firstMatch(of: /"received":("[^"]*")/)).1
      #expect(exported.text.contains(#""time":null"#))
      try expectSuccess(server.run(["import", file, "--rename", "web=timed"]))
      try expectSuccess(server.run(["import", file, "--rename=web=untimed", "--untimed"]))
      #expect(try server.run(["export", "timed"]).text.contains(#""time":\#(received)"#))
      #expect(try server.run(["export", "untimed"]).text.contains(#""time":null"#))
    }
  }

  @Test func `entries are appended behind those of a stream, which a flag may rename`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "new", scene.file("f", "before\n".utf8)]))
      let lines = [line("1"), "", line("2", of: "other"), " \r", line("3", of: "$logsd"), line("4")]
      let file = try scene.file("e", lines.joined(separator: "\n").utf8)
      let own = try server.run(["import", file])
      #expect(own.exit == .code(1) && own.errors.contains("line 5 is of '$logsd'"), "\(own.errors)")
      #expect(own.errors.contains("--rename '$logsd=NAME'") && own.errors.contains("2 entries"), "\(own.errors)")
      let words = ["--rename", "web=new", "--rename", "$logsd=new", "--rename", "none=new"]
      let imported = try server.run(["import", file] + words)
      #expect(imported.exit == .code(0) && imported.errors.contains("no entry is of none"), "\(imported.errors)")
      #expect(!imported.errors.contains("no entry is of web"), "\(imported.errors)")
      #expect(try messages(server, "new") == ["before", "1", "3", "4"])
      #expect(try messages(server, "other") == ["2", "2"])
      let twice = try server.run(["import", file, "--rename", "web=a", "--rename", "web=b"])
      #expect(twice.exit == .code(2) && twice.errors.contains("web"), "\(twice.errors)")
    }
  }

  @Test func `a sealed stream takes none, the others do, and import fails`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["complete", "shut", "--create"]))
      let lines = [line("1", of: "shut"), line("2"), line("", of: "shut", #","kind":"complete""#), line("3")]
      for spool in [[], ["--spool", scene.path("spool")]] {
        let imported = try server.run(["import", try scene.file("e", lines.joined(separator: "\n").utf8)] + spool)
        #expect(imported.exit == .code(1), "\(imported.errors)")
        #expect(imported.errors.contains("shut") && imported.errors.contains("2 entries of 2"), "\(imported.errors)")
      }
      #expect(try messages(server, "web") == ["2", "3", "2", "3"])
    }
  }

  @Test func `compressed exports are read, and damage ends with what stands before it`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let text = (1...3_000).map { line("line \($0)") + "\n" }.joined()
      let file = try scene.file("e.jsonl", text.utf8)
      try expectSuccess(scene.run("/usr/bin/gzip", [file]))
      try expectSuccess(server.run(["import", "\(file).gz"]))
      #expect(try messages(server, "web").count == 3_000)
      let packed = try Data(contentsOf: URL(fileURLWithPath: "\(file).gz"))
      let cut = try scene.file("cut.jsonl.gz", packed.dropLast(100))
      let broken = try server.run(["import", cut, "--rename", "web=cut", "--spool", scene.path("spool")])
      #expect(broken.exit == .code(1) && broken.errors.contains("it ends too early"), "\(broken.errors)")
      let whole = try server.run(["import", "\(file).gz", "--rename", "web=cut", "--spool", scene.path("spool")])
      #expect(whole.exit == .code(0) && whole.errors.contains("an earlier import had read"), "\(whole.errors)")
      #expect(try messages(server, "cut") == (1...3_000).map { "line \($0)" })
    }
  }

  @Test func `csv and a database have the same columns`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = [
        line("a \"b\", c".replacing("\"", with: "\\\""), of: "web", #","attributes":{"ms":1.5,"b":{"$bytes":"/w=="}}"#),
        line("n\\u0000l", of: "b", #","level":"warn","source":"s","kind":"status""#),
        #"{"stream":"b","message_base64":"//4="}"#,
      ]
      #expect(
        try server.run(["import", "--untimed", scene.file("e", lines.joined(separator: "\n").utf8)]).exit == .code(0))
      let csv = try server.run(["export", "web", "--csv"])
      #expect(csv.lines.first == "stream,seq,time,received,severity,level,source,message,attributes,kind")
      #expect(csv.lines[1].contains(#","a ""b"", c","#) && csv.lines.count == 2, "\(csv.text)")

      let path = scene.path("all.db")
      let database = try server.run(["export", "**", "--sqlite", path])
      #expect(database.exit == .code(0) && database.output.isEmpty, "\(database.errors)")
      #expect(database.errors.contains("3 entries of 2 streams"), "\(database.errors)")
      func rows(_ query: String) throws -> [String] {
        let answer = try scene.run("/usr/bin/sqlite3", ["-readonly", path, query])
        #expect(answer.exit == .code(0), "\(answer.errors)")
        return answer.lines
      }
      #expect(
        try rows("SELECT stream, seq, severity, level, source, kind, attributes FROM entries ORDER BY stream, seq") == [
          "b|1|13|warn|s|status|{}", "b|2|0|||log|{}", #"web|1|0|||log|{"ms":1.5,"b":{"$bytes":"/w=="}}"#,
        ])
      #expect(
        try rows("SELECT hex(message), hex(message_bytes), time, untimed FROM entries WHERE seq = 1 ORDER BY stream")
          == ["6E006C||2026-01-10 12:00:00.000000000|0", "61202262222C2063||2026-01-10 12:00:00.000000000|0"])
      let bare = "SELECT hex(message), hex(message_bytes), time = received, time_ns = received_ns, untimed"
      #expect(try rows("\(bare) FROM entries WHERE stream = 'b' AND seq = 2") == ["EFBFBDEFBFBD|FFFE|1|1|1"])
      let minutes = try rows("SELECT stream, minute, level, entries FROM counts WHERE stream = 'web'")
      #expect(minutes == ["web|2026-01-10 12:00||1"])
      #expect(try rows("SELECT json_extract(attributes, '$.ms') FROM entries WHERE stream = 'web'") == ["1.5"])
      #expect(try rows("PRAGMA integrity_check") == ["ok"])
      let again = try server.run(["export", "web", "--sqlite", path])
      #expect(again.exit == .code(1) && again.errors.contains("exists"), "\(again.errors)")
      let standard = try server.run(["export", "web", "--sqlite", "-"])
      #expect(standard.exit == .code(2) && standard.errors.contains("written to stdout"), "\(standard.errors)")
      let nowhere = try server.run(["export", "web", "--sqlite", scene.path("none/x.db")])
      #expect(nowhere.exit == .code(1) && nowhere.errors.contains("cannot create"), "\(nowhere.errors)")
      #expect(try server.run(["export", "none", "--sqlite", scene.path("none.db")]).exit == .code(1))
      #expect(!FileManager.default.fileExists(atPath: scene.path("none.db")))
    }
  }

  @Test func `a database that is not whole is removed`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let slow = String(repeating: "a", count: 60) + "b\n"
      let file = try scene.file("f", String(repeating: slow, count: 10_000).utf8)
      try expectSuccess(server.run(["push", "web", file]))
      let path = scene.path("x.db")
      // The server takes its time over each line, and says of the first ones at once that it gave up on them.
      let export = try server.start(["export", "web", "--sqlite", path, "-g", "^(a|a)*$"])
      try export.errors.waitForText("not shown")
      #expect(FileManager.default.fileExists(atPath: path))
      export.signal(SIGINT)
      #expect(try export.wait() == .code(130))
      #expect(!FileManager.default.fileExists(atPath: path))
      #expect(!FileManager.default.fileExists(atPath: "\(path)-journal"))
    }
  }

  // MARK: - Going on

  @Test func `an import with a spool goes on behind a line that was wrong, and repeats nothing`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      var lines = (1...3_000).map { line("line \($0)", of: $0 % 2 == 0 ? "even" : "odd") }
      lines[2_499] = "{}"
      let words = ["import", scene.path("e"), "--spool", scene.path("spool")]
      func write() throws { try scene.file("e", lines.joined(separator: "\n").utf8) }
      try write()
      let first = try server.run(words)
      #expect(first.exit == .code(1) && first.errors.contains("line 2500 is no entry"), "\(first.errors)")
      #expect(first.errors.contains("2499 entries of 2 streams acknowledged"), "\(first.errors)")
      lines[2_499] = line("line 2500", of: "even")
      try write()
      let second = try server.run(words)
      #expect(second.exit == .code(0) && second.errors.contains("501 entries"), "\(second.errors)")
      #expect(second.errors.contains("had read 2499 lines"), "\(second.errors)")
      let third = try server.run(words)
      #expect(third.exit == .code(0) && third.errors.contains("0 entries"), "\(third.errors)")
      #expect(try messages(server, "odd") == stride(from: 1, through: 3_000, by: 2).map { "line \($0)" })
      #expect(try messages(server, "even") == stride(from: 2, through: 3_000, by: 2).map { "line \($0)" })
      lines[2_999] = line("another")
      try write()
      let other = try server.run(words)
      #expect(other.exit == .code(1) && other.errors.contains("another file"), "\(other.errors)")
    }
  }

  @Test(arguments: [false, true]) func `an import that is killed goes on, also when the server was`(
    killsServer: Bool
  ) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = (1...6_000).map { line("line \($0)") + "\n" }
      let spool = ["--spool", scene.path("spool")]
      // It waits for the rest when it is killed.
      let begun = try server.start(["import"] + spool, input: .pipe)
      try begun.write(lines[..<4_500].joined().utf8)
      try server.wait(for: "appended_entries_total") { $0 >= 2_000 }
      if killsServer { try server.kill() }
      begun.signal(SIGKILL)
      try begun.wait()
      if killsServer { try server.restart() }
      let whole = try server.run(["import", scene.file("e", lines.joined().utf8)] + spool)
      #expect(whole.exit == .code(0), "\(whole.errors)")
      #expect(whole.errors.contains("an earlier import had read"), "\(whole.errors)")
      #expect(try messages(server, "web") == (1...6_000).map { "line \($0)" })
    }
  }
}
