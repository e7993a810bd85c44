import FaultMessages
import Testing

/// Producers whose server is away for long.
@Suite(.ownThread) struct ProducerOfflineTests {
  /// What the process of such a producer may take, however much waits in its spool.
  private static let residentByteCountMax = 64 << 20

  @Test func `a producer that is offline for long stays small, and delivers everything once its server comes`() throws {
    let count = Environment.lines(100_000)
    let clock = ContinuousClock()
    try Scene.play { scene in
      let start = clock.now
      let producer = try scene.start(
        Binaries.faultProducer,
        [
          "hand", "server=\(TestServer.unixURL(scene))", "stream=web", "spool=\(scene.path("spool"))", "last=\(count)",
          "calls=submit", "pieces=1000",
        ], input: .pipe)
      try producer.output.waitForText("...\(count)\n")
      let handed = clock.now
      let offlineByteCount = try producer.residentByteCountMax()
      #expect(offlineByteCount < Self.residentByteCountMax)

      let server = try TestServer(scene)
      try producer.output.waitForText("flushed 1...\(count)\n")
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
}
