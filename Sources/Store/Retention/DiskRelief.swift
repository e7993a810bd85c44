internal import LogsWire

/// Whether removing segments frees space on the disk. Their space stays in use while a backup or a snapshot of the file
/// system holds it: then removing more would lose entries for nothing.
struct DiskRelief: Sendable {
  /// What was free when a trim was planned, and what it was to free.
  private var awaited: (free: Int, byteCount: Int)?
  /// When one more segment may go, though the last one freed nothing, by a clock that cannot be set.
  private var retryAt: Int64?
  private var pause = Self.pauseMin

  private static let pauseMin = Duration.seconds(10)
  private static let pauseMax = Duration.seconds(3600)

  /// Whether removing has not helped.
  var isVain: Bool { retryAt != nil }

  mutating func noteTrim(free: Int, byteCount: Int) { awaited = (free, byteCount) }

  /// The files could not be removed: that nothing is freed says nothing.
  mutating func noteFailure() { awaited = nil }

  /// Whether a segment may be removed to free space; the files of those before are gone.
  ///
  /// - Parameters:
  ///   - free: what is free now.
  ///   - elapsed: by a clock that cannot be set.
  mutating func allowsTrim(free: Int, elapsed: Int64) -> Bool {
    if let awaited {
      self.awaited = nil
      // Others write to the disk, too.
      if free - awaited.free >= awaited.byteCount / 2 {
        (retryAt, pause) = (nil, Self.pauseMin)
      } else {
        retryAt = elapsed + pause.nanoseconds
        pause = min(pause * 2, Self.pauseMax)
      }
    }
    return retryAt.map { elapsed >= $0 } ?? true
  }
}
