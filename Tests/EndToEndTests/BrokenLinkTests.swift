import Testing

/// Links that are cut, stall half-open, corrupt bytes, are slow, or are unavailable for a while.
@Suite(.ownThread) struct BrokenLinkTests {
  @Test func `over links that are cut anywhere, a file is stored and printed once, in order`() throws {
    try run { .cut($0.direction, after: $0.place) }
  }

  @Test func `over links that stall half-open, heartbeats notice it and nothing is lost`() throws {
    // After the handshake, during which the connection's own deadline of 10 s applies.
    try run(rounds: 4, ["--heartbeat", "300ms"]) { spot in
      spot.round % 2 == 0
        ? .stall(spot.direction, after: 120 + spot.place) : .halfOpen(spot.direction, after: 120 + spot.place)
    }
  }

  @Test func `bytes that an abandoned connection delivers after the next one are stored once`() throws {
    try run { .late(after: $0.place, behind: $0.place / 2) }
  }

  @Test func `over links that corrupt bytes, nothing wrong is stored or printed`() throws {
    try run { .corrupt($0.direction, after: $0.place) }
  }

  @Test func `a link that is refused for a while and then slow delivers everything`() throws {
    try run(rounds: 5) { spot in
      spot.round % 5 < 4 ? .refuse : .slow(pieceByteCount: 2_000, pause: .milliseconds(1))
    }
  }

  /// Where a fault may occur.
  private struct Spot {
    let round: Int
    let direction: FaultyProxy.Direction
    let place: Int

    /// - Parameter heavy: the direction in which most bytes of the link go. There faults come early or late, and the
    ///   first one is certain; in the other direction they come while there are bytes for them.
    init(_ round: Int, heavy: FaultyProxy.Direction, _ random: inout Seeded) {
      self.round = round
      let isHeavy = round == 0 || random.next() % 4 > 0
      direction = isHeavy ? heavy : heavy == .toServer ? .toClient : .toServer
      let reach = !isHeavy ? 150 : round == 0 ? 3_000 : [200, 3_000, 300_000][Int(random.next() % 3)]
      place = Int.random(in: 0...reach, using: &random)
    }
  }

  /// A push and a follow, each through its own link with faults made by `fault`, while the file is pushed.
  private func run(
    rounds: Int = 5, _ flags: [String] = [], fault: (Spot) -> FaultyProxy.Fault
  ) throws {
    var random = Seeded.forTest()
    let lines = LogLines.nasty(Environment.lines(5_000), &random)
    let file = LogLines.file(lines)
    try Scene.play { scene in
      let server = try TestServer(scene, flags)
      let rounds = Environment.rounds(rounds)
      let pushFaults = (0..<rounds).map { fault(Spot($0, heavy: .toServer, &random)) }
      let followFaults = (0..<rounds).map { fault(Spot($0, heavy: .toClient, &random)) }
      let pushLink = try FaultyProxy.start(server, pushFaults)
      let followLink = try FaultyProxy.start(server, followFaults)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"], via: followLink.url)
      let push = try server.start(["push", "web", try scene.file("nasty.log", file)], via: pushLink.url)
      let note = Comment(rawValue: "push: \(pushFaults), follow: \(followFaults)")
      do {
        guard try push.wait() == .code(0) else { throw Failure("the push failed") }
        try follow.output.waitForLines(lines.count)
      } catch { throw Failure("\(error); push said \(push.errors.text); follow said \(follow.errors.text); \(note)") }
      expectSame(follow.output.bytes, file, note)
      try expectSame(server.stored("web"), file, note)
      #expect(pushLink.faultCount + followLink.faultCount > 0, note)
    }
  }
}
