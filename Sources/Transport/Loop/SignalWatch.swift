internal import CEvent
internal import Glibc

/// Takes a signal away from its default action and reports it on a loop, until it is cancelled.
///
/// libevent lets one loop of a process watch signals. Bound to its loop's thread.
package final class SignalWatch: LoopMember {
  private let loop: EventLoop
  private var body: (() -> Void)?
  private var event: Event?
  private var memberID: UInt64 = 0

  fileprivate init(loop: EventLoop, number: Int32, body: @escaping () -> Void) {
    loop.requireOnLoop()
    self.loop = loop
    guard !loop.isStopping else { return }
    // The loop keeps this watch alive as a member until `cancel`, which frees the event.
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    guard
      let event = unsafe loop.makeEvent(
        number, EV_SIGNAL | EV_PERSIST, context: context,
        callback: { _, _, context in
          guard let context = unsafe context else { return }
          unsafe Unmanaged<SignalWatch>.fromOpaque(context).takeUnretainedValue().body?()
        })
    else { return }
    precondition(event.add(), "signal \(number) can be caught")
    self.event = consume event
    self.body = body
    memberID = loop.join(self)
  }

  /// Gives the signal its former action back.
  package func cancel() {
    loop.requireOnLoop()
    body = nil
    guard event != nil else { return }
    event = nil
    loop.leave(memberID)
  }

  func loopStops() { cancel() }
}

extension EventLoop {
  /// Calls `body` on this loop each time the process gets the signal `number`, such as SIGTERM, SIGINT or SIGHUP.
  package func onSignal(_ number: Int32, _ body: @escaping () -> Void) -> SignalWatch {
    SignalWatch(loop: self, number: number, body: body)
  }
}
