import Testing

/// Links that are cut, stall half-open, corrupt bytes, are slow, or cannot be had for a while.
@Suite(.ownThread) struct BrokenLinkTests {
  @Test func `over links that are cut anywhere, the file is stored and printed once, in order`() throws {
    try run { _, random, isHeavy in
      let direction = FaultyProxy.Direction.allCases.randomElement(using: &random)!
      return .cut(direction, after: place(isHeavy(direction), &random))
    }
  }

  @Test func `over links that stall half-open, heartbeats notice it and nothing is lost`() throws {
    try run(rounds: 3, ["--heartbeat", "300ms"]) { _, random, isHeavy in
      let direction = FaultyProxy.Direction.allCases.randomElement(using: &random)!
      // Behind the greeting: within it the connection's own deadline of 10 s counts.
      return .stall(direction, after: 120 + place(isHeavy(direction), &random))
    }
  }

  @Test func `over links that corrupt bytes, nothing wrong is stored or printed`() throws {
    try run { _, random, isHeavy in
      let direction = FaultyProxy.Direction.allCases.randomElement(using: &random)!
      return .corrupt(direction, after: place(isHeavy(direction), &random))
    }
  }

  @Test func `a link that is refused for a while and then slow brings everything`() throws {
    try run(rounds: 5) { round, _, _ in
      round % 5 < 4 ? .refuse : .slow(pieceByteCount: 2_000, pause: .milliseconds(1))
    }
  }

  /// A push and a follow, each through a link of its own with faults drawn by `fault`, while the file is pushed.
  ///
  /// - Parameter fault: is told in which direction most bytes of the link go.
  private func run(
    rounds: Int = 5, _ flags: [String] = [],
    fault: (Int, inout Seeded, (FaultyProxy.Direction) -> Bool) -> FaultyProxy.Fault
  ) throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(5_000), &random)
    let file = LogLines.file(lines)
    try Scene.play { scene in
      let server = try TestServer(scene, flags)
      let rounds = Environment.rounds(rounds)
      let pushFaults = (0..<rounds).map { round in fault(round, &random) { $0 == .toServer } }
      let followFaults = (0..<rounds).map { round in fault(round, &random) { $0 == .toClient } }
      let pushLink = try FaultyProxy.start(server, pushFaults)
      let followLink = try FaultyProxy.start(server, followFaults)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"], via: followLink.url)
      let push = try server.start(["push", "web", try scene.file("nasty.log", file)], via: pushLink.url)
      let note = Comment(rawValue: "push: \(pushFaults), follow: \(followFaults)")
      do {
        #expect(try push.wait() == .code(0), "\(push.errors.text)")
        try follow.output.waitForLines(lines.count)
      } catch { throw Failure("\(error); push said \(push.errors.text); follow said \(follow.errors.text); \(note)") }
      #expect(follow.output.bytes == file, note)
      #expect(try server.stored("web") == file, note)
      #expect(pushLink.faultCount + followLink.faultCount > 0, note)
    }
  }

  /// Behind how many bytes a fault comes: often early, sometimes in the greeting, seldom far into the file.
  private func place(_ isHeavy: Bool, _ random: inout Seeded) -> Int {
    guard isHeavy else { return Int.random(in: 0...400, using: &random) }
    return Int.random(in: 0...[300, 3_000, 300_000].randomElement(using: &random)!, using: &random)
  }
}
