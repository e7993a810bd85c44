import Foundation
import Glibc
import Testing

/// What `logsd` says about itself on stderr.
@Suite(.ownThread) struct LogOfServerTests {
  @Test func `the first line says what was started, each has a time, and a level may be wanted`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      try server.process.errors.waitForText("has started")
      let first = try #require(server.process.errors.lines.first)
      #expect(first.contains(#/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z notice logsd \d+\.\d+\.\d+ has started: /#))
      for part in [
        "process \(server.process.pid),", "data directory \(server.data),", "listening on \(server.url);",
        "a new store",
      ] { #expect(first.contains(part), "\(part): \(first)") }
      #expect(first.contains(#/, store [0-9a-f]{32} with 0 streams in 1 segment, /#), "\(first)")
      #expect(try server.stop() == .code(0))
      #expect(server.process.errors.lines.last?.hasSuffix(" notice stopped: everything acknowledged is stored") == true)
      try server.restart()
      try server.process.errors.waitForText("the last stop was clean")
      try server.kill()
      try server.restart()
      try server.process.errors.waitForText("the last stop was not clean")
      try server.stop()
      let quiet = try TestServer(scene, ["--log-level", "warn"], name: "quiet")
      #expect(try quiet.stop() == .code(0))
      #expect(quiet.process.errors.bytes.isEmpty, "\(quiet.process.errors.text)")
    }
  }

  @Test func `each line is an object if it is to be JSON`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, environment: ["LOGSD_LOG_FORMAT": "json"])
      server.process.signal(SIGUSR2)
      try server.process.errors.waitForText("SIGUSR2")
      try server.stop()
      #expect(server.process.errors.lines.count >= 4)
      for line in server.process.errors.lines {
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(Set(object.keys) == ["time", "level", "message"], "\(line)")
      }
    }
  }

  @Test func `the journal gets levels in front of the lines, and no times`() throws {
    try Scene.play { scene in
      // As systemd does it: the variable names what stderr is.
      let script = #"JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$0" "$@""#
      let words = ["--data", scene.path("data"), "--listen", "0.0.0.0:0", "--insecure-plain", "--insecure-open"]
      let server = try scene.start("/bin/sh", ["-c", script, Binaries.logsd] + words)
      try server.output.waitForLines(1)
      server.signal(SIGTERM)
      #expect(try server.wait() == .code(0), "\(server.errors.text)")
      let lines = server.errors.lines
      #expect(lines.first?.hasPrefix("<5>logsd ") == true && lines.last?.hasPrefix("<5>stopped") == true, "\(lines)")
      #expect(lines.count { $0.hasPrefix("<4>logs://0.0.0.0:") } == 2, "\(lines)")
    }
  }
}
