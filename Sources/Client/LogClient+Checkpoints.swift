// MARK: - Following with checkpoints

extension LogClient {
  /// Follows streams from where the store says, hands each event to `body`, and saves how far that has come.
  ///
  /// What is saved is behind everything for which `body` has returned, and nothing else: when `body` throws, the event
  /// it threw on comes again. This is at least once: what `body` did after the last checkpoint it does again after a
  /// crash. For exactly once the application commits the cursor together with what it has read, as
  /// `Snippets/SyncIntoDatabase.swift` does.
  ///
  /// A checkpoint is saved between two events, in the caller's task: as soon as one is due, also while no event comes,
  /// and at the end, whatever it is: the subscription's, an error, or the cancellation of the task, which does not cut
  /// the last save short.
  /// - Parameters:
  ///   - selectors: as for `follow`.
  ///   - start: for streams that are not in the checkpoint.
  ///   - end: as for `follow`.
  ///   - store: where checkpoints are kept; one follower for each.
  ///   - interval: how long what has been dealt with may stay unsaved, unless `body` takes longer.
  ///   - entryCount: how many entries that have been dealt with may stay unsaved; the batch that reaches it is part of
  ///   them.
  ///   - body: called for each event in order, `ended` last.
  /// - Returns: why the subscription ended; `cancelled` after a `shutdown`.
  /// - Throws: what `body` or `store` has thrown, or a `LogError` as `FollowSequence` throws it, or one with
  ///   `cancelled`. If saving fails after another error, that one is thrown.
  @discardableResult
  public func follow(
    _ selectors: [StreamSelector], from start: FollowStart = .first, until end: FollowEnd = FollowEnd(),
    checkpoints store: any CheckpointStore,
    saveEvery interval: Duration = .seconds(1), orEntries entryCount: Int = 1_000,
    _ body: (FollowEvent) async throws -> Void
  ) async throws -> EndReason {
    var progress = CheckpointProgress(
      from: try await store.load() ?? LogCursor(), interval: interval, entryCountMax: entryCount)
    let outcome: Result<EndReason, any Error>
    do {
      let events = follow(selectors, from: start, until: end, cursor: progress.cursor).makeAsyncIterator()
      outcome = .success(try await deal(with: events, &progress, store, body))
    } catch { outcome = .failure(error) }
    if progress.dueAt != nil {
      let cursor = progress.cursor
      // A task of its own is not cancelled with the caller's.
      do { try await Task { try await store.save(cursor) }.value } catch { return try Self.first(outcome, error) }
    }
    return try outcome.get()
  }

  private static func first(_ outcome: Result<EndReason, any Error>, _ error: any Error) throws -> EndReason {
    if case .failure(let first) = outcome { throw first }
    throw error
  }

  private func deal(
    with events: FollowSequence.AsyncIterator, _ progress: inout CheckpointProgress, _ store: any CheckpointStore,
    _ body: (FollowEvent) async throws -> Void
  ) async throws -> EndReason {
    var events = events
    var reason: EndReason?
    while true {
      switch try await events.next(before: progress.dueAt) {
      case .event(let event):
        try await body(event)
        progress.advance(past: event, now: .now)
        if case .ended(let told) = event { reason = told }
      case .nothing: break
      case .over:
        guard let reason else { throw LogError.cancelled("following") }
        return reason
      }
      if progress.isDue(now: .now) {
        try await store.save(progress.cursor)
        progress.saved()
      }
    }
  }
}
