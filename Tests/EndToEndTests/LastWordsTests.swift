import FaultMessages
import Glibc
import Testing

@testable import LogsClient

/// Entries of a process that ends without a shutdown.
@Suite(.ownThread) struct LastWordsTests {
  @Test(arguments: ["exit", "return"]) func `logged entries are in the spool when the process has ended`(
    _ end: String
  ) throws {
    try Scene.play { scene in
      for round in 1...5 {
        let spool = scene.path("spool-\(round)")
        let producer = try scene.run(
          Binaries.faultProducer,
          ["last", "server=\(TestServer.unixURL(scene))", "stream=web", "spool=\(spool)", "last=100", "end=\(end)"])
        #expect(producer.exit == .code(0), "\(producer.errors)")
        #expect(try SpoolReport.inspect(spool).entryCount == 100)
      }
    }
  }

  @Test(arguments: ["exit", "return"]) func `without a spool they are on the server`(_ end: String) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = LogLines.file((1...100).map { Array(FaultEntry(producer: 1, number: $0).text.utf8) })
      var round = 0
      // The process waits half a second, in which a busy machine may not do all of it.
      try Polling.wait(for: "a round in which all are stored") {
        round += 1
        let producer = try scene.run(
          Binaries.faultProducer, ["last", "server=\(server.url)", "stream=web/\(round)", "last=100", "end=\(end)"])
        #expect(producer.exit == .code(0), "\(producer.errors)")
        return try server.stored("web/\(round)") == lines
      }
    }
  }
}
