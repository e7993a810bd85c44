/// How far a follower has come, how far of that is saved, and when the rest is due.
struct CheckpointProgress {
  /// Past everything that has been dealt with.
  private(set) var cursor: LogCursor
  /// By when to save; nil when nothing has happened since.
  private(set) var dueAt: ContinuousClock.Instant?
  private var unsavedEntryCount = 0
  private let interval: Duration
  private let entryCountMax: Int

  init(from cursor: LogCursor, interval: Duration, entryCountMax: Int) {
    self.cursor = cursor
    // A clock cannot tell the end of time.
    self.interval = min(interval, .seconds(1 << 30))
    self.entryCountMax = entryCountMax
  }

  /// An event has been dealt with.
  mutating func advance(past event: FollowEvent, now: ContinuousClock.Instant) {
    switch event {
    case .batch(let batch): unsavedEntryCount += batch.range.count
    case .announced(let stream): if cursor[stream.stream] != nil { return }
    case .skipped: break
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
