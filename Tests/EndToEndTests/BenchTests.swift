import Foundation
import Glibc
import Testing

/// `logs bench` against servers of its own: what it reports, and that nothing stays behind.
@Suite(.ownThread) struct BenchTests {
  /// Runs a measurement with its server's data in the scene's directory.
  private func bench(_ scene: Scene, _ words: String...) throws -> Report {
    let finished = try scene.run(
      Binaries.logs, ["bench"] + words + ["-o", "json"], environment: ["TMPDIR": scene.directory])
    guard finished.exit == .code(0) else { throw Failure("bench ended with \(finished.exit): \(finished.errors)") }
    #expect(finished.errors.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scene.directory).isEmpty)
    return try Report(finished.output)
  }

  /// The object that a measurement prints, accessed key by key.
  private struct Report {
    let object: [String: Any]

    init(_ bytes: [UInt8]) throws {
      guard let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
        throw Failure("no JSON object: \(Sample(bytes))")
      }
      self.object = object
    }

    private init(_ object: [String: Any]) { self.object = object }

    var runs: [Report] { (object["runs"] as? [[String: Any]] ?? []).map { Report($0) } }

    func text(_ key: String) -> String? { object[key] as? String }

    /// - Parameter keys: each one inside the previous one.
    func number(_ keys: String...) throws -> Double {
      var value: Any? = object
      for key in keys { value = (value as? [String: Any])?[key] }
      guard let number = value as? NSNumber else { throw Failure("no number \(keys.joined(separator: "."))") }
      return number.doubleValue
    }

    /// What all measurements promise.
    func check(kind: String, runCount: Int, entryCount: Int? = nil) throws {
      #expect(text("kind") == kind)
      #expect(object["settings"] is [String: Any])
      #expect(runs.count == runCount)
      for report in [self] + runs {
        if let entryCount { #expect(try Int(report.number("entries")) == entryCount) }
        #expect(try report.number("entries") > 0)
        #expect(try report.number("entries_per_second") > 0)
        #expect(try report.number("megabytes_per_second") > 0)
        let latencies = try ["p50", "p90", "p99", "p999", "max"].map { try report.number("latency_ms", $0) }
        #expect(latencies == latencies.sorted() && latencies[0] > 0)
        #expect(try report.number("server", "cpu_seconds") >= 0)
        #expect(try report.number("server", "cpu_seconds_per_million") >= 0)
        #expect(try report.number("server", "resident_bytes") > 0)
        #expect(try report.number("client", "cpu_seconds") > 0)
      }
    }
  }

  @Test func `append counts all entries, even of several producers`() throws {
    try Scene.play { scene in
      let report = try bench(scene, "append", "--producers", "3", "--entries", "2000", "--batch", "70", "--repeat", "2")
      try report.check(kind: "append", runCount: 2, entryCount: 2_000)
      #expect(try report.number("settings", "producers") == 3)
    }
  }

  @Test func `append uses its streams in turn, the same ones in each run`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let finished = try server.run([
        "bench", "append", "--producers", "2", "--streams", "5", "--entries", "100", "--batch", "10", "--repeat", "2",
        "-o", "json",
      ])
      #expect(finished.exit == .code(0), "\(finished.errors)")
      try Report(finished.output).check(kind: "append", runCount: 2, entryCount: 100)
      // Five batches warm up, then five from each producer in each run, beginning with its first stream.
      let rows = try server.run(["streams", "bench/**"]).lines.dropFirst().map { $0.split(separator: " ") }
      #expect(rows.map { String($0[0].suffix(8)) } == (0..<5).map { "append/\($0)" })
      #expect(rows.map { $0[3] } == ["50", "75", "50", "50", "25"])
    }
  }

  @Test func `ack measures connections that wait for each answer`() throws {
    try Scene.play { scene in
      let report = try bench(scene, "ack", "--connections", "8", "--streams", "2", "--seconds", "2", "--repeat", "1")
      try report.check(kind: "ack", runCount: 1)
    }
  }

  @Test func `tail delivers everything that is due to each follower`() throws {
    try Scene.play { scene in
      let report = try bench(
        scene, "tail", "--rate", "2000", "--followers", "20", "--batch", "10", "--seconds", "0.2", "--repeat", "2")
      try report.check(kind: "tail", runCount: 2, entryCount: 8_000)
      for run in report.runs {
        #expect(try run.number("deliveries", "expected") == 8_000)
        #expect(try run.number("deliveries", "made") == 8_000)
        #expect(try run.number("deliveries", "lag_entries_max") >= 10)
      }
    }
  }

  @Test(arguments: ["batches", "entries"])
  func `read gets all entries`(decoding: String) throws {
    try Scene.play { scene in
      let report = try bench(scene, "read", "--entries", "2000", "--decode", decoding, "--repeat", "1")
      try report.check(kind: "read", runCount: 1, entryCount: 2_000)
    }
  }

  @Test func `a given server is measured, with the lines of a file`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = LogLines.plain(100)
      let file = try scene.file("f", LogLines.file(lines))
      let finished = try server.run(
        ["bench", "append", "--corpus", file, "--entries", "500", "--repeat", "1", "-o", "json"])
      #expect(finished.exit == .code(0), "\(finished.errors)")
      try Report(finished.output).check(kind: "append", runCount: 1, entryCount: 500)
      let streams = try server.run(["streams", "bench/**"])
      #expect(streams.lines.count == 2, "\(streams.text)")
      try expectSuccess(server.run(["push", "web", file]))
      let read = try server.run(["bench", "read", "--stream", "web", "--repeat", "1", "-o", "json"])
      try Report(read.output).check(kind: "read", runCount: 1, entryCount: 100)
    }
  }

  @Test func `lines written by corpus are read back unchanged`() throws {
    try Scene.play { scene in
      let corpus = try scene.run(Binaries.logs, ["bench", "corpus", "--entries", "500"])
      #expect(corpus.lines.count == 500)
      let server = try TestServer(scene)
      let file = try scene.file("f", corpus.output)
      #expect(
        try server.run(["bench", "append", "--corpus", file, "--entries", "500", "--repeat", "1"]).exit == .code(0))
      guard let row = try server.run(["streams", "bench/*/append/*"]).lines.last,
        let stream = row.split(separator: " ").first
      else { throw Failure("no stream") }
      let stored = try server.run(["follow", String(stream), "-n", "500", "--until-head", "-o", "raw"])
      let messages = corpus.lines.map { $0.split(separator: "\t", maxSplits: 3)[3] }
      expectSame(stored.output, Array((messages.joined(separator: "\n") + "\n").utf8))
    }
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGKILL])
  func `it leaves neither server nor data behind, however it ends`(signal: Int32) throws {
    try Scene.play { scene in
      let process = try scene.start(
        Binaries.logs, ["bench", "ack", "--seconds", "3600"], environment: ["TMPDIR": scene.directory])
      let server = try ownServer(in: scene)
      process.signal(signal)
      let expected = signal == SIGKILL ? ChildProcess.Exit.signal(SIGKILL) : .code(128 + signal)
      #expect(try process.wait() == expected, "\(process.errors.text)")
      // After kill -9 the shell cleans up.
      try Polling.wait(for: "the end of the server and its directory") {
        try kill(server, 0) != 0 && FileManager.default.contentsOfDirectory(atPath: scene.directory).isEmpty
      }
    }
  }

  /// Waits for the server whose data is in the scene's directory.
  private func ownServer(in scene: Scene) throws -> pid_t {
    var server: pid_t = 0
    try Polling.wait(for: "the server") {
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
        guard let pid = pid_t(name), let words = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
          continue
        }
        let text = String(decoding: words, as: UTF8.self)
        if text.contains("logsd\0"), text.contains("\(scene.directory)/"), !text.hasPrefix("/bin/sh") { server = pid }
      }
      return server != 0
    }
    return server
  }

  @Test func `without a logsd it says where it looked for one`() throws {
    try Scene.play { scene in
      let lonely = try scene.program("logs", copyOf: Binaries.logs)
      let finished = try scene.run(lonely, ["bench", "append"], environment: ["PATH": "/nowhere"])
      #expect(finished.exit == .code(1))
      #expect(finished.errors.contains("no logsd beside \(lonely)"), "\(finished.errors)")
    }
  }
}
