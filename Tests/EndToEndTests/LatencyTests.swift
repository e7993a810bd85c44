import Testing

/// How long a line takes from stdin of a push to stdout of a follow: reported, not asserted.
@Suite(.ownThread) struct LatencyTests {
  @Test func `a line that arrives in a push appears in a follow at once`() throws {
    let count = Environment.number("LOGS_TEST_LATENCY_LINES", default: 50)
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .tcp)
      let follow = try server.start(["follow", "web", "-n", "all", "-o", "raw"])
      let push = try server.start(["push", "web"], input: .pipe)
      let clock = ContinuousClock()
      var times: [Duration] = []
      for line in LogLines.plain(count) {
        let start = clock.now
        try push.write(line + [UInt8(ascii: "\n")])
        try follow.output.waitForLines(times.count + 1)
        times.append(clock.now - start)
      }
      push.closeInput()
      #expect(try push.wait() == .code(0))
      // The first ones wait for two programs to start and connect.
      let steady = times.dropFirst(20).sorted()
      func milliseconds(_ share: Double) -> String {
        let time = steady[min(steady.count - 1, Int(Double(steady.count) * share))] / .microseconds(1)
        return "\((time / 10).rounded() / 100) ms"
      }
      print(
        "latency from push to follow over \(steady.count) lines: p50 \(milliseconds(0.5)), p99 \(milliseconds(0.99)), "
          + "max \(milliseconds(1))")
      expectSame(follow.output.bytes, LogLines.file(LogLines.plain(count)))
    }
  }
}
