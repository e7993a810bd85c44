import Glibc
import Testing

/// Many followers of one stream.
@Suite(.ownThread) struct FollowerTests {
  /// What a follower that hardly reads may cost the server: the client's credit (1 MiB of stored bytes and a batch),
  /// the socket's buffer and watermark (1 MiB), memory of the reader threads, and room for the allocator. This is far
  /// less than the test pushes past it.
  static let slowFollowerByteCountMax = 20 << 20

  @Test func `followers started before, during and after a push print the same entries in the same order`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(6_000), &random)
    let file = LogLines.file(lines)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let follow = ["follow", "web", "-n", "all", "-o", "raw"]
      let before = try server.start(follow)
      let push = try server.start(["push", "web"], input: .pipe)
      var during: [ChildProcess] = []
      for (index, piece) in lines.chunks(of: lines.count / 3).enumerated() {
        try push.write(LogLines.file(piece))
        try before.output.waitForLines(min(lines.count, (index + 1) * (lines.count / 3)) / 2)
        if index < 2 { during.append(try server.start(follow)) }
      }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      let after = try server.start(follow)
      for follower in [before, after] + during {
        try follower.output.waitForLines(lines.count)
        expectSame(follower.output.bytes, file, "\(follower.errors.text)")
      }
    }
  }

  @Test func `a follower that reads a hundred times slower costs the others nothing and the server bounded memory`()
    throws
  {
    // Random letters, so that stored bytes are nearly as many as pushed bytes.
    var random = Seeded.forTest()
    let megabytes = Environment.number("LOGS_TEST_SLOW_MEGABYTES", default: 32)
    let lines = (0..<megabytes * 256).map { _ in random.letters(4095) }
    let file = LogLines.file(lines)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let path = try scene.file("large", file)
      let follow = ["follow", "web", "-n", "all", "-o", "raw"]
      let fast = try (0..<2).map { _ in try server.start(follow) }

      // Once without the slow one, to learn what the server needs for the rest.
      try expectSuccess(server.run(["push", "web", path]))
      for follower in fast { try follower.output.waitForLines(lines.count) }
      let before = try server.fact("resident_bytes")

      let slow = try server.start(follow, readsOutput: false)
      let twice = file + file
      var taken = 0
      func takeSome() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(slow.outputDescriptor, &buffer, buffer.count)
        guard count > 0 else { return false }
        if memcmp(buffer, twice.withUnsafeBufferPointer { $0.baseAddress! + taken }, count) != 0 {
          Issue.record("the slow follower printed something else at byte \(taken)")
        }
        taken += count
        return true
      }
      #expect(takeSome())
      let push = try server.start(["push", "web", path])
      var most = 0
      // 4 KiB for the slow one whenever the others have had 100 lines of 4 KiB.
      for mark in stride(from: lines.count, to: lines.count * 2, by: 100) {
        for follower in fast { try follower.output.waitForLines(mark) }
        #expect(takeSome())
        if mark % 500 < 100 { most = max(most, try server.fact("resident_bytes")) }
      }
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      for follower in fast {
        try follower.output.waitForLines(lines.count * 2)
        #expect(follower.output.bytes == twice)
      }
      most = max(most, try server.fact("resident_bytes"))
      print(
        "slow follower: resident \(before >> 20) MiB before, at most \(most >> 20) MiB with it, \(taken) bytes taken")
      #expect(most < before + Self.slowFollowerByteCountMax)

      // It has lost nothing: the rest arrives as fast as it reads.
      while taken < twice.count, takeSome() {}
      #expect(taken == twice.count)
    }
  }

  @Test func `a follower whose reader pauses for a long time keeps its connection and loses nothing`() throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(8_000, &random)
    let file = LogLines.file(lines)
    try Scene.play { scene in
      let server = try TestServer(scene, ["--heartbeat", "2s", "--output-timeout", "2s"])
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"], readsOutput: false)
      try expectSuccess(server.run(["push", "web", try scene.file("f", file)]))
      // Peers that answer nothing are given up after three heartbeats each, which measures the time.
      for _ in 0..<2 {
        let dead = try RawClient(server.url)
        dead.answersPings = false
        try dead.handshake()
        while try dead.receiveOrEnd() != nil {}
      }
      var printed: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      while printed.count < file.count {
        let count = read(follow.outputDescriptor, &buffer, buffer.count)
        guard count > 0 else { throw Failure("the output ended at \(printed.count): \(follow.errors.text)") }
        printed += buffer[..<count]
      }
      expectSame(printed, file)
      #expect(["", "logs: waiting for 'web': it does not exist yet\n"].contains(follow.errors.text))
    }
  }

  @Test func `a hundred followers of one stream all get everything`() throws {
    let count = Environment.number("LOGS_TEST_FOLLOWERS", default: 100)
    try Scene.play { scene in
      let server = try TestServer(scene)
      let clients = try (0..<count).map { _ in
        let client = try RawClient(server.url)
        try client.handshake()
        try client.follow("web")
        return client
      }
      let lines = LogLines.plain(5_000)
      let push = try server.start(["push", "web"], input: .pipe)
      for piece in lines.chunks(of: 500) { try push.write(LogLines.file(piece)) }
      push.closeInput()
      #expect(try push.wait() == .code(0), "\(push.errors.text)")
      for client in clients { #expect(try client.followed(lines.count) == 1...UInt64(lines.count)) }
    }
  }
}
