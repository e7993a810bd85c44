internal import CEvent
internal import LogsWire

/// Something to be done on a loop later, once or again and again, until it is cancelled.
///
/// It is never early, and late by as much as the turn before it takes. Bound to its loop's thread.
package final class LoopTimer: LoopMember {
  private let loop: EventLoop
  private let intervalNanoseconds: UInt64?
  private var body: (() -> Void)?
  private var deadline: MonotonicTime
  private var event: Event?
  private var memberID: UInt64 = 0

  fileprivate init(loop: EventLoop, delay: Duration, repeats: Bool, body: @escaping () -> Void) {
    loop.requireOnLoop()
    self.loop = loop
    self.intervalNanoseconds = repeats ? max(delay.wholeNanoseconds, Self.intervalNanosecondsMin) : nil
    self.deadline = loop.now + delay
    guard !loop.isStopping else { return }
    // The loop keeps this timer alive as a member until `cancel`, which frees the event.
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    guard
      let event = unsafe loop.makeEvent(
        -1, 0, context: context,
        callback: { _, _, context in
          guard let context = unsafe context else { return }
          unsafe Unmanaged<LoopTimer>.fromOpaque(context).takeUnretainedValue().fire()
        })
    else { return }
    self.event = consume event
    self.body = body
    memberID = loop.join(self)
    wait()
  }

  /// A repeating timer with no interval would leave no time for anything else.
  private static let intervalNanosecondsMin: UInt64 = 1_000_000

  /// Ends the timer; its body is not called again. More calls change nothing.
  package func cancel() {
    loop.requireOnLoop()
    body = nil
    guard event != nil else { return }
    event = nil
    loop.leave(memberID)
  }

  func loopStops() { cancel() }

  private func wait() { event?.add(afterNanoseconds: deadline.nanoseconds(since: loop.now)) }

  private func fire() {
    // libevent's idea of the time of a turn may be a little ahead of the loop's.
    guard loop.now >= deadline else { return wait() }
    guard let body else { return }
    if let intervalNanoseconds {
      // Ticks that were missed are not made up for.
      let next = deadline.advanced(byNanoseconds: intervalNanoseconds)
      deadline = next > loop.now ? next : loop.now.advanced(byNanoseconds: intervalNanoseconds)
      wait()
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
