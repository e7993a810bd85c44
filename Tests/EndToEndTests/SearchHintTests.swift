import Foundation
import Testing

/// What `logs query` says, or does not say, where nothing is found.
@Suite(.ownThread) struct SearchHintTests {
  private static func play(_ body: (Scene, TestServer) throws -> Void) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = #"{"msg":"one","uid":"0"}"# + "\n" + #"{"msg":"two gid=0"}"# + "\n"
      let file = try scene.file("f", lines.utf8)
      try expectSuccess(server.run(["push", "web", file, "--format", "json"]))
      try body(scene, server)
    }
  }

  @Test func `an attribute that no entry has is named where nothing was found, and nowhere else`() throws {
    try Self.play { scene, server in
      let missing = try server.run(["query", "web", "gid=0"])
      #expect(missing.exit == .code(1) && missing.output.isEmpty && missing.errorLines.count == 1, "\(missing.errors)")
      #expect(missing.errors.contains("no entry that was searched has an attribute 'gid'; "), "\(missing.errors)")
      #expect(missing.errors.contains(#"like "gid=0""#), "\(missing.errors)")
      // Found, there but with another value, not asked for, or no attribute at all.
      for filter in ["uid=0", "gid=0 OR two", "uid=1", "-gid=0 nothing", "nothing"] {
        #expect(try server.run(["query", "web", "--", filter]).errors.isEmpty, "\(filter)")
      }
    }
  }

  @Test func `an attribute that no entry has is answered with what to write`() throws {
    try Self.play { scene, server in
      let lines = #"{"msg":"one","user":"bob","Größe":3}"# + "\n"
      let file = try scene.file("names", lines.utf8)
      try expectSuccess(server.run(["push", "names", file, "--format", "json"]))
      for (filter, remedy) in [
        ("_time>5", "; write time>=..."), ("@timestamp:*", "; write time>=..."), ("lvl=warn", "; write level>=..."),
        ("text:x", "; write a word alone, or message:..."), ("service:api", "; write source:..."),
        ("@user:bob", "; there is 'user'"), ("größe:3", "; there is 'Größe'"), ("USER:*", "; there is 'user'"),
        ("gid=0", "; text that holds"), ("gid:*", "attribute 'gid'\n"), (#"gid:"0""#, "attribute 'gid'\n"),
        (#""gid"=0"#, "attribute 'gid'\n"), ("gid~/0/", "attribute 'gid'\n"),
      ] {
        let run = try server.run(["query", "names", "--", filter])
        #expect(run.exit == .code(1) && run.errorLines.count == 1, "\(filter): \(run.errors)")
        #expect(run.errors.contains("no entry that was searched") && run.errors.contains(remedy), "\(run.errors)")
      }
    }
  }

  @Test func `a term of another language and a small operator are named once, but not with -q`() throws {
    try Self.play { scene, server in
      let regex = try server.run(["query", "web", "--", "one|two"])
      #expect(regex.exit == .code(1))
      #expect(
        regex.errors == "logs: 'one|two' is looked for as text; a regular expression is written /one|two/\n")
      #expect(try server.run(["query", "web", "--", "one|two OR one"]).errors.isEmpty)
      for words in [["query"], ["query", "--count"], ["follow", "--until-head"]] {
        for filter in [["--", "one or two"], ["--filter", "one or two"]] {
          let run = try server.run(words + ["web"] + filter)
          #expect(run.errors == "logs: 'or' is looked for as text; OR in capitals joins terms\n", "\(words)")
          #expect(try server.run(words + ["-q", "web"] + filter).errors.isEmpty)
        }
      }
    }
  }

  @Test func `a filter with a wildcard is a filter, and a pattern that nothing matches says what to write`() throws {
    try Self.play { scene, server in
      func count(_ operands: String...) throws -> Finished {
        try server.run(["query", "--count"] + operands)
      }
      #expect(try count("web").text == "2\n" && count("web", "uid:*").text == "1\n")
      #expect(try count("web", "uid:zzz*").text == "0\n" && count("w*", "uid:0*").text == "1\n")
      // A pattern of that form stands alone or first, whatever streams there are.
      let file = try scene.file("g", "three\n".utf8)
      try expectSuccess(server.run(["push", "uid:05", file]))
      #expect(try count("web", "uid:0*").text == "1\n" && count("uid:*").text == "1\n")
      #expect(try count("uid:0*", "web").text == "3\n")
      #expect(try count("web", "--", "uid:0*").text == "1\n")
      let follow = try server.run(["follow", "web", "uid:0*", "--until-head", "-o", "raw"])
      #expect(follow.exit == .code(0) && follow.text == "one\n" && follow.errors.isEmpty, "\(follow.errors)")

      let advice = "logs: no stream matches 'error*'; a filter stands behind --: logs"
      for (words, line) in [
        (["query", "--count"], "query web -- error"), (["query"], "query web -- error"),
        (["follow", "--until-head"], "follow web -- error"), (["follow", "--reverse", "-q"], "follow web -- error"),
      ] {
        let run = try server.run(words + ["web", "error*"])
        #expect(run.exit == .code(1) && run.output.isEmpty, "\(words): \(run.text)")
        #expect(run.errors == "\(advice) \(line)\n", "\(words): \(run.errors)")
      }
      let strict = try server.run(["follow", "web", "error*", "--until-head", "--strict"])
      #expect(strict.exit == .code(5), "\(strict.errors)")
      let first = try server.run(["query", "nothing/*", "web"])
      #expect(first.exit == .code(1) && first.errors == "logs: no stream matches 'nothing/*'; see logs streams\n")
      // Braces are one word.
      #expect(try count("web", "{nothing,uid:}*").text == "3\n")
      let live = try server.start(["follow", "web", "error*", "-n", "2", "-o", "raw"])
      try live.output.waitForLines(2)
      try live.errors.waitForLines(1)
      #expect(live.errors.text == "\(advice) follow web -- error\n")
      let waiting = try server.start(["follow", "web", "status:500"])
      try waiting.errors.waitForLines(1)
      #expect(
        waiting.errors.text.contains("'status:500': it does not exist yet; a filter stands behind --: logs follow"))
      #expect(waiting.errors.text.hasSuffix("logs follow web -- status:500\n"), "\(waiting.errors.text)")
    }
  }

  @Test func `a pattern that matches nothing is named where it stands alone`() throws {
    try Self.play { scene, server in
      for (words, exit) in [
        (["query"], 1), (["query", "--count"], 1), (["query", "--strict"], 5), (["follow", "--until-head"], 0),
        (["follow", "--until-head", "--strict"], 5), (["streams"], 0),
      ] {
        let run = try server.run(words + ["nothing/*"])
        #expect(run.exit == .code(Int32(exit)), "\(words): \(run.exit)")
        #expect(run.errors == "logs: no stream matches 'nothing/*'; see logs streams\n", "\(words): \(run.errors)")
        let near = try server.run(words + ["wbe*"])
        #expect(near.errors == "logs: no stream matches 'wbe*'; did you mean 'web*'?\n", "\(words): \(near.errors)")
      }
      #expect(try server.run(["streams", "wbe"]).errors == "logs: no stream matches 'wbe'; did you mean 'web'?\n")
      #expect(try server.run(["follow", "nothing/*", "--until-head", "-q"]).errors.isEmpty)
      for kind in [["read"], ["search", "--filter", "one"]] {
        let bench = try server.run(["bench"] + kind + ["--stream", "wbe", "--repeat", "1"])
        #expect(bench.exit == .code(1) && bench.errors.contains("did you mean 'web'?"), "\(bench.errors)")
      }
      let strict = try server.run(["query", "wbe", "--strict"])
      #expect(strict.exit == .code(5) && strict.errors.contains("did you mean 'web'?"), "\(strict.errors)")
      let live = try server.start(["follow", "new/*", "-o", "raw"])
      try live.errors.waitForLines(1)
      #expect(live.errors.text == "logs: waiting for streams that match 'new/*': there are none yet\n")
      try expectSuccess(server.run(["push", "new/a", try scene.file("h", "four\n".utf8)]))
      try live.output.waitForLines(1)
    }
  }

  @Test func `flags behind -- are named, and a filter cannot hold long ones`() throws {
    try Self.play { scene, server in
      let short = try server.run(["query", "web", "--", "one", "-n", "5"])
      #expect(short.exit == .code(1) && short.output.isEmpty)
      #expect(short.errors.hasSuffix("flags come before it: logs query web -n 5 -- one\n"), "\(short.errors)")
      for command in ["query", "follow"] {
        let long = try server.run([command, "web", "--", "one", "--since", "1h"])
        #expect(long.exit == .code(2) && long.output.isEmpty && long.errorLines.count == 1, "\(long.errors)")
        #expect(
          long.errors.hasSuffix("flags come before it: logs \(command) web --since 1h -- one\n"), "\(long.errors)")
      }
      // Terms that are no flags.
      let terms = try server.run(["query", "web", "--", "one", "-two", "-5"])
      #expect(terms.exit == .code(0) && terms.errors.isEmpty, "\(terms.errors)")
      let grep = try server.run(["query", "web", "-g", #"one\|two"#])
      #expect(grep.exit == .code(1) && grep.errors.contains("| alone for either"), "\(grep.errors)")
      let misspelled = try server.run([
        "push", "names", try scene.file("i", #"{"msg":"x","status":200}"#.utf8), "--format", "json",
      ])
      #expect(misspelled.exit == .code(0))
      #expect(try server.run(["query", "names", "--", "statu:200"]).errors.hasSuffix("; there is 'status'\n"))
    }
  }

  @Test func `a histogram and fields of nothing print nothing, and a count its 0`() throws {
    try Self.play { scene, server in
      for words in [["--histogram", "1h"], ["--fields"], ["--fields", "-o", "json"]] {
        let run = try server.run(["query", "web"] + words + ["--", "nothing"])
        #expect(run.exit == .code(1) && run.output.isEmpty, "\(words): \(run.text)")
      }
      let count = try server.run(["query", "web", "--count", "--", "nothing"])
      #expect(count.exit == .code(1) && count.text == "0\n")
    }
  }

  @Test func `days of a histogram begin at midnight of the zone that is shown`() throws {
    try Self.play { scene, server in
      let times = ["2026-03-28T22:30:00Z", "2026-03-28T23:30:00Z", "2026-03-29T21:30:00Z", "2026-03-29T22:30:00Z"]
      let lines = times.map { #"{"time":"\#($0)","msg":"x"}"# }.joined(separator: "\n")
      let file = try scene.file("days", lines.utf8)
      try expectSuccess(server.run(["push", "days", file, "--format", "json"]))
      let run = try server.run(["query", "days", "--histogram", "1d", "-Z", "Europe/Berlin", "-o", "json"])
      let counts = run.lines.compactMap { line in
        (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["count"] as? Int
      }
      #expect(counts == [1, 2, 1], "\(run.text)")
      let utc = try server.run(["query", "days", "--histogram", "1d", "--utc", "-o", "json"])
      #expect(utc.lines.count == 2, "\(utc.text)")
    }
  }

  @Test func `an argument that is not UTF-8 is refused, and a filter that is too large is not blamed on a flag`() throws
  {
    try Self.play { scene, server in
      let script = "exec \"$1\" query web --server \"$2\" -- \"$(printf '\\377')\""
      let run = try scene.run("/bin/sh", ["-c", script, "sh", Binaries.logs, server.url])
      #expect(run.exit == .code(2) && run.errors.contains("is not UTF-8"), "\(run.errors)")
      let long = String(repeating: "x", count: 16_384)
      let large = try server.run(["query", "web", "-l", "warn", "--", long])
      #expect(large.exit == .code(2) && large.errorLines.count == 1)
      #expect(large.errors.contains("one filter together") && !large.errors.contains("--level"), "\(large.errors)")
    }
  }
}
