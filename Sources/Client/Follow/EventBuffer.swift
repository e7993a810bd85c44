internal import LogsSystem
internal import Synchronization

/// The events on their way from the loop, which adds them, to the one task that takes them.
///
/// Batches are bounded by the credit of the subscription: the server may send more only after the task has taken some,
/// which is reported. Other events need no credit and are merged with waiting ones, so that a stopped reader costs
/// memory for at most a few events per stream: a skipped range is joined with an adjacent one of the same stream, even
/// past events of other streams, which have no order among each other; repeated interruptions become one.
final class EventBuffer: Sendable {
  private struct State {
    var events = Deque<FollowEvent>()
    /// How many events have been taken: an event's place is counted from the very first one.
    var takenCount = 0
    /// For each stream, the place of its last skipped range that waits here.
    var skips: [StreamName: Int] = [:]
    var failure: LogError?
    /// Whether the loop adds no more.
    var isFinished = false
    /// Whether nobody takes events any more.
    var isAbandoned = false
    var waiter: CheckedContinuation<Void, Never>?
    /// Whether the next wait ends at once: a deadline may pass before there is a waiter.
    var isAlarmed = false
    /// Stored bytes of batches that were taken and not yet reported.
    var unreportedByteCount = 0
  }

  private enum Step {
    case event(FollowEvent, takenByteCount: Int)
    case finished(LogError?)
    case wait
  }

  /// The result of waiting until a deadline.
  enum Next {
    case event(FollowEvent)
    /// There is none yet.
    case nothing
    /// There are no more.
    case over
  }

  private let state = Mutex(State())
  /// How many bytes are taken before they are reported: each report wakes the loop up.
  private let reportByteCountMin: Int
  private let report: @Sendable (Int) -> Void

  /// - Parameter report: called by the task that takes batches, with the number of their stored bytes.
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
      case .wait: await waitForMore()
      }
    }
  }

  /// The next event, if there is one before `deadline`; nil waits as long as it takes.
  ///
  /// - Throws: as `next`.
  func next(before deadline: ContinuousClock.Instant?) async throws(LogError) -> Next {
    guard let deadline else { return try await next().map { .event($0) } ?? .over }
    while true {
      switch step() {
      case .event(let event, let takenByteCount):
        if takenByteCount > 0 { report(takenByteCount) }
        return .event(event)
      case .finished(let error):
        if let error { throw error }
        return .over
      case .wait: if ContinuousClock.now >= deadline { return .nothing }
      }
      // Cancelled and awaited at the end of this iteration.
      async let _: Void = sound(at: deadline)
      await waitForMore()
    }
  }

  private func waitForMore() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in wait(waiter) }
    } onCancel: {
      abandon()
    }
  }

  @concurrent private func sound(at deadline: ContinuousClock.Instant) async {
    do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
    let waiter = state.withLock { state in
      state.isAlarmed = true
      return Self.takeWaiter(&state)
    }
    waiter?.resume()
  }

  private func step() -> Step {
    state.withLock { state in
      if Task.isCancelled {
        Self.drop(&state)
        return .finished(nil)
      }
      guard let event = state.events.popFirst() else {
        guard state.isFinished || state.isAbandoned else { return .wait }
        let error = state.failure
        state.failure = nil
        return .finished(error)
      }
      if case .skipped(let skip) = event, state.skips[skip.stream] == state.takenCount {
        state.skips[skip.stream] = nil
      }
      state.takenCount += 1
      if case .batch(let batch) = event { state.unreportedByteCount += batch.storedByteCount }
      var taken = 0
      // After the end there is no more credit to give, and the client's thread may be gone.
      if state.unreportedByteCount >= reportByteCountMin, !state.isFinished { swap(&taken, &state.unreportedByteCount) }
      return .event(event, takenByteCount: taken)
    }
  }

  private func wait(_ waiter: CheckedContinuation<Void, Never>) {
    let mayWait = state.withLock { state in
      // The handler may have run already. This is checked under the lock: if it runs later, it finds the waiter.
      let isOver = state.isFinished || state.isAbandoned || Task.isCancelled
      guard state.events.isEmpty, !isOver, !state.isAlarmed else {
        state.isAlarmed = false
        return false
      }
      precondition(state.waiter == nil, "an iterator is used by one task at a time")
      state.waiter = waiter
      return true
    }
    if !mayWait { waiter.resume() }
  }

  /// Nobody takes events any more.
  ///
  /// - Returns: whether the subscription is still running, so that the loop has to end it.
  @discardableResult
  func abandon() -> Bool {
    let (waiter, isUnfinished) = state.withLock { state in
      Self.drop(&state)
      state.failure = nil
      return (Self.takeWaiter(&state), !state.isFinished)
    }
    waiter?.resume()
    return isUnfinished
  }

  // MARK: The loop

  func append(_ event: FollowEvent) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard !state.isFinished, !state.isAbandoned else { return nil }
      Self.add(event, to: &state)
      return Self.takeWaiter(&state)
    }
    waiter?.resume()
  }

  /// There are no more events: the sequence ends after the last one, or fails.
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

  private static func drop(_ state: inout State) {
    state.events.removeAll()
    state.skips = [:]
    state.isAbandoned = true
  }

  private static func add(_ event: FollowEvent, to state: inout State) {
    switch (state.events.last, event) {
    case (_, .skipped(let skip)): add(skip, to: &state)
    case (.live, .interrupted):
      state.events.removeLast()
      add(event, to: &state)
    case (.resumed, .interrupted):
      // Interrupted, resumed and interrupted again before anybody took it: one interruption.
      state.events.removeLast()
      if case .interrupted = state.events.last { state.events.removeLast() }
      state.events.append(event)
    case (.behind, .behind), (.interrupted, .interrupted): state.events[state.events.count - 1] = event
    default: state.events.append(event)
    }
  }

  private static func add(_ skip: SkippedRange, to state: inout State) {
    // No batch of the stream can lie between two adjacent ranges, so joining them changes no order.
    if let offset = state.skips[skip.stream].map({ $0 - state.takenCount }),
      case .skipped(let last) = state.events[offset],
      let joined = last.joined(skip)
    {
      state.events[offset] = .skipped(joined)
    } else {
      state.skips[skip.stream] = state.takenCount + state.events.count
      state.events.append(.skipped(skip))
    }
  }
}

extension SkippedRange {
  /// Both ranges as one; nil if they are not adjacent or have different reasons.
  fileprivate func joined(_ next: SkippedRange) -> SkippedRange? {
    guard incarnation == next.incarnation, reason == next.reason else { return nil }
    let (lower, upper) = range.lowerBound < next.range.lowerBound ? (range, next.range) : (next.range, range)
    guard upper.lowerBound > 0, upper.lowerBound - 1 == lower.upperBound else { return nil }
    return SkippedRange(
      stream: stream, incarnation: incarnation, range: lower.lowerBound...upper.upperBound, reason: reason)
  }
}
