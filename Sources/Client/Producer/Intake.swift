internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Where callers hand entries over: entries go into drafts under a lock, and the producer's thread takes the drafts.
///
/// Under the lock a caller only adds entries to columns in memory; it never waits for compression, disk or network. A
/// large submission is added in turns, so that it does not keep others from the lock; entries of other callers may come
/// between its own.
/// Bounded: when the drafts reach `byteCountMax`, `whenFull` decides. A submission may exceed it by its own size.
final class Intake: Sendable {
  private enum Submission {
    /// Added in turns.
    case entries([LogEntry])
    /// The drafts of an `AppendGroup`, added at once.
    case group([Draft])
  }

  private struct Waiter {
    let id: UInt64
    let submission: Submission
    let pending: PendingAppend
    /// Settled with why it was not taken.
    let turn: WaitingTurn
  }

  private struct State {
    var drafts: DraftQueue
    var waiters = Deque<Waiter>()
    var waiterIDLast: UInt64 = 0
    var counts = ProducerCounts()
    var closed: LogError?
    /// Whether the spool is full: a submission would wait here without being accepted until it has room.
    var isSpoolFull = false
    /// Why nobody may wait for room any more.
    var hopeless: LogError?
    var isWakeRequested = false
    let byteCountMax: Int

    /// How much of a submission is added in one turn: tens of microseconds.
    private static let turnEntryCountMax = 64
    private static let turnByteCountMax = 64 << 10

    /// Those who wait for room come first.
    var hasRoom: Bool { drafts.byteCount < byteCountMax && waiters.isEmpty }

    var hasRoomForSubmission: Bool { hasRoom && !isSpoolFull }

    /// Adds a group, or as much of other submissions as may be added in one turn.
    ///
    /// - Returns: the rest.
    mutating func add(_ submission: Submission, for pending: PendingAppend) -> ArraySlice<LogEntry> {
      switch submission {
      case .entries(let entries): return add(entries[...], for: pending)
      case .group(let group):
        drafts.add(group)
        counts.accepted += group.reduce(0) { $0 + UInt64($1.entryCount) }
        return []
      }
    }

    /// Adds as much of a submission as may be added in one turn.
    ///
    /// - Returns: the rest.
    mutating func add(_ entries: ArraySlice<LogEntry>, for pending: PendingAppend) -> ArraySlice<LogEntry> {
      var (index, byteCount) = (entries.startIndex, 0)
      while index < entries.endIndex, index - entries.startIndex < Self.turnEntryCountMax,
        byteCount < Self.turnByteCountMax
      {
        drafts.add(entries[index], to: pending.stream, for: pending)
        byteCount += entries[index].message.count
        index += 1
      }
      counts.accepted += UInt64(index - entries.startIndex)
      return entries[index...]
    }

    /// Drops drafts until there is room, or only open ones are left.
    mutating func makeRoom() -> [Draft] {
      var victims: [Draft] = []
      while drafts.byteCount >= byteCountMax, let victim = drafts.displace() {
        counts.dropped += UInt64(victim.entryCount)
        victims.append(victim)
      }
      return victims
    }
  }

  private let whenFull: LogProducerConfiguration.WhenFull
  private let wake: ProducerWake
  private let state: Mutex<State>

  /// - Parameter wake: requests a `take`; called once until the next one.
  init(byteCountMax: Int, configuration: LogProducerConfiguration, wake: ProducerWake) {
    whenFull = configuration.whenFull
    self.wake = wake
    let drafts = DraftQueue(
      batchEntryCountMax: configuration.batchEntryCountMax, batchByteCountMax: configuration.batchByteCountMax)
    state = Mutex(State(drafts: drafts, byteCountMax: byteCountMax))
  }

  /// Changes the state, then carries out the consequences outside the lock.
  private func change<Result: Sendable>(_ body: (inout sending State) -> (Result, [Draft])) -> Result {
    let (result, victims, mustWake) = state.withLock { state -> (Result, [Draft], Bool) in
      let (result, victims) = body(&state)
      let mustWake = state.drafts.hasNews && !state.isWakeRequested
      if mustWake { state.isWakeRequested = true }
      return (result, victims, mustWake)
    }
    if mustWake { wake() }
    for victim in victims { for share in victim.shares { share.pending.rejected(.queueFull) } }
    return result
  }
}

// MARK: - Callers

extension Intake {
  /// Takes an entry, or drops it if there is no room.
  func log(_ entry: LogEntry, to stream: StreamName) {
    change { state in
      state.counts.accepted += 1
      guard state.closed == nil else {
        state.counts.dropped += 1
        return ((), [])
      }
      let victims = whenFull == .dropOldest ? state.makeRoom() : []
      if state.hasRoom {
        state.drafts.add(entry, to: stream)
        // It may be the last entry of its process.
        if entry.severity >= .error { state.drafts.hurry(stream) }
      } else {
        state.counts.dropped += 1
        state.drafts.dropped(stream)
      }
      return ((), victims)
    }
  }

  /// Takes entries that every batch can hold, once there is room for them.
  ///
  /// - Throws: `LogError`: `queueFull`, `closed`, `cancelled`; nothing was taken.
  func submit(
    _ entries: [LogEntry], to stream: StreamName, wantsReceipt: Bool = true
  ) async throws(LogError) -> PendingAppend {
    let pending = PendingAppend(stream: stream, wantsReceipt: wantsReceipt)
    try await submit(.entries(entries), pending)
    return pending
  }

  /// Takes the drafts of a group, all at once.
  ///
  /// - Throws: `LogError`: `queueFull`, `closed`, `cancelled`; nothing was taken.
  func submit(_ group: [Draft], _ pending: PendingAppend) async throws(LogError) {
    try await submit(.group(group), pending)
  }

  private func submit(_ submission: Submission, _ pending: PendingAppend) async throws(LogError) {
    let id: UInt64
    let turn: WaitingTurn
    switch try attempt(submission, pending) {
    case .begun(let rest):
      if let failure = finish(rest, pending) { throw failure }
      return
    case .waits(let waiter): (id, turn) = (waiter.id, waiter.turn)
    }
    let failure = await withTaskCancellationHandler {
      await turn.outcome()
    } onCancel: {
      cancel(id)
    }
    if let failure { throw failure }
  }

  private enum Attempt {
    /// The first entries were taken.
    case begun(rest: ArraySlice<LogEntry>)
    /// There is no room. It has its place among those who wait, however late its caller gets to await its turn.
    case waits(Waiter)
  }

  private func attempt(_ submission: Submission, _ pending: PendingAppend) throws(LogError) -> Attempt {
    let result = change { state -> (Result<Attempt, LogError>, [Draft]) in
      if let closed = state.closed { return (.failure(closed), []) }
      let victims = whenFull == .dropOldest ? state.makeRoom() : []
      if state.hasRoomForSubmission {
        return (.success(.begun(rest: state.add(submission, for: pending))), victims)
      }
      guard whenFull == .wait else { return (.failure(.queueFull), victims) }
      if let hopeless = state.hopeless { return (.failure(hopeless), victims) }
      state.waiterIDLast += 1
      let waiter = Waiter(id: state.waiterIDLast, submission: submission, pending: pending, turn: WaitingTurn())
      state.waiters.append(waiter)
      return (.success(.waits(waiter)), victims)
    }
    return try result.get()
  }

  /// Adds the rest of a submission, whether there is room for it or not.
  ///
  /// - Returns: why it failed, if it did; then only some of it was taken.
  private func finish(_ rest: ArraySlice<LogEntry>, _ pending: PendingAppend) -> LogError? {
    var rest = rest
    defer { pending.seal() }
    while !rest.isEmpty {
      let failure = change { state -> (LogError?, [Draft]) in
        if let closed = state.closed { return (closed, []) }
        rest = state.add(rest, for: pending)
        return (nil, [])
      }
      if let failure { return failure.afterSending(true) }
    }
    return nil
  }

  private func cancel(_ id: UInt64) {
    let waiter = state.withLock { state -> Waiter? in
      for offset in 0..<state.waiters.count where state.waiters[offset].id == id {
        return state.waiters.remove(at: offset)
      }
      return nil
    }
    waiter?.turn.settle(.cancelled("waiting for room in the producer's queue"))
  }

  /// Seals a stream after everything handed over for it before. There is always room for that.
  func complete(_ stream: StreamName, text: String) throws(LogError) -> PendingAppend {
    let pending = PendingAppend(stream: stream)
    let closed = change { state -> (LogError?, [Draft]) in
      if let closed = state.closed { return (closed, []) }
      state.drafts.complete(stream, text: text, for: pending)
      pending.seal()
      return (nil, [])
    }
    if let closed { throw closed }
    return pending
  }

  var counts: ProducerCounts {
    state.withLock { state in
      var counts = state.counts
      counts.truncated = state.drafts.truncatedCount
      return counts
    }
  }
}

// MARK: - The producer's thread

extension Intake {
  /// What is to be encoded now.
  ///
  /// - Parameters:
  ///   - byteCountMax: how much to take; it may be exceeded by one draft.
  ///   - due: which open drafts are taken besides those that are sealed.
  /// - Returns: the drafts, and when the one that is due next by its age was begun.
  func take(byteCountMax: Int, _ due: DueDrafts) -> (drafts: [Draft], begunFirst: MonotonicTime?) {
    let (drafts, begunFirst) = state.withLock { state -> ([Draft], MonotonicTime?) in
      state.isWakeRequested = false
      // Dropped entries came before those that wait.
      if byteCountMax > 0 { state.drafts.tell(byteCountMax: state.byteCountMax) }
      return (state.drafts.take(byteCountMax: byteCountMax, due), state.drafts.begunFirst(due))
    }
    // They fill drafts, which leads to the next turn.
    while let (waiter, rest) = admit() {
      waiter.turn.settle(finish(rest, waiter.pending))
    }
    return (drafts, begunFirst)
  }

  /// Lets the submissions that wait for room in, in order, as far as there is room.
  private func admit() -> (Waiter, rest: ArraySlice<LogEntry>)? {
    change { state in
      guard !state.isSpoolFull, state.drafts.byteCount < state.byteCountMax, let waiter = state.waiters.popFirst()
      else { return (nil, []) }
      return ((waiter, state.add(waiter.submission, for: waiter.pending)), [])
    }
  }

  /// Sets whether submissions find no room, however much there is in memory.
  func setSpoolFull(_ isFull: Bool) { state.withLock { $0.isSpoolFull = isFull } }

  func giveBack(_ drafts: [Draft]) {
    state.withLock { state in for draft in drafts { state.drafts.giveBack(draft) } }
  }

  /// The number of the draft begun last: everything handed over so far is in it or in earlier ones.
  var ordinalNewest: UInt64 { state.withLock { $0.drafts.ordinalNewest } }

  /// The number of the oldest draft that has not been taken.
  var ordinalOldest: UInt64? { state.withLock { $0.drafts.ordinalOldest } }

  func count(_ change: @Sendable (inout ProducerCounts) -> Void) { state.withLock { change(&$0.counts) } }

  /// Takes nothing any more; those who wait for room fail.
  func close(_ error: LogError) {
    failWaiters(error) { $0.closed = $0.closed ?? error }
  }

  /// There will be no more room: those who wait for it fail, now and later.
  func stopWaiting(_ error: LogError) {
    failWaiters(error) { $0.hopeless = error }
  }

  private func failWaiters(_ error: LogError, _ change: (inout State) -> Void) {
    let waiters = state.withLock { state in
      change(&state)
      var waiters: [Waiter] = []
      while let waiter = state.waiters.popFirst() { waiters.append(waiter) }
      return waiters
    }
    for waiter in waiters { waiter.turn.settle(error) }
  }
}
