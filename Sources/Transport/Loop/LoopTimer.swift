internal import LogsWire

/// Something to be done on a loop later, once or again and again, until it is cancelled.
///
/// It is never early, and late by as much as the turn before it takes. Bound to its loop's thread.
package final class LoopTimer: LoopMember {
  private let loop: EventLoop
  private let intervalNanoseconds: UInt64?
  private var body: (() -> Void)?
  private(set) var deadline: MonotonicTime
  private var memberID: UInt64 = 0
  // For `TimerQueue`: the order of timers that are due at the same time, and where the timer stands.
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

  /// Ends the timer; its body is not called again. More calls change nothing.
  package func cancel() {
    loop.requireOnLoop()
    guard body != nil else { return }
    body = nil
    loop.timers.remove(self)
    loop.leave(memberID)
  }

  func loopStops() { cancel() }

  /// The deadline has passed; the loop has taken the timer out of its queue.
  func fire() {
    // Cancelled by another that was due at the same time.
    guard let body else { return }
    if let intervalNanoseconds {
      // Ticks that were missed are not made up for.
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
  /// Calls `body` once on this loop, `delay` from this turn's time. On a loop that stops it never comes to that.
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
