internal import LogsWire
internal import Synchronization

/// What has been done so far in one run, and how long each piece of it took.
final class Meter: Sendable {
  private struct State {
    var entryCount: UInt64 = 0
    var byteCount: UInt64 = 0
    var latencies = Histogram()
  }

  private let state = Mutex(State())

  /// - Parameters:
  ///   - entryCount: entries that took `nanoseconds`, all of them.
  ///   - byteCount: of their lines.
  func record(_ nanoseconds: UInt64, entryCount: UInt64 = 1, byteCount: UInt64 = 0) {
    state.withLock { state in
      state.entryCount += entryCount
      state.byteCount += byteCount
      state.latencies.record(nanoseconds, count: entryCount)
    }
  }

  func add(byteCount: UInt64) { state.withLock { $0.byteCount += byteCount } }

  var entryCount: UInt64 { state.withLock { $0.entryCount } }
  var byteCount: UInt64 { state.withLock { $0.byteCount } }
  var latencies: Histogram { state.withLock { $0.latencies } }
}
