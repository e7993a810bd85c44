internal import CEvent
internal import Glibc
package import LogsSystem

/// Watches a descriptor that something else owns (a pipe, a socket of another program, inotify, stdout), or a signal.
///
/// A descriptor must stay open as long as it is watched, and is never closed here. A file on disk cannot be watched: it
/// is always ready. A signal is reported instead of its default action; libevent allows only one loop of a process to
/// watch signals. Bound to its loop's thread.
package final class LoopWatch: LoopMember {
  /// What a watch waits for.
  package enum Condition: Sendable {
    /// There is something to read, or the other side has closed. Reported in every turn until it has been read.
    case readable
    /// There is room to write, or the other side has closed. Reported in every turn until it has been used up.
    case writable
    /// The other side has closed, or the descriptor has failed. Reported once.
    case hungUp

    fileprivate var kinds: Int32 {
      switch self {
      case .readable: EV_READ | EV_PERSIST
      case .writable: EV_WRITE | EV_PERSIST
      // libevent reports errors and hang-ups to watches for reading. Edge-triggered, so that readable data is not
      // reported again and again.
      case .hungUp: EV_READ | EV_PERSIST | EV_ET
      }
    }
  }

  private let loop: EventLoop
  private let number: Int32
  private let condition: Condition?
  private var body: (() -> Void)?
  private var event: Event?
  private var isPaused = false
  private var memberID: UInt64 = 0

  /// - Parameters:
  ///   - number: the descriptor's, or the signal's.
  ///   - condition: of the descriptor; nil for a signal.
  fileprivate init(
    loop: EventLoop, _ number: Int32, _ condition: Condition?, _ body: @escaping () -> Void
  ) throws(SystemError) {
    loop.requireOnLoop()
    self.loop = loop
    self.number = number
    self.condition = condition
    guard !loop.isStopping else { return }
    // The loop keeps this watch alive as a member until `cancel`, which frees the event.
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    guard
      let event = unsafe loop.makeEvent(
        number, condition?.kinds ?? (EV_SIGNAL | EV_PERSIST), context: context,
        callback: { _, _, context in
          guard let context = unsafe context else { return }
          unsafe Unmanaged<LoopWatch>.fromOpaque(context).takeUnretainedValue().happened()
        })
    else { return }
    guard event.add() else { throw .last }
    self.event = consume event
    self.body = body
    memberID = loop.join(self)
  }

  /// Reports nothing until `resume`.
  package func pause() {
    loop.requireOnLoop()
    isPaused = true
    event?.remove()
  }

  /// - Throws: if the system can watch no more descriptors.
  package func resume() throws(SystemError) {
    loop.requireOnLoop()
    guard isPaused else { return }
    isPaused = false
    guard event?.add() ?? true else { throw .last }
  }

  /// Ends the watch, and restores the previous action of a signal. Further calls have no effect.
  package func cancel() {
    loop.requireOnLoop()
    body = nil
    guard event != nil else { return }
    event = nil
    loop.leave(memberID)
  }

  func loopStops() { cancel() }

  private func happened() {
    guard let body else { return }
    if condition == .hungUp {
      guard Self.hasHungUp(number) else { return }
      cancel()
    }
    body()
  }

  /// Whether the other side of a descriptor has closed, or it has failed.
  package static func hasHungUp(_ descriptor: Int32) -> Bool {
    // Both are reported even if they are not requested (poll(2)).
    var asked = pollfd(fd: descriptor, events: 0, revents: 0)
    return unsafe poll(&asked, 1, 0) == 1
  }
}

extension EventLoop {
  /// Calls `body` on this loop when `condition` holds for `descriptor`, until the watch is cancelled. Never called on a
  /// loop that is stopping.
  ///
  /// - Throws: `EPERM` for a file on disk, which cannot be waited for.
  package func watch(
    _ descriptor: Int32, for condition: LoopWatch.Condition, _ body: @escaping () -> Void
  ) throws(SystemError) -> LoopWatch {
    try LoopWatch(loop: self, descriptor, condition, body)
  }

  /// Calls `body` on this loop each time the process gets the signal `number`, such as SIGTERM, SIGINT or SIGHUP.
  package func onSignal(_ number: Int32, _ body: @escaping () -> Void) -> LoopWatch {
    do { return try LoopWatch(loop: self, number, nil, body) } catch {
      preconditionFailure("signal \(number) can be caught: \(error)")
    }
  }
}
