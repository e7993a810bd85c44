internal import Synchronization

/// Events between the loop, which adds them, and the one task that takes them.
///
/// Batches are bounded by the subscription's credit: what has been taken is reported, and only then may the server send
/// more. Other events are few, and joined where they could pile up.
final class FollowBuffer: Sendable {
  private struct State {
    var events = Queue<FollowEvent>()
    var failure: LogError?
    /// Whether the loop adds no more.
    var isFinished = false
    /// Whether nobody takes any more.
    var isAbandoned = false
    var waiter: CheckedContinuation<Void, Never>?
    /// Stored bytes of batches that were taken and not reported yet.
    var unreportedByteCount = 0
  }

  private enum Step {
    case event(FollowEvent, takenByteCount: Int)
    case finished(LogError?)
    case wait
  }

  private let state = Mutex(State())
  /// How much is taken before it is reported: reports cost the loop a wake-up.
  private let reportByteCountMin: Int
  private let report: @Sendable (Int) -> Void

  /// - Parameter report: told how many stored bytes of batches have been taken, from the task that takes them.
  init(reportByteCountMin: Int, report: @escaping @Sendable (Int) -> Void) {
    self.reportByteCountMin = reportByteCountMin
    self.report = report
  }

  // MARK: The task

  /// The next event; nil when there are no more, or when the task is cancelled.
  ///
  /// - Throws: `LogError`, once: why the subscription failed.
  func next() async throws(LogError) -> FollowEvent? {
    while true {
      switch step() {
      case .event(let event, let takenByteCount):
        if takenByteCount > 0 { report(takenByteCount) }
        return event
      case .finished(let error):
        if let error { throw error }
        return nil
      case .wait: break
      }
      await withTaskCancellationHandler {
        await withCheckedContinuation { waiter in wait(waiter) }
      } onCancel: {
        abandon()
      }
    }
  }

  private func step() -> Step {
    state.withLock { state in
      if Task.isCancelled {
        state.events.removeAll()
        state.isAbandoned = true
        return .finished(nil)
      }
      guard let event = state.events.popFirst() else {
        guard state.isFinished || state.isAbandoned else { return .wait }
        let error = state.failure
        state.failure = nil
        return .finished(error)
      }
      if case .batch(let batch) = event { state.unreportedByteCount += batch.storedByteCount }
      var taken = 0
      if state.unreportedByteCount >= reportByteCountMin { swap(&taken, &state.unreportedByteCount) }
      return .event(event, takenByteCount: taken)
    }
  }

  private func wait(_ waiter: CheckedContinuation<Void, Never>) {
    let mayWait = state.withLock { state in
      // The handler may have run already. Asked under the lock: if it runs later, it finds the waiter.
      let isOver = state.isFinished || state.isAbandoned || Task.isCancelled
      guard state.events.isEmpty, !isOver else { return false }
      precondition(state.waiter == nil, "an iterator is used by one task at a time")
      state.waiter = waiter
      return true
    }
    if !mayWait { waiter.resume() }
  }

  /// Nobody takes any more.
  ///
  /// - Returns: whether the loop has to be told, which has not finished and may still add events.
  @discardableResult
  func abandon() -> Bool {
    let (waiter, isUnfinished) = state.withLock { state in
      state.events.removeAll()
      state.failure = nil
      state.isAbandoned = true
      return (Self.takeWaiter(&state), !state.isFinished)
    }
    waiter?.resume()
    return isUnfinished
  }

  // MARK: The loop

  func append(_ event: FollowEvent) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard !state.isFinished, !state.isAbandoned else { return nil }
      Self.add(event, to: &state.events)
      return Self.takeWaiter(&state)
    }
    waiter?.resume()
  }

  /// No more events come: the end after the last one, or a failure.
  func finish(throwing error: LogError? = nil) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard !state.isFinished else { return nil }
      state.isFinished = true
      if !state.isAbandoned { state.failure = error }
      return Self.takeWaiter(&state)
    }
    waiter?.resume()
  }

  private static func takeWaiter(_ state: inout State) -> CheckedContinuation<Void, Never>? {
    let waiter = state.waiter
    state.waiter = nil
    return waiter
  }

  /// Events that need no credit are joined with the ones that wait, so that a reader that has stopped costs no memory for
  /// them either.
  private static func add(_ event: FollowEvent, to events: inout Queue<FollowEvent>) {
    switch (events.last, event) {
    case (.skipped(let last), .skipped(let next))
    where last.stream == next.stream && last.reason == next.reason && last.incarnation == next.incarnation:
      if last.range.upperBound < .max, last.range.upperBound + 1 == next.range.lowerBound {
        events[events.count - 1] = .skipped(last.joined(next))
      } else if next.range.upperBound < .max, next.range.upperBound + 1 == last.range.lowerBound {
        events[events.count - 1] = .skipped(next.joined(last))
      } else {
        events.append(event)
      }
    case (.live, .interrupted):
      events.removeLast()
      add(event, to: &events)
    case (.resumed, .interrupted):
      // Interrupted, resumed and interrupted again before anybody looked: interrupted.
      events.removeLast()
      if case .interrupted = events.last { events.removeLast() }
      events.append(event)
    case (.interrupted, .interrupted): events[events.count - 1] = event
    default: events.append(event)
    }
  }
}

extension SkippedRange {
  /// Both ranges, of which `next` goes on where this one ends.
  fileprivate func joined(_ next: SkippedRange) -> SkippedRange {
    SkippedRange(
      stream: stream, incarnation: incarnation, range: range.lowerBound...next.range.upperBound, reason: reason)
  }
}
