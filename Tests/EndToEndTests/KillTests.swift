import Testing

/// Repeated kill -9 of the server.
@Suite(.ownThread) struct KillTests {
  @Test func `a push and a running follow survive kills of the server, with the file once and in order`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(12_000), &random)
    let file = LogLines.file(lines)
    let kills = Environment.rounds(6)
    try Scene.play { scene in
      let server = try TestServer(scene, ["--segment-bytes", "1M"], environment: ["LOGSD_LOG_STREAM": "yes"])
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      let push = try server.start(["push", "web", try scene.file("nasty.log", file)])
      for moment in random.moments(kills, in: lines.count) {
        try follow.output.waitForLines(moment)
        try server.kill()
        try server.restart()
      }
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try follow.output.waitForLines(lines.count)
      expectSame(follow.output.bytes, file, "\(follow.errors.text)")
      try expectSame(server.stored("web"), file)
      #expect(try server.run(["streams", "-o", "json"]).text.contains("\"last\":\(lines.count)"))
    }
  }

  @Test func `a follow with a filter and what indexes say survive kills of the server`() throws {
    var random = Seeded.forTest()
    var lines = LogLines.nasty(Environment.lines(8_000), &random)
    var wanted: [[UInt8]] = []
    for place in stride(from: 0, to: lines.count, by: 61) {
      lines[place] = Array("ERROR needle_\(place) \(UInt64.random(in: 0...UInt64.max, using: &random))".utf8)
      wanted.append(lines[place])
    }
    let file = LogLines.file(lines)
    try Scene.play { scene in
      // Segments end and are indexed all the time.
      let words = ["--segment-bytes", "1M", "--segment-age", "1s"]
      let server = try TestServer(scene, words, environment: ["LOGSD_LOG_STREAM": "yes"])
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw", "--filter", "needle_"])
      let push = try server.start(["push", "web", try scene.file("nasty.log", file)])
      for moment in random.moments(Environment.rounds(5), in: wanted.count) {
        try follow.output.waitForLines(moment)
        try server.kill()
        try server.restart()
      }
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try follow.output.waitForLines(wanted.count)
      expectSame(follow.output.bytes, LogLines.file(wanted), "\(follow.errors.text)")
      #expect(try server.run(["query", "web", "--filter", "needle_", "--count"]).text == "\(wanted.count)\n")
      expectSame(try server.run(["query", "web", "--filter", "needle_", "-o", "raw"]).output, LogLines.file(wanted))
    }
  }

  @Test func `while old segments are trimmed, kills of the server lose nothing that is kept`() throws {
    var random = Seeded.forTest()
    try Scene.play { scene in
      let server = try TestServer(scene, ["--retention-age", "1s"])
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      var lines: [[UInt8]] = []
      var trimCount = 0
      var round = 0
      while round < Environment.rounds(8) || trimCount < 3 {
        round += 1
        try #require(round < 1_000)
        let more = LogLines.plain(400, from: lines.count + 1)
        let push = try server.start(["push", "web", try scene.file("f\(round)", LogLines.file(more))])
        let moment = lines.count + Int.random(in: 1...400, using: &random)
        try Polling.wait(for: "entry \(moment)") { try Self.head(server) >= moment }
        trimCount += server.process.errors.text.split(separator: "\n").count { $0.contains("trimmed: ") }
        try server.kill()
        try server.restart()
        #expect(try push.wait() == .code(0), "\(push.errors.text)")
        lines += more
        // What is kept is an end of what was pushed, but for what was trimmed while it was read; and numbers go on.
        let read = try server.run(["follow", "web", "-n", "all", "--until-head", "-o", "raw"])
        #expect(read.exit == .code(0))
        let kept = LogLines.file(Self.kept(of: lines, read.errors))
        #expect(kept.suffix(read.output.count).elementsEqual(read.output), "\(read.errors)")
        #expect(try Self.head(server) == lines.count)
      }
      // A follower gets each entry, or that it was trimmed.
      var expected = lines
      try Polling.wait(for: "the last entry") {
        expected = Self.kept(of: lines, follow.errors.text)
        return follow.output.lines.count >= expected.count
      }
      expectSame(follow.output.bytes, LogLines.file(expected), "\(follow.errors.text)")
    }
  }

  private static func head(_ server: TestServer) throws -> Int {
    let match = try server.run(["streams", "-o", "json"]).text.firstMatch(of: /"last":(\d+)/)
    return match.flatMap { Int($0.1) } ?? 0
  }

  /// Without the lines that a follow says were trimmed.
  private static func kept(of lines: [[UInt8]], _ errors: String) -> [[UInt8]] {
    let ranges = trimmedRanges(errors)
    return lines.enumerated().filter { line in !ranges.contains { $0.contains(line.offset + 1) } }.map(\.element)
  }

  private static func trimmedRanges(_ errors: String) -> [ClosedRange<Int>] {
    errors.matches(of: /trimmed by retention, sequence numbers? (\d+)(?: to (\d+))?/).compactMap { match in
      guard let first = Int(match.1), let last = Int(match.2 ?? match.1) else { return nil }
      return first...last
    }
  }

  @Test func `a push from a pipe continues although the server dies between pieces`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(3_000), &random)
    let file = LogLines.file(lines)
    let kills = Environment.rounds(4)
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .tcp)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      let push = try server.start(["push", "web"], input: .pipe)
      let stops = random.moments(kills, in: lines.count)
      var start = 0
      for end in stops + [lines.count] {
        for piece in Array(lines[start..<end]).chunks(of: 37) { try push.write(LogLines.file(piece)) }
        // At some time between storing the first and the last of these lines.
        try follow.output.waitForLines(Int.random(in: start...end, using: &random))
        start = end
        guard end < lines.count else { break }
        try server.kill()
        try server.restart()
      }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      try follow.output.waitForLines(lines.count)
      expectSame(follow.output.bytes, file, "\(follow.errors.text)")
      try expectSame(server.stored("web"), file)
    }
  }

  @Test func `several pushes into one stream each keep their order over kills`() throws {
    var random = Seeded.forTest()
    let count = Environment.lines(2_000)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let names = ["a", "b", "c"]
      let follow = try server.start(["follow", "shared", "-n", "all", "-o", "raw"])
      let pushes = try names.map { name in
        let lines = (1...count).map { Array("\(name) \($0)".utf8) }
        return try server.start(["push", "shared", try scene.file(name, LogLines.file(lines))])
      }
      for moment in random.moments(Environment.rounds(4), in: count * names.count) {
        try follow.output.waitForLines(moment)
        try server.kill()
        try server.restart()
      }
      for push in pushes { #expect(try push.wait() == .code(0), "\(push.errors.text)") }
      try follow.output.waitForLines(count * names.count)
      for name in names {
        let own = follow.output.lines.filter { $0.hasPrefix("\(name) ") }
        #expect(own == (1...count).map { "\(name) \($0)" })
      }
      #expect(try server.stored("shared") == follow.output.bytes)
    }
  }

  @Test func `a server that is killed while it starts starts again`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.plain(5_000)
    try Scene.play { scene in
      let server = try TestServer(scene, ["--segment-bytes", "1M"])
      try expectSuccess(server.run(["push", "web", try scene.file("f", LogLines.file(lines))]))
      try server.kill()
      for _ in 0..<Environment.rounds(10) {
        try server.startAndKill(afterSpins: Int.random(in: 0...2_000_000, using: &random))
      }
      try server.restart()
      try expectSame(server.stored("web"), LogLines.file(lines))
    }
  }
}
