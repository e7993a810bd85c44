internal import LogsWire

/// Whether removing segments frees space on the disk. Their space stays in use while a backup or a snapshot of the file
/// system holds it: then removing more would lose entries for nothing.
struct DiskRelief: Sendable {
  /// Bytes on the disk, at one time.
  struct Look: Sendable {
    /// What is free.
    var free: Int
    /// What the store's files take.
    var storeByteCount: Int
  }

  /// When the last trim was planned, and what it was to free. Nil if that is freed, or is not known.
  private var awaited: (before: Look, byteCount: Int)?
  /// When one more segment may go, though the last one has freed nothing so far, by a clock that cannot be set.
  private var retryAt: Int64?
  private var pause = Self.pauseMin
  /// Whether the last trim has freed nothing for as long as the next one waited.
  private(set) var isVain = false

  private static let pauseMin = Duration.seconds(10)
  private static let pauseMax = Duration.seconds(3600)
  /// The same where space has appeared, but late: that may have been somebody else's.
  private static let latePauseMax = Duration.seconds(60)

  /// Whether it cannot be expected that another trim helps.
  var isDoubtful: Bool { retryAt != nil || isVain }

  mutating func noteTrim(_ before: Look, byteCount: Int) {
    awaited = (before, byteCount)
    retryAt = nil
  }

  /// The files could not be removed: that nothing is freed says nothing.
  mutating func noteFailure() { awaited = nil }

  /// Whether a segment may be removed to free space; the files of those before are gone.
  ///
  /// Some file systems free space only seconds after a file is removed: until the next segment may go, it is looked at
  /// again and again. That enough is free meanwhile says nothing: what is free goes up and down around the limit.
  ///
  /// - Parameters:
  ///   - isNeeded: whether too little is free.
  ///   - elapsed: by a clock that cannot be set.
  mutating func allowsTrim(_ look: Look, isNeeded: Bool, elapsed: Int64) -> Bool {
    if let (before, byteCount) = awaited {
      // The store may have grown meanwhile, and others write to the disk, too.
      let isFreed = look.free - before.free >= before.storeByteCount - look.storeByteCount - byteCount / 2
      if isFreed {
        if let end = retryAt {
          retryAt = min(end, elapsed + Self.latePauseMax.nanoseconds)
          pause = min(pause, Self.latePauseMax)
        } else {
          pause = Self.pauseMin
        }
        (awaited, isVain) = (nil, false)
      } else if let end = retryAt {
        if isNeeded, elapsed >= end { isVain = true }
      } else {
        retryAt = elapsed + pause.nanoseconds
        pause = min(pause * 2, Self.pauseMax)
      }
    }
    return retryAt.map { elapsed >= $0 } ?? true
  }
}
