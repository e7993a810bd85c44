import FaultMessages
import Glibc
import Testing

@testable import LogsClient

/// Producers whose server is away for a long time.
@Suite(.ownThread) struct ProducerOfflineTests {
  /// The memory that such a producer's process may use, however much waits in its spool.
  private static let residentByteCountMax = 32 << 20

  @Test func `a producer that is offline for long stays small, and delivers all when it can`() throws {
    let count = Environment.lines(20_000)
    let clock = ContinuousClock()
    try Scene.play { scene in
      let start = clock.now
      let producer = try scene.start(
        Binaries.faultProducer,
        [
          "hand", "server=\(TestServer.unixURL(scene))", "stream=web", "spool=\(scene.path("spool"))", "last=\(count)",
          "calls=submit", "pieces=1000",
        ], input: .pipe)
      try producer.output.waitForText("...\(count)\n", within: Environment.patience(forLines: count))
      let handed = clock.now
      let offlineByteCount = try producer.residentByteCountMax()
      #expect(offlineByteCount < Self.residentByteCountMax)

      let server = try TestServer(scene)
      try producer.output.waitForText("flushed 1...\(count)\n", within: Environment.patience(forLines: count))
      let delivered = clock.now
      let residentByteCount = try producer.residentByteCountMax()
      #expect(residentByteCount < Self.residentByteCountMax)
      producer.closeInput()
      #expect(try producer.wait() == .code(0), "\(Sample(producer.output.bytes)) \(producer.errors.text)")
      let lines = (1...count).map { Array(FaultEntry(producer: 1, number: $0).text.utf8) }
      try expectSame(server.stored("web"), LogLines.file(lines))
      print(
        """
        offline: \(count) entries taken in \(handed - start), delivered in \(delivered - handed), at most \
        \(offlineByteCount >> 20) MiB resident offline and \(residentByteCount >> 20) MiB in all
        """)
    }
  }

  @Test func `a push into a spool stays small, however many batches are unanswered`() throws {
    let count = Environment.lines(15_000)
    try Scene.play { scene in
      let file = LogLines.file(LogLines.plain(count))
      let push = try scene.start(
        Binaries.logs,
        ["push", "web", "--batch", "1", "--spool", scene.path("spool"), "--server", TestServer.unixURL(scene)],
        input: .file(try scene.file("lines", file)))
      try push.errors.waitForText("trying again")
      try Polling.wait(for: "\(count) entries in the spool", within: Environment.patience(forLines: count)) {
        try SpoolReport.inspect(scene.path("spool")).entryCount >= count
      }
      let offlineByteCount = try push.residentByteCountMax()
      // Each batch kept in memory would take more than a kilobyte.
      #expect(offlineByteCount < 33 << 20)

      let server = try TestServer(scene)
      #expect(try push.wait(within: Environment.patience(forLines: count)) == .code(0), "\(push.errors.text)")
      #expect(push.errors.text.contains("\(count) entries of web acknowledged"))
      try expectSame(server.stored("web"), file)
      print("offline: \(count) batches of a line, at most \(offlineByteCount >> 20) MiB resident")
    }
  }
}
