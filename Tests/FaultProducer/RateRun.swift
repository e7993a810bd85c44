import Glibc
import LogsClient

/// Calls `log` at a fixed rate, whatever the server does, and reports how long the calls took and what became of the
/// entries.
struct RateRun {
  private let configuration: RunConfiguration

  /// How often per second it catches up on calls.
  private static let tickMicroseconds = 1_000
  /// The rough average length of a log line.
  private static let padding = String(repeating: "x", count: 90)
  private static let flushTimeout = Duration.seconds(600)

  init(_ configuration: RunConfiguration) { self.configuration = configuration }

  /// - Returns: whether nothing is waiting any more.
  func run() async throws -> Bool {
    let producer = try configuration.makeProducer(whenFull: .dropNewest, reportsDrops: false)
    call(producer)
    report(producer.counts)
    let isWhole = await producer.flush(timeout: Self.flushTimeout)
    report(producer.counts)
    await producer.shutdown()
    return isWhole
  }

  private func call(_ producer: LogProducer) {
    let count = configuration.rate * configuration.seconds
    var times = [UInt32](repeating: 0, count: count)
    let start = Self.now()
    var done = 0
    while done < count {
      let due = min(count, Int((Self.now() - start) * Int64(configuration.rate) / 1_000_000_000) + 1)
      while done < due {
        let entry = LogEntry(message: ByteString("call \(done + 1) \(Self.padding)"), severity: .info)
        let before = Self.now()
        producer.log(entry)
        times[done] = UInt32(clamping: Self.now() - before)
        done += 1
      }
      if done < count { usleep(UInt32(Self.tickMicroseconds)) }
    }
    let duration = Self.now() - start
    times.sort()
    func microseconds(_ share: Double) -> Double { Double(times[min(count - 1, Int(Double(count) * share))]) / 1000 }
    Output.write(
      """
      rate \(count) calls in \(duration / 1_000_000) ms, \(Int64(count) * 1_000_000_000 / max(1, duration)) a second; \
      us: \
      p50 \(microseconds(0.5)) p99 \(microseconds(0.99)) p99.9 \(microseconds(0.999)) max \(microseconds(1))
      """)
  }

  private func report(_ counts: ProducerCounts) {
    Output.write(
      """
      counts accepted=\(counts.accepted) restored=\(counts.restored) acknowledged=\(counts.acknowledged) \
      dropped=\(counts.dropped) refused=\(counts.refused) waiting=\(counts.waiting) bytes=\(counts.waitingByteCount)
      """)
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
