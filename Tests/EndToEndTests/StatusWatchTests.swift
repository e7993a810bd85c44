import Foundation
import Glibc
import Testing

/// `logs status`, once and again.
@Suite(.ownThread) struct StatusWatchTests {
  private func facts(_ line: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  @Test func `each second there is another object, until the server or the reader is gone`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let watch = try server.start(["status", "--watch", "-o", "json"])
      try watch.output.waitForLines(1)
      #expect(try facts(watch.output.lines[0])["appended_entries_total"] as? Int == 0)
      try expectSuccess(server.run(["push", "web", scene.file("f", LogLines.file(LogLines.plain(120)))]))
      try Polling.wait(for: "the entries") {
        try watch.output.lines.last.map(facts)?["appended_entries_total"] as? Int == 120
      }
      #expect(try watch.output.lines.last.map(facts)?["appended_entries_last_minute"] as? Int == 120)
      try server.kill()
      #expect(try watch.wait() == .code(3))
      #expect(watch.errors.lineCount == 1, "\(watch.errors.text)")
    }
  }

  @Test func `the table has numbers for people, rates from the second time on, and one place on a terminal`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try expectSuccess(server.run(["push", "web", scene.file("f", LogLines.file(LogLines.plain(1_200)))]))
      let once = try server.run(["status"])
      #expect(once.text.contains("appended_entries_total") && once.text.contains("  1,200\n"))
      #expect(once.text.contains("  1,200, ") && once.text.contains(" a second\n"), "\(once.text)")
      #expect(!once.text.contains("PER SECOND"))
      let names = once.lines.dropFirst().map { $0.prefix { $0 != " " } }
      #expect(Set(names).count == names.count && names.contains("uptime") && names.contains("stored"), "\(names)")
      #expect(names.contains("appended_entries_last_second"))
      #expect(!once.text.contains("_bytes") && !once.text.contains("seconds"), "\(once.text)")
      for isTerminal in [false, true] {
        let watch = try server.start(
          ["status", "-w"], environment: ["TERM": "xterm"], columnCount: isTerminal ? 80 : nil)
        let place = "\u{1b}[H\u{1b}[J"
        _ = try watch.output.wait(for: "two tables") { bytes, _ in
          String(decoding: bytes, as: UTF8.self).components(separatedBy: "PER SECOND").count > 2
        }
        watch.signal(SIGINT)
        #expect(try watch.wait() == .code(130))
        #expect(watch.output.text.contains(place) == isTerminal)
        #expect(watch.output.text.hasPrefix(isTerminal ? "\(place)FACT" : "FACT"))
      }
    }
  }
}
