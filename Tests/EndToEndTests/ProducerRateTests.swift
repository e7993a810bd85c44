import Testing

/// A service that logs at a high rate while its server is away: no call blocks, memory is bounded, and every entry is
/// accounted for.
@Suite(.alone) struct ProducerRateTests {
  /// The memory that the process may use: for the program, its queue, and the times of its calls.
  private static let residentByteCountMax = 96 << 20

  @Test(arguments: [false, true])
  func `each entry logged while the server is away is stored or reported as dropped`(
    hasSpool: Bool
  ) throws {
    let rate = Environment.number("LOGS_TEST_RATE", default: 30_000)
    let seconds = Environment.number("LOGS_TEST_SECONDS", default: 1)
    try Scene.play { scene in
      let spool = hasSpool ? ["spool=\(scene.path("spool"))"] : []
      let producer = try scene.start(
        Binaries.faultProducer,
        [
          "rate", "server=\(TestServer.unixURL(scene))", "stream=web", "rate=\(rate)", "seconds=\(seconds)",
          "queue=\(256 << 10)",
        ] + spool, input: .pipe)
      try producer.output.waitForLines(2)
      let residentByteCount = try producer.residentByteCountMax()
      #expect(residentByteCount < Self.residentByteCountMax)
      let server = try TestServer(scene)
      try producer.output.waitForLines(3)
      producer.closeInput()
      #expect(try producer.wait() == .code(0), "\(producer.output.text) \(producer.errors.text)")

      let said = producer.output.lines
      print("\(hasSpool ? "with" : "without") a spool, \(residentByteCount >> 20) MiB: \(said.joined(separator: "; "))")
      let away = try Counts(said[1])
      let end = try Counts(said[2])
      for counts in [away, end] { #expect(counts.isBalanced, "\(counts)") }
      #expect(away.accepted == rate * seconds && end.accepted == away.accepted)
      #expect(end.waiting == 0 && end.refused == 0)

      var numberLast = 0
      var storedCount = 0
      var droppedCount = 0
      for line in try server.stored("web").split(separator: UInt8(ascii: "\n")) {
        let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 2)
        if words[0] == "call", let number = Int(words[1]), number > numberLast {
          numberLast = number
          storedCount += 1
        } else if let count = Int(words[0]), words.last?.hasPrefix("dropped: ") == true {
          droppedCount += count
        } else {
          throw Failure("behind call \(numberLast) stands '\(words.joined(separator: " "))'")
        }
      }
      #expect(storedCount == end.accepted - end.dropped && droppedCount == end.dropped, "\(storedCount), \(end)")
    }
  }

  /// A line of counts.
  private struct Counts {
    let accepted: Int
    let acknowledged: Int
    let dropped: Int
    let refused: Int
    let waiting: Int

    init(_ line: String) throws {
      func number(_ name: String) throws -> Int {
        let words = line.split(separator: " ").map { $0.split(separator: "=") }
        guard let number = words.first(where: { $0[0] == name }).flatMap({ Int($0[1]) }) else {
          throw Failure("no \(name) in '\(line)'")
        }
        return number
      }
      accepted = try number("accepted")
      acknowledged = try number("acknowledged")
      dropped = try number("dropped")
      refused = try number("refused")
      waiting = try number("waiting")
    }

    var isBalanced: Bool { accepted == acknowledged + dropped + refused + waiting }
  }
}
