import Foundation
import Testing

/// Followers that save their position.
@Suite(.ownThread) struct CursorFileTests {
  @Test func `the outputs of a follow stopped and started at random points make up the file`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(6_000), &random)
    let file = LogLines.file(lines)
    let stops = Environment.rounds(10)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let cursor = scene.path("cursor")
      let follow = ["follow", "web", "-n", "all", "-o", "raw", "--cursor-file", cursor]
      let push = try server.start(["push", "web"], input: .pipe)
      var printed: [UInt8] = []
      var printedLines = 0
      for (index, piece) in lines.chunks(of: lines.count / stops + 1).enumerated() {
        try push.write(LogLines.file(piece))
        let pushed = min(lines.count, (index + 1) * (lines.count / stops + 1))
        let follower = try server.start(follow)
        try follower.output.waitForLines(Int.random(in: 0...pushed - printedLines, using: &random))
        try interrupt(follower, with: index % 2 == 0 ? SIGINT : SIGTERM)
        // A line whose rest nobody read in time comes again.
        let output = follower.output.bytes
        printed += output[..<(output.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)]
        printedLines += follower.output.lineCount
      }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      let last = try server.run(follow + ["--until-head"])
      #expect(last.exit == .code(0), "\(last.errors)")
      expectSame(printed + last.output, file)

      let nothing = try server.run(follow + ["--until-head"])
      #expect(nothing.exit == .code(0) && nothing.output.isEmpty)
    }
  }

  /// Stops a follower that may not catch signals yet; if it does, it ends with 130 or 143.
  private func interrupt(_ follower: ChildProcess, with number: Int32) throws {
    follower.signal(number)
    let exit = try follower.wait()
    let isYoung = follower.output.bytes.isEmpty
    #expect(exit == .code(128 + number) || isYoung && exit == .signal(number), "\(exit): \(follower.errors.text)")
  }

  @Test func `a follow of several streams with a cursor file loses and repeats nothing`() throws {
    var random = Seeded.forTest()
    let names = ["a/1", "a/2", "a/3"]
    let count = Environment.lines(1_500)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let pushes = try names.map { name in
        let lines = (1...count).map { Array("\(name) \($0)".utf8) }
        return try server.start(["push", name, try scene.file(String(name.last!), LogLines.file(lines))])
      }
      let follow = ["follow", "a/*", "-n", "all", "-o", "raw", "--cursor-file", scene.path("cursor")]
      var printed: [String] = []
      for _ in 0..<Environment.rounds(5) {
        let follower = try server.start(follow)
        let left = count * names.count - printed.count
        try follower.output.waitForLines(Int.random(in: 0...left / 3, using: &random))
        try interrupt(follower, with: SIGINT)
        printed += follower.output.lines
      }
      for push in pushes { #expect(try push.wait() == .code(0), "\(push.errors.text)") }
      printed += try server.run(follow + ["--until-head"]).lines
      for name in names {
        #expect(printed.filter { $0.hasPrefix("\(name) ") } == (1...count).map { "\(name) \($0)" })
      }
      #expect(printed.count == count * names.count)
    }
  }

  @Test func `a follow explains that its stream was replaced by another data directory`() throws {
    try Scene.play { scene in
      let first = try TestServer(scene, name: "first")
      try expectSuccess(first.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(100)))]))
      let cursor = scene.path("cursor")
      let follow = ["follow", "web", "--cursor-file", cursor, "-o", "raw", "-n", "all"]
      #expect(try first.run(follow + ["--until-head"]).lines.count == 100)
      let kept = try Data(contentsOf: URL(fileURLWithPath: cursor))
      try first.stop()
      let second = try TestServer(scene, name: "second")
      #expect(
        try second.run(["push", "web", try scene.file("g", LogLines.file(LogLines.plain(300)))]).exit == .code(0))

      let resumed = try second.run(follow)
      #expect(resumed.exit == .code(1))
      #expect(resumed.output.isEmpty)
      #expect(resumed.errors.contains("web") && resumed.errors.contains("replaced"), "\(resumed.errors)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: cursor)) == kept)
    }
  }

  @Test func `a follow explains that the data directory is an older copy`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      #expect(
        try server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(100)))]).exit == .code(0))
      try server.stop()
      try FileManager.default.copyItem(atPath: server.data, toPath: scene.path("copy"))
      try server.restart()
      try expectSuccess(server.run(["push", "web", scene.path("f")]))
      let follow = ["follow", "web", "--cursor-file", scene.path("cursor"), "-o", "raw", "-n", "all"]
      #expect(try server.run(follow + ["--until-head"]).lines.count == 200)
      try server.stop()
      try FileManager.default.removeItem(atPath: server.data)
      try FileManager.default.moveItem(atPath: scene.path("copy"), toPath: server.data)
      try server.restart()

      let resumed = try server.run(follow)
      #expect(resumed.exit == .code(1))
      #expect(resumed.output.isEmpty)
      #expect(resumed.errors.contains("web"), "\(resumed.errors)")
      #expect(resumed.errors.contains("replaced") || resumed.errors.contains("cursor_ahead"), "\(resumed.errors)")
      // It is reported again, not only once.
      #expect(try server.run(follow).exit == .code(1))
    }
  }

  @Test func `a follow explains that its position was rolled back under a server that cannot know`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      #expect(
        try server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(100)))]).exit == .code(0))
      try server.stop()
      // As after a rollback to a file system snapshot: the same files with older content.
      let files = ["store", "segments/0000000001.db"].map { "\(server.data)/\($0)" }
      let older = try files.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
      try server.restart()
      try expectSuccess(server.run(["push", "web", scene.path("f")]))
      let follow = ["follow", "web", "--cursor-file", scene.path("cursor"), "-o", "raw", "-n", "all"]
      #expect(try server.run(follow + ["--until-head"]).lines.count == 200)
      try server.stop()
      for (path, content) in zip(files, older) {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: content)
        try file.close()
      }
      // `store` has been replaced since, not changed: only a file system can restore its inode.
      let resumed: Finished
      do { try server.restart() } catch { throw Failure("the server did not start: \(server.process.errors.text)") }
      resumed = try server.run(follow)
      #expect(resumed.exit == .code(1) && resumed.output.isEmpty)
      #expect(resumed.errors.contains("cursor_ahead") || resumed.errors.contains("replaced"), "\(resumed.errors)")
    }
  }

  @Test func `a running follow notices when its server comes back with other data`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      #expect(
        try server.run(["push", "web", try scene.file("f", LogLines.file(LogLines.plain(100)))]).exit == .code(0))
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      try follow.output.waitForLines(100)
      try server.kill()
      try FileManager.default.removeItem(atPath: server.data)
      try server.restart()
      // Whether it asks before or after the stream has been created again, its position does not exist.
      try expectSuccess(server.run(["push", "web", try scene.file("g", LogLines.file(LogLines.plain(10)))]))
      #expect(try follow.wait() == .code(1))
      #expect(follow.output.lineCount == 100)
      #expect(follow.errors.text.contains("web"))
    }
  }

  @Test func `a follow whose filter rarely matches goes on at the head, after a restart of either side`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let count = Environment.lines(20_000)
      let cursor = scene.path("cursor")
      let push = { (text: String) in
        let pushed = try server.run(["push", "web", try scene.file("f", text.utf8)])
        #expect(pushed.exit == .code(0), "\(pushed.errors)")
      }
      try push(String(repeating: "common\n", count: count))
      let follow = ["follow", "web", "-n", "all", "-o", "raw", "--cursor-file", cursor, "--filter", "needle"]
      let follower = try server.start(follow)
      // The cursor passes what was left out.
      try Polling.wait(for: "the cursor at \(count)") { try Self.sequence(in: cursor) == count }
      try server.kill()
      try server.restart()
      try follower.errors.waitForText("resumed at \(count): 0 missing, 0 repeated")
      try push("a needle\n")
      try follower.output.waitForLines(1)
      try interrupt(follower, with: SIGINT)
      #expect(follower.output.text == "a needle\n")
      #expect(try Self.sequence(in: cursor) == count + 1)

      let next = try server.start(follow)
      try push("common\nanother needle\n")
      try next.output.waitForLines(1)
      try interrupt(next, with: SIGINT)
      #expect(next.output.text == "another needle\n")
    }
  }

  /// The only number in a cursor file; nil if it is not there yet.
  private static func sequence(in path: String) throws -> Int? {
    guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
    return String(decoding: bytes, as: UTF8.self).split { "=.\n".contains($0) }.compactMap { Int($0) }.first
  }
}
