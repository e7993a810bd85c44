import Foundation
import Testing

/// What `logs query` says, or does not say, where nothing is found.
@Suite(.ownThread) struct SearchHintTests {
  private static func play(_ body: (Scene, TestServer) throws -> Void) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = #"{"msg":"one","uid":"0"}"# + "\n" + #"{"msg":"two gid=0"}"# + "\n"
      let file = try scene.file("f", lines.utf8)
      #expect(try server.run(["push", "web", file, "--format", "json"]).exit == .code(0))
      try body(scene, server)
    }
  }

  @Test func `an attribute that no entry has is named where nothing was found, and nowhere else`() throws {
    try Self.play { scene, server in
      let missing = try server.run(["query", "web", "gid=0"])
      #expect(missing.exit == .code(1) && missing.output.isEmpty && missing.errorLines.count == 1, "\(missing.errors)")
      #expect(missing.errors.contains("no entry that was searched has an attribute 'gid'; "), "\(missing.errors)")
      #expect(missing.errors.contains(#"like "gid=x""#), "\(missing.errors)")
      // Found, there but with another value, not asked for, or no attribute at all.
      for filter in ["uid=0", "gid=0 OR two", "uid=1", "-gid=0 nothing", "nothing"] {
        #expect(try server.run(["query", "web", "--", filter]).errors.isEmpty, "\(filter)")
      }
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
      #expect(try server.run(["push", "days", file, "--format", "json"]).exit == .code(0))
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
