import Foundation
import Testing

/// Pushed entries come back from a follow.
@Suite(.ownThread) struct PushAndFollowTests {
  @Test func `a pushed file comes back byte for byte, with a missing last newline added`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(4_000), &random)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let path = try scene.file("nasty.log", LogLines.file(lines, endsWithNewline: false))
      let pushed = try server.run(["push", "web/nasty", path])
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      #expect(pushed.output.isEmpty)
      #expect(
        pushed.errors.contains("\(lines.count) entries of web/nasty acknowledged, sequence numbers 1 to \(lines.count)")
      )
      try expectSame(server.stored("web/nasty"), LogLines.file(lines))
    }
  }

  @Test func `real log files come back byte for byte`() throws {
    guard let directory = Environment.text("LOGS_TEST_FILES") else {
      return print("skipped: LOGS_TEST_FILES names no directory of log files")
    }
    try Scene.play { scene in
      let server = try TestServer(scene)
      for name in try FileManager.default.contentsOfDirectory(atPath: directory).sorted() {
        let path = "\(directory)/\(name)"
        var file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        if let last = file.last, last != UInt8(ascii: "\n") { file.append(UInt8(ascii: "\n")) }
        try expectSuccess(server.run(["push", "real/\(name)", path]))
        try expectSame(server.stored("real/\(name)"), file, "\(name)")
      }
    }
  }

  @Test func `several files and stdin come back as one, in the given order`() throws {
    var random = Seeded.forTest()
    let parts = (0..<3).map { _ in LogLines.nasty(300, &random) }
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .tcp)
      let first = try scene.file("first", LogLines.file(parts[0], endsWithNewline: false))
      let second = try scene.file("second", LogLines.file(parts[1]))
      let third = try scene.file("third", LogLines.file(parts[2]))
      let pushed = try server.run(["push", "all", first, "-", third], input: .file(second))
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      try expectSame(server.stored("all"), LogLines.file(parts[0] + parts[1] + parts[2]))
    }
  }

  @Test func `lines from a pipe come back, and an empty input adds no entry and does not fail`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let push = try server.start(["push", "pipe"], input: .pipe)
      let lines = LogLines.plain(2_500)
      for piece in lines.chunks(of: 83) { try push.write(LogLines.file(piece)) }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try expectSame(server.stored("pipe"), LogLines.file(lines))

      let empty = try server.run(["push", "empty"])
      #expect(empty.exit == .code(0))
      #expect(empty.errors.contains("no lines"))
    }
  }

  @Test func `a message of 1 MiB is stored whole, a longer one is cut and marked with its length`() throws {
    let limit = 1 << 20
    try Scene.play { scene in
      let server = try TestServer(scene)
      let sizes = [limit - 1, limit, limit + 1, 3 << 20]
      var letters = Array("abcdefghijklmnopqrstuvwxyz".utf8)
      while letters.count < 3 << 20 { letters += letters }
      let lines = sizes.map { Array(letters.prefix($0)) }
      let path = try scene.file("long", LogLines.file(lines))
      let pushed = try server.run(["push", "long", path])
      #expect(pushed.exit == .code(0), "\(pushed.errors)")
      try expectSame(server.stored("long"), LogLines.file(lines.map { Array($0.prefix(limit)) }))

      let json = try server.run(["follow", "long", "-n", "all", "--until-head", "-o", "json"])
      let marks = try json.lines.map { line in
        let entry = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        return (entry["attributes"] as? [String: Any])?["logs.truncated"] as? Int
      }
      #expect(marks == [nil, nil, limit + 1, 3 << 20])
    }
  }

  @Test func `several streams and a pattern merge, each in order, and each line of json names its stream`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let names = ["docker/nginx", "docker/redis", "task/1", "task/2/sub", "other"]
      for name in names {
        let path = try scene.file("f", LogLines.file(LogLines.plain(120).map { $0 + Array(" \(name)".utf8) }))
        let pushed = try server.run(["push", name, path, "--level", "warn", "--source", "unit"])
        #expect(pushed.exit == .code(0), "\(pushed.errors)")
      }
      let followed = try server.run(["follow", "docker/*", "task/**", "-n", "all", "--until-head", "-o", "json"])
      #expect(followed.exit == .code(0), "\(followed.errors)")
      var seen: [String: Int] = [:]
      for line in followed.lines {
        let entry = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let stream = try #require(entry["stream"] as? String)
        let sequence = try #require(entry["seq"] as? Int)
        #expect(sequence == seen[stream, default: 0] + 1)
        seen[stream] = sequence
        #expect((entry["message"] as? String)?.hasPrefix("line \(sequence) ") == true)
        #expect((entry["message"] as? String)?.hasSuffix(stream) == true)
        #expect(entry["level"] as? String == "warning" || entry["level"] as? String == "warn")
        #expect(entry["source"] as? String == "unit")
        #expect(entry["kind"] as? String == "log")
        #expect((entry["received"] as? String)?.hasSuffix("Z") == true)
      }
      #expect(seen == ["docker/nginx": 120, "docker/redis": 120, "task/1": 120, "task/2/sub": 120])

      let one = try server.run(["follow", "docker/*", "-n", "3", "--until-head", "-o", "short"])
      #expect(one.lines.count == 6)
      #expect(one.lines.allSatisfy { $0.contains("docker/") })
    }
  }
}

extension Array {
  func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
