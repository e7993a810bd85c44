internal import Synchronization

/// An append that is queued and will be sent, again after each lost connection, until the server has answered.
///
/// Releasing it changes nothing: the entries are sent anyway.
public final class PendingAppend: AppendAnswer {
  private typealias AcceptanceWaiter = AnswerWaiter<LogError?>

  private struct ReceiptWaiter {
    let id: UInt64
    /// Gets whether there is an outcome; otherwise its task was cancelled.
    let answer: AnswerWaiter<Bool>
  }

  /// Of a producer, both counts have one more while the call still adds batches.
  private struct State {
    /// Batches that are not in the backlog of a producer yet. Unused for a client.
    var unacceptedCount = 1
    var rejection: LogError?
    var acceptanceWaiter: AcceptanceWaiter?
    /// Batches without an answer.
    var openCount: Int
    /// For the batches so far.
    var receipt: AppendReceipt
    var error: LogError?
    /// In the order in which they came; mostly one, which has a place of its own.
    var waiterFirst: ReceiptWaiter?
    var waitersAfter: [ReceiptWaiter] = []
    var waiterIDLast: UInt64 = 0

    mutating func add(_ waiter: ReceiptWaiter) {
      if waiterFirst == nil { waiterFirst = waiter } else { waitersAfter.append(waiter) }
    }

    mutating func remove(_ id: UInt64) -> ReceiptWaiter? {
      if let first = waiterFirst, first.id == id {
        waiterFirst = waitersAfter.isEmpty ? nil : waitersAfter.removeFirst()
        return first
      }
      guard let index = waitersAfter.firstIndex(where: { $0.id == id }) else { return nil }
      return waitersAfter.remove(at: index)
    }
  }

  let stream: StreamName
  /// Whether the receipt can be awaited. If not, a producer keeps nothing of it once its batches are accepted.
  let wantsReceipt: Bool
  private let state: Mutex<State>

  /// Of a producer, which adds batches with `open`, and then calls `seal`.
  convenience init(stream: StreamName, wantsReceipt: Bool = true) {
    self.init(stream: stream, wantsReceipt: wantsReceipt, batchCount: 1)
  }

  /// Of a client, which knows how many batches there are.
  convenience init(stream: StreamName, batchCount: Int) {
    self.init(stream: stream, wantsReceipt: true, batchCount: batchCount)
  }

  private init(stream: StreamName, wantsReceipt: Bool, batchCount: Int) {
    self.stream = stream
    self.wantsReceipt = wantsReceipt
    state = Mutex(State(openCount: batchCount, receipt: AppendReceipt(stream: stream)))
  }

  /// The receipt, once all entries are durable.
  ///
  /// Cancelling the task ends the wait, not the append.
  /// - Throws: `LogError`: `refused` with the server's code, `closed`, `gaveUp`, `cancelled`; `mayHaveTakenEffect`
  ///   says whether some of the entries may be stored.
  public var receipt: AppendReceipt {
    get async throws(LogError) { try await untilAnswered() }
  }

  /// The receipt.
  ///
  /// - Parameter isolation: the caller's, which the inner closure takes over by naming it. Otherwise a caller on an
  ///   actor would leave its executor here and come back.
  func untilAnswered(isolation: isolated (any Actor)? = #isolation) async throws(LogError) -> AppendReceipt {
    let id = state.withLock { state in
      state.waiterIDLast += 1
      return state.waiterIDLast
    }
    let hasOutcome = await withTaskCancellationHandler {
      _ = isolation
      return await AnswerWaiter.wait { add(ReceiptWaiter(id: id, answer: $0)) }
    } onCancel: {
      cancel(id)
    }
    guard hasOutcome else { throw .cancelled("waiting for the acknowledgement", mayHaveTakenEffect: true) }
    return try outcome()
  }

  /// Once all batches have an answer.
  private func outcome() throws(LogError) -> AppendReceipt {
    let (receipt, error) = state.withLock { ($0.receipt, $0.error) }
    if let error { throw error.afterSending(error.mayHaveTakenEffect || !receipt.isEmpty) }
    return receipt
  }

  private func add(_ waiter: ReceiptWaiter) {
    let hasOutcome = state.withLock { state -> Bool? in
      if state.openCount == 0 { return true }
      // The handler may have run already. This is checked under the lock: if it runs later, it finds the waiter.
      if Task.isCancelled { return false }
      state.add(waiter)
      return nil
    }
    if let hasOutcome { waiter.answer.resume(returning: hasOutcome) }
  }

  private func cancel(_ id: UInt64) {
    let waiter = state.withLock { $0.remove(id) }
    waiter?.answer.resume(returning: false)
  }

  // MARK: What the client reports

  /// Entries of it were cut.
  func truncated(_ count: UInt64) { state.withLock { $0.receipt.truncatedCount += count } }

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
      state.receipt.incarnation = incarnation
      state.receipt.isDuplicate = state.receipt.isDuplicate || isDuplicate
      state.receipt.append(range)
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
    var (first, after): (ReceiptWaiter?, [ReceiptWaiter]) = (nil, [])
    state.withLock { state in
      change(&state)
      state.openCount -= 1
      guard state.openCount == 0 else { return }
      swap(&first, &state.waiterFirst)
      swap(&after, &state.waitersAfter)
    }
    first?.answer.resume(returning: true)
    for waiter in after { waiter.answer.resume(returning: true) }
  }
}

// MARK: - Before it is sent

extension PendingAppend {
  /// Waits until every batch is in the backlog of the producer, as durably as that stores anything. Called once.
  ///
  /// Cancelling the task ends the wait; the entries stay handed over.
  func waitUntilAccepted() async throws(LogError) {
    let error = await withTaskCancellationHandler {
      await AcceptanceWaiter.wait { add($0) }
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
