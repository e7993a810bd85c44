internal import LogsWire
internal import Synchronization

/// What followers have received of the current run.
final class TailBoard: Sendable {
  private struct Run {
    let pace: Pace
    let meter: Meter
    let done: AsyncStream<Void>.Continuation
    var deliveries: Deliveries
    var last: MonotonicTime
  }

  private let run = Mutex<Run?>(nil)
  /// Why a follower has ended.
  private let failure = Mutex<(any Error)?>(nil)

  /// Begins a run.
  ///
  /// - Returns: a stream that ends when everything has been delivered, or `end` is called.
  func begin(_ pace: Pace, followerCount: Int, _ meter: Meter) -> AsyncStream<Void> {
    let (stream, done) = AsyncStream.makeStream(of: Void.self)
    let expected = pace.entryCount * UInt64(followerCount)
    run.withLock {
      $0 = Run(
        pace: pace, meter: meter, done: done, deliveries: Deliveries(expected: expected, made: 0, lagMax: 0),
        last: pace.start)
    }
    return stream
  }

  /// A follower has received `range`, after everything below it.
  func received(_ range: ClosedRange<UInt64>, at now: MonotonicTime) {
    run.withLock { run in
      guard let current = run, range.upperBound >= current.pace.firstSequence else { return }
      let pace = current.pace
      var made: UInt64 = 0
      pace.batches(in: range) { batch, entryCount in
        current.meter.record(now.nanoseconds(since: pace.due(batch: batch)), entryCount: entryCount)
        made += entryCount
      }
      let had = max(range.lowerBound, pace.firstSequence) - pace.firstSequence
      let due = pace.dueCount(at: now)
      run?.deliveries.made += made
      run?.deliveries.lagMax = max(current.deliveries.lagMax, due > had ? due - had : 0)
      run?.last = now
      if current.deliveries.made + made >= current.deliveries.expected { current.done.finish() }
    }
  }

  /// A follower has ended and receives nothing more.
  func fail(_ error: any Error) {
    failure.withLock { $0 = $0 ?? error }
    stopWaiting()
  }

  /// - Throws: the error with which a follower ended.
  func check() throws { if let error = failure.withLock({ $0 }) { throw error } }

  /// Stops waiting for the rest.
  func stopWaiting() { run.withLock { $0?.done.finish() } }

  /// Ends the run.
  ///
  /// - Returns: what was delivered, and the time from its beginning to the last delivery.
  func end() -> RunOutcome? {
    run.withLock { run in
      defer { run = nil }
      guard let run else { return nil }
      return RunOutcome(nanoseconds: max(1, run.last.nanoseconds(since: run.pace.start)), deliveries: run.deliveries)
    }
  }
}
