import Foundation
import Glibc
import Testing

/// The fault tests must notice a server that breaks its promises on purpose.
@Suite(.ownThread) struct PlantedBugTests {
  /// The number of rounds within which each bug must be caught.
  private static let roundCountMax = 20
  /// The tests do not wait long for what the bug holds up.
  private static let patience = Duration.seconds(30)

  @Test(
    .enabled(if: Binaries.isDebugBuild, "release builds contain no planted bugs"),
    arguments: [
      ("ack-before-commit", [DeliveryChecker.Violation.Promise.durable]), ("mark-apart", [.storedOnce]),
      ("journal-unwritten", [.durable]), ("journal-forgotten", [.durable]), ("live-off-by-one", [.noSilentGap]),
      ("skip-too-short", [.noSilentGap]),
      // A follower may be the first to notice, or a stream that is trimmed in place of one whose numbers fell back.
      ("head-falls-back", [.durable, .noSilentGap]),
    ])
  func `a server with a planted bug is caught breaking its promise`(
    bug: String, promises: [DeliveryChecker.Violation.Promise]
  ) throws {
    let random = Seeded.forTest()
    try Scene.play { scene in
      let world = try FaultWorld(scene, random, bug: bug, patience: Self.patience)
      var found: [DeliveryChecker.Violation] = []
      func isCaught() -> Bool { found.contains { promises.contains($0.promise) } }
      // Another promise may break first: what is stored twice may make retention trim what it should have kept.
      while !isCaught(), world.counts.rounds < Self.roundCountMax { found += try world.play() }
      print("\(bug), round \(world.counts.rounds): \(found.prefix(3).map(String.init(describing:)))")
      #expect(isCaught(), "in \(world.counts.rounds) rounds: \(found)")
    }
  }

  @Test(.enabled(if: Binaries.isDebugBuild, "release builds contain no planted bugs"))
  func `a follower notices that a skip is too short`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, environment: ["LOGSD_PLANTED_BUG": "skip-too-short"])
      let file = try scene.file("lines", LogLines.file(LogLines.plain(20)))
      try expectSuccess(server.run(["push", "web", file]))
      try expectSuccess(server.run(["delete", "web", "--from-seq", "3", "--to-seq", "7", "--yes"]))
      let words = ["follow", "web", "--from-seq", "1", "--until-head", "--server", server.url]
      let follow = try scene.start(Binaries.logs, words)
      // It reports the gap, and never goes on behind it.
      try follow.errors.waitForText("a gap: expected sequence number 7")
      #expect(!follow.output.text.contains("line 8 "), "\(follow.output.text)")
      print(follow.errors.text)
      follow.signal(SIGKILL)
      _ = try follow.wait()
    }
  }

  @Test(.enabled(if: Binaries.isDebugBuild, "release builds contain no planted bugs"))
  func `a follower notices that a head has fallen back`() throws {
    try Scene.play { scene in
      let file = try scene.file("lines", LogLines.file(LogLines.plain(20)))
      let cursor = scene.path("web.cursor")
      let server = try TestServer(scene, environment: ["LOGSD_PLANTED_BUG": "head-falls-back"])
      try expectSuccess(server.run(["push", "web", file]))
      let words = ["follow", "web", "--from-seq", "1", "--until-head", "--cursor-file", cursor]
      #expect(try server.run(words).text.contains("line 20 "))
      // The newest segment has nothing of the stream now.
      try expectSuccess(scene.run(Binaries.logs, ["seal", server.data]))
      try server.kill()
      try server.restart()
      let resumed = try server.run(words)
      #expect(resumed.exit != .code(0) && resumed.errors.contains("beyond its last one"), "\(resumed.errors)")
    }
  }

  @Test(.enabled(if: Binaries.isDebugBuild, "release builds contain no planted bugs"))
  func `a server with a planted bug says so`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, environment: ["LOGSD_PLANTED_BUG": "mark-apart"])
      try server.stop()
      #expect(server.process.errors.text.contains("planted bug: mark-apart"))
      let other = try TestServer(scene, name: "other")
      try other.stop()
      #expect(!other.process.errors.text.contains("planted"))
    }
  }

  @Test func `a release build contains no planted bug, a debug build does`() throws {
    let program = try Data(contentsOf: URL(fileURLWithPath: Binaries.logsd))
    let isThere = program.range(of: Data("LOGSD_PLANTED_BUG".utf8)) != nil
    #expect(isThere == Binaries.isDebugBuild, "\(Binaries.logsd)")
  }
}
