import LogsSystem
import Testing

/// A clock for `StoreConfiguration.elapsed` that knows when retention has looked at it.
final class WatchedClock: Sendable {
  let clock: TestClock
  private let reads = Monitor(0)

  init(_ clock: TestClock = TestClock()) { self.clock = clock }

  func read() -> Int64 {
    reads.withLock { $0 += 1 }
    reads.signal()
    return clock.now
  }

  /// Returns when a look is over that has begun since.
  func waitForLook() {
    // One reads it up to three times.
    let goal = reads.withLock { $0 } + 6
    #expect(reads.wait(timeout: TestSink.patience) { $0 >= goal ? true : nil } == true)
  }
}
