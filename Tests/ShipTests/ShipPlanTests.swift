import LogsClient
import Testing

@testable import LogsShip

/// What a configuration means.
struct ShipPlanTests {
  private func plan(_ text: String) throws -> ShipPlan {
    try ShipPlan(ShipFile(text, path: "ship.conf"), stateDirectory: "/state")
  }

  @Test func `all that is wrong is said at once`() throws {
    let text = """
      spool-size = tiny
      linger 5
      [files a]
      path = /a/*.log   # all
      colour = red
      drop = (
      mask = secret
      multiline = yes
      rate = many
      over-rate = drop
      [docker d
      container = web
      [docker d]
      address = web
      containers = 0
      [files a]
      path = /b
      path =
      [pipes p]
      [journal j]
      unit = a/b
      """
    let problems = try #require(#expect(throws: ShipFileError.self) { try plan(text) }).problems
    let lines = problems.map { $0.split(separator: ":")[1] }
    #expect(lines == ["2", "4", "11", "16", "1", "5", "8", "6", "7", "9", "14", "15", "18", "19", "20"], "\(problems)")
    #expect(!problems.contains { $0.contains("needs a path") || $0.contains("there is no rate") })
  }

  @Test func `positions are final with the spool or the server, and memory is smaller than a disk`() throws {
    let files = "[files a]\npath = /a\n"
    let usual = try plan(files).shipper
    #expect(usual.commit == .spool && usual.spoolByteCountMax == 1 << 30)
    let server = try plan("commit = server\n" + files).shipper
    #expect(server.commit == .server && server.spoolByteCountMax == ShipperConfiguration.memoryByteCountMax)
    #expect(try plan("commit = server\nspool-size = 2M\n" + files).shipper.spoolByteCountMax == 2 << 20)
    #expect {
      try plan("commit = disk\n" + files)
    } throws: {
      "\($0)" == "ship.conf:1: commit is one of spool, server, not 'disk'"
    }
  }
}
