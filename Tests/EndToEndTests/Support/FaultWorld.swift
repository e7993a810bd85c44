import Glibc

/// Four producers with spools and three followers on one server, all behind links of their own, and the
/// faults that they suffer.
///
/// A round is a stream: while it is filled and followed, processes are killed, links broken, and entries deleted and
/// trimmed; then all are left alone and must finish, and a `DeliveryChecker` judges. Server, spools and data live from
/// round to round.
final class FaultWorld {
  struct Counts {
    var rounds = 0
    var serverKills = 0
    var producerKills = 0
    var followerKills = 0
    var cuts = 0
    var linkFaults = 0
    var entries = 0
    var acknowledged = 0
    /// Batches that servers had recognized as resent before they were killed.
    var duplicates = 0
    var followed = 0
    var deletions = 0
    var trims = 0
    var removed = 0
  }

  private(set) var counts = Counts()
  private let scene: Scene
  private let server: TestServer
  private let producers: [FaultyProducer]
  private let followers: [any FaultyFollower]
  private let patience: Duration
  private var random: Seeded
  private var checker = DeliveryChecker()

  private static let producerCount = 4
  /// The most memory that a server of a debug build may use.
  private static let residentByteCountMax = 256 << 20

  /// - Parameters:
  ///   - bug: the bug that the server is to have.
  ///   - patience: how long everything may take to finish once nothing is in the way.
  init(_ scene: Scene, _ random: Seeded, bug: String? = nil, patience: Duration = Environment.patience) throws {
    self.scene = scene
    self.random = random
    self.patience = patience
    // With one shard, as on two cores, it commits all small groups itself; two compete for the writer.
    let shardCount = Int.random(in: 1...2, using: &self.random)
    let server = try TestServer(
      scene,
      [
        "--segment-bytes", "1M", "--heartbeat", "300ms", "--shards", "\(shardCount)", "--rewrite-delay", "10ms",
        "--retention", StreamThinner.rule,
      ],
      transport: [.unix, .tls, .web].randomElement(using: &self.random) ?? .unix,
      environment: ["LOGSD_LOG_STREAM": "yes"].merging(bug.map { ["LOGSD_PLANTED_BUG": $0] } ?? [:]) { $1 })
    self.server = server
    producers = try (1...Self.producerCount).map { try FaultyProducer($0, server) }
    followers = [
      try CommandFollower("follower", server, hasCursorFile: false),
      try CommandFollower("cursor-follower", server, hasCursorFile: true), try SDKFollower("sdk-follower", server),
    ]
  }

  private var links: [FaultyProxy] { producers.map(\.link) + followers.map(\.link) }

  /// - Returns: the violations, none if all is well.
  func play() throws -> [DeliveryChecker.Violation] {
    counts.rounds += 1
    let stream = "faults/\(counts.rounds)"
    checker = DeliveryChecker()
    do { try fill(stream) } catch let down as ServerDown {
      checker.note(.durable, down.description)
      for follower in followers { _ = try follower.end() }
    }
    counts.entries += checker.storedCount
    counts.removed += checker.removedCount
    counts.acknowledged += checker.acknowledgedCount
    counts.followed += checker.followedCount
    return checker.violations()
  }

  private func fill(_ stream: String) throws {
    for producer in producers { producer.link.setFaults(faults(heavy: .toServer)) }
    for follower in followers { follower.link.setFaults(faults(heavy: .toClient)) }
    let faultCountBefore = links.reduce(0) { $0 + $1.faultCount }

    // A follower that begins later has more history to catch up with before it is live.
    var waiting = followers.filter { _ in Bool.random(using: &random) }[...]
    for follower in followers where !waiting.contains(where: { $0 === follower }) { try follower.begin(stream) }
    for producer in producers {
      try producer.begin(stream, last: Int.random(in: 300...1_200, using: &random), &random)
    }
    for _ in 0..<Int.random(in: 4...7, using: &random) {
      try producers[Int.random(in: 0..<Self.producerCount, using: &random)].wait(
        forLines: Int.random(in: 1...12, using: &random))
      if let follower = waiting.popFirst() { try follower.begin(stream) }
      try strike(stream)
    }
    for follower in waiting { try follower.begin(stream) }

    for producer in producers { try producer.finish(within: patience, &checker) }
    if Bool.random(using: &random) {
      // What follows has to know the stream from its numbers alone: the newest segment has nothing of it.
      try trim(StreamThinner.allByteCount)
      try killServer()
      try restartServer()
    }
    try settle(stream)
    counts.linkFaults += links.reduce(0) { $0 + $1.faultCount } - faultCountBefore
  }

  // MARK: What happens

  private func strike(_ stream: String) throws {
    switch Int.random(in: 0..<15, using: &random) {
    case 0...3:
      try killServer()
      try restartServer()
    case 4:
      // A producer that dies and restarts while there is no server.
      try killServer()
      try killProducer()
      try restartServer()
    case 5...6: try killProducer()
    case 7:
      for follower in followers where follower.outlivesKills {
        if try follower.killAndRestart() { counts.followerKills += 1 }
      }
    case 8...10: try delete(stream)
    case 11:
      // A server that dies while it deletes.
      let deletion = try StreamThinner.begin(stream, server, &random)
      let moment = ContinuousClock.now + .milliseconds(Int.random(in: 0...60, using: &random))
      try Polling.wait(for: "a random moment") { ContinuousClock.now >= moment }
      try killServer()
      try restartServer()
      try finish(deletion)
    case 12: try trim(Int.random(in: 100_000...StreamThinner.allByteCount, using: &random))
    default:
      links[Int.random(in: 0..<links.count, using: &random)].cut()
      counts.cuts += 1
    }
  }

  private func killServer() throws {
    if server.process.hasEnded { throw Failure("the server has ended by itself: \(server.process.errors.text)") }
    counts.duplicates += try server.fact("duplicate_batches_total")
    try server.kill()
    counts.serverKills += 1
  }

  private func restartServer() throws {
    do { try server.restart() } catch { throw ServerDown(description: "the server does not start again: \(error)") }
  }

  private func delete(_ stream: String) throws {
    try finish(try StreamThinner.begin(stream, server, &random))
  }

  private func finish(_ deletion: StreamThinner.Deletion) throws {
    let done = try deletion.finish()
    checker.note(deletionOf: deletion.numbers, done: done)
    if done != nil { counts.deletions += 1 }
  }

  private func trim(_ byteCount: Int) throws {
    checker.noteTrimming()
    try StreamThinner.push(byteCount, server, &random)
    counts.trims += 1
  }

  private func killProducer() throws {
    let producer = producers[Int.random(in: 0..<Self.producerCount, using: &random)]
    guard try producer.kill() else { return }
    counts.producerKills += 1
    try producer.restart(&random)
  }

  /// The faults of a link's next connections.
  private func faults(heavy: FaultyProxy.Direction) -> [FaultyProxy.Fault] {
    (0..<Int.random(in: 0...3, using: &random)).map { _ in
      let direction = Int.random(in: 0..<4, using: &random) > 0 ? heavy : heavy == .toServer ? .toClient : .toServer
      // Early and late, but after the handshake, during which the connection's own deadline applies.
      let reach = direction == heavy ? [300, 3_000, 20_000].randomElement(using: &random) ?? 0 : 500
      let place = 120 + Int.random(in: 0...reach, using: &random)
      switch Int.random(in: 0..<7, using: &random) {
      case 0: return .cut(direction, after: place)
      case 1: return .stall(direction, after: place)
      case 2: return .halfOpen(direction, after: place)
      case 3: return .corrupt(direction, after: place)
      case 4: return .slow(pieceByteCount: Int.random(in: 500...4_000, using: &random), pause: .milliseconds(1))
      case 5: return .refuse
      default: return .late(after: place, behind: Int.random(in: 1...3_000, using: &random))
      }
    }
  }

  // MARK: The end of a round

  /// Lets everything finish, and passes what was seen to the checker.
  private func settle(_ stream: String) throws {
    if server.process.hasEnded {
      checker.note(.badInput, "the server has ended: \(Sample(server.process.errors.bytes))")
      try restartServer()
    }
    let clock = ContinuousClock()
    let before = try read(stream)
    let deadline = clock.now + patience
    var received: [(name: String, runs: [DeliveryChecker.Run])] = []
    for follower in followers {
      do {
        if let before { try follower.wait(for: before.end, within: max(deadline - clock.now, .zero)) }
      } catch { checker.note(.progress, "\(follower.name): \(error)") }
      let (runs, problems) = try follower.end()
      received.append((follower.name, runs))
      for problem in problems { checker.note(.noSilentGap, "\(follower.name): \(problem)") }
    }
    // What is trimmed while followers finish is gone from here on, too.
    if let before, let after = try read(stream) {
      for (name, runs) in received + [("reader", [before])] { checker.note(runs, of: name) }
      checker.note(stored: after)
    }
    let resident = try server.fact("resident_bytes")
    if resident > Self.residentByteCountMax { checker.note(.bounded, "the server takes \(resident >> 20) MiB") }
  }

  /// Reads a stream up to its head, over no bad link.
  ///
  /// - Returns: nil if that cannot be done.
  private func read(_ stream: String) throws -> DeliveryChecker.Run? {
    let follow = try server.start(["follow", stream, "-n", "all", "--until-head", "-o", "json"])
    do {
      guard try follow.wait(within: patience) == .code(0) else { throw Failure("\(Sample(follow.errors.bytes))") }
      return try CommandFollower.run(follow)
    } catch {
      follow.destroy()
      checker.note(.noSilentGap, "\(stream) cannot be read: \(error)")
      return nil
    }
  }
}

/// A server that should be there does not start.
private struct ServerDown: Error {
  let description: String
}
