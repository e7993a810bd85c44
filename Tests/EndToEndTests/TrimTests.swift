import Foundation
import Testing

/// What a person and a script see of retention.
@Suite(.ownThread) struct TrimTests {
  @Test func `entries that are too old are trimmed, and followers get skips for them`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--retention-age", "1s"])
      let live = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      var lines: [[UInt8]] = []
      // Segments end after an eighth of a second, if there is something to be stored behind them.
      while !server.process.errors.text.contains("trimmed: ") {
        let more = LogLines.plain(10, from: lines.count + 1)
        let push = try server.run(["push", "web", try scene.file("f\(lines.count)", LogLines.file(more))])
        try #require(push.exit == .code(0), "\(push.errors)")
        lines += more
      }
      try live.output.waitForLines(lines.count)
      expectSame(live.output.bytes, LogLines.file(lines))

      for _ in 0..<2 {
        let follow = ["follow", "web", "-n", "all", "--until-head", "-o", "raw"]
        let kept = try server.run(follow)
        #expect(kept.exit == .code(0))
        #expect(kept.errors.contains("trimmed by retention"), "\(kept.errors)")
        #expect(LogLines.file(lines).suffix(kept.output.count) == kept.output[...])
        #expect(kept.output.count < LogLines.file(lines).count)
        #expect(try server.run(follow + ["--strict"]).exit == .code(5))
        // Nobody asked for what is gone; only what goes while a query runs is missing.
        try Polling.wait(for: "a count of all that is kept") {
          let count = try server.run(["query", "web", "--count", "--filter", "-nothing"])
          #expect(count.lines.first.flatMap { Int($0) }.map { $0 <= kept.lines.count } ?? false)
          return count.errors.isEmpty
        }
        try server.kill()
        try server.restart()
      }
      // Else what comes next may be too old when it is back.
      try Polling.wait(for: "the follower to be back") {
        try server.run(["status"]).lines.contains { $0.split(separator: " ").elementsEqual(["subscriptions", "1"]) }
      }
      let more = LogLines.plain(1, from: lines.count + 1)
      try expectSuccess(server.run(["push", "web", try scene.file("g", LogLines.file(more))]))
      try live.output.waitForLines(lines.count + 1)
      expectSame(live.output.bytes, LogLines.file(lines + more))
    }
  }

  @Test func `with too little free on the disk appends are refused with the setting's name`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, ["--disk-min-free", "1000T"])
      try server.process.errors.waitForText("appends are refused")
      let push = try server.run(
        ["push", "web", try scene.file("f", LogLines.file(LogLines.plain(1))), "--retry-for", "0"])
      #expect(push.exit == .code(1))
      #expect(push.errors.contains("disk-min-free"), "\(push.errors)")
      let status = try server.run(["status"])
      #expect(status.text.contains(/disk_low +yes/), "\(status.text)")
    }
  }
}
