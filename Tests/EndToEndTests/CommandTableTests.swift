import Foundation
import Testing

/// Every command with every one of its flags: runs, or is refused with one line on stderr and nothing on stdout.
@Suite(.ownThread) struct CommandTableTests {
  private struct Row {
    let command: String
    let flag: String
    /// nil for a flag without a value.
    let value: String?
    /// Values that are refused as wrong usage.
    let wrong: [String]
    /// What the command needs beside the flag; nil for what it usually gets.
    let words: [String]?

    init(_ command: String, _ flag: String, _ value: String? = nil, not wrong: [String] = [], words: [String]? = nil) {
      (self.command, self.flag, self.value, self.wrong, self.words) = (command, flag, value, wrong, words)
    }
  }

  /// What each command succeeds with. In capitals: places that the test makes.
  private static let usual: [String: [String]] = [
    "push": ["web", "FILE"], "follow": ["web"], "query": ["web"], "streams": [], "status": [],
    "complete": ["NEW", "--create"], "delete": ["web", "--dry-run"], "seal": ["DATA"], "spool": ["inspect", "SPOOL"],
    "bench": ["append", "--entries", "10", "--batch", "2", "--repeat", "1"], "completion": ["bash"], "config": ["show"],
    "man": ["push"], "ship": shipping, "export": ["web"], "import": ["EXPORT"],
  ]

  private static let shipping = ["--files", "FILE", "--start", "beginning", "--state", "STATE", "--once"]
  private static let shippingJournal = ["check", "--journal", "local", "--state", "STATE"]
  private static let shippingContainers = ["check", "--docker", "local", "--state", "STATE"]

  private static let long = String(repeating: "x", count: 1_025)

  private static let rows: [Row] = {
    var rows = [
      Row("push", "--format", "json", not: ["xml", ""]), Row("push", "--encoding", "utf-8", not: ["latin1"]),
      Row("push", "--split"), Row("push", "--input-zone", "+02:00", not: ["Mars"]),
      Row("push", "--source", "s", not: [long]), Row("push", "--level", "warn", not: ["loud"]), Row("push", "--strict"),
      Row("push", "--complete", words: ["short", "FILE"]), Row("push", "--spool", "SPOOL", not: [""]),
      Row("push", "--batch", "1", not: ["0", "65537", "x"]), Row("push", "--linger", "0", not: ["-1", "soon"]),
      Row("follow", "--tail", "2", not: ["some", "-1"]), Row("follow", "--cursor-file", "CURSOR"),
      Row("follow", "--until-head"), Row("follow", "--no-merge"), Row("follow", "--follow"),
      Row("query", "--count"),
      Row("query", "--histogram", "1h", not: ["x", "0s"]), Row("query", "--fields"), Row("query", "--no-pager"),
      Row("streams", "--sort", "bytes", not: ["colour"]), Row("complete", "--text", "done", not: [long]),
      Row("complete", "--create", words: ["NEW"]),
      Row("delete", "--before-seq", "2", not: ["1", "x"]), Row("delete", "--from-seq", "9", not: ["0", "x"]),
      Row("delete", "--to-seq", "1", not: ["0", "x"]), Row("delete", "--yes", words: ["web", "--from-seq", "9"]),
      Row("delete", "--dry-run"), Row("seal", "--seal-timeout", "30s", not: ["soon"]),
      Row("man", "--list", words: []), Row("bench", "--corpus", "FILE"),
      Row("bench", "--producers", "1", not: ["0", "x"]),
      Row("bench", "--batch", "2", not: ["0", "65537"], words: ["append", "--entries", "10", "--repeat", "1"]),
      Row("bench", "--entries", "10", not: ["0", "x"], words: ["append", "--repeat", "1"]),
      Row("bench", "--streams", "1", not: ["0", "x"]), Row("bench", "--repeat", "1", not: ["0", "x"]),
      Row("bench", "--connections", "1", not: ["0", "x"], words: ["ack", "--seconds", "0.01", "--repeat", "1"]),
      Row("bench", "--seconds", "0.01", not: ["0", "x"], words: ["ack", "--repeat", "1"]),
      Row("bench", "--rate", "100", not: ["0", "x"], words: ["tail", "--seconds", "0.01", "--repeat", "1"]),
      Row("bench", "--followers", "1", not: ["0", "x"], words: ["tail", "--seconds", "0.01", "--repeat", "1"]),
      Row("bench", "--filter", "line", words: ["search", "--stream", "web", "--repeat", "1"]),
      Row("bench", "--stream", "web", not: ["a b"], words: ["read", "--repeat", "1"]),
      Row("bench", "--decode", "batches", not: ["all"], words: ["read", "--stream", "web", "--repeat", "1"]),
    ]
    rows += [
      Row("ship", "--config", "SHIP", not: ["FILE", ""], words: ["--state", "STATE", "--once"]),
      Row("ship", "--state", "STATE", words: ["--files", "FILE", "--once"]),
      Row("ship", "--files", "FILE", words: ["--state", "STATE", "--once"]), Row("ship", "--once"),
      Row("ship", "--exclude", "*.tmp"), Row("ship", "--stream", "a/{name}", not: ["a b", "{x}", ""]),
      Row("ship", "--start", "end", not: ["middle"], words: ["--files", "FILE", "--state", "STATE", "--once"]),
      Row("ship", "--format", "json", not: ["xml", ""]), Row("ship", "--input-zone", "+02:00", not: ["Mars"]),
      Row("ship", "--level", "warn", not: ["loud"]), Row("ship", "--multiline", "none", not: ["("]),
      Row("ship", "--drop", "x+", not: ["("]), Row("ship", "--mask", "a=>b", not: ["a", "(=>b"]),
      Row("ship", "--attribute", "a=b", not: ["a", "=b"]), Row("ship", "--rate", "1000", not: ["0", "x"]),
      Row("ship", "--over-rate", "drop", not: ["x"], words: shipping + ["--rate", "10"]), Row("ship", "--poll"),
      Row("ship", "--linger", "1ms", not: ["soon"]), Row("ship", "--spool-size", "2M", not: ["1k", "x"]),
      Row("ship", "--commit", "server", not: ["disk"]), Row("ship", "--host", "h"),
      Row("ship", "--own-stream", "s", not: ["a b"]),
      Row("ship", "--docker", "local", not: ["ftp://x"], words: ["check", "--state", "STATE"]),
      Row("ship", "--container", "web-*", words: shippingContainers),
      Row("ship", "--image", "nginx*", words: shippingContainers),
      Row("ship", "--label", "a=b", words: shippingContainers),
      Row("ship", "--complete-removed", words: shippingContainers),
      Row("ship", "--journal", "local", words: ["check", "--state", "STATE"]),
      Row("ship", "--unit", "a.service", not: ["a/b"], words: shippingJournal),
      Row("ship", "--match", "_UID=0", not: ["x"], words: shippingJournal),
      Row("ship", "--this-boot", words: shippingJournal),
      Row("ship", "--output", "json", not: ["xml"], words: ["status", "--state", "SHIPPED"]),
    ]
    rows += [
      Row("export", "--jsonl"), Row("export", "--csv"), Row("export", "--sqlite", "DATABASE", not: [""]),
      Row("import", "--rename", "a=b", not: ["a", "a=", "=b", "a=b c", "a=$b", "a*=b"]), Row("import", "--untimed"),
      Row("import", "--spool", "IMPORTED", not: [""]),
    ]
    for command in ["follow", "query", "export"] {
      rows += [
        Row(command, "--from-seq", "2", not: ["0", "x"]), Row(command, "--until-seq", "2", not: ["0", "x"]),
        Row(command, "--since", "2000-01-01", not: ["soon", "2026-02-30"]),
        Row(command, "--until", "2100-01-01", not: ["soon"]), Row(command, "--strict"),
        Row(command, "--filter", "line", not: ["a OR", "("]),
        Row(command, "--level", "trace", not: ["loud"], words: ["levels"]),
        Row(command, "--grep", "li.e", not: ["("]), Row(command, "--ignore-case", words: ["web", "--grep", "LINE"]),
        Row(command, "--exclude", "nothing", not: ["("]), Row(command, "--source", "a*"),
      ]
    }
    for command in ["follow", "query"] {
      rows += [
        Row(command, "--limit", "2", not: ["0", "x"]), Row(command, "--reverse"),
        Row(command, "--template", "{seq}", not: ["{foo}", "{"]), Row(command, "--columns", "seq", not: ["foo", ""]),
        Row(command, "--timestamps", words: ["web", "-o", "cat"]), Row(command, "--color", "never", not: ["blue"]),
        Row(command, "--time-zone", "utc", not: ["Mars"]), Row(command, "--no-color"), Row(command, "--utc"),
        Row(command, "--output", "full", not: ["xml", ""]), Row(command, "--wrap"), Row(command, "--ansi"),
        Row(command, "--local"), Row(command, "--after-context", "1", not: ["x"]),
        Row(command, "--before-context", "1", not: ["x"]), Row(command, "--context", "1", not: ["x"]),
      ]
    }
    for command in ["streams", "status", "delete", "spool", "bench", "config"] {
      rows.append(Row(command, "--output", "json", not: ["xml", ""]))
    }
    for command in ["streams", "spool"] {
      rows += [Row(command, "--utc"), Row(command, "--local"), Row(command, "--time-zone", "utc", not: ["Mars"])]
    }
    for command in usual.keys { rows.append(Row(command, "--quiet")) }
    for command in connecting {
      rows += [
        Row(command, "--server", "SERVER", not: ["http://127.0.0.1", ""]), Row(command, "--token", "t"),
        Row(command, "--token-file", "FILE"), Row(command, "--ca-cert", "FILE"), Row(command, "--cert", "FILE"),
        Row(command, "--key", "FILE"), Row(command, "--profile", "here", not: ["nowhere"]),
        Row(command, "--retry-for", "1m", not: ["soon", "-1"]),
      ]
    }
    return rows
  }()

  private static let connecting = [
    "push", "follow", "query", "streams", "status", "complete", "delete", "bench", "ship", "export", "import",
  ]

  private static let connection = [
    "--profile", "--server", "--token", "--token-file", "--retry-for", "--ca-cert", "--cert", "--key",
  ]

  /// Flags that cannot run to an end here: their own tests run them.
  private static let endless = ["push --follow-file", "status --watch"]
  /// Commands that say on stderr what they did or found.
  private static let talkative = ["push", "complete", "delete", "seal", "spool", "ship", "export", "import"]

  private struct Place {
    let server: TestServer
    let names: [String: String]

    init(_ scene: Scene) throws {
      // Data that a server has left behind.
      let earlier = try TestServer(scene, name: "earlier")
      try earlier.stop()
      server = try TestServer(scene)
      let file = try scene.file("file", "line one\nline two\nline three\n".utf8)
      names = [
        "FILE": file, "DATA": earlier.data, "SPOOL": scene.path("spool"), "CURSOR": scene.path("cursor"),
        "SERVER": server.url, "STATE": scene.path("state"), "SHIPPED": scene.path("shipped"),
        "EXPORT": try scene.file("export.jsonl", #"{"stream":"imported","message":"m"}"#.utf8),
        "DATABASE": scene.path("export.db"), "IMPORTED": scene.path("imported"),
        "SHIP": try scene.file("ship.conf", "[files app]\npath = \(file)\n".utf8),
      ]
      try FileManager.default.createDirectory(
        atPath: scene.path("logs"), withIntermediateDirectories: false)
      try scene.file("logs/config", "[profile here]\nserver = \(server.url)\n".utf8)
      for words in [
        ["push", "web", file, "--spool", scene.path("spool"), "--source", "api"],
        ["push", "levels", file, "--level", "info"],
        ["ship", "--files", file, "--state", scene.path("shipped"), "--once"],
      ] { #expect(try server.run(words).exit == .code(0)) }
    }

    /// Runs a command with the server in the environment, so that a flag can stand last.
    func run(_ words: [String]) throws -> Finished {
      try server.scene.run(
        Binaries.logs, words.map { names[$0] ?? $0 },
        environment: ["LOGS_SERVER": server.url, "XDG_CONFIG_HOME": server.scene.directory])
    }

    /// A refusal is one line on stderr, exit code 2, and nothing on stdout.
    func refuses(_ words: [String], saying text: String = "logs: ") throws {
      let run = try run(words)
      #expect(run.exit == .code(2) && run.output.isEmpty && run.errorLines.count == 1, "\(words): \(run.errors)")
      #expect(run.errors.hasPrefix("logs: ") && run.errors.contains(text), "\(words): \(run.errors)")
    }
  }

  @Test func `the table has every flag of every command`() throws {
    try Scene.play { scene in
      let known = Set(Self.rows.map { "\($0.command) \($0.flag)" }).union(Self.endless)
      let commands = try scene.run(Binaries.logs, ["completion", "words", "--", ""]).lines
      #expect(Set(commands) == Set(Self.usual.keys).union(["help", "version"]))
      for command in Self.usual.keys {
        let flags = try scene.run(Binaries.logs, ["completion", "words", "--", command, "--"]).lines
        for flag in flags where Self.connecting.contains(command) || !Self.connection.contains(flag) {
          #expect(known.contains("\(command) \(flag)") == true, "\(command) \(flag)")
        }
      }
    }
  }

  /// The other names of each flag of a command, as its help shows them: `-n` and `--lines` for `--tail`.
  private static func aliases(_ scene: Scene, _ command: String) throws -> [String: [String]] {
    var aliases: [String: [String]] = [:]
    let lines = try scene.run(Binaries.logs, ["help", command]).lines.filter { $0.hasPrefix("  -") }
    for line in lines {
      // What the flag does stands behind two spaces.
      let names = line.dropFirst(2).split(separator: "  ")[0].split(whereSeparator: { " ,".contains($0) })
      let flags = names.filter { $0.hasPrefix("-") }.map(String.init)
      guard let long = flags.first(where: { $0.hasPrefix("--") }) else { continue }
      aliases[long] = flags.filter { $0 != long }
    }
    return aliases
  }

  @Test func `the table has what each command's help shows`() throws {
    try Scene.play { scene in
      let known = Set(Self.rows.map { "\($0.command) \($0.flag)" }).union(Self.endless)
      for command in Self.usual.keys.sorted() {
        let aliases = try Self.aliases(scene, command)
        #expect(aliases.count > 8, "\(command): \(aliases)")
        for flag in aliases.keys.sorted() where Self.connecting.contains(command) || !Self.connection.contains(flag) {
          #expect(known.contains("\(command) \(flag)"), "\(command) \(flag)")
        }
      }
      #expect(try Self.aliases(scene, "follow")["--tail"] == ["-n", "--lines"])
    }
  }

  @Test(arguments: usual.keys.sorted()) func `each flag of a command works, and refuses what it cannot use`(
    command: String
  ) throws {
    try Scene.play { scene in
      let place = try Place(scene)
      let aliases = try Self.aliases(scene, command)
      for (number, row) in Self.rows.enumerated() where row.command == command {
        let words = [command] + (row.words ?? Self.usual[command]!).map { $0 == "NEW" ? "new\(number)" : $0 }
        // What these need to end, and to use the scene's server.
        let more = ["follow": ["--until-head"], "bench": ["--server", "SERVER"]][command] ?? []
        let run = try place.run(
          words + (more.first == row.flag ? [] : more) + [row.flag] + (row.value.map { [$0] } ?? []))
        #expect(run.exit == .code(0), "\(words) \(row.flag): \(run.errors)")
        for alias in aliases[row.flag] ?? [] {
          let new = words.map { $0 == "new\(number)" ? "new\(number)\(alias)" : $0 }
          let same = try place.run(
            new + (more.first == row.flag ? [] : more) + [alias] + (row.value.map { [$0] } ?? []))
          #expect(same.exit == .code(0) && same.output.isEmpty == run.output.isEmpty, "\(alias): \(same.errors)")
        }
        let isSilent =
          ["push", "complete", "seal", "import"].contains(command) || row.flag == "--sqlite"
          || command == "ship" && !words.contains("check") && !words.contains("status")
        #expect(run.output.isEmpty == isSilent, "\(words) \(row.flag): \(run.text)")
        let isSpokenOf = row.flag.hasPrefix("--token") || row.flag == "--ca-cert" || row.flag == "--cert"
        if !Self.talkative.contains(command), !isSpokenOf {
          #expect(run.errors.isEmpty, "\(words) \(row.flag): \(run.errors)")
        }
        for value in row.wrong { try place.refuses(words + [row.flag, value]) }
        if row.value == nil {
          try place.refuses(words + ["\(row.flag)=x"], saying: "has no value")
        } else {
          try place.refuses(words + [row.flag], saying: "needs a value")
        }
      }
      try place.refuses([command] + Self.usual[command]! + ["--frob"], saying: "there is no flag --frob")
      try place.refuses([command] + Self.usual[command]! + ["-!"], saying: "there is no flag -!")
    }
  }

  @Test func `operands are refused that a command cannot use, and help goes to stdout`() throws {
    try Scene.play { scene in
      let place = try Place(scene)
      for words in [
        [], ["frob"], ["help", "frob"], ["push"], ["follow"], ["query"], ["status", "web"], ["complete"],
        ["complete", "a", "b"], ["delete"], ["delete", "a", "b"], ["delete", "web"], ["seal"], ["spool"],
        ["spool", "frob", "SPOOL"], ["bench"], ["bench", "frob"], ["completion"], ["completion", "tcsh"],
        ["streams", "a", "b"], ["push", "a b"], ["push", "web", "-F"], ["config"], ["config", "edit"],
        ["man", "frob"], ["man", "a", "b"],
        ["query", "web", "a OR", "-n", "1"],
      ] { try place.refuses(words) }
      for command in Self.usual.keys {
        for words in [["help", command], [command, "--help"], [command, "-h"]] {
          let help = try place.run(words)
          #expect(help.exit == .code(0) && help.errors.isEmpty && help.text.hasPrefix("usage: logs \(command)"))
        }
      }
    }
  }
}
