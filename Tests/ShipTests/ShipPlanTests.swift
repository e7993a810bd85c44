import LogsClient
import Testing

@testable import LogsShip

/// What a configuration means.
struct ShipPlanTests {
  private func plan(_ text: String) throws -> ShipPlan {
    try ShipPlan(ShipFile(text, path: "ship.conf"), stateDirectory: "/state")
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
