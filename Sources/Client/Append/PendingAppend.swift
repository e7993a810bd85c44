internal import Synchronization

/// An append that is queued and will be sent, again after each lost connection, until the server has answered.
///
/// Releasing it changes nothing: the entries are sent anyway.
public final class PendingAppend: AppendAnswer {
  private typealias Waiter = CheckedContinuation<Result<AppendReceipt, LogError>, Never>
  private typealias AcceptanceWaiter = CheckedContinuation<LogError?, Never>

  /// Both counts have one more while the call still adds batches.
  private struct State {
    /// Batches that are not in the backlog of a producer yet. Unused for a client.
    var unacceptedCount = 1
    var rejection: LogError?
    var acceptanceWaiter: AcceptanceWaiter?
    /// Batches without an answer.
    var openCount = 1
    var incarnation = Incarnation.any
    var ranges: [ClosedRange<UInt64>] = []
    var isDuplicate = false
    var truncatedCount: UInt64 = 0
    var error: LogError?
    /// In the order in which they came; mostly one.
    var waiters: [(id: UInt64, waiter: Waiter)] = []
    var waiterIDLast: UInt64 = 0

    /// Nil while batches have no answer.
    func outcome(_ stream: StreamName) -> Result<AppendReceipt, LogError>? {
      guard openCount == 0 else { return nil }
      if let error { return .failure(error.afterSending(error.mayHaveTakenEffect || !ranges.isEmpty)) }
      return .success(
        AppendReceipt(
          stream: stream, incarnation: incarnation, ranges: ranges, isDuplicate: isDuplicate,
          truncatedCount: truncatedCount))
    }
  }

  let stream: StreamName
  /// Whether the receipt can be awaited. If not, a producer keeps nothing of it once its batches are accepted.
  let wantsReceipt: Bool
  private let state = Mutex(State())

  init(stream: StreamName, wantsReceipt: Bool = true) {
    self.stream = stream
    self.wantsReceipt = wantsReceipt
  }

  /// The receipt, once all entries are durable.
  ///
  /// Cancelling the task ends the wait, not the append.
  /// - Throws: `LogError`: `refused` with the server's code, `closed`, `gaveUp`, `cancelled`; `mayHaveTakenEffect`
  ///   says whether some of the entries may be stored.
  public var receipt: AppendReceipt {
    get async throws(LogError) {
      let id = state.withLock { state in
        state.waiterIDLast += 1
        return state.waiterIDLast
      }
      let result = await withTaskCancellationHandler {
        await withCheckedContinuation { (waiter: Waiter) in add(waiter, id) }
      } onCancel: {
        cancel(id)
      }
      return try result.get()
    }
  }

  private func add(_ waiter: Waiter, _ id: UInt64) {
    let result = state.withLock { state -> Result<AppendReceipt, LogError>? in
      if let result = state.outcome(stream) { return result }
      // The handler may have run already. This is checked under the lock: if it runs later, it finds the waiter.
      if Task.isCancelled { return .failure(.cancelled("waiting for the acknowledgement", mayHaveTakenEffect: true)) }
      state.waiters.append((id, waiter))
      return nil
    }
    if let result { waiter.resume(returning: result) }
  }

  private func cancel(_ id: UInt64) {
    let waiter = state.withLock { state -> Waiter? in
      guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
      return state.waiters.remove(at: index).waiter
    }
    waiter?.resume(returning: .failure(.cancelled("waiting for the acknowledgement", mayHaveTakenEffect: true)))
  }

  // MARK: What the client reports

  /// Entries of it were cut.
  func truncated(_ count: UInt64) { state.withLock { $0.truncatedCount += count } }

  /// One more batch belongs to it.
  func open() {
    state.withLock { state in
      state.unacceptedCount += 1
      state.openCount += 1
    }
  }

  /// A batch is durable.
  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {
    settle { state in
      state.incarnation = incarnation
      state.isDuplicate = state.isDuplicate || isDuplicate
      if let last = state.ranges.last, last.upperBound + 1 == range.lowerBound {
        state.ranges[state.ranges.count - 1] = last.lowerBound...range.upperBound
      } else {
        state.ranges.append(range)
      }
    }
  }

  func refused(_ error: LogError) { failed(error) }

  /// A batch will not be sent again.
  func failed(_ error: LogError) {
    settle { state in
      guard let first = state.error else {
        state.error = error
        return
      }
      state.error = first.afterSending(first.mayHaveTakenEffect || error.mayHaveTakenEffect)
    }
  }

  /// All batches have been added.
  func seal() {
    accepted()
    settle { _ in }
  }

  private func settle(_ change: (inout State) -> Void) {
    var waiters: [(id: UInt64, waiter: Waiter)] = []
    let result = state.withLock { state -> Result<AppendReceipt, LogError>? in
      change(&state)
      state.openCount -= 1
      guard state.openCount == 0, !state.waiters.isEmpty else { return nil }
      swap(&waiters, &state.waiters)
      return state.outcome(stream)
    }
    guard let result else { return }
    for (_, waiter) in waiters { waiter.resume(returning: result) }
  }
}

// MARK: - Before it is sent

extension PendingAppend {
  /// Waits until every batch is in the backlog of the producer, as durably as that stores anything. Called once.
  ///
  /// Cancelling the task ends the wait; the entries stay handed over.
  func waitUntilAccepted() async throws(LogError) {
    let error = await withTaskCancellationHandler {
      await withCheckedContinuation { (waiter: AcceptanceWaiter) in add(waiter) }
    } onCancel: {
      cancelAcceptance()
    }
    if let error { throw error }
  }

  private static let acceptanceCancelled = LogError.cancelled("waiting for the spool", mayHaveTakenEffect: true)

  private func add(_ waiter: AcceptanceWaiter) {
    let answer = state.withLock { state -> LogError?? in
      if state.unacceptedCount == 0 { return .some(state.rejection) }
      // The handler may have run already. This is checked under the lock: if it runs later, it finds the waiter.
      if Task.isCancelled { return .some(Self.acceptanceCancelled) }
      state.acceptanceWaiter = waiter
      return nil
    }
    if case .some(let error) = answer { waiter.resume(returning: error) }
  }

  private func cancelAcceptance() {
    let waiter = state.withLock { state in
      defer { state.acceptanceWaiter = nil }
      return state.acceptanceWaiter
    }
    waiter?.resume(returning: Self.acceptanceCancelled)
  }

  /// A batch is in the backlog.
  func accepted() { settleAcceptance(nil) }

  /// A batch was given up before it was in the backlog.
  func rejected(_ error: LogError) {
    settleAcceptance(error)
    failed(error)
  }

  private func settleAcceptance(_ error: LogError?) {
    let answer = state.withLock { state -> (waiter: AcceptanceWaiter, error: LogError?)? in
      state.unacceptedCount -= 1
      if let error, state.rejection == nil { state.rejection = error }
      guard state.unacceptedCount == 0, let waiter = state.acceptanceWaiter else { return nil }
      state.acceptanceWaiter = nil
      return (waiter, state.rejection)
    }
    if let answer { answer.waiter.resume(returning: answer.error) }
  }
}
