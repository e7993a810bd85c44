internal import LogsWire

/// Calls a closure on a loop later, once or repeatedly, until it is cancelled.
///
/// It is never early, and late by up to the length of the previous turn. Bound to its loop's thread.
package final class LoopTimer: LoopMember {
  private let loop: EventLoop
  private let intervalNanoseconds: UInt64?
  private var body: (() -> Void)?
  private(set) var deadline: MonotonicTime
  private var memberID: UInt64 = 0
  // For `TimerQueue`: the order of timers with the same deadline, and the index of this timer.
  var number: UInt64 = 0
  var place: Int?

  fileprivate init(loop: EventLoop, delay: Duration, repeats: Bool, body: @escaping () -> Void) {
    loop.requireOnLoop()
    self.loop = loop
    self.intervalNanoseconds = repeats ? UInt64(max(delay.nanoseconds, Self.intervalNanosecondsMin)) : nil
    self.deadline = loop.now + delay
    guard !loop.isStopping else { return }
    self.body = body
    // The loop keeps this timer alive as a member until `cancel`.
    memberID = loop.join(self)
    loop.timers.insert(self)
  }

  /// A repeating timer with no interval would leave no time for anything else.
  private static let intervalNanosecondsMin: Int64 = 1_000_000

  /// Ends the timer: its body is not called again. Further calls have no effect.
  package func cancel() {
    loop.requireOnLoop()
    guard body != nil else { return }
    body = nil
    loop.timers.remove(self)
    loop.leave(memberID)
  }

  func loopStops() { cancel() }

  /// The deadline has passed, and the loop has removed the timer from its queue.
  func fire() {
    // Cancelled by another timer that was due at the same time.
    guard let body else { return }
    if let intervalNanoseconds {
      // Missed ticks are not made up for.
      let next = deadline.advanced(byNanoseconds: intervalNanoseconds)
      deadline = next > loop.now ? next : loop.now.advanced(byNanoseconds: intervalNanoseconds)
      loop.timers.insert(self)
    } else {
      cancel()
    }
    body()
  }
}

extension EventLoop {
  /// Calls `body` once on this loop, `delay` after the time of this turn. Never called on a loop that is stopping.
  @discardableResult
  package func schedule(after delay: Duration, _ body: @escaping () -> Void) -> LoopTimer {
    LoopTimer(loop: self, delay: delay, repeats: false, body: body)
  }

  /// Calls `body` on this loop at every multiple of `interval` (at least 1 ms) until the timer is cancelled.
  @discardableResult
  package func every(_ interval: Duration, _ body: @escaping () -> Void) -> LoopTimer {
    LoopTimer(loop: self, delay: interval, repeats: true, body: body)
  }
}
