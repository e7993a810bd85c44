import Foundation
import Testing

/// How the bytes of a pushed file are stored.
@Suite(.ownThread) struct PushBytesTests {
  private func push(_ server: TestServer, _ file: [UInt8], _ words: [String] = []) throws -> Finished {
    let pushed = try server.run(["push", "web", try server.scene.file("f", file)] + words)
    #expect(pushed.exit == .code(0), "\(pushed.errors)")
    return pushed
  }

  private func entries(_ server: TestServer) throws -> [[String: Any]] {
    try server.run(["follow", "web", "--until-head", "-o", "json"]).lines.map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  @Test func `a byte order mark at the start of a file is not part of its first line, except in raw`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let line = #"{"level":"error","msg":"first"}"#
      let file = [0xef, 0xbb, 0xbf] + Array("\(line)\r\n\(line)\n".utf8)
      _ = try push(server, file, ["--format", "auto"])
      let entries = try entries(server)
      #expect(entries.map { $0["level"] as? String } == ["error", "error"])
      #expect(entries.first?["message"] as? String == "first")
      try expectSuccess(server.run(["push", "raw", scene.path("f")]))
      try expectSame(server.stored("raw"), file)
    }
  }

  @Test func `a file in UTF-16 is recognized by its byte order mark, and raw says that it keeps the bytes`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let text = "{\"level\":\"error\",\"msg\":\"h\u{e9}llo\"}\r\n{\"level\":\"info\",\"msg\":\"two\"}\r\n"
      let file: [UInt8] = [0xff, 0xfe] + text.utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
      #expect(try push(server, file, ["--format", "auto"]).errorLines.count == 2)
      let entries = try entries(server)
      #expect(entries.map { $0["message"] as? String } == ["héllo", "two"])
      #expect(entries.map { $0["level"] as? String } == ["error", "info"])
      try expectSuccess(server.run(["complete", "web"]))

      let raw = try server.run(["push", "raw", scene.path("f")])
      #expect(raw.exit == .code(0) && raw.errors.contains("--encoding utf-16"), "\(raw.errors)")
      try expectSame(server.stored("raw"), file + [10])
      try expectSuccess(server.run(["push", "text", scene.path("f"), "--encoding", "utf-16"]))
      try expectSame(server.stored("text"), Array(text.utf8))
      #expect(try server.run(["push", "text", scene.path("f"), "--encoding", "latin1"]).exit == .code(2))
    }
  }

  @Test func `the line after a hole in a file arrives, and the hole is reported`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = Array("<135>Dec 17 05:19:07 host1 app: first real line\nsecond line\n".utf8)
      let pushed = try push(server, [UInt8](repeating: 0, count: 2_200_000) + lines)
      #expect(pushed.errors.contains("2 entries") && pushed.errors.contains("2200000"), "\(pushed.errors)")
      #expect(try entries(server).count == 2)
      try expectSame(server.stored("web"), lines)
    }
  }

  @Test func `cut lines are reported with their lengths, even by a quiet push`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let sizes = [3, (1 << 20) + 1, 3 << 20]
      let file = LogLines.file(sizes.map { [UInt8](repeating: 0x61, count: $0) })
      let pushed = try push(server, file, ["-q"])
      #expect(pushed.errorLines.count == 1)
      #expect(pushed.errors.contains("2 lines were cut at 1 MiB, of 1048577, 3145728 bytes"), "\(pushed.errors)")
    }
  }

  @Test func `a split line comes back byte for byte, and its parts say that they belong together`() throws {
    var random = Seeded.forTest()
    let long = LogLines.nasty(4_000, &random).joined(separator: [13]).filter { $0 != 10 }
    let file = LogLines.file([Array("before".utf8), long, Array("between".utf8), long, Array("{}".utf8)])
    try Scene.play { scene in
      let server = try TestServer(scene)
      let pushed = try push(server, file, ["--split", "--format", "auto"])
      #expect(!pushed.errors.contains("cut"), "\(pushed.errors)")
      try expectSame(server.stored("web"), file)
      let attributes = try entries(server).compactMap { $0["attributes"] as? [String: Any] }
      let parts = attributes.filter { $0["logs.partial_id"] != nil }
      #expect(Set(parts.compactMap { $0["logs.partial_id"] as? String }).count == 2)
      #expect(parts.count { $0["logs.partial_last"] as? Bool == true } == 2)
      #expect(parts.count == 2 * ((long.count + (1 << 20) - 1) / (1 << 20)), "\(long.count)")

      // Read page by page, the joined output is the same.
      let cursor = scene.path("cursor")
      var pages: [UInt8] = []
      for _ in 0..<attributes.count {
        pages += try server.run(
          ["follow", "web", "-o", "raw", "--cursor-file", cursor, "--until-head", "--limit", "1"]).output
      }
      expectSame(pages, file)
    }
  }

  @Test func `the name of a zone means the local zone if that has the name`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let line = #"{"time":"2024-07-01 12:00:00 CST","msg":"x"}"# + "\n"
      let file = try scene.file("f", Array(line.utf8))
      for (zone, expected) in [("Asia/Shanghai", "2024-07-01T04:00:00"), ("America/Chicago", "2024-07-01T18:00:00")] {
        let push = try server.run(["push", zone, file, "--format", "json"], environment: ["TZ": zone])
        #expect(push.exit == .code(0), "\(push.errors)")
        let follow = try server.run(["follow", zone, "-n", "all", "--until-head", "-o", "json"])
        #expect(String(decoding: follow.output, as: UTF8.self).contains(#""time":"\#(expected)"#))
      }
    }
  }
}
