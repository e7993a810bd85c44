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

  /// Whether it cannot be expected that another trim helps.
  var isDoubtful: Bool { retryAt != nil || isVain }

  mutating func noteTrim(_ before: Look, byteCount: Int) {
    awaited = (before, byteCount)
    if retryAt != nil { pause = min(pause * 2, Self.pauseMax) }
    retryAt = nil
  }

  /// The files could not be removed: that nothing is freed says nothing.
  mutating func noteFailure() { (awaited, retryAt) = (nil, nil) }

  /// Whether a segment may be removed to free space; the files of those before are gone.
  ///
  /// Some file systems free space only seconds after a file is removed: until the next segment may go, it is looked at
  /// again and again.
  ///
  /// - Parameters:
  ///   - isNeeded: whether too little is free.
  ///   - elapsed: by a clock that cannot be set.
  mutating func allowsTrim(_ look: Look, isNeeded: Bool, elapsed: Int64) -> Bool {
    guard isNeeded else {
      self = DiskRelief()
      return true
    }
    guard let (before, byteCount) = awaited else { return true }
    // The store may have grown meanwhile, and others write to the disk, too.
    if look.free - before.free >= before.storeByteCount - look.storeByteCount - byteCount / 2 {
      self = DiskRelief()
      return true
    }
    let end = retryAt ?? elapsed + pause.nanoseconds
    retryAt = end
    guard elapsed >= end else { return false }
    isVain = true
    return true
  }
}
