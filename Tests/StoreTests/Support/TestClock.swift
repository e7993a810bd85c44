import Synchronization

/// A wall clock that a test moves.
final class TestClock: Sendable {
  private let time = Atomic<Int64>(1_700_000_000_000_000_000)

  var now: Int64 { time.load(ordering: .relaxed) }

  func advance(_ duration: Duration) {
    time.add(duration.components.seconds * 1_000_000_000, ordering: .relaxed)
  }

  func set(_ now: Int64) { time.store(now, ordering: .relaxed) }
}
