// MARK: - Following with checkpoints

extension LogClient {
  /// Follows streams from the stored checkpoint, hands each event to `body`, and saves the progress.
  ///
  /// A checkpoint covers exactly the events for which `body` has returned: if `body` throws, the same event comes
  /// again. This is at-least-once delivery: after a crash, `body` gets everything since the last checkpoint again. For
  /// exactly once, commit the cursor together with the data, as `Snippets/SyncIntoDatabase.swift` does.
  ///
  /// A checkpoint is saved between two events, in the caller's task: as soon as one is due, even while no events come,
  /// and at the end, be it the end of the subscription, an error, or the cancellation of the task, which does not
  /// interrupt the last save.
  /// - Parameters:
  ///   - selectors: as for `follow`.
  ///   - start: for streams that are not in the checkpoint.
  ///   - end: as for `follow`.
  ///   - store: where checkpoints are kept; each follower needs its own.
  ///   - interval: how long handled events may stay unsaved, unless `body` takes longer.
  ///   - entryCount: how many handled entries may stay unsaved; the batch that reaches this number is handled first.
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
      // A separate task is not cancelled with the caller's.
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
