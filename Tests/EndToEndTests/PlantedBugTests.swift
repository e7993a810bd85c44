import Foundation
import Testing

/// Whether the fault tests would notice a server that breaks its promises: one that does so on purpose must be caught.
@Suite(.ownThread) struct PlantedBugTests {
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
