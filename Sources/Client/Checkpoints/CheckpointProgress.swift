/// The progress of a follower, how much of it is saved, and when the rest is due.
struct CheckpointProgress {
  /// The position after everything that has been handled.
  private(set) var cursor: LogCursor
  /// When to save at the latest; nil if nothing has happened since the last save.
  private(set) var dueAt: ContinuousClock.Instant?
  private var unsavedEntryCount = 0
  private let interval: Duration
  private let entryCountMax: Int

  init(from cursor: LogCursor, interval: Duration, entryCountMax: Int) {
    self.cursor = cursor
    // Adding a very long interval to a clock would overflow.
    self.interval = min(interval, .seconds(1 << 30))
    self.entryCountMax = entryCountMax
  }

  /// An event has been handled.
  mutating func advance(past event: FollowEvent, now: ContinuousClock.Instant) {
    switch event {
    case .batch(let batch): unsavedEntryCount += batch.range.count
    case .announced(let stream): if cursor[stream.stream] != nil { return }
    case .skipped, .deleted: break
    case .resolved, .live, .behind, .interrupted, .resumed, .ended: return
    }
    cursor.advance(past: event)
    if dueAt == nil { dueAt = now + interval }
  }

  func isDue(now: ContinuousClock.Instant) -> Bool {
    guard let dueAt else { return false }
    return unsavedEntryCount >= entryCountMax || now >= dueAt
  }

  mutating func saved() {
    unsavedEntryCount = 0
    dueAt = nil
  }
}
